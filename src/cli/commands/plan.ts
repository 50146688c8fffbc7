/** @file `qtaml plan`: which bits to protect. */
import {
  makePlan,
  predict,
  predictAgreement,
  planProtection,
  searchOverhead,
  type Assessment,
} from "../../campaign/index.ts";
import type { Dataset } from "../../engine/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Plan, PolicyName } from "../../protect/index.ts";
import {
  bitMarks,
  formatCount,
  formatNumber,
  formatPercent,
  formatTable,
  protectedShares,
} from "../../report/index.ts";
import { toJson, writeWhole } from "../files.ts";
import { openProgress, say, sayJson, terminalWidth, warn, type Progress } from "../output.ts";
import { assessFromFlags, withSimulation, type AssessFlags } from "./shared.ts";

/** Flags of `qtaml plan`. */
export interface PlanFlags extends AssessFlags {
  readonly policy: PolicyName;
  readonly budget?: number | undefined;
  readonly keep?: number | undefined;
  readonly trials: number;
  readonly output?: string | undefined;
}

/** The plan with the least overhead whose simulated chips keep a share of the clean result on average. */
async function planToKeep(
  assessment: Assessment,
  data: Dataset,
  keep: number,
  flags: PlanFlags,
  progress: Progress,
): Promise<Plan> {
  if (!(keep > 0 && keep < 1)) {
    throw new QtamlError(
      "invalid-argument",
      `--keep ${keep} is outside (0, 1): give the share of the clean result to keep, for instance 0.95.`,
    );
  }
  const { policy, seed, threads, trials } = flags;
  return withSimulation(assessment, data, { seed, threads }, async (simulation) => {
    const target = keep * simulation.clean;
    const guess =
      policy === "tac" || policy === "uniform-msp" ? predict(assessment, keep).overhead[policy] : undefined;
    const found = await searchOverhead(assessment, simulation, {
      policy,
      target,
      chips: trials,
      seed,
      ...(guess === undefined ? {} : { guess }),
      onProgress: (done, total) => progress.update("least overhead", done, total),
    });
    const kept = found.points.find((p) => p.accuracy >= target);
    return makePlan(assessment, {
      policy,
      overhead: kept?.overhead ?? 1,
      goal: { keep, criterion: simulation.criterion },
      seed,
    });
  });
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
      t.segments[0]!.decoder,
    ];
  });
  return [
    formatTable(rows, {
      width: terminalWidth(),
      header: ["tensor", "weights", "bits (msb first)", "mean", "read as"],
    }),
    `Protected: ${formatCount(plan.protectedBits)} of ${formatCount(plan.storedBits)} bits, overhead ${formatPercent(plan.overhead)}.`,
  ].join("\n");
}

/** Runs the command. */
export async function runPlan(model: string, flags: PlanFlags): Promise<void> {
  const { budget, keep, policy, seed } = flags;
  if ((budget === undefined) === (keep === undefined)) {
    throw new QtamlError(
      "invalid-argument",
      "Give either --budget (a share of stored bits, such as 0.05) or --keep (a share of the clean result, such as 0.95).",
    );
  }
  const progress = openProgress(flags);
  const { assessment, data, warnings } = await assessFromFlags(model, flags, progress);
  if (keep !== undefined && data === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "--keep needs inputs to try chips on: give --data (labels are not needed).",
    );
  }
  const plan =
    budget === undefined
      ? await planToKeep(assessment, data!, keep!, flags, progress)
      : await makePlan(assessment, { policy, overhead: budget, seed });
  progress.stop();
  if (flags.output !== undefined) writeWhole(flags.output, toJson(plan));
  warn(warnings);
  if (flags.json === true) {
    sayJson(plan);
    return;
  }
  say(planAccount(plan));
  if (assessment.calibration !== undefined) {
    say(
      `Predicted: ${formatPercent(predictAgreement(assessment, planProtection(plan)))} of answers unchanged by the noise alone, without simulating a fault.`,
    );
  }
  say(
    flags.output === undefined ? "Not written: give -o plan.json to keep it." : `Written to ${flags.output}.`,
  );
}
