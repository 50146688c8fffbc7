/**
 * @file What is predicted to be left of the output error, and the saturation ratio that follows from it.
 */
import { mostBits, type CodedBits, type DecoderKind, type ProtectionSegment } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { allocator, storedBits, type Allocation } from "./allocate.ts";
import { bitCount, ordinaryErrors, weightVariance, type MemoryTensor } from "./ladder.ts";
import type { PolicyName } from "./policies.ts";

/**
 * Predicted random part of the mean squared output error of each tensor, `sigma_l^2 ||J_l||_F^2`, under its segments.
 * Undefined when a Jacobian was not measured.
 *
 * @param varianceOf error variance of a weight in squared steps; that of all weights unless told
 */
export function tensorNoise(
  tensors: readonly MemoryTensor[],
  segments: readonly (readonly ProtectionSegment[])[],
  varianceOf: (
    tensor: MemoryTensor,
    mask: number,
    kind: DecoderKind,
    codes?: readonly CodedBits[],
  ) => number = weightVariance,
): number[] | undefined {
  const noise: number[] = [];
  for (const [t, tensor] of tensors.entries()) {
    const { stepSensitivity } = tensor;
    if (stepSensitivity === undefined) return undefined;
    noise.push(
      segments[t]!.reduce(
        (sum, { count, protectedMask, decoder, codes }) =>
          sum +
          (count === 0 ? 0 : count * stepSensitivity * varianceOf(tensor, protectedMask, decoder, codes)),
        0,
      ),
    );
  }
  return noise;
}

/** The sum of `tensorNoise`: tensors fail independently, so their noises add up. */
export function predictedNoise(
  tensors: readonly MemoryTensor[],
  segments: readonly (readonly ProtectionSegment[])[],
): number | undefined {
  return tensorNoise(tensors, segments)?.reduce((a, b) => a + b, 0);
}

/**
 * Runaway weights to expect on a chip (`ordinaryErrors`). With few of them each chip has none with probability
 * `exp(-expected)`: then only the noise of the others matters.
 */
export function expectedRunaways(
  tensors: readonly MemoryTensor[],
  segments: readonly (readonly ProtectionSegment[])[],
): number {
  return tensors.reduce(
    (sum, tensor, t) =>
      segments[t]!.reduce(
        (s, { count, protectedMask, decoder, codes }) =>
          s + (count === 0 ? 0 : count * ordinaryErrors(tensor, protectedMask, decoder, codes).runaway),
        sum,
      ),
    0,
  );
}

/** Predicted noise against overhead: a falling polyline, exact because both are linear within a bit plane. */
export interface ResidualCurve {
  /** [n] protected bits over stored bits, ascending. */
  readonly overhead: readonly number[];
  /** [n] squared output error left under each. */
  readonly noise: readonly number[];
}

/** Noise of an allocation whose tensors are read without correction. */
function allocationNoise(tensors: readonly MemoryTensor[], allocation: Allocation): number {
  return allocation.tensors.reduce((sum, { mask, extraMask, extra }, t) => {
    const tensor = tensors[t]!;
    const variance = (protectedMask: number) => weightVariance(tensor, protectedMask, "none");
    const weights = extra * variance(extraMask) + (tensor.count - extra) * variance(mask);
    return sum + weights * tensor.stepSensitivity!;
  }, 0);
}

