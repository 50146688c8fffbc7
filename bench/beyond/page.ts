/** @file The results of docs/beyond.md. */
import {
  designCodebook,
  protectBits,
  refineCodebook,
  symmetricFlips,
  topBitsMask,
  type WeightDistribution,
  decoder,
  errorMoments,
  numberFormat,
} from "../../src/channel/index.ts";
import { formatNumber, formatPercent, formatTimes } from "../../src/report/index.ts";
import { beyondStamp, stampLine } from "../../reproduce/stamp.ts";
import type { FinerResult } from "./finer.ts";
import { foldingWays, type FoldingResult } from "./folding.ts";
import { grains, type GrainResult } from "./grain.ts";
import type { LargeResult } from "./large.ts";
import type { BeyondResult, Estimate } from "./network.ts";

const percent = ({ estimate, low, high }: Estimate) =>
  `${formatPercent(estimate)} (${formatPercent(low)} to ${formatPercent(high)})`;

const times = ({ estimate, low, high }: Estimate) =>
  Number.isFinite(estimate)
    ? `${formatTimes(estimate)} (${formatTimes(low)} to ${Number.isFinite(high) ? formatTimes(high) : "∞"})`
    : "∞";

const table = (header: readonly string[], rows: readonly (readonly string[])[]) =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

const points = (share: number) => `${share >= 0 ? "+" : ""}${(100 * share).toFixed(1)}`;

const gained = ({ estimate, low, high }: Estimate) =>
  `${points(estimate)} (${points(low)} to ${points(high)})`;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const wayWords = {
  outputs: "outputs alone",
  "at once": "all at once",
  whole: "layer by layer",
  half: "half of that",
} as const;

const grainWords = {
  tensor: "tensors",
  channel: "channels",
  neighbours: "64 neighbours",
  size: "64 of a size",
} as const;

const names = (list: readonly string[]) =>
  list.length === 0 ? "none" : list.map((n) => `\`${n}\``).join(", ");

const geometricMean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/** Gaussian weights of unit variance. */
function gaussian(): WeightDistribution {
  const values = Float64Array.from({ length: 2001 }, (_, i) => (i - 1000) / 166);
  const masses = values.map((x) => Math.exp((-x * x) / 2));
  const total = masses.reduce((a, b) => a + b, 0);
  const square = values.reduce((sum, x, i) => sum + x * x * masses[i]!, 0) / total;
  return { values: values.map((x) => x / Math.sqrt(square)), masses };
}

/** Distortions of Gaussian weights, by protected bits: what codes leave, and what no code is below. */
export function distortions(p: number): string[][] {
  const source = gaussian();
  const format = numberFormat("int8");
  const entropy = -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
  return [0, 1, 2, 3, 4].map((m) => {
    const flips = protectBits(symmetricFlips(p, 8), topBitsMask(m, 8));
    const histogram = new Float64Array(256);
    const largest = source.values.at(-1)!;
    source.values.forEach((x, i) => {
      histogram[Math.round((x / largest) * 127) & 255]! += source.masses[i]!;
    });
    const plain = (kind: "none" | "linear-mmse") => {
      const { table: decode } = decoder(kind, { format, flips, histogram });
      const { meanSquareError } = errorMoments({ values: format.values, decode, flips, histogram });
      return meanSquareError * (largest / 127) ** 2;
    };
    const start = format.values.map((v) => (v / 127) * 2);
    return [
      String(m),
      plain("none"),
      plain("linear-mmse"),
      designCodebook(source, flips, "free").distortion,
      refineCodebook(start, source, flips).distortion,
      designCodebook(source, flips, "table").distortion,
      2 ** (-2 * (m + (8 - m) * (1 - entropy))),
    ].map((value) => (typeof value === "number" ? formatNumber(value) : value));
  });
}

/** Finer grains. @param gap how far predicted noise may be above its optimum by tensor, as a share of it */
export function grainText(grain: readonly GrainResult[], gap: number): string {
  return `Bits by finer grains, as predicted: the overhead that leaves the noise of the plan by tensor, where bits are allotted to output channels, to blocks of 64 neighbours, and to blocks of 64 weights of about the same size, wherever they are. For the last the reader of the memory would have to know which weights are which: it bounds what sorting can bring. qtaml does the first of these (\`--grain channel\`).

${table(
  ["network", "tensor", "channel", "64 neighbours", "64 of a size"],
  grain.map(({ name, overhead }) => [`\`${name}\``, ...grains.map((g) => formatPercent(overhead[g]))]),
)}

