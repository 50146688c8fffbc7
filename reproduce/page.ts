/** @file Writes docs/results.md: every number on it comes from the results it is given. */
import { formatNumber, formatPercent, formatTimes } from "../src/report/index.ts";
import { rankCorrelation } from "../src/stats/index.ts";
import { variants, type Ablation } from "./ablation.ts";
import { effort, keeps, subjects, wideEffort, type Subject } from "./cases.ts";
import type { Case, NetworkResult, Overhead } from "./network.ts";
import { resultsStamp, stampLine } from "./stamp.ts";
import type { Check } from "./theorems.ts";
import { overhead as thicknessOverhead, type ThicknessResult } from "./thickness.ts";

/** A network measured at a flip probability. */
export interface Measured {
  readonly subject: Subject;
  readonly p: number;
  readonly result: NetworkResult;
}

/** Everything on the page. */
export interface Results {
  readonly networks: readonly Measured[];
  readonly atFullWidth: readonly Measured[];
  /** Every case once. */
  readonly cases: readonly Case[];
  readonly sweep: readonly Case[];
  readonly ablations: readonly Ablation[];
  readonly thickness: ThicknessResult;
  readonly theorems: readonly Check[];
}

export const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const percent = (v: number) => formatPercent(v, 1);
const reached = (v: number) => (v >= 1 ? "not reached" : percent(v));
/** An overhead with its interval. Where nothing is needed, budgets above 0 are tried only if the mean leaves doubt. */
const measuredWith = ({ measured, low, high }: Overhead) =>
  measured === 0 && high >= 1 ? "0.0 %, upper end not searched" : `${reached(measured)} (${span(low, high)})`;
const span = (low: number, high: number) => `${reached(low)} to ${reached(high)}`;
const factor = (v: number) => (Number.isFinite(v) ? formatTimes(v) : "none needed");

/** Overheads are searched to 0.002: smaller ones than this are not measured to a fifth of their value. */
const leastMeasured = 0.01;

/** Cases in which both policies need protection that is measured well enough to hold a prediction against. */
const settled = (cases: readonly Case[]) =>
  cases.filter((c) => [c.uniform, c.tac].every(({ measured }) => measured >= leastMeasured && measured < 1));

/** Share of predictions within a factor of the measured value. */
const within = (pairs: readonly (readonly [predicted: number, measured: number])[], tolerance: number) =>
  pairs.filter(([predicted, measured]) => Math.abs(predicted / measured - 1) <= tolerance).length /
  pairs.length;

/** Share of predictions within a fifth of the measured value or inside its interval. */
const agreeing = (pairs: readonly (readonly [predicted: number, measured: Overhead])[]) =>
  pairs.filter(
    ([predicted, { measured, low, high }]) =>
      Math.abs(predicted / measured - 1) <= 0.2 || (predicted >= low && predicted <= high),
  ).length / pairs.length;

const median = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

const geometricMean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/** The best lead of TAC over magnitude scoring, in points of accuracy, among budgets both were tried at. */
function bestLead({ comparison }: NetworkResult): { lead: number; overhead: number } | undefined {
  const points = (name: string) => comparison?.policies.find((c) => c.name === name)?.points ?? [];
  const magnitude = new Map(points("magnitude").map((p) => [p.overhead.toFixed(4), p]));
  return points("tac")
    .flatMap((p) => {
      const other = magnitude.get(p.overhead.toFixed(4));
      return other === undefined ? [] : [{ lead: 100 * (p.accuracy - other.accuracy), overhead: p.overhead }];
    })
    .sort((a, b) => b.lead - a.lead)[0];
}

function headlineRow({ subject, p, result }: Measured): readonly string[] {
  const { clean, comparison } = result;
  const c = result.cases[0]!;
  return [
    `\`${subject.name}\``,
    String(p),
    percent(clean),
    measuredWith(c.uniform),
    ...(comparison === null ? [] : [reached(comparison.uniformWholeLevel)]),
    measuredWith(c.tac),
    `**${factor(c.ratio)}** (${factor(c.ratioLow)} to ${factor(c.ratioHigh)})`,
    factor(c.predictedRatio),
    factor(c.saturationRatio),
  ];
}
const headlineColumns = [
  "network",
  "p",
  "clean",
  "Uniform-MSP",
  "whole levels",
  "TAC",
  "ratio",
  "predicted, Gaussian",
  "predicted, closed form",
];