/** Budgets at which a policy finishes a bit plane. */
function breakpoints(policy: PolicyName, tensors: readonly MemoryTensor[], seed: number): Allocation[] {
  const { allocate } = allocator(policy, tensors, seed);
  const bits = storedBits(tensors);
  const found = [allocate(0)];
  if (policy === "uniform-msp") {
    const levels = new Set(
      tensors.flatMap(({ format: { bits: b } }) => Array.from({ length: b }, (_, m) => (m + 1) / b)),
    );
    for (const level of [...levels].sort((a, b) => a - b)) found.push(allocate(level));
    return found;
  }
  // Each tensor and bit adds one breakpoint; stepping to the next one means finishing the plane under way.
  const planes = tensors.reduce((sum, t) => sum + t.format.bits, 0);
  for (let i = 0; i < planes; i++) {
    const last = found.at(-1)!;
    if (last.protectedBits >= bits) break;
    // A rung of several bits a weight is not begun with fewer.
    let probe = last;
    for (let step = 1; step <= mostBits && probe.protectedBits === last.protectedBits; step++)
      probe = allocate(Math.min(1, (last.protectedBits + step) / bits));
    const open = probe.tensors.findIndex((a) => a.extra > 0);
    if (open < 0) {
      found.push(probe);
      continue;
    }
    const { mask, extraMask, extra } = probe.tensors[open]!;
    const added = bitCount(extraMask & ~mask);
    found.push(allocate((probe.protectedBits + (tensors[open]!.count - extra) * added) / bits));
  }
  return found;
}

/**
 * Predicted noise against overhead for a policy read without correction.
 *
 * @throws QtamlError `invalid-argument` when a Jacobian was not measured
 */
export function residualCurve(policy: PolicyName, tensors: readonly MemoryTensor[], seed = 0): ResidualCurve {
  const missing = tensors.find((t) => t.stepSensitivity === undefined);
  if (missing !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      `The Jacobian of tensor "${missing.name}" was not measured: give calibration data.`,
    );
  }
  const bits = storedBits(tensors);
  const points = breakpoints(policy, tensors, seed);
  return {
    overhead: points.map((a) => a.protectedBits / bits),
    noise: points.map((a) => allocationNoise(tensors, a)),
  };
}

/** Smallest overhead at which a curve has fallen to a noise; 0 when it starts below, 1 when it never does. */
export function overheadAtNoise(curve: ResidualCurve, noise: number): number {
  const { overhead, noise: values } = curve;
  if (values[0]! <= noise) return 0;
  for (let i = 1; i < values.length; i++) {
    if (values[i]! > noise) continue;
    const share = (values[i - 1]! - noise) / (values[i - 1]! - values[i]!);
    return overhead[i - 1]! + share * (overhead[i]! - overhead[i - 1]!);
  }
  return 1;
}

/**
 * Saturation ratio: how many times the overhead of TAC Uniform-MSP needs to bring the predicted noise down to a
 * target. Our definition; the published formula is not public. 1 when neither needs anything: with nothing protected
 * both leave the same.
 *
 * @param noise target of the mean squared output error
 * @throws QtamlError `invalid-argument` when a Jacobian was not measured
 */
export function saturationRatio(tensors: readonly MemoryTensor[], noise: number): number {
  const tac = overheadAtNoise(residualCurve("tac", tensors), noise);
  const uniform = overheadAtNoise(residualCurve("uniform-msp", tensors), noise);
  return uniform === 0 ? 1 : uniform / tac;
}

/** `AM / GM` of `g_l Delta_l^2`, weighted by the number of weights, and what it means away from the limits. */
export interface Heterogeneity {
  /** At equal overhead, uniform protection leaves this many times the noise. */
  readonly noiseRatio: number;
  /** At equal noise, uniform protection spends this many more bits a weight: `log4(AM / GM)`. */
  readonly extraBits: number;
}

/** How unequal the tensors are: the interior solution of the allocation, without clipping at 0 and B bits. */
export function heterogeneity(tensors: readonly MemoryTensor[]): Heterogeneity | undefined {
  let weights = 0;
  let arithmetic = 0;
  let logarithmic = 0;
  for (const { count, stepSensitivity } of tensors) {
    if (stepSensitivity === undefined || stepSensitivity === 0) return undefined;
    weights += count;
    arithmetic += count * stepSensitivity;
    logarithmic += count * Math.log(stepSensitivity);
  }
  const noiseRatio = arithmetic / weights / Math.exp(logarithmic / weights);
  return { noiseRatio, extraBits: Math.log(noiseRatio) / Math.log(4) };
}