Over the plan by tensor, in the geometric mean: ${grains
    .slice(1)
    .map(
      (g) =>
        `${grainWords[g]} ${formatTimes(geometricMean(grain.map(({ overhead }) => overhead.tensor / overhead[g])))} times less`,
    )
    .join(
      ", ",
    )}. By tensor, predicted noise is at most ${formatPercent(gap)} above the optimum of the linear programme.`;
}

/** Shifted biases. */
export function biasesText(folding: readonly FoldingResult[]): string {
  return `### Biases
Ways to shift biases, with nothing protected: of the outputs alone; of all layers by what was measured of all at once; layer by layer from the front by all of what is measured behind the layers before, and by half of it, which is what plans do. Gain in points of the clean accuracy over the same plan without shifts, on the same chips.

${table(
  ["network", "kept without", "outputs", "all at once", "layer by layer", "half of that"],
  folding.map(({ name, kept, gain }) => [
    `\`${name}\``,
    percent(kept),
    ...foldingWays.map((way) => gained(gain[way])),
  ]),
)}

Gain over all networks, in the mean: ${foldingWays.map((way) => `${wayWords[way]} ${points(mean(folding.map((f) => f.gain[way].estimate)))}`).join(", ")}. Beyond the intervals half of each shift helps on ${names(folding.filter((f) => f.gain.half.low > 0).map((f) => f.name))} and does harm on ${names(folding.filter((f) => f.gain.half.high < 0).map((f) => f.name))}.

### Biases of plans
The plans of the table class at their overhead, whose check decides whether biases are shifted:

${table(
  ["network", "overhead", "layers shifted", "kept without", "gain"],
  folding.map(({ name, atTarget }) => [
    `\`${name}\``,
    formatPercent(atTarget.overhead),
    String(atTarget.layers),
    percent(atTarget.kept),
    atTarget.layers === 0 ? "" : gained(atTarget.gain),
  ]),
)}`;
}

/** Everything between the markers of the page. */
export function resultsText(
  {
    results,
    finer,
    folding,
    grain,
    large,
  }: {
    readonly results: readonly BeyondResult[];
    readonly finer: readonly FinerResult[];
    readonly folding: readonly FoldingResult[];
    readonly grain: readonly GrainResult[];
    readonly large: LargeResult;
  },
  keep: number,
): string {
  const ways = ["uniform-msp", "tac", "joint free", "joint table"] as const;
  const ratios = results.map((r) => r.ratio.table.estimate);
  const finite = ratios.filter(Number.isFinite);
  /** Networks on which a class needs more than TAC: by the estimates, and beyond the intervals. */
  const worse = (way: "joint free" | "joint table") => {
    const byEstimate = results.filter((r) => r.overhead[way].estimate > r.overhead.tac.estimate);
    const surely = results.filter((r) => r.overhead[way].low > r.overhead.tac.high);
    return `${names(byEstimate.map((r) => r.name))}${byEstimate.length === 0 ? "" : ` (beyond the intervals ${names(surely.map((r) => r.name))})`}`;
  };
  const borne = results.map((r) => r.borne.table / r.borne.plain);
  const below = (limit: number) => results.filter((r) => r.ratio.table.estimate < limit).map((r) => r.name);
  const outside = results.filter(
    ({ atTarget: { predicted, measured } }) => measured.low > predicted.high || measured.high < predicted.low,
  );
  const variants = ["unshrunk", "half", "bayes", "channel"] as const;
  return `
Made by \`npm run bench:beyond\`; 20 chips a point on Fashion-MNIST, 40 on smartwatch, 500 test images a chip, 256 other unlabelled inputs for calibration, int8, ideal protection, one scale a tensor (on the MobileNetV2-like networks one an output channel, as in [results.md](results.md)); 95 % intervals.

### Overhead that keeps ${formatPercent(keep)} of the clean accuracy
${table(
  [
    "network",
    "p",
    "Uniform-MSP",
    "TAC",
    "joint, free",
    "joint, table",
    "Uniform-MSP over joint, table",
    "tables",
  ],
  results.map((r) => [
    `\`${r.name}\``,
    String(r.p),
    ...ways.map((way) => percent(r.overhead[way])),
    `**${times(r.ratio.table)}**`,
    String(r.atTarget.tables),
  ]),
)}