function headline({ networks }: Results): string {
  const full = networks.filter(({ result }) => result.comparison !== null);
  const rows = full.map(headlineRow);
  const ratios = full.map(({ result }) => result.cases[0]!.ratio).filter(Number.isFinite);
  return `## The headline
The least overhead (protected bits over stored bits) that keeps 95 % of the clean accuracy, with 95 % intervals; int8 weights, ideal protection; one quantisation step a tensor, on the MobileNetV2-like networks one an output channel (a whole tensor on one step costs them accuracy before any fault). Uniform-MSP is shown between its levels (part of the weights has one more bit) and at whole levels.

${table(headlineColumns, rows)}

The ratio lies between ${factor(Math.min(...ratios))} and ${factor(Math.max(...ratios))}, ${factor(geometricMean(ratios))} in the geometric mean; the literature reports 3.4 to 33.6 on its own networks, which are not public.`;
}

function fullWidth({ atFullWidth }: Results): string {
  const cases = atFullWidth.map(({ result }) => result.cases[0]!);
  const outside = cases.filter((c) => c.predictedRatio < c.ratioLow || c.predictedRatio > c.ratioHigh);
  const coarse =
    outside.length === 0
      ? "The Gaussian prediction lies within the intervals."
      : `The Gaussian prediction, of ${wideEffort.draws} draws on ${wideEffort.calibrationInputs} inputs, lies outside the interval for ${outside.map((c) => `\`${c.network}\` (TAC ${percent(c.tac.gaussian)}, Uniform-MSP ${percent(c.uniform.gaussian)})`).join(" and ")}.`;
  return `## At full width
A ResNet-18 of 11.2 million weights and a VGG-16 of 15.0 million on Fashion-MNIST, stored as their files hold them: int8, one step an output channel. ${wideEffort.chips} chips a point on ${wideEffort.samples} test samples each, ${wideEffort.calibrationInputs} calibration inputs, ${wideEffort.draws} Gaussian draws a budget.

${table(
  headlineColumns.filter((c) => c !== "whole levels"),
  atFullWidth.map(headlineRow),
)}

To first order TAC seems to need next to nothing here (${cases.map((c) => formatPercent(c.tac.firstOrder, 2)).join(" and ")} of the bits): noise that meets noise on its way through many layers decides, and the closed form does not know of it. ${coarse}`;
}

function policies({ networks }: Results): string {
  const rows = networks.flatMap(({ subject, result }) => {
    const { comparison } = result;
    if (comparison === null) return [];
    const { overheadAtTarget: at, policies: curves } = comparison;
    const kept = (name: string) => {
      const [point] = curves.find((c) => c.name === name)?.points ?? [];
      return point === undefined ? "" : percent(point.accuracy / comparison.clean);
    };
    const lead = bestLead(result);
    const end = curves.find((c) => c.name === "tac")!.points.find((p) => p.accuracy >= comparison.target);
    return [
      [
        `\`${subject.name}\``,
        kept("none"),
        kept("mean-correction"),
        reached(at["magnitude"]!),
        reached(at["random"]!),
        reached(at["tac"]!),
        lead === undefined ? "" : `${lead.lead.toFixed(1)} points at ${percent(lead.overhead)}`,
        end === undefined
          ? ""
          : `${formatPercent(end.yield)} (${formatPercent(end.yieldLow)} to ${formatPercent(end.yieldHigh)})`,
      ],
    ];
  });
  return `## All policies
Accuracy kept without any protection (as stored; every tensor corrected), the overhead at 95 % of the other policies, the best lead of TAC over magnitude scoring at one budget, and the yield: the share of chips that keep 95 % at TAC's overhead there.

${table(["network", "kept, none", "kept, mean correction", "magnitude", "random", "TAC", "best lead over magnitude", "yield"], rows)}

${networks
  .filter(({ result }) => result.comparison !== null)
  .map(({ subject }) => `![Accuracy against overhead, ${subject.name}](figures/results-${subject.name}.svg)`)
  .join("\n")}`;
}

