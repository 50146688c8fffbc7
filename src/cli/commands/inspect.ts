/** @file `qtaml inspect`: what the memory holds and what flips do to it. */
import { inspect, meanFlipProbability, type InspectionRow } from "../../campaign/index.ts";
import { runawayFactor } from "../../channel/index.ts";
import { formatCount, formatNumber, formatPercent, formatTable } from "../../report/index.ts";
import { hasFlips } from "../memory.ts";
import { openProgress, say, sayJson, terminalWidth, warn } from "../output.ts";
import { surveyFromFlags, type AssessFlags } from "./shared.ts";

/** The flip probability whose law is shown when none is given. */
const usualP = 0.1;

/** The table of `qtaml inspect` for a terminal. */
export function inspectionTable(rows: readonly InspectionRow[]): string {
  const hasJacobian = rows.some((r) => r.jacobianMeanSquare !== null);
  const runsAway = rows.some((r) => r.runaway > 0);
  const header = ["tensor", "operator", "shape", "weights", "step", "weight w reads as", "error sd"];
  if (runsAway) header.push("P(runaway)", "P(NaN, inf)");
  const table = rows.map((r) => [
    r.name,
    r.operator,
    r.shape.join("x"),
    formatCount(r.count),
    formatNumber(r.scale),
    `${formatNumber(r.driftSlope)} w ${r.driftOffset < 0 ? "-" : "+"} ${formatNumber(Math.abs(r.driftOffset))}`,
    formatNumber(Math.sqrt(r.variance)),
    ...(runsAway ? [formatNumber(r.runaway), formatNumber(r.nonFinite)] : []),
    ...(hasJacobian ? [formatNumber(r.jacobianMeanSquare), formatNumber(r.score)] : []),
  ]);
  return formatTable(table, {
    width: terminalWidth(),
    header: hasJacobian ? [...header, "mean J²", "score"] : header,
  });
}

const plural = (count: number, what: string): string =>
  `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;

/** How the Jacobian was measured, in a line for each way, with the tensors of the ways that are not exact. */
export function measurementNotes(rows: readonly InspectionRow[]): string[] {
  const ways = new Map<string, InspectionRow[]>();
  for (const row of rows) {
    if (row.method === null) continue;
    const way = `${row.method} ${row.stoppedBy ?? ""}`;
    ways.set(way, [...(ways.get(way) ?? []), row]);
  }
  return Array.from(ways.values(), (group) => {
    const { method, stoppedBy } = group[0]!;
    const probes = plural(Math.max(...group.map((r) => r.probes!)), "random probe");
    const error = formatPercent(Math.max(...group.map((r) => r.jacobianRelativeError ?? 0)), 1);
    const measured = `Jacobian of ${plural(group.length, "tensor")}`;
    if (method === "gradient") return `${measured}: exact gradients of every logit.`;
    if (method === "gradient-probes")
      return `${measured}: gradients of ${probes} a sample; relative standard error up to ${error}.`;
    const reason = stoppedBy === null ? "" : `, because ${stoppedBy} has no gradient rule`;
    return `${measured} (${group.map((r) => r.name).join(", ")}): forward runs with up to ${probes}${reason}; relative standard error up to ${error}.`;
  });
}

/** Runs the command. */
export async function runInspect(model: string, flags: AssessFlags): Promise<void> {
  const progress = openProgress(flags);
  const isGiven = hasFlips(flags);
  const { survey, warnings } = await surveyFromFlags(
    model,
    isGiven ? flags : { ...flags, p: usualP },
    progress,
  );
  progress.stop();
  const rows = inspect(survey);
  warn(warnings);
  if (flags.json === true) {
    sayJson({
      model: survey.model,
      storage: survey.storage,
      p: meanFlipProbability(survey),
      tensors: rows,
    });
    return;
  }
  if (!isGiven)
    say(`For p = ${usualP}, the literature's stress level; give --p or --device for your memory.\n`);
  say(inspectionTable(rows));
  if (rows.some((r) => r.runaway > 0)) {
    say(
      `Runaway: read as NaN, infinite, or as more than ${runawayFactor} times the tensor's largest weight; the law and the sd are those of the other weights.`,
    );
  }
  for (const line of measurementNotes(rows)) say(line);
}