Uniform-MSP over joint plans: ${formatTimes(geometricMean(finite))} in the geometric mean${finite.length < ratios.length ? ` over the ${finite.length} networks that need any protection` : ""} with tables, ${formatTimes(geometricMean(results.map((r) => r.ratio.free.estimate).filter(Number.isFinite)))} where decoding is free; TAC over joint plans with tables: ${formatTimes(geometricMean(results.map((r) => r.overhead.tac.estimate / r.overhead["joint table"].estimate).filter(Number.isFinite)))}. Networks on which joint plans need more than TAC: with tables ${worse("joint table")}, where decoding is free ${worse("joint free")}. Below five times Uniform-MSP: ${names(below(5))}; below ten: ${names(below(10))}.

Bits by output channel (\`--grain channel\`), on the networks whose channels differ most:

${table(
  ["network", "joint, table, by tensor", "by channel", "Uniform-MSP over joint by channel"],
  finer.map(({ name, overhead }) => {
    const uniform = results.find((r) => r.name === name)!.overhead["uniform-msp"].estimate;
    return [
      `\`${name}\``,
      percent(overhead.tensor),
      percent(overhead.channel),
      `**${formatTimes(uniform / overhead.channel.estimate)}**`,
    ];
  }),
)}

${grainText(grain, Math.max(...results.map((r) => r.atTarget.gap)))}

### Nothing protected
Share of the clean accuracy kept at the p above, and the largest p at which ${formatPercent(keep)} is kept (to 4 %), by joint plans with shifted biases, without their check against TAC.

${table(
  ["network", "plain", "joint, free", "joint, table", "p borne, plain", "free", "table", "table over plain"],
  results.map((r) => [
    `\`${r.name}\``,
    ...(["plain", "free", "table"] as const).map((kind) => percent(r.unprotected[kind])),
    ...(["plain", "free", "table"] as const).map((kind) => formatNumber(r.borne[kind])),
    `**${formatTimes(r.borne.table / r.borne.plain)}**`,
  ]),
)}

With tables ${formatTimes(geometricMean(borne))} times the p of plain codes in the geometric mean, ${formatTimes(Math.min(...borne))} at least. The free class clips the range by the error of single weights, which does harm where p is small and plain codes are good already (${names(results.filter((r) => r.borne.free < r.borne.plain).map((r) => r.name))}): this is what the check is for.

### The prediction
Share of clean kept by the plan with tables at its least overhead: by its own check on the calibration inputs (expected accuracy, no fault drawn), and by chips on test images. Outside each other's intervals: ${names(outside.map((r) => r.name))}.

${table(
  ["network", "predicted", "measured"],
  results.map((r) => [`\`${r.name}\``, percent(r.atTarget.predicted), percent(r.atTarget.measured)]),
)}

### What was tried
Share of clean kept at the overhead of the table class, by variants, without shifted biases: read unshrunk (what plans do), half shrunk, as the Bayes table says (the least squared error of each weight), and one scale an output channel.

${table(
  ["network", "overhead", "unshrunk", "half shrunk", "Bayes", "scale a channel"],
  results.map((r) => [
    `\`${r.name}\``,
    formatPercent(r.overhead["joint table"].estimate),
    ...variants.map((v) => percent(r.variants[v])),
  ]),
)}

${biasesText(folding)}

### Limits
![Predicted output noise against overhead of lenet: Uniform-MSP, TAC, joint plans with free decoding and with tables, and the distortion-rate bound, each far below the one before](figures/beyond-noise.svg)

*\`lenet\` at p = 0.1: where the curves cross the dashed line is the overhead that each is predicted to need.*

Mean squared error of Gaussian weights over their variance, 8 bits: two's complement to 6 deviations as stored and by the best straight line, the codebooks of the two classes, those found from two's complement alone, and the distortion-rate bound 2^(-2 (m + (8 - m) C(p))), which takes long blocks of weights and no table reaches.

${[0.1, 0.05]
  .map(
    (p) =>
      `p = ${p}:\n\n${table(["protected bits", "plain", "straight line", "free", "table from two's complement", "table", "bound"], distortions(p))}`,
  )
  .join("\n\n")}

### Time
A network in the shape of ResNet-50 with ${formatNumber(large.weights / 1e6)} million weights, ${large.inputs} inputs of ${large.size} x ${large.size}: assessment with the Jacobian ${formatNumber(large.assessSeconds)} s, joint plan with its check ${formatNumber(large.planSeconds)} s, both in processor time of all cores together, which other work on the machine hardly changes. The networks above: ${formatNumber(Math.min(...results.map((r) => r.planSeconds)))} to ${formatNumber(Math.max(...results.map((r) => r.planSeconds)))} s a plan.

${stampLine(beyondStamp())}
`;
}
