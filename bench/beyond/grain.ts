/**
 * @file What a finer grain than the tensor would save, as predicted to first order: bits allotted to output channels, to
 * blocks of 64 neighbours, and to blocks of 64 weights of about the same size, wherever they are.
 */
import {
  conditionalMoments,
  designCodebook,
  protectBits,
  unshrunkReading,
  weightDistribution,
  type FlipProbabilities,
} from "../../src/channel/index.ts";
import { cleanWeights, stepOf } from "../../src/stored/index.ts";
import { worstBits } from "../../src/planning/joint.ts";
import { allocateChoices, storedBits, type StorageChoice } from "../../src/protect/index.ts";
import { rootMeanSquares, scaleAxis } from "../../src/simulation/index.ts";
import type { Assessment } from "../../src/assessment/index.ts";
import type { Subject } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";

/** What bits are allotted to. */
export const grains = ["tensor", "channel", "neighbours", "size"] as const;
/** One of `grains`. */
export type Grain = (typeof grains)[number];

/** Predicted overheads that leave the same noise. */
export interface GrainResult {
  readonly name: string;
  readonly overhead: Readonly<Record<Grain, number>>;
}

const blockWeights = 64;

/** Noise of each weight in each way to store it: [ways][weights]. */
function noiseByWeight(
  assessment: Assessment,
  t: number,
): { noise: Float64Array[]; sizes: Float64Array; channels: Uint32Array } {
  const tensor = assessment.tensors[t]!;
  const flips: FlipProbabilities = assessment.memory[t]!.flips;
  const jacobian = assessment.jacobian![t]!;
  const weights = cleanWeights(tensor);
  const layout = (channelAxis: number | undefined) =>
    stepOf({ dims: tensor.dims, channelAxis, blockSize: undefined });
  const axis = scaleAxis(tensor, assessment.storage.granularity);
  const scales = rootMeanSquares(weights, tensor.dims, axis);
  const step = layout(axis);
  const channelOf = layout(tensor.outputAxis);
  const source = weightDistribution(weights, (i) => scales[step(i)]!);
  const channels = Uint32Array.from(weights, (_, i) => channelOf(i));
  const count = 1 + channels.reduce((m, c) => Math.max(m, c), 0);
  const norms = jacobian.channelSquaredNorms;
  const sensitivity = (i: number) =>
    (norms?.length === count ? norms[channels[i]!]! * count : jacobian.squaredNorm) / tensor.count;
  const noise = Array.from({ length: tensor.format.bits + 1 }, (_, bits) => {
    const own = protectBits(flips, worstBits(flips, bits));
    const book = designCodebook(source, own, "table");
    const { table, ranges } = book;
    const { gain, offset } = unshrunkReading(book, source, own);
    const shrunk = conditionalMoments(table, own);
    return Float64Array.from(weights, (w, i) => {
      const scale = scales[step(i)]!;
      const x = w / scale;
      let at = 0;
      while (at < ranges.limits.length && ranges.limits[at]! <= x) at++;
      const code = ranges.codes[at]!;
      const error = (gain * shrunk.mean[code]! + offset - x) ** 2 + gain ** 2 * shrunk.variance[code]!;
      return sensitivity(i) * scale ** 2 * error;
    });
  });
  return { noise, sizes: Float64Array.from(weights, Math.abs), channels };
}

/** The groups of a tensor's weights by a grain. */
function groupsOf(
  grain: Grain,
  { sizes, channels }: ReturnType<typeof noiseByWeight>,
): (readonly number[])[] {
  const all = Array.from(sizes.keys());
  if (grain === "tensor") return [all];
  if (grain === "channel") {
    const groups: number[][] = [];
    for (const i of all) (groups[channels[i]!] ??= []).push(i);
    return groups;
  }
  const order = grain === "size" ? all.toSorted((a, b) => sizes[b]! - sizes[a]!) : all;
  return Array.from({ length: Math.ceil(order.length / blockWeights) }, (_, b) =>
    order.slice(b * blockWeights, (b + 1) * blockWeights),
  );
}

/** Predicts the overheads of one network. @param overhead that of the table class, by tensor */
export async function measureGrain(subject: Subject, overhead: number): Promise<GrainResult> {
  const { calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, subject.p, calibration);
  const parts = assessment.tensors.map((_, t) => noiseByWeight(assessment, t));
  const itemsOf = (grain: Grain) =>
    parts.flatMap((part) =>
      groupsOf(grain, part).map((group) =>
        part.noise.map((noise, bits): StorageChoice => ({
          bits: bits * group.length,
          noise: group.reduce((sum, i) => sum + noise[i]!, 0),
        })),
      ),
    );
  const total = storedBits(assessment.memory);
  const target = allocateChoices(itemsOf("tensor"), overhead * total).noise;
  const least = (grain: Grain): number => {
    const items = itemsOf(grain);
    let [low, high] = [0, 1.01 * overhead * total];
    while (high - low > 1) {
      const middle = (low + high) / 2;
      if (allocateChoices(items, middle).noise > target * (1 + 1e-9)) low = middle;
      else high = middle;
    }
    return high / total;
  };
  return {
    name: subject.name,
    overhead: {
      tensor: overhead,
      channel: least("channel"),
      neighbours: least("neighbours"),
      size: least("size"),
    },
  };
}
