/** @file `qtaml plan`: which bits to protect. */
import { checkKeep, planProtection, type SimulationOptions } from "../../simulation/index.ts";
import { hasAnswers, isAssessment, predictKept, type Assessment } from "../../assessment/index.ts";
import { makePlan, planToKeep } from "../../planning/index.ts";
import type { DecoderClass } from "../../channel/index.ts";
import type { Dataset } from "../../data/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Granularity } from "../../onnx/index.ts";
import {
  checkBudget,
  expectedRunaways,
  type Plan,
  type PlanTensor,
  type PolicyName,
} from "../../protect/index.ts";
import {
  bitMarks,
  decodingCost,
  formatCount,
  formatNumber,
  formatPercent,
  protectedShares,
} from "../../report/index.ts";
import { checkOutput, toJson, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { fitTable, say, sayJson, warn } from "../output.ts";
import { nothingWritten, openProgress, type Progress } from "../progress.ts";
import {
  measureFromFlags,
  requireGraph,
  surveyFromFlags,
  withSimulation,
  type AssessFlags,
  type MeasureFlags,
} from "./shared.ts";

/** Flags of `qtaml plan`. */
export interface PlanFlags extends AssessFlags, MeasureFlags {
  readonly policy: PolicyName;
  readonly budget?: number | undefined;
  readonly keep?: number | undefined;
  readonly trials: number;
  readonly decoderClass: DecoderClass;
  readonly grain: Granularity;
  readonly foldBiases?: true | undefined;
  readonly output?: string | undefined;
}

/** Opens a simulation and plans for a share of the clean result. */
async function planForShare(
  assessment: Assessment,
  data: Dataset,
  keep: number,
  flags: PlanFlags,
  measure: Pick<SimulationOptions, "measure">,
  progress: Progress,
): Promise<Plan> {
  const { policy, seed, threads, trials, decoderClass, grain } = flags;
  return withSimulation(assessment, data, { seed, threads, ...measure }, (simulation) =>
    planToKeep(assessment, simulation, {
      policy,
      keep,
      chips: trials,
      seed,
      style: { decoderClass, grain },
      foldsBiases: flags.foldBiases === true,
      onProgress: (done, total) => progress.update("least overhead", done, total),
    }),
  );
}

/** How far a joint plan's predicted noise may be above the least that its codebooks allow, as a share of it. */
function optimumGap({ predicted: { noise, marginalValue }, tensors }: Plan): number {
  // Bits are left over for less than one move of one weight, which costs no more than all its bits.
  const bits = Math.max(...tensors.map(({ p01 }) => p01.length));
  return noise === null || marginalValue === null || noise === 0 ? 0 : (bits * marginalValue) / noise;
}

/** What shifted biases bring; undefined where none are. */
function foldingWords({ predicted: { check }, shifts }: Plan): string | undefined {
  const folding = check?.folding;
  if (folding === undefined) return undefined;
  const { gain, low, high } = folding;
  const isError = check!.measure === "mse";
  const [unit, factor] = isError
    ? ["of the mean squared output error", 1]
    : ["points of expected accuracy", 100];
  const signed = (value: number) => `${value < 0 ? "-" : "+"}${formatNumber(Math.abs(value) * factor)}`;
  const layers = shifts.length === 1 ? "one layer" : `${formatCount(shifts.length)} layers`;
  return `Biases of ${layers} are shifted against the mean of the errors, at no cost at inference: ${signed(gain)} ${unit} (${signed(low)} to ${signed(high)}).`;
}

/** What is kept by a joint plan's own check, and what its decoding costs. */
export function jointAccount(plan: Plan): string[] {
  const {
    predicted: { check },
    codebooks,
    decoderClass,
  } = plan;
  const lines: string[] = [];
  if (check !== undefined) {
    const { clean, score, low, high, measure } = check;
    const kept =
      measure === "mse"
        ? `mean squared output error ${formatNumber(score)}`
        : `${formatPercent(score / clean)} (${formatPercent(low / clean)} to ${formatPercent(high / clean)}) of the clean expected accuracy kept`;
    lines.push(`Predicted by Gaussian errors in all weights, without flipping a bit: ${kept}.`);
  }
  const folding = foldingWords(plan);
  if (folding !== undefined) lines.push(folding);
  if (codebooks.length > 0) {
    lines.push(
      `Allotment of bits: the predicted noise is at most ${formatPercent(optimumGap(plan))} above the optimum of the linear programme over these codebooks.`,
    );
  }
  lines.push(
    codebooks.length === 0
      ? "Plain TAC is predicted to be no worse than any joint plan of this budget, and is what this plan holds."
      : `Cost at inference: ${decodingCost(decoderClass ?? "table", codebooks.length)}.`,
  );
  return lines;
}

/** The range of a tensor's first codebook: the largest weight that can be read. */
function codebookWords({ codebooks, decoderClass }: Plan, { segments }: PlanTensor): string {
  const { table, gain } = codebooks[segments[0]!.codebook!]!;
  const largest = table.reduce((m, v) => Math.max(m, Math.abs(v)), 0) * gain;
  return `${decoderClass === "free" ? "line" : "table"} to ${formatNumber(largest)} rms`;
}

/** A plan in a few lines for a terminal. */
export function planAccount(plan: Plan): string {
  const rows = plan.tensors.map((t) => {
    const shares = protectedShares(t);
    return [
      t.name,
      formatCount(t.count),
      bitMarks(shares),
      formatNumber(shares.reduce((a, b) => a + b, 0)),
      t.segments[0]!.codebook === undefined ? t.segments[0]!.decoder : codebookWords(plan, t),
    ];
  });
  return [
    fitTable(rows, ["tensor", "weights", "bits (msb first)", "mean", "read as"]),
    "# protected in every weight, + in some of them, . in none",
    `Protected: ${formatCount(plan.protectedBits)} of ${formatCount(plan.storedBits)} bits, overhead ${formatPercent(plan.overhead)}.`,
  ].join("\n");
}

/** Runs the command. */
export async function runPlan(model: string, flags: PlanFlags): Promise<void> {
  const { budget, keep, policy, seed, decoderClass, grain } = flags;
  if ((budget === undefined) === (keep === undefined)) {
    throw new QtamlError(
      "invalid-argument",
      "Give either --budget (a share of stored bits, such as 0.05) or --keep (a share of the clean result, such as 0.95).",
    );
  }
  if (flags.output !== undefined) checkOutput(flags.output, inputPaths(model, flags));
  if (budget !== undefined) checkBudget(budget);
  if (keep !== undefined) checkKeep(keep);
  if (policy === "tac" || policy === "joint") requireGraph(model, `--policy ${policy}`);
  if (keep !== undefined) requireGraph(model, "--keep");
  if (keep !== undefined && flags.data === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "--keep needs inputs to try chips on: give --data (labels are not needed).",
    );
  }
  if (budget !== undefined && flags.measure !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      "--measure says what simulated chips are judged by, and --budget simulates none; give --keep instead, or leave --measure out.",
    );
  }
  const measure = await measureFromFlags(flags);
  const progress = openProgress(flags, nothingWritten);
  const { survey, data, described } = await surveyFromFlags(model, flags, progress);
  const plan =
    keep !== undefined && data !== undefined && isAssessment(survey)
      ? await planForShare(survey, data, keep, flags, measure, progress)
      : await makePlan(survey, {
          policy,
          overhead: budget!,
          seed,
          style: { decoderClass, grain },
          foldsBiases: flags.foldBiases === true,
          ...(flags.threads === undefined ? {} : { threads: flags.threads }),
        });
  progress.stop();
  if (flags.output !== undefined) writeWhole(flags.output, toJson(plan));
  warn(described.report.warnings);
  if (flags.json === true) {
    sayJson(plan);
    return;
  }
  say(planAccount(plan));
  if (policy === "joint") for (const line of jointAccount(plan)) say(line);
  else if (flags.foldBiases === true) {
    say(foldingWords(plan) ?? "Shifting biases is not predicted to keep more, and none is shifted.");
  }
  // The closed form knows the tensors' own formats alone.
  if (hasAnswers(survey) && plan.codebooks.length === 0) {
    const kept = `${formatPercent(predictKept(survey, planProtection(plan)))} of the clean expected accuracy`;
    say(
      keep === undefined
        ? `Predicted: ${kept} kept under the noise alone, without simulating a fault.`
        : `The least overhead at which ${flags.trials} simulated chips keep ${formatPercent(keep)} on the mean; the closed form, which draws no fault, says ${kept}.`,
    );
  }
  const runaways = expectedRunaways(survey.memory, planProtection(plan));
  if (runaways > 0) {
    say(
      `Runaway weights (NaN, infinite, or far beyond their tensor) to expect on a chip: ${formatNumber(runaways)}.`,
    );
  }
  say(
    flags.output === undefined ? "Not written: give -o plan.json to keep it." : `Written to ${flags.output}.`,
  );
}
