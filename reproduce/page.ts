/** @file Writes docs/results.md: every number on it comes from the results it is given. */
import { formatNumber, formatPercent, formatTimes } from "../src/report/index.ts";
import { rankCorrelation } from "../src/stats/index.ts";
import { variants, type Ablation } from "./ablation.ts";
import { calibrationInputs, draws, keeps, samples, subjects, type Subject } from "./cases.ts";
import type { Case, NetworkResult } from "./network.ts";
import type { Check } from "./theorems.ts";
import { overhead as thicknessOverhead, type ThicknessResult } from "./thickness.ts";

/** Everything on the page. */
export interface Results {
  readonly networks: readonly {
    readonly subject: Subject;
    readonly p: number;
    readonly result: NetworkResult;
  }[];
  /** Every case once. */
  readonly cases: readonly Case[];
  readonly sweep: readonly Case[];
  readonly ablations: readonly Ablation[];
  readonly thickness: ThicknessResult;
  readonly theorems: readonly Check[];
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const percent = (v: number) => formatPercent(v, 1);
const reached = (v: number) => (v >= 1 ? "not reached" : percent(v));
const span = (low: number, high: number) => `${reached(low)} to ${reached(high)}`;
/** Whole levels are tried up to the largest budget. */
const wholeLevel = (v: number) => (v >= 1 ? `above ${percent(Math.max(...budgets))}` : percent(v));
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

function headline({ networks }: Results): string {
  const full = networks.filter(({ result }) => result.comparison !== null);
  const rows = full.map(({ subject, p, result }) => {
    const c = result.cases[0]!;
    return [
      `\`${subject.name}\``,
      String(p),
      percent(result.clean),
      `${reached(c.uniform.measured)} (${span(c.uniform.low, c.uniform.high)})`,
      wholeLevel(result.comparison!.uniformWholeLevel),
      `${reached(c.tac.measured)} (${span(c.tac.low, c.tac.high)})`,
      `**${factor(c.ratio)}** (${factor(c.ratioLow)} to ${factor(c.ratioHigh)})`,
      factor(c.predictedRatio),
      factor(c.saturationRatio),
    ];
  });
  const ratios = full.map(({ result }) => result.cases[0]!.ratio).filter(Number.isFinite);
  return `## The headline
The least overhead (protected bits over stored bits) that keeps 95 % of the clean accuracy, with 95 % intervals; int8 weights, ideal protection; one quantisation step a tensor, on the MobileNetV2-like networks one an output channel (a whole tensor on one step costs them accuracy before any fault). Uniform-MSP is shown between its levels (part of the weights has one more bit) and at whole levels.

${table(["network", "p", "clean", "Uniform-MSP", "whole levels", "TAC", "ratio", "predicted, Gaussian", "predicted, closed form"], rows)}

The ratio lies between ${factor(Math.min(...ratios))} and ${factor(Math.max(...ratios))}, ${factor(geometricMean(ratios))} in the geometric mean; the literature reports 3.4 to 33.6 on its own networks, which are not public.`;
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
  const pairs = (pick: "gaussian" | "firstOrder") =>
    all.flatMap((c) => [c.tac, c.uniform].map((o) => [o[pick], o.measured] as const));
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
    factor(geometricMean(found.map(([a, b]) => a / b))),
  ];
  const worst = pairs("gaussian")
    .map(([a, b]) => Math.abs(a / b - 1))
    .sort((a, b) => b - a)[0]!;
  const reachedAim = within(pairs("gaussian"), 0.2);
  return `## Does the prediction hold?
${all.length} of ${results.cases.length} cases (network, p, target): those in which both policies need at least ${formatPercent(leastMeasured)} of protection, since overheads are searched to 0.2 %. Two predictions, neither of which draws a fault: **closed form**, first order in the errors (Jacobian, error law, confidences); and **Gaussian**, errors with the mean and variance of the error law in all weights at once, run through the network on 256 unlabelled training inputs, 12 draws a budget.

${table(
  [
    "prediction",
    "values",
    "rank correlation",
    "within 10 %",
    "within 20 %",
    "within 50 %",
    "predicted over measured",
  ],
  [
    row("overhead, Gaussian", pairs("gaussian")),
    row("overhead, closed form", pairs("firstOrder")),
    row("ratio, Gaussian", ratios("predictedRatio")),
    row("ratio, closed form (saturation ratio)", ratios("saturationRatio")),
  ],
)}

The aim was nine overheads of ten within 20 %: the Gaussian prediction reaches ${formatPercent(reachedAim)}; its worst is off by ${formatPercent(worst)}. The measured overheads have intervals of their own (${formatPercent(geometricMean(all.map((c) => (c.tac.high - c.tac.low) / c.tac.measured).filter((v) => v > 0)))} of the value for TAC, geometric mean).

![Predicted against measured overhead](figures/results-prediction.svg)`;
}

function correction({ networks }: Results): string {
  const rows = networks.map(({ subject, p, result }) => {
    const { none, chosenReading: chosen, allCorrected, clean } = result;
    const kept = (point: typeof none) =>
      `${percent(point.accuracy / clean)} (${percent(point.low / clean)} to ${percent(point.high / clean)})`;
    const verdict =
      chosen.high < none.low
        ? "worse"
        : chosen.low > none.high
          ? "better"
          : "no difference beyond the intervals";
    return [`\`${subject.name}\``, String(p), kept(none), kept(allCorrected), kept(chosen), verdict];
  });
  const worse = rows.filter((r) => r.at(-1) === "worse").length;
  const harmed = networks.filter(({ result }) => result.allCorrected.high < result.none.low).length;
  return `## Does mean correction help?
Nothing protected. Accuracy kept as stored, with every tensor corrected, and as TAC reads it: each tensor as stored or corrected, whichever is predicted to keep more of the expected accuracy ([tac.md](tac.md)).

${table(["network", "p", "as stored", "every tensor corrected", "chosen by tensor", "chosen against as stored"], rows)}

Correcting everything does harm beyond the intervals in ${harmed} of ${rows.length} cases; the chosen reading is worse than none beyond the intervals in ${worse}.`;
}

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
    `${percent(c.uniform.measured)} (${span(c.uniform.low, c.uniform.high)})`,
    `${percent(c.tac.measured)} (${span(c.tac.low, c.tac.high)})`,
    c.uniform.measured === 0 ? "none needed" : factor(c.ratio),
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
Made by \`npm run reproduce\`; every number and picture here comes from one run. ${chips} chips a point, the same faults for every policy, ${samples} test samples (training data gave the calibration inputs), targets ${keeps.map((k) => formatPercent(k)).join(" and ")} of the clean accuracy.

${[headline, policies, prediction, correction, whySmall, ablation, sweeps, physics, theorems].map((section) => section(results)).join("\n\n")}
`;
}
