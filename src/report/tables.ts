/**
 * @file The tables of a report.
 */
import type { Comparison } from "../planning/index.ts";
import type { InspectionRow } from "../assessment/index.ts";
import type { MeasureDescription } from "../measure/index.ts";
import type { FlipParameters } from "../physics/index.ts";
import type { Plan, PlanTensor } from "../protect/index.ts";
import { protectedShares } from "./collect.ts";
import { html, type Content, type Markup } from "./markup.ts";
import { formatCount, formatNumber, formatPercent, formatScore, type Quantity } from "./numbers.ts";
import { bitMarks } from "./text.ts";
import { policyStyle } from "./charts/theme.ts";
import { reaches } from "./words.ts";

/** A column: its head, and whether figures stand in it. */
export interface Column {
  readonly head: string;
  readonly kind?: "number" | "wrap" | "code";
}

const number = (value: Quantity, digits = 3) => formatNumber(value, { digits, typeset: true });

const classes = { number: "num", wrap: "wrap", code: "" } as const;

/** A table in a box that scrolls by itself, so that the page never does sideways. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Content[])[],
): Markup {
  const heads = columns.map(({ head, kind }) =>
    kind === "number" ? html`<th scope="col" class="num">${head}</th>` : html`<th scope="col">${head}</th>`,
  );
  const body = rows.map((row) => {
    const cells = row.map((cell, i) => {
      const kind = columns[i]?.kind;
      const content = kind === "code" ? html`<code>${cell}</code>` : cell;
      if (i === 0)
        return html`<th scope="row" class="${kind === undefined ? "" : classes[kind]}">${content}</th>`;
      return html`<td class="${kind === undefined ? "" : classes[kind]}">${content}</td>`;
    });
    return html`<tr>
      ${cells}
    </tr> `;
  });
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div> `;
}

/** Names of decoders of a plan's tensor, most used first. */
export function decoderNames(tensor: PlanTensor): string {
  const counts = new Map<string, number>();
  for (const { count, decoder, codebook } of tensor.segments) {
    const name = codebook === undefined ? decoder : "codebook";
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return Array.from(counts)
    .sort((a, b) => b[1] - a[1])
    .map(([name]) => (name === "none" ? "as stored" : name))
    .join(", ");
}

/** Names up to this length stand in one line. */
const nameLetters = 26;

/** The column of tensors' names. */
function nameColumn(tensors: readonly { readonly name: string }[]): Column {
  const isLong = tensors.some(({ name }) => name.length > nameLetters);
  return { head: "tensor", ...(isLong ? { kind: "wrap" } : {}) };
}

/** What is stored, and with a plan what of it is protected. */
export function storedTable(tensors: readonly InspectionRow[], plan: Plan | undefined): Markup {
  const planned = new Map(plan?.tensors.map((tensor) => [tensor.name, tensor]));
  return table(
    "The tensors in the memory, in network order",
    [
      nameColumn(tensors),
      { head: "operator" },
      { head: "shape" },
      { head: "weights", kind: "number" },
      { head: "format" },
      ...(plan === undefined ? [] : [{ head: "protected bits", kind: "code" } as const, { head: "read" }]),
    ],
    tensors.map((t): Content[] => {
      const tensor = planned.get(t.name);
      return [
        t.name,
        t.operator,
        t.shape.join(" × "),
        formatCount(t.count),
        t.format,
        ...(plan === undefined
          ? []
          : [
              tensor === undefined ? "–" : bitMarks(protectedShares(tensor)),
              tensor === undefined ? "–" : decoderNames(tensor),
            ]),
      ];
    }),
  );
}

/** What flips do to a weight of each tensor, and how much it matters. */
export function errorTable(tensors: readonly InspectionRow[]): Markup {
  return table(
    "What flips do to a weight of each, and how much it matters",
    [
      nameColumn(tensors),
      { head: "step", kind: "number" },
      { head: "largest |w|", kind: "number" },
      { head: "drift slope", kind: "number" },
      { head: "drift offset", kind: "number" },
      { head: "error variance", kind: "number" },
      { head: "top bit's share", kind: "number" },
      { head: "Jacobian², mean", kind: "number" },
      { head: "score", kind: "number" },
    ],
    tensors.map((t) => [
      t.name,
      number(t.scale),
      number(t.infinityNorm),
      number(t.driftSlope),
      number(t.driftOffset),
      number(t.variance),
      formatPercent(t.topBitShare, 1),
      number(t.jacobianMeanSquare),
      number(t.score),
    ]),
  );
}

/** What a plan protects, where nothing else is known of the tensors. */
export function planTable(plan: Plan): Markup {
  return table(
    "The plan, tensor by tensor",
    [
      nameColumn(plan.tensors),
      { head: "weights", kind: "number" },
      { head: "format" },
      { head: "protected bits", kind: "code" },
      { head: "read" },
    ],
    plan.tensors.map((tensor) => [
      tensor.name,
      formatCount(tensor.count),
      tensor.format,
      bitMarks(protectedShares(tensor)),
      decoderNames(tensor),
    ]),
  );
}

/** The overhead at the target, a row a policy. */
export function targetTable(comparison: Comparison): Markup {
  const { overheadAtTarget, overheadInterval, predicted, uniformWholeLevel, measure, target } = comparison;
  const rows = Object.entries(overheadAtTarget).map(([name, overhead]): Content[] => {
    const [low, high] = overheadInterval[name] ?? [overhead, overhead];
    return [
      policyStyle(name).label,
      reaches(overhead) ? formatPercent(overhead) : "not reached",
      reaches(low) ? `${formatPercent(low)} to ${reaches(high) ? formatPercent(high) : "not reached"}` : "–",
      ...(predicted === null
        ? []
        : [
            name === "tac" || name === "uniform-msp"
              ? formatPercent((predicted.gaussian?.overhead ?? predicted.firstOrder)[name])
              : "",
          ]),
    ];
  });
  rows.push([
    "Uniform-MSP, whole bits only",
    formatPercent(uniformWholeLevel),
    "",
    ...(predicted === null ? [] : [""]),
  ]);
  return table(
    `The least overhead that keeps the target of ${formatScore(target, measure.unit)}`,
    [
      { head: "policy" },
      { head: "overhead", kind: "number" },
      { head: "95 % interval", kind: "number" },
      ...(predicted === null ? [] : [{ head: "predicted without faults", kind: "number" } as const]),
    ],
    rows,
  );
}

/** Every simulated point of some policies. */
export function pointTable(
  caption: string,
  curves: readonly Comparison["policies"][number][],
  { title, unit, higherIsBetter }: MeasureDescription,
): Markup {
  return table(
    caption,
    [
      { head: "policy" },
      { head: "overhead", kind: "number" },
      { head: `mean ${title}`, kind: "number" },
      { head: "95 % interval", kind: "number" },
      { head: higherIsBetter ? "5th percentile" : "95th percentile", kind: "number" },
      { head: "chips that keep the target", kind: "number" },
      { head: "95 % interval", kind: "number" },
      { head: "chips", kind: "number" },
    ],
    curves.flatMap((curve) =>
      curve.points.map((p) => [
        policyStyle(curve.name).label,
        formatPercent(p.overhead, 2),
        formatScore(p.accuracy, unit, 1),
        `${formatScore(p.low, unit, 1)} to ${formatScore(p.high, unit, 1)}`,
        formatScore(p.percentile5, unit, 1),
        formatPercent(p.yield, 0),
        `${formatPercent(p.yieldLow, 0)} to ${formatPercent(p.yieldHigh, 0)}`,
        formatCount(p.chips),
      ]),
    ),
  );
}

/** A figure of a device as text; lists of layers as one line a layer. */
function parameterText(value: FlipParameters[string]): string {
  if (value === null) return "–";
  if (typeof value === "number") return number(value, 6);
  if (typeof value === "string") return value;
  return value
    .map((entry) =>
      typeof entry === "number"
        ? number(entry, 6)
        : `${entry.material ?? "barrier"} ${number(entry.thicknessNm)} nm (${number(entry.barrierEv)} eV, mass ${number(entry.mass)}, permittivity ${number(entry.permittivity)})`,
    )
    .join("; ");
}

/** Every figure that a device's result rests on. */
export function parameterTable(parameters: FlipParameters): Markup {
  return table(
    "The device's parameter set",
    [
      { head: "parameter", kind: "code" },
      { head: "value", kind: "wrap" },
    ],
    Object.entries(parameters).map(([name, value]) => [name, parameterText(value)]),
  );
}