function prediction(results: Results): string {
  const all = settled(results.cases);
  const overheads = all.flatMap((c) => [c.tac, c.uniform]);
  const pairs = (pick: "gaussian" | "firstOrder" | "gaussianTrained") =>
    overheads.flatMap((o) => (o[pick] === null ? [] : [[o[pick], o] as const]));
  const measured = (pick: Parameters<typeof pairs>[0]) =>
    pairs(pick).map(([a, o]) => [a, o.measured] as const);
  const ratios = (pick: "predictedRatio" | "saturationRatio") => all.map((c) => [c[pick], c.ratio] as const);
  const row = (name: string, found: readonly (readonly [number, number])[]) => [
    name,
    String(found.length),
    rankCorrelation(
      found.map(([a]) => a),
      found.map(([, b]) => b),
    ).toFixed(3),
    formatPercent(within(found, 0.1)),
    formatPercent(within(found, 0.2)),
    formatPercent(within(found, 0.5)),
    factor(median(found.map(([a, b]) => a / b))),
  ];
  const off = all
    .flatMap((c) => [
      { name: `\`${c.network}\` at p = ${c.p}, TAC, ${formatPercent(c.keep)}`, o: c.tac },
      { name: `\`${c.network}\` at p = ${c.p}, Uniform-MSP, ${formatPercent(c.keep)}`, o: c.uniform },
    ])
    .map(({ name, o }) => ({ name, factor: o.gaussian / o.measured }))
    .filter((c) => Math.abs(c.factor - 1) > 0.2)
    .sort((a, b) => Math.abs(Math.log(b.factor)) - Math.abs(Math.log(a.factor)));
  const width = geometricMean(overheads.map((o) => (o.high - o.low) / o.measured).filter((v) => v > 0));
  return `## Does the prediction hold?
${all.length} of ${results.cases.length} cases (network, p, target): those in which both policies need at least ${formatPercent(leastMeasured)} of protection, since overheads are searched to 0.2 %. Two predictions, neither of which draws a fault: **closed form**, first order in the errors (Jacobian, error law, confidences); and **Gaussian**, errors with the mean and variance of the error law in all weights at once, run through the network on ${effort.calibrationInputs} unlabelled inputs, ${effort.draws} draws a budget.

${table(
  [
    "prediction",
    "values",
    "rank correlation",
    "within 10 %",
    "within 20 %",
    "within 50 %",
    "predicted over measured, median",
  ],
  [
    row("overhead, Gaussian", measured("gaussian")),
    row("overhead, Gaussian, on training inputs", measured("gaussianTrained")),
    row("overhead, closed form", measured("firstOrder")),
    row("ratio, Gaussian", ratios("predictedRatio")),
    row("ratio, closed form (saturation ratio)", ratios("saturationRatio")),
  ],
)}

The aim was nine overheads of ten within 20 %. The Gaussian prediction has ${formatPercent(within(measured("gaussian"), 0.2))} within 20 % of the measured value, and ${formatPercent(agreeing(pairs("gaussian")))} within 20 % or inside the measured interval, which is itself ${formatPercent(width)} of the value wide (geometric mean, low to high). Off by more than 20 %: ${off.map((c) => `${c.name} (${formatTimes(c.factor)})`).join("; ")}.

**On which inputs.** The inputs that calibrate are test inputs that no chip is judged on, without labels. A network is surer of inputs it was trained on than of others; a prediction made on training inputs therefore finds margins that are too wide. It is as good on Fashion-MNIST, whose networks are nearly as sure of new images, and asks for too little on the smartwatch, whose test subjects are strangers to the networks. Calibrate on inputs that the network has not seen: they need no labels.

![Predicted against measured overhead](figures/results-prediction.svg)`;
}

const correction = () => `## Does mean correction help?
It has a page of its own, made by a command of its own: [correction.md](correction.md).`;

function ablation({ ablations }: Results): string {
  const rows = ablations.map((a) => [
    `\`${a.network}\``,
    percent(a.overhead),
    ...variants.map((v) => {
      const { kept, low, high } = a.variants[v];
      return `${percent(kept)} (${percent(low)} to ${percent(high)})`;
    }),
  ]);
  return `## What each part brings
Accuracy kept at the overhead at which TAC keeps 95 %, on Fashion-MNIST, with one part taken away; the last column gives each output channel its own quantisation step (the MobileNetV2-like networks have that already).

${table(["network", "overhead", ...variants], rows)}`;
}

