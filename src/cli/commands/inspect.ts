/** @file `qtaml inspect`: what the memory holds and what flips do to it. */
import { meanFlipProbability, inspect, type InspectionRow, type Survey } from "../../assessment/index.ts";
import { runawayFactor } from "../../channel/index.ts";
import { isSafetensorsFile, roleWords, type AbsentTensor } from "../../onnx/index.ts";
import { formatCount, formatNumber, formatPercent, plainText, textWidth } from "../../report/index.ts";
import { hasFlips } from "../memory.ts";
import { fitTable, plural, say, sayJson, terminalWidth, warn } from "../output.ts";
import { openProgress } from "../progress.ts";
import { surveyFromFlags, type AssessFlags } from "./shared.ts";

/** The flip probability whose law is shown when none is given. */
const usualP = 0.1;

interface Column {
  readonly header: string;
  readonly cells: readonly string[];
  /** Order in which columns go where the terminal is too narrow; those without stay. */
  readonly leaves?: number;
}

/** Columns of a terminal that a tensor's name is cut to before a column of numbers goes. */
const shortestName = 18;

/** Leaves columns out until the rest fits, with names cut to `shortestName` at worst. */
function fittingColumns(columns: readonly Column[], width: number): readonly Column[] {
  const needed = ({ header, cells }: Column, i: number) => {
    const natural = Math.max(...[header, ...cells].map(textWidth));
    return i === 0 ? Math.min(natural, shortestName) : natural;
  };
  let kept = columns;
  while (kept.map(needed).reduce((a, b) => a + b + 2, -2) > width) {
    const first = Math.min(...kept.map((c) => c.leaves ?? Infinity));
    if (first === Infinity) break;
    kept = kept.filter((c) => c.leaves !== first);
  }
  return kept;
}

/** The table of `qtaml inspect` for a terminal; a narrow one is told which columns it does not show. */
export function inspectionTable(rows: readonly InspectionRow[], width = terminalWidth()): string {
  const hasJacobian = rows.some((r) => r.jacobianMeanSquare !== null);
  const runsAway = rows.some((r) => r.runaway > 0);
  const column = (header: string, cell: (row: InspectionRow) => string, leaves?: number): Column => ({
    header,
    cells: rows.map(cell),
    ...(leaves === undefined ? {} : { leaves }),
  });
  const columns = [
    column("tensor", (r) => r.name),
    column("operator", (r) => r.operator, 2),
    column("shape", (r) => r.shape.join("x"), 4),
    column("format", (r) => r.format, 5),
    column("weights", (r) => formatCount(r.count), 6),
    // A floating-point format has no step.
    column("step", (r) => (/^(fp16|bf16)$/.test(r.format) ? "–" : formatNumber(r.scale)), 1),
    column(
      "weight w reads as",
      (r) =>
        `${formatNumber(r.driftSlope)} w ${r.driftOffset < 0 ? "-" : "+"} ${formatNumber(Math.abs(r.driftOffset))}`,
    ),
    column("error sd", (r) => formatNumber(Math.sqrt(r.variance))),
    ...(runsAway
      ? [
          column("P(runaway)", (r) => formatNumber(r.runaway)),
          column("P(NaN, inf)", (r) => formatNumber(r.nonFinite), 3),
        ]
      : []),
    ...(hasJacobian
      ? [
          column("mean J²", (r) => formatNumber(r.jacobianMeanSquare)),
          column("score", (r) => formatNumber(r.score)),
        ]
      : []),
  ];
  const shown = fittingColumns(columns, width);
  const table = fitTable(
    rows.map((_, i) => shown.map((c) => c.cells[i]!)),
    shown.map((c) => c.header),
    width,
  );
  const absent = columns.filter((c) => !shown.includes(c)).map((c) => c.header);
  return absent.length === 0
    ? table
    : `${table}\nA wider terminal, a file or --json also has: ${absent.join(", ")}.`;
}

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
    const names = group.map((r) => plainText(r.name)).join(", ");
    const measured = `Jacobian of ${plural(group.length, "tensor")}`;
    if (method === "assumed") return `${measured} (${names}): assumed, because whole numbers have none.`;
    if (method === "gradient") return `${measured}: exact gradients of every logit.`;
    if (method === "gradient-probes")
      return `${measured}: gradients of ${probes} a sample; relative standard error up to ${error}.`;
    const reason = stoppedBy === null ? "" : `, because ${stoppedBy} has no gradient rule`;
    return `${measured} (${names}): forward runs with up to ${probes}${reason}; relative standard error up to ${error}.`;
  });
}

/** What is not in the memory, by kind, with a line for each where there are several; undefined when everything is. */
export function absenceNote(absent: Survey["absent"]): string | undefined {
  const kinds = new Map<string, AbsentTensor[]>();
  for (const tensor of absent) kinds.set(tensor.reason, [...(kinds.get(tensor.reason) ?? []), tensor]);
  if (kinds.size === 0) return undefined;
  const parts = Array.from(kinds, ([reason, tensors]) => {
    const numbers = plural(
      tensors.reduce((sum, { count }) => sum + count, 0),
      "number",
    );
    const flags = new Set(tensors.map(({ role }) => (role === undefined ? "" : roleWords[role].flag)));
    const [flag] = reason === "not chosen by name" ? [""] : flags;
    return `${plural(tensors.length, "tensor")} (${reason}; ${numbers}${flag === "" || flag === undefined ? "" : `; ${flag}`})`;
  });
  return parts.length === 1
    ? `Not in the memory: ${parts[0]}. Nor are activations.`
    : `Not in the memory, as activations are not:\n${parts.map((part) => `  ${part}`).join("\n")}`;
}

/** What to give for sensitivities that were not measured; undefined where they were. @param hasGraph whether the weights have a network */
export function sensitivityHint(rows: readonly InspectionRow[], hasGraph: boolean): string | undefined {
  if (rows.some((row) => row.jacobianMeanSquare !== null)) return undefined;
  const given = hasGraph
    ? "give inputs with --data (labels are not needed)"
    : "they take the network, as ONNX, and inputs with --data";
  return `Sensitivities (mean J², score) were not measured: ${given}.`;
}

/** Runs the command. */
export async function runInspect(model: string, flags: AssessFlags): Promise<void> {
  const progress = openProgress(flags);
  const isGiven = hasFlips(flags);
  const { survey, described } = await surveyFromFlags(
    model,
    isGiven ? flags : { ...flags, p: usualP },
    progress,
  );
  progress.stop();
  const rows = inspect(survey);
  // A level that nobody asked for is introduced below, and needs no warning.
  if (isGiven) warn(described.report.warnings);
  if (flags.json === true) {
    sayJson({
      model: survey.model,
      storage: survey.storage,
      p: meanFlipProbability(survey),
      tensors: rows,
      notInMemory: survey.absent,
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
  for (const note of [absenceNote(survey.absent), sensitivityHint(rows, !isSafetensorsFile(model))]) {
    if (note !== undefined) say(note);
  }
}
