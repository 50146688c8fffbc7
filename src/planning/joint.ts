/**
 * @file Plans that choose code, range, decoder and protection of every tensor together: codebooks for each number of
 * protected bits, a budget spent by convex hulls, and a check against plain TAC before anything is promised.
 */
import {
  designCodebook,
  protectBits,
  unshrunkReading,
  weightDistribution,
  type Codebook,
  type DecoderClass,
  type FlipProbabilities,
  type WeightDistribution,
} from "../channel/index.ts";
import type { Granularity } from "../onnx/index.ts";
import {
  allocateChoices,
  protectedBitsOf,
  storedBits,
  type ChosenStorage,
  type MemoryTensor,
  type Plan,
  type PlanCodebook,
  type PlanTensor,
  type StorageChoice,
} from "../protect/index.ts";
import type { TensorJacobian } from "../engine/index.ts";
import type { Assessment } from "../assessment/index.ts";
import { foldBiases, withCheck } from "./folding.ts";
import { checkByGaussian, type CheckOptions, type GaussianCheck } from "./gaussian-check.ts";
import { planProtection, rootMeanSquares, scaleAxis, storeByPlan } from "../simulation/index.ts";
import { cleanWeights, stepOf, type StoredTensor } from "../stored/index.ts";

/** How joint plans are made. */
export interface JointStyle {
  /** What decoding may cost at inference. */
  readonly decoderClass: DecoderClass;
  /** What protected bits are allotted to: tensors, or output channels where these lie one after the other. */
  readonly grain: Granularity;
}

/** Any table, and bits by tensor. */
export const usualStyle: JointStyle = { decoderClass: "table", grain: "tensor" };

/** One way to store a weight: which bits are protected, and the codebook that suits what is left of the channel. */
interface Way {
  readonly mask: number;
  /** Protected bits of a weight. */
  readonly bits: number;
  readonly book: Codebook;
  /** The channel of what is not protected. */
  readonly flips: FlipProbabilities;
  /** Mean squared error of a weight of unit mean square that is read by the codebook without shrinking. */
  readonly variance: number;
}

/** A tensor that can be stored in several ways. */
interface CodedTensor {
  readonly source: WeightDistribution;
  readonly ways: readonly Way[];
  /** Squared output error for a unit of variance in all weights of each channel; one entry where there is one group. */
  readonly sensitivity: Float64Array;
}

/** The `count` bits of a code that flip most; of bits that flip alike the most significant. */
export function worstBits({ p01, p10 }: FlipProbabilities, count: number): number {
  const often = (k: number) => p01[k]! + p10[k]!;
  return Array.from(p01.keys())
    .sort((a, b) => often(b) - often(a) || b - a)
    .slice(0, count)
    .reduce((mask, k) => mask | (1 << k), 0);
}

/**
 * Squared output error for a unit of squared error in all weights of each output channel, where the channels lie one
 * after the other; of the whole tensor otherwise.
 */
function scaledSensitivity(
  tensor: StoredTensor,
  jacobian: TensorJacobian,
  scales: Float32Array,
): Float64Array {
  const norms = jacobian.channelSquaredNorms;
  const meanSquare = scales.reduce((sum, s) => sum + s * s, 0) / scales.length;
  const isByChannel = norms !== null && norms.length === scales.length;
  const each = norms?.map((norm, c) => norm * (isByChannel ? scales[c]! ** 2 : meanSquare));
  if (each !== undefined && tensor.outputAxis === 0) return each;
  return Float64Array.of(each?.reduce((a, b) => a + b, 0) ?? jacobian.squaredNorm * meanSquare);
}

/** A tensor and its codebooks, one for each number of protected bits. */
function codeTensor(
  tensor: StoredTensor,
  { flips }: MemoryTensor,
  jacobian: TensorJacobian,
  scaling: Granularity,
  decoder: DecoderClass,
): CodedTensor {
  const weights = cleanWeights(tensor);
  const axis = scaleAxis(tensor, scaling);
  const scales = rootMeanSquares(weights, tensor.dims, axis);
  const step = stepOf({ dims: tensor.dims, channelAxis: axis, blockSize: undefined });
  const source = weightDistribution(weights, (i) => scales[step(i)]!);
  const ways = Array.from({ length: tensor.format.bits + 1 }, (_, bits): Way => {
    const mask = worstBits(flips, bits);
    const left = protectBits(flips, mask);
    const book = designCodebook(source, left, decoder);
    return { mask, bits, book, flips: left, variance: unshrunkReading(book, source, left).distortion };
  });
  return { source, ways, sensitivity: scaledSensitivity(tensor, jacobian, scales) };
}

/** What was worked out for a memory: searches ask for budget after budget. */
const known = new WeakMap<readonly MemoryTensor[], Map<DecoderClass, readonly CodedTensor[]>>();

function codedTensors(assessment: Assessment, decoder: DecoderClass): readonly CodedTensor[] {
  const { memory, jacobian, storage } = assessment;
  const found = known.get(memory) ?? new Map<DecoderClass, readonly CodedTensor[]>();
  known.set(memory, found);
  const coded =
    found.get(decoder) ??
    assessment.tensors.map((tensor, t) =>
      codeTensor(tensor, memory[t]!, jacobian![t]!, storage.granularity, decoder),
    );
  found.set(decoder, coded);
  return coded;
}

/** Neighbouring weights of one tensor that are stored alike, unless they are divided. */
interface Group {
  readonly tensor: number;
  readonly start: number;
  readonly count: number;
  readonly sensitivity: number;
}

