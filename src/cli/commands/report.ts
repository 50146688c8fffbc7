/** @file `qtaml report`: the pictures and tables of a run as one self-contained HTML page. */
import { hasAnswers, inspect, type Survey } from "../../assessment/index.ts";
import type { Comparison } from "../../planning/index.ts";
import { outputSize } from "../../engine/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Device } from "../../physics/index.ts";
import type { Plan } from "../../protect/index.ts";
import {
  deviceSection,
  lawSection,
  renderReport,
  wideLawSection,
  type ReportInput,
} from "../../report/index.ts";
import { parseComparison } from "../comparison.ts";
import { checkOutput, readPlan, readStructured, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { flipsFromFlags, hasFlips } from "../memory.ts";
import { say, sayJson, warn } from "../output.ts";
import { openProgress } from "../progress.ts";
import { version } from "../../version.ts";
import { surveyFromFlags, type AssessFlags } from "./shared.ts";

/** Flags of `qtaml report`. */
export interface ReportFlags extends AssessFlags {
  readonly plan?: string | undefined;
  readonly results?: string | undefined;
  readonly title?: string | undefined;
  readonly output: string;
}

/** The error law of the tensor with most weights, predicted and, for codes of at most 8 bits, sampled. */
function largestLaw(survey: Survey, seed: number): Pick<ReportInput, "law" | "wideLaw"> {
  const { memory } = survey;
  const tensor = memory.reduce((a, b) => (b.count > a.count ? b : a));
  const request = {
    tensor: tensor.name,
    format: tensor.format,
    step: Math.sqrt(tensor.meanSquareStep),
    histogram: tensor.histogram,
    flips: tensor.flips,
    seed,
  };
  return tensor.format.bits > 8 ? { wideLaw: wideLawSection(request) } : { law: lawSection(request) };
}

/** What a page is made from. */
export interface ReportParts {
  readonly title: string;
  readonly device?: Device;
  readonly survey?: Survey;
  readonly plan?: Plan;
  readonly comparison?: Comparison;
  readonly commands?: readonly string[];
  readonly seed: number;
}

/** Score of guessing, where the measure is the accuracy of a row of classes. */
function chanceOf(survey: Survey, comparison: Comparison | undefined): number | undefined {
  const logits = survey.calibration?.logits;
  const isAccuracy = ["top-1", "expected-accuracy"].includes(comparison?.measure.name ?? "");
  return isAccuracy && logits !== undefined && hasAnswers(survey) ? 1 / outputSize(logits) : undefined;
}

/** Collects a report's data. */
export function collectReport(parts: ReportParts): ReportInput {
  const { title, device, survey, plan, comparison, commands, seed } = parts;
  const chance = survey === undefined ? undefined : chanceOf(survey, comparison);
  return {
    title,
    ...(survey === undefined
      ? {}
      : { model: survey.model, tensors: inspect(survey), ...largestLaw(survey, seed) }),
    ...(device === undefined ? {} : { device: deviceSection(device) }),
    ...(plan === undefined ? {} : { plan }),
    ...(comparison === undefined ? {} : { comparison }),
    ...(chance === undefined ? {} : { chance }),
    environment: {
      version,
      created: new Date().toISOString(),
      ...(commands === undefined ? {} : { commands }),
    },
  };
}

/** @throws QtamlError `plan-mismatch` when a plan or results are of another model */
function checkSameModel(model: Survey["model"], source: string, path: string, other: Survey["model"]): void {
  if (other.sha256 === model.sha256) return;
  throw new QtamlError(
    "plan-mismatch",
    `${source} ${path} belongs to ${other.name} (sha256 ${other.sha256.slice(0, 12)}), not to ${model.name} (sha256 ${model.sha256.slice(0, 12)}); a report is of one model.`,
  );
}

/** Runs the command. */
export async function runReport(model: string | undefined, flags: ReportFlags): Promise<void> {
  checkOutput(flags.output, inputPaths(model, flags));
  if (
    model === undefined &&
    flags.device === undefined &&
    flags.results === undefined &&
    flags.plan === undefined
  ) {
    throw new QtamlError(
      "invalid-argument",
      "There is nothing to report on: give a model with --p, a --device, a --plan or --results.",
    );
  }
  const progress = openProgress(flags);
  const plan = flags.plan === undefined ? undefined : readPlan(flags.plan);
  const comparison =
    flags.results === undefined
      ? undefined
      : parseComparison(readStructured(flags.results, "Results"), flags.results);
  const assessed = model === undefined ? undefined : await surveyFromFlags(model, flags, progress);
  const described = assessed?.described ?? (hasFlips(flags) ? flipsFromFlags(flags) : undefined);
  progress.stop();
  const own = assessed?.survey.model ?? plan?.model;
  if (own !== undefined && plan !== undefined) checkSameModel(own, "Plan", flags.plan!, plan.model);
  if (own !== undefined && comparison !== undefined)
    checkSameModel(own, "Results", flags.results!, comparison.model);
  warn(assessed?.described.report.warnings ?? []);
  const name = assessed?.survey.model.name ?? plan?.model.name ?? comparison?.model.name ?? "a memory";
  const html = await renderReport(
    collectReport({
      title: flags.title ?? `Bit flips in ${name}`,
      seed: flags.seed,
      ...(described === undefined ? {} : { device: described.device }),
      ...(assessed === undefined ? {} : { survey: assessed.survey }),
      ...(plan === undefined ? {} : { plan }),
      ...(comparison === undefined ? {} : { comparison }),
    }),
  );
  writeWhole(flags.output, html);
  if (flags.json === true) sayJson({ output: flags.output, bytes: Buffer.byteLength(html) });
  else say(`Written to ${flags.output}.`);
}
