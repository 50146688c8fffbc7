/**
 * @file What each way of lowering variance gains: `npm run bench:variance -- [--chips 400] [NETWORK ...]`. A factor of
 * two means the same interval in half the time. Prints a Markdown table.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { codeHistogram, conditionalMoments, protectBits, symmetricFlips } from "../src/channel/index.ts";
import {
  faultlessChance,
  measureJacobian,
  openMemoryReader,
  sampleOrder,
  samplesOfRun,
  threadsExecutor,
  type Protection,
  type TrialContext,
  type TrialOutcome,
} from "../src/engine/index.ts";
import type { PreparedModel } from "../src/onnx/index.ts";
import {
  controlledValues,
  momentsOf,
  optimalImages,
  sampleVariance,
  twoLevelVariances,
} from "../src/stats/index.ts";
import { sliceDataset } from "../src/data/index.ts";
import { median, smallNetworks, uniform, usualFlip, zooContext } from "./zoo.ts";
import { cleanWeights } from "../src/stored/index.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { chips: { type: "string" } },
});
const chips = Number(flags.chips ?? 400);
const images = 1000;
const [topBits, more] = [0xc0, 0xe0];

const variance = (values: readonly number[]) => sampleVariance(momentsOf(values));
const correct = (outcome: TrialOutcome, p: number) => {
  const { right, labelled } = outcome.tallies[p]!.answers!;
  return right / labelled;
};

/**
 * The noise that the closed form weighs: squared errors of a chip's weights times the squared Jacobian of their tensor;
 * and its expectation by the error law.
 */
async function noiseControl(context: TrialContext, prepared: PreparedModel, mask: number) {
  const jacobian = await measureJacobian(prepared, sliceDataset(context.data, 0, 64));
  const clean = prepared.tensors.map((t) => cleanWeights(t).slice());
  const memory = openMemoryReader(context, "faults");
  const protection = uniform(context, mask);
  const weightOf = (t: number) => jacobian[t]!.squaredNorm / prepared.tensors[t]!.count;
  let expected = 0;
  prepared.tensors.forEach((tensor, t) => {
    const { variance: spread, shift } = conditionalMoments(
      Float64Array.from(tensor.format.values),
      protectBits(context.flips[t]!, mask),
    );
    const step = tensor.steps[0]!;
    codeHistogram(tensor.codes, tensor.format.bits).forEach((count, c) => {
      expected += weightOf(t) * step * step * count * (spread[c]! + shift[c]! ** 2);
    });
  });
  const values = Array.from({ length: chips }, (_, chip) => {
    memory.draw(chip, 0);
    const { weights } = memory.read(protection);
    return weights.reduce((sum, own, t) => {
      let squares = 0;
      for (let i = 0; i < own.length; i++) squares += (own[i]! - clean[t]![i]!) ** 2;
      return sum + weightOf(t) * squares;
    }, 0);
  });
  return { values, expected };
}

const columns = [
  "network",
  "difference of two plans: common faults",
  "part of the images: least-cost number",
  "gain over all images",
  "correction by the clean network, at that number",
  "control by the predicted noise",
  "chips without a hit left out, p = 1e-6",
];
console.log(`| ${columns.join(" | ")} |\n|${"---|".repeat(columns.length)}`);
for (const network of positionals.length > 0 ? positionals : smallNetworks) {
  const { context, prepared } = await zooContext(network, { images });
  const protections: Protection[] = [uniform(context, topBits), uniform(context, more)];
  const executor = await threadsExecutor(context, availableParallelism());
  const outcomes = await executor.run(Array.from({ length: chips }, (_, trial) => ({ trial, protections })));
  const scores = protections.map((_, p) => outcomes.map((outcome) => correct(outcome, p)));
  const [one, two] = [scores[0]!, scores[1]!];

  // Common faults: the variance of the difference, against chips of their own for each plan.
  const difference = one.map((score, i) => score - two[i]!);
  const common = (variance(one) + variance(two)) / variance(difference);

  // Images: chips judged on four disjoint parts, and the costs of chips and images.
  const total = context.data.count;
  const part = Math.min(128, Math.floor(total / 4));
  const pilotChips = Math.min(64, chips);
  const seconds = async (count: number, samples: number) => {
    const jobs = Array.from({ length: count }, (_, i) => ({
      trial: 100_000 + i,
      protections: protections.slice(0, 1),
      samples: { from: 0, count: samples },
    }));
    const times: number[] = [];
    for (let round = 0; round < 4; round++) {
      const start = performance.now();
      await executor.run(jobs);
      if (round > 0) times.push((performance.now() - start) / count);
    }
    return median(times);
  };
  const parts = await executor.run(
    Array.from({ length: 4 * pilotChips }, (_, i) => ({
      trial: i >> 2,
      protections: protections.slice(0, 1),
      samples: { from: (i & 3) * part, count: part },
    })),
  );
  const variances = twoLevelVariances(
    Array.from({ length: pilotChips }, (_, i) =>
      parts.slice(4 * i, 4 * i + 4).map((outcome) => correct(outcome, 0)),
    ),
    part,
  );
  const [few, many] = [await seconds(16, part), await seconds(16, 4 * part)];
  const image = Math.max((many - few) / (3 * part), 1e-9);
  const design = optimalImages(variances, { chip: Math.max(few - part * image, 1e-9), image }, total);

  // Correction: what the clean network scores on the same part is a control variate, as in `qtaml verify --images`.
  const count = Math.max(2, Math.min(design.images, total - 1));
  const cleanRight = cleanAnswers(context);
  const order = sampleOrder(context.seed, total);
  const froms = Array.from({ length: chips }, (_, i) => (i * 37) % total);
  const judged = await executor.run(
    froms.map((from, trial) => ({
      trial,
      protections: protections.slice(0, 1),
      samples: { from, count },
    })),
  );
  const raw = judged.map((outcome) => correct(outcome, 0));
  const control = froms.map((from) => {
    const places = samplesOfRun(order, { from, count });
    return places.reduce((sum, place) => sum + cleanRight[place]!, 0) / count;
  });
  const expected = cleanRight.reduce((sum, right) => sum + right, 0) / total;
  const adjusted = [...controlledValues(raw, { values: control, expected }, "others", [0, 1])];
  await executor.close();

  // Control: the noise that the closed form weighs, on each chip.
  const noise = await noiseControl(context, prepared, topBits);
  const spread = Math.sqrt(variance(noise.values) / chips);
  const mean = momentsOf(noise.values).mean;
  if (Math.abs(mean - noise.expected) > 5 * spread) throw new Error("The control misses its expectation.");
  const controlled = [...controlledValues(one, noise)];

  const flips = prepared.tensors.map((t) => symmetricFlips(1e-6, t.format.bits));
  const hit = 1 - faultlessChance({ tensors: prepared.tensors, flips }, protections[0]!)!;
  const cells = [
    network,
    common.toFixed(2),
    `${design.images} of ${total}`,
    design.gain.toFixed(1),
    (variance(raw) / variance(adjusted)).toFixed(2),
    (variance(one) / variance(controlled)).toFixed(2),
    (1 / hit).toFixed(1),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
console.log(`\n${chips} chips, p = ${usualFlip("lenet")} (transformers ${usualFlip("transformer")}).`);

/** [samples] 1 where the clean network is right. */
function cleanAnswers({ clean, data }: TrialContext): Uint8Array {
  const classes = clean.values.length / clean.count;
  const labels = data.labels!.data;
  return Uint8Array.from({ length: clean.count }, (_, n) => {
    const row = clean.values.subarray(n * classes, (n + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b))) === labels[n] ? 1 : 0;
  });
}