/** What bits are allotted to. */
function groupsOf(
  coded: readonly CodedTensor[],
  memory: readonly MemoryTensor[],
  grain: Granularity,
): Group[] {
  return coded.flatMap(({ sensitivity }, tensor) => {
    const { count } = memory[tensor]!;
    if (grain === "tensor")
      return [{ tensor, start: 0, count, sensitivity: sensitivity.reduce((a, b) => a + b, 0) }];
    const each = count / sensitivity.length;
    return Array.from(sensitivity, (own, c) => ({ tensor, start: c * each, count: each, sensitivity: own }));
  });
}

/** A plan's tensors and codebooks, and what is predicted of them to first order. */
export interface JointStorage {
  readonly tensors: readonly Required<Pick<PlanTensor, "scaling" | "segments">>[];
  readonly codebooks: readonly PlanCodebook[];
  readonly protectedBits: number;
  readonly noise: number;
  readonly marginalValue: number;
}

/**
 * Stores every tensor so that the predicted noise is least under a budget.
 *
 * @param assessment with calibration data
 * @param overhead share of the stored bits to protect
 * @param shrinking how far what is read is shrunk toward its mean
 */
export function jointStorage(
  assessment: Assessment,
  overhead: number,
  { decoderClass, grain }: JointStyle = usualStyle,
  shrinking = 0,
): JointStorage {
  const { memory, storage } = assessment;
  const coded = codedTensors(assessment, decoderClass);
  const groups = groupsOf(coded, memory, grain);
  const choices = groups.map(({ tensor, count, sensitivity }) =>
    coded[tensor]!.ways.map(({ bits, variance }): StorageChoice => ({
      bits: bits * count,
      noise: sensitivity * variance,
    })),
  );
  // A share k / n times n may round to just below k.
  const budget = Math.floor(overhead * storedBits(memory) * (1 + 2 ** -50) + 1e-9);
  const { items, noise, marginalValue } = allocateChoices(choices, budget);
  const runs = memory.map((): StoredRun[] => []);
  items.forEach((chosen, g) => addRuns(runs[groups[g]!.tensor]!, groups[g]!, chosen));
  const codebooks: PlanCodebook[] = [];
  const tensors = runs.map((own, t) => {
    const places = new Map<number, number>();
    const segments = own.map(({ start, count, way: index }) => {
      const { mask, book, flips } = coded[t]!.ways[index]!;
      const codebookOfWay = () => {
        const { gain, offset } = unshrunkReading(book, coded[t]!.source, flips, shrinking);
        return codebooks.push({ table: Array.from(book.table), gain, offset }) - 1;
      };
      const codebook = places.get(index) ?? codebookOfWay();
      places.set(index, codebook);
      return { start, count, protectedMask: mask, decoder: "none" as const, codebook };
    });
    return { scaling: storage.granularity, segments };
  });
  const protectedBits = tensors.reduce((sum, { segments }) => sum + protectedBitsOf(segments), 0);
  return { tensors, codebooks, protectedBits, noise, marginalValue };
}

/** Weights that are stored in one way. */
interface StoredRun {
  start: number;
  count: number;
  /** Index among the ways of the tensor. */
  readonly way: number;
}

/** Adds a group to the runs of its tensor: its first weights by the upper way, the others by the base. */
function addRuns(runs: StoredRun[], { start, count }: Group, { base, upper, share }: ChosenStorage): void {
  const extra = Math.floor(share * count + 1e-9);
  for (const part of [
    { start, count: extra, way: upper },
    { start: start + extra, count: count - extra, way: base },
  ]) {
    const last = runs.at(-1);
    if (last?.way === part.way) last.count += part.count;
    else if (part.count > 0) runs.push(part);
  }
}

/** How far readings may be shrunk; which is best is checked. */
const shrinkings = [0, 0.5] as const;

/** What a joint plan is asked for besides its budget. */
export interface JointOptions extends CheckOptions {
  readonly style?: JointStyle;
}

/**
 * The joint plan of a budget, or plain TAC's where that is predicted to keep more: the joint plan is never the worse of
 * the two by the planner's own check, which is by Gaussian errors of the predicted strength in all weights at once on the
 * calibration inputs (`checkByGaussian`).
 *
 * @param tac plain TAC's plan for the same budget; of large networks its readings are not chosen
 */
export async function jointPlan(
  assessment: Assessment,
  tac: Plan,
  overhead: number,
  options: JointOptions,
): Promise<Plan> {
  const { style = usualStyle, ...checking } = options;
  const candidates = shrinkings.map((shrinking): Plan => {
    const stored = jointStorage(assessment, overhead, style, shrinking);
    return {
      ...tac,
      protectedBits: stored.protectedBits,
      overhead: stored.protectedBits / tac.storedBits,
      predicted: { noise: stored.noise, drift: null, marginalValue: stored.marginalValue },
      codebooks: stored.codebooks,
      decoderClass: style.decoderClass,
      tensors: tac.tensors.map((tensor, t) => ({ ...tensor, ...stored.tensors[t]! })),
    };
  });
  const check = (plans: readonly Plan[], filled: Assessment) =>
    checkByGaussian(filled, plans.map(planProtection), checking);
  // Shrinking changes what codes are read as, not the codes: all candidates share a memory.
  const plans = [tac, ...candidates];
  const checks = [
    ...(await check([tac], assessment)),
    ...(await check(candidates, storeByPlan(assessment, candidates[0]!))),
  ];
  const best = checks.reduce((b, own, i) => (isBetter(own, checks[b]!) ? i : b), 0);
  return withCheck(await foldBiases(assessment, plans[best]!, checks[best]!, checking));
}

/** Scores beyond the clean network's are chance, and count as its own. */
const isBetter = (a: GaussianCheck, b: GaussianCheck) =>
  a.higherIsBetter ? Math.min(a.score, a.clean) > b.score : Math.max(a.score, a.clean) < b.score;
