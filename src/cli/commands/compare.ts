/** @file `qtaml compare`: all policies side by side. */
import { compare, type Comparison } from "../../campaign/index.ts";
import { QtamlError } from "../../errors.ts";
import { formatPercent, formatTable, formatTimes } from "../../report/index.ts";
import { toJson, writeWhole } from "../files.ts";
import { openProgress, say, sayJson, terminalWidth, warn } from "../output.ts";
import { assessFromFlags, requireGraph, withSimulation, type AssessFlags } from "./shared.ts";

/** Flags of `qtaml compare`. */
export interface CompareFlags extends AssessFlags {
  readonly keep: number;
  readonly trials: number;
  readonly budgets?: number[] | undefined;
  readonly output?: string | undefined;
}

/** The policies' curves for a terminal: mean accuracy at each budget, in per cent. */
export function comparisonTable(comparison: Comparison): string {
  const curves = comparison.policies.filter((c) => c.points.length > 1);
  const common = curves.map((c) => new Set(c.points.map((p) => p.overhead.toFixed(3))));
  const budgets = [...(common[0] ?? [])].filter((b) => common.every((set) => set.has(b)));
  const rows = budgets.map((budget) => [
    formatPercent(Number(budget)),
    ...curves.map((c) => {
      const point = c.points.find((p) => p.overhead.toFixed(3) === budget)!;
      return `${(100 * point.accuracy).toFixed(1)} (${(100 * point.low).toFixed(1)}-${(100 * point.high).toFixed(1)})`;
    }),
  ]);
  return formatTable(rows, { width: terminalWidth(), header: ["overhead", ...curves.map((c) => c.name)] });
}

/** The result in a sentence or two. */
export function headline(comparison: Comparison): string {
  const { keep, overheadAtTarget, ratio, ratioInterval, saturationRatio, criterion } = comparison;
  const tac = overheadAtTarget["tac"]!;
  const uniform = overheadAtTarget["uniform-msp"]!;
  const what = `${formatPercent(keep)} of the clean ${criterion}`;
  if (tac >= 1) return `No budget short of everything keeps ${what}.`;
  if (tac === 0) return `Nothing has to be protected to keep ${what}.`;
  return [
    `TAC keeps ${what} with ${formatPercent(tac, 1)} overhead; Uniform-MSP needs ${formatPercent(uniform, 1)}:`,
    `${formatTimes(ratio)} times as much (95 % interval ${formatTimes(ratioInterval[0])} to ${formatTimes(ratioInterval[1])}; predicted ${formatTimes(saturationRatio)}).`,
  ].join(" ");
}

/** Runs the command; true when TAC keeps the target short of protecting everything. */
export async function runCompare(model: string, flags: CompareFlags): Promise<boolean> {
  requireGraph(model, "qtaml compare");
  const progress = openProgress(flags);
  const { assessment, data, warnings } = await assessFromFlags(model, flags, progress);
  if (data === undefined)
    throw new QtamlError("invalid-argument", "Comparing needs data to judge by: give --data.");
  const { keep, trials, seed, threads, budgets } = flags;
  const comparison = await withSimulation(assessment, data, { seed, threads }, (simulation) =>
    compare(assessment, simulation, {
      keep,
      chips: trials,
      ...(budgets === undefined ? {} : { budgets }),
      onProgress: progress.update,
    }),
  );
  progress.stop();
  warn(warnings);
  if (flags.output !== undefined) writeWhole(flags.output, toJson(comparison));
  if (flags.json === true) sayJson(comparison);
  else {
    say(comparisonTable(comparison));
    say();
    say(headline(comparison));
  }
  return comparison.overheadAtTarget["tac"]! < 1;
}
