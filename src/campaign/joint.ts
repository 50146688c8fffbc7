/**
 * @file Plans that choose code, range, decoder and protection of every tensor together: codebooks for each number of
 * protected bits, a budget spent by convex hulls, and a check against plain TAC before anything is promised.
 */
import {
  designCodebook,
  protectBits,
  weightDistribution,
  type Codebook,
  type DecoderClass,
  type FlipProbabilities,
  type ProtectionSegment,
} from "../channel/index.ts";
import { cleanWeights, stepOf, type StoredTensor } from "../onnx/index.ts";
import {
  allocateChoices,
  storedBits,
  type ChosenStorage,
  type MemoryTensor,
  type Plan,
  type PlanTensor,
  type StorageChoice,
} from "../protect/index.ts";
import type { TensorJacobian } from "../engine/index.ts";
import type { Assessment } from "./assess.ts";
import { checkByGaussian, type CheckOptions, type GaussianCheck } from "./gaussian-check.ts";
import { planProtection } from "./protection.ts";
import { rootMeanSquares, scaleAxis, storeByPlan } from "./recode.ts";

/** One way to store a tensor: which bits are protected, and the codebook that suits what is left of the channel. */
interface Way extends StorageChoice {
  readonly mask: number;
  readonly book: Codebook;
}

/** The ways to store each tensor. */
type TensorWays = readonly Way[];

/** The `count` bits of a code that flip most; of bits that flip alike the most significant. */
export function worstBits({ p01, p10 }: FlipProbabilities, count: number): number {
  const often = (k: number) => p01[k]! + p10[k]!;
  return Array.from(p01.keys())
    .sort((a, b) => often(b) - often(a) || b - a)
    .slice(0, count)
    .reduce((mask, k) => mask | (1 << k), 0);
}

/**
 * Error variance of a weight of unit mean square when a codebook is read without shrinking it: with distortion D and
 * slope s, what is read has the mean square `D + 2 s - 1`, and over its slope leaves `(D + 2 s - 1) / s^2 - 1`.
 */
export function unshrunkVariance({ distortion, slope }: Pick<Codebook, "distortion" | "slope">): number {
  return slope > 0 ? Math.max(0, (distortion + 2 * slope - 1) / slope ** 2 - 1) : Infinity;
}

/** Squared output error for a unit of `unshrunkVariance` in all weights of a tensor. */
function scaledSensitivity(jacobian: TensorJacobian, scales: Float32Array): number {
  const norms = jacobian.channelSquaredNorms;
  if (norms !== null && norms.length === scales.length)
    return norms.reduce((sum, norm, c) => sum + norm * scales[c]! ** 2, 0);
  return (jacobian.squaredNorm * scales.reduce((sum, s) => sum + s * s, 0)) / scales.length;
}

/** Ways to store a tensor by codebooks, one for each number of protected bits. */
function codedWays(
  tensor: StoredTensor,
  { flips }: MemoryTensor,
  jacobian: TensorJacobian,
  scaling: NonNullable<PlanTensor["scaling"]>,
  decoder: DecoderClass,
): TensorWays {
  const weights = cleanWeights(tensor);
  const axis = scaleAxis(tensor, scaling);
  const scales = rootMeanSquares(weights, tensor.dims, axis);
  const step = stepOf({ dims: tensor.dims, channelAxis: axis, blockSize: undefined });
  const source = weightDistribution(weights, (i) => scales[step(i)]!);
  const sensitivity = scaledSensitivity(jacobian, scales);
  return Array.from({ length: tensor.format.bits + 1 }, (_, count): Way => {
    const mask = worstBits(flips, count);
    const book = designCodebook(source, protectBits(flips, mask), decoder);
    return { mask, book, bits: count * tensor.count, noise: sensitivity * unshrunkVariance(book) };
  });
}

/** What was worked out for a memory: searches ask for budget after budget. */
const known = new WeakMap<readonly MemoryTensor[], Map<DecoderClass, readonly TensorWays[]>>();

