/** @file `qtaml compare`: all policies side by side. */
import { checkKeep } from "../../simulation/index.ts";
import { compare, type Comparison } from "../../planning/index.ts";
import type { DecoderClass } from "../../channel/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Granularity } from "../../onnx/index.ts";
import {
  comparisonHeadline,
  decodingCost,
  formatNumber,
  formatPercent,
  formatScore,
  formatTimes,
  measureWords,
  textWidth,
} from "../../report/index.ts";
import { checkBudget } from "../../protect/index.ts";
import { checkOutput, toJson, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { fitTable, say, sayJson, terminalWidth, warn } from "../output.ts";
import { nothingWritten, openProgress } from "../progress.ts";
import {
  assessFromFlags,
  guessWarnings,
  measureFromFlags,
  requireGraph,
  withSimulation,
  type AssessFlags,
  type MeasureFlags,
} from "./shared.ts";

/** Flags of `qtaml compare`. */
export interface CompareFlags extends AssessFlags, MeasureFlags {
  readonly keep: number;
  readonly trials: number;
  readonly budgets?: number[] | undefined;
  readonly decoderClass: DecoderClass;
  readonly grain: Granularity;
  readonly output?: string | undefined;
}

/**
 * The policies' curves for a terminal: the mean score at each budget with its interval, shares in per cent; the means
 * alone where the terminal is too narrow.
 */
export function comparisonTable({ policies, measure }: Comparison, width = terminalWidth()): string {
  const curves = policies.filter((c) => c.points.length > 1);
  const common = curves.map((c) => new Set(c.points.map((p) => p.overhead.toFixed(3))));
  const budgets = [...(common[0] ?? [])].filter((b) => common.every((set) => set.has(b)));
  const isShare = measure.unit === "share";
  const score = (value: number) => (isShare ? (100 * value).toFixed(1) : formatNumber(value));
  const interval = (low: number, high: number) => `(${score(low)}${isShare ? "-" : " to "}${score(high)})`;
  const header = ["overhead", ...curves.map((c) => c.name)];
  const table = (hasIntervals: boolean) =>
    budgets.map((budget) => [
      formatPercent(Number(budget)),
      ...curves.map((c) => {
        const { accuracy, low, high } = c.points.find((p) => p.overhead.toFixed(3) === budget)!;
        return hasIntervals ? `${score(accuracy)} ${interval(low, high)}` : score(accuracy);
      }),
    ]);
  const full = table(true);
  const needed = header.map((name, i) => Math.max(...[name, ...full.map((row) => row[i]!)].map(textWidth)));
  if (needed.reduce((a, b) => a + b + 2, -2) <= width) return fitTable(full, header, width);
  return `${fitTable(table(false), header, width)}\nA wider terminal, a file or --json also has the intervals.`;
}

/** The result in a sentence or two. */
export function resultWords(comparison: Comparison): string {
  const { predicted, saturationRatio } = comparison;
  const ratio = predicted?.gaussian?.ratio ?? saturationRatio;
  return ratio === null || !Number.isFinite(ratio)
    ? comparisonHeadline(comparison)
    : `${comparisonHeadline(comparison)} Predicted without flipping a bit: ${formatTimes(ratio)} times.`;
}

/** What joint plans need and what they cost, in a sentence or two; undefined without them. */
export function jointWords({ joint, overheadAtTarget, keep, measure }: Comparison): string | undefined {
  if (joint === undefined) return undefined;
  const overhead = overheadAtTarget["joint"]!;
  const kept = `${formatPercent(keep)} of ${measure.kept}`;
  if (overhead >= 1) return `Joint plans do not keep ${kept} below full protection.`;
  const need = overhead === 0 ? "without protecting a bit" : `with ${formatPercent(overhead)} overhead`;
  const [low, high] = joint.ratioInterval;
  const gain = Number.isFinite(joint.ratio)
    ? `, ${formatTimes(joint.ratio)} times less than Uniform-MSP${Number.isFinite(high) ? ` (${formatTimes(low)} to ${formatTimes(high)})` : ""}`
    : "";
  return `Joint plans keep ${kept} ${need}${gain}. Cost at inference: ${decodingCost(joint.decoderClass, joint.tables)}.`;
}

/** Runs the command; true when TAC keeps the target short of protecting everything. */
export async function runCompare(model: string, flags: CompareFlags): Promise<boolean> {
  checkKeep(flags.keep);
  if (flags.output !== undefined) checkOutput(flags.output, inputPaths(model, flags));
  requireGraph(model, "compare");
  flags.budgets?.forEach(checkBudget);
  if (flags.data === undefined)
    throw new QtamlError("invalid-argument", "Comparing needs data to judge by: give --data.");
  const measure = await measureFromFlags(flags);
  const progress = openProgress(flags, nothingWritten);
  const { assessment, data, described } = await assessFromFlags(model, flags, progress);
  const { keep, trials, seed, threads, budgets, decoderClass, grain } = flags;
  const comparison = await withSimulation(assessment, data!, { seed, threads, ...measure }, (simulation) =>
    compare(assessment, simulation, {
      keep,
      chips: trials,
      style: { decoderClass, grain },
      ...(budgets === undefined ? {} : { budgets }),
      ...(threads === undefined ? {} : { threads }),
      onProgress: progress.update,
    }),
  );
  progress.stop();
  warn([...described.report.warnings, ...guessWarnings(data!, comparison)]);
  if (flags.output !== undefined) writeWhole(flags.output, toJson(comparison));
  if (flags.json === true) sayJson(comparison);
  else {
    const { measure, chips } = comparison;
    const unit = measure.unit === "share" ? "%" : measure.unit;
    say(
      `${measureWords(measure)}${unit === "" ? "" : ` in ${unit}`}, mean over ${chips} chips (95 % interval), against overhead:`,
    );
    const score = (value: number) => formatScore(value, measure.unit, 1);
    say(
      `Without a fault ${score(comparison.clean)}; to keep: ${measure.higherIsBetter ? "" : "at most "}${score(comparison.target)}.`,
    );
    say();
    say(comparisonTable(comparison));
    say();
    say(resultWords(comparison));
    const words = jointWords(comparison);
    if (words !== undefined) say(words);
  }
  return comparison.overheadAtTarget["tac"]! < 1;
}
