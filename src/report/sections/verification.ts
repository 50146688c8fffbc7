/** @file The section of the proof, and its figures at the head of the page. */
import { accuracyChart } from "../charts/index.ts";
import { policyStyle } from "../charts/theme.ts";
import { html, type Content, type Markup } from "../markup.ts";
import { formatCount, formatPercent, formatScore, formatTimes } from "../numbers.ts";
import { pointTable, targetTable } from "../tables.ts";
import type { ReportInput } from "../types.ts";
import { measureWords, randomWords, reaches } from "../words.ts";
import { facts, figure, number, section } from "./parts.ts";

export function verificationSection(document: Document, input: ReportInput): Markup {
  const { comparison } = input;
  if (comparison === undefined) return html``;
  const { chips, samples, measure, saturationRatio, predicted, ratio, ratioInterval } = comparison;
  const picture = { ...comparison, ...(input.chance === undefined ? {} : { chance: input.chance }) };
  const measured =
    reaches(comparison.overheadAtTarget["tac"]) &&
    reaches(comparison.overheadAtTarget["uniform-msp"]) &&
    typeof ratio === "number" &&
    Number.isFinite(ratio);
  return section(
    "verification",
    "Proof: chips with faults, under every policy",
    html`<p>
      Every point is the mean over ${formatCount(chips)} simulated chips, each with its own faults and the
      same for all policies, on ${formatCount(samples)} samples.
    </p> `,
    figure(
      document,
      (options) => accuracyChart(picture, options),
      `${measureWords(measure)} against overhead. Bands and whiskers are 95 % intervals of the mean over chips; thick bars on the target line are the intervals of the overhead that keeps it.${randomWords(comparison.policies.map(({ name }) => name))}`,
    ),
    targetTable(comparison),
    measured
      ? html`<p>
          Ratio measured:
          ${formatTimes(ratio)}${typeof ratioInterval[1] === "number" ? ` (95 % interval ${formatTimes(ratioInterval[0])} to ${formatTimes(ratioInterval[1])})` : ""}.
          ${predicted === null || saturationRatio === null ? "" : `Predicted without flipping a bit: ${predicted.gaussian === null ? "" : `${formatTimes(predicted.gaussian.ratio)} times by Gaussian errors of the predicted strength, `}${formatTimes(saturationRatio)} times in closed form to first order (saturation ratio).`}
        </p> `
      : undefined,
    html`<h3>Every simulated overhead</h3> `,
    comparison.policies
      .filter((curve) => curve.points.length > 1)
      .map(
        (curve) =>
          html`<details>
            <summary>${policyStyle(curve.name).label}, ${curve.points.length} overheads</summary>
            ${pointTable(policyStyle(curve.name).label, [curve], measure)}
          </details> `,
      ),
    html`<details>
      <summary>Policies without a budget</summary>
      ${pointTable(
        "Policies without a budget",
        comparison.policies.filter((curve) => curve.points.length === 1),
        measure,
      )}
    </details> `,
  );
}

export function comparisonFacts({ comparison }: ReportInput): Content {
  if (comparison === undefined) return undefined;
  const { overheadAtTarget, overheadInterval, ratio, ratioInterval, measure } = comparison;
  const overhead = (name: string): readonly [string, string, string?] => {
    const value = overheadAtTarget[name];
    const [low, high] = overheadInterval[name] ?? [];
    const interval =
      low === undefined || !reaches(high) ? undefined : `${formatPercent(low)} to ${formatPercent(high)}`;
    const label = `${policyStyle(name).label} needs`;
    return interval === undefined
      ? [label, reaches(value) ? formatPercent(value) : "not reached"]
      : [label, reaches(value) ? formatPercent(value) : "not reached", interval];
  };
  return facts([
    [
      `clean ${measure.title}`,
      formatScore(comparison.clean, measure.unit),
      `target ${formatScore(comparison.target, measure.unit)}`,
    ],
    ["flip probability", number(comparison.p), "mean over stored bits"],
    overhead("tac"),
    overhead("uniform-msp"),
    typeof ratio === "number" && Number.isFinite(ratio)
      ? [
          "ratio",
          `${formatTimes(ratio)} ×`,
          `${formatTimes(ratioInterval[0])} to ${formatTimes(ratioInterval[1])}`,
        ]
      : ["ratio", "–"],
  ]);
}