function waysOf(assessment: Assessment, decoder: DecoderClass): readonly TensorWays[] {
  const { memory, jacobian, storage } = assessment;
  const found = known.get(memory) ?? new Map<DecoderClass, readonly TensorWays[]>();
  known.set(memory, found);
  const ways =
    found.get(decoder) ??
    assessment.tensors.map((tensor, t) =>
      codedWays(tensor, memory[t]!, jacobian![t]!, storage.granularity, decoder),
    );
  found.set(decoder, ways);
  return ways;
}

/** A plan's tensors and codebooks, and what is predicted of them to first order. */
export interface JointStorage {
  readonly tensors: readonly Required<Pick<PlanTensor, "scaling" | "segments">>[];
  readonly codebooks: Plan["codebooks"];
  readonly protectedBits: number;
  readonly noise: number;
  readonly marginalValue: number;
}

/**
 * Stores every tensor so that the predicted noise is least under a budget.
 *
 * @param assessment with calibration data
 * @param overhead share of the stored bits to protect
 * @param shrinking how far what is read is shrunk toward its mean: 0 not at all, 1 to the least squared error
 */
export function jointStorage(
  assessment: Assessment,
  overhead: number,
  decoder: DecoderClass,
  shrinking = 0,
): JointStorage {
  const ways = waysOf(assessment, decoder);
  // A share k / n times n may round to just below k.
  const budget = Math.floor(overhead * storedBits(assessment.memory) * (1 + 2 ** -50) + 1e-9);
  const { items, noise, marginalValue } = allocateChoices(ways, budget);
  const codebooks: Plan["codebooks"] = [];
  let protectedBits = 0;
  const tensors = items.map((chosen, t) => {
    const { count } = assessment.memory[t]!;
    const segments = dividedSegments(ways[t]!, chosen, count, (segment, way) => {
      protectedBits += (segment.count * way.bits) / count;
      const gain = way.book.slope ** (shrinking - 1);
      return { ...segment, codebook: codebooks.push({ table: Array.from(way.book.table), gain }) - 1 };
    });
    return { scaling: assessment.storage.granularity, segments };
  });
  return { tensors, codebooks, protectedBits, noise, marginalValue };
}

/** The first weights by the upper way, the others by the base. */
function dividedSegments(
  ways: TensorWays,
  { base, upper, share }: ChosenStorage,
  count: number,
  finish: (segment: ProtectionSegment, way: Way) => PlanTensor["segments"][number],
): PlanTensor["segments"] {
  const extra = Math.floor(share * count + 1e-9);
  const parts = [
    { start: 0, count: extra, way: ways[upper]! },
    { start: extra, count: count - extra, way: ways[base]! },
  ];
  return parts
    .filter((part) => part.count > 0)
    .map(({ way, ...run }) => finish({ ...run, protectedMask: way.mask, decoder: "none" }, way));
}

/** How far readings may be shrunk; which is best is checked. */
const shrinkings = [0, 0.5] as const;

/** What a joint plan is asked for besides its budget. */
export interface JointOptions extends CheckOptions {
  /** What decoding may cost at inference; any table unless told. */
  readonly decoderClass?: DecoderClass;
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
  const { decoderClass = "table", ...checking } = options;
  const candidates = shrinkings.map((shrinking): Plan => {
    const stored = jointStorage(assessment, overhead, decoderClass, shrinking);
    return {
      ...tac,
      protectedBits: stored.protectedBits,
      overhead: stored.protectedBits / tac.storedBits,
      predicted: { noise: stored.noise, drift: null, marginalValue: stored.marginalValue },
      codebooks: stored.codebooks,
      decoderClass,
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
  const { score, low, high, clean, measure } = checks[best]!;
  return {
    ...plans[best]!,
    predicted: { ...plans[best]!.predicted, check: { measure, clean, score, low, high } },
  };
}

/** Scores beyond the clean network's are chance, and count as its own. */
const isBetter = (a: GaussianCheck, b: GaussianCheck) =>
  a.higherIsBetter ? Math.min(a.score, a.clean) > b.score : Math.max(a.score, a.clean) < b.score;