function sweeps({ sweep }: Results): string {
  const rows = sweep.map((c) => [
    `\`${c.network}\``,
    formatNumber(c.p),
    measuredWith(c.uniform),
    measuredWith(c.tac),
    c.uniform.measured === 0
      ? "none needed"
      : `${factor(c.ratio)} (${factor(c.ratioLow)} to ${c.ratioHigh === Infinity ? "unbounded" : factor(c.ratioHigh)})`,
    percent(c.uniform.gaussian),
    percent(c.tac.gaussian),
  ]);
  return `## From p = 0.0001 to 0.2
The two families that differ most.

${table(["network", "p", "Uniform-MSP", "TAC", "ratio", "Uniform-MSP predicted", "TAC predicted"], rows)}

![Overhead at 95 % against p](figures/results-sweep.svg)`;
}

function physics({ thickness }: Results): string {
  const { bearableNm, network } = thickness;
  return `## From oxide thickness to accuracy
The demonstration's oxide (\`zoo/thin-oxide.yaml\`) at other thicknesses, \`${network}\` in it, unprotected and with ${formatPercent(thicknessOverhead)} of the bits protected. 95 % of the accuracy is kept from ${bearableNm.none.toFixed(3)} nm unprotected, ${bearableNm["uniform-msp"].toFixed(3)} nm with Uniform-MSP and ${bearableNm.tac.toFixed(3)} nm with TAC.

![Accuracy against oxide thickness](figures/results-thickness.svg)`;
}

function theorems({ theorems: checks }: Results): string {
  const rows = checks.map((c) => [
    c.statement,
    c.closed.toPrecision(6),
    `${c.measured.toPrecision(6)} ± ${c.standardError.toPrecision(2)}`,
    c.z.toFixed(2),
  ]);
  const outside = checks.filter((c) => Math.abs(c.z) > 1.96).length;
  return `## Every theorem, drawn
Closed forms of [error-law.md](error-law.md) against drawn faults (100 batches of 40,000 draws each). ${outside} of ${checks.length} lie more than 1.96 standard errors away, where ${(0.05 * checks.length).toFixed(1)} are expected by chance.

${table(["theorem", "closed form", "drawn", "standard errors"], rows)}`;
}

function whySmall({ networks }: Results): string {
  const rows = networks
    .filter(({ result }) => result.comparison !== null)
    .map(({ subject, result }) => ({
      name: subject.name,
      ratio: result.cases[0]!.ratio,
      spread: result.extraBits,
    }))
    .filter((row) => Number.isFinite(row.ratio))
    .sort((a, b) => a.ratio - b.ratio);
  const correlation = rankCorrelation(
    rows.map((r) => r.spread),
    rows.map((r) => r.ratio),
  );
  return `## Where the ratio is small, and why
TAC can only trade between tensors. How unequal they are is \`log4(AM/GM)\` of g D² weighted by their sizes: the protected bits a weight that uniform protection spends more at equal noise, away from the limits of 0 and B bits. Over the ${rows.length} networks its rank correlation with the measured ratio is ${correlation.toFixed(2)}. A network whose large tensors matter as much as its small ones has nothing to trade (${rows
    .slice(0, 2)
    .map((r) => `\`${r.name}\`: ${r.spread.toFixed(2)} bits, ratio ${factor(r.ratio)}`)
    .join("; ")}); one whose weights lie mostly in tensors that matter little has much (${rows
    .slice(-2)
    .map((r) => `\`${r.name}\`: ${r.spread.toFixed(2)} bits, ratio ${factor(r.ratio)}`)
    .join("; ")}).

${table(
  ["network", "log4(AM/GM), bits a weight", "ratio"],
  rows.map((r) => [`\`${r.name}\``, r.spread.toFixed(2), factor(r.ratio)]),
)}`;
}

/** The whole page. */
export function resultsPage(results: Results): string {
  return `# Results
Made by \`npm run reproduce\`; every number and picture here comes from one run. ${[...new Map(subjects.map((s) => [s.data, s.chips]))].map(([data, chips]) => `${chips} chips a point on ${data}`).join(", ")}; the same faults for every policy, ${effort.samples} test samples a chip, ${effort.calibrationInputs} other test inputs without labels for calibration, targets ${keeps.map((k) => formatPercent(k)).join(" and ")} of the clean accuracy.

${[headline, fullWidth, policies, prediction, correction, whySmall, ablation, sweeps, physics, theorems].map((section) => section(results)).join("\n\n")}

${stampLine(resultsStamp())}
`;
}
