/**
 * @file How often a network keeps its answer when Gaussian noise is added to its outputs: the bridge from predicted
 * noise to predicted agreement, without simulating a fault.
 */
import erfc from "@stdlib/math-base-special-erfc";
import { addressedStreams, nextNormal } from "../channel/index.ts";

/** Standard normal distribution function. */
const normalCdf = (x: number) => erfc(-x / Math.SQRT2) / 2;

/** Step and reach of the trapezoidal rule; for a Gaussian times a bounded smooth function its error is below 1e-9. */
const quadratureStep = 0.25;
const quadratureReach = 6;

/** Clean outputs of a classifier. */
export interface CleanOutputs {
  /** [count * classes]. */
  readonly values: Float32Array;
  readonly classes: number;
}

/**
 * Mean probability that a network keeps its answers when its outputs get Gaussian noise:
 * `P = integral phi(t) prod_{c != top} Phi((z_top - z_c)/s + t) dt` for independent noise of standard deviation `s` on
 * each output.
 *
 * @param clean outputs whose largest entry is the answer to keep
 * @param noise [count] mean squared output error of each sample, without the direction in which all outputs move
 *   alike; each output has variance `noise / (classes - 1)`
 * @param shift [count * classes] coherent change of the outputs; none unless given. Outputs that it makes NaN or
 *   infinite keep no answer.
 */
export function agreementUnderNoise(
  clean: CleanOutputs,
  noise: ArrayLike<number>,
  shift?: ArrayLike<number>,
): number {
  const { values, classes } = clean;
  let total = 0;
  for (let n = 0; n < noise.length; n++) {
    const base = n * classes;
    let top = 0;
    for (let c = 1; c < classes; c++) if (values[base + c]! > values[base + top]!) top = c;
    const moved = Float64Array.from(
      { length: classes },
      (_, c) => values[base + c]! + (shift?.[base + c] ?? 0),
    );
    total += keepProbability(moved, top, Math.sqrt(noise[n]! / (classes - 1)));
  }
  return total / noise.length;
}

function keepProbability(outputs: Float64Array, top: number, sd: number): number {
  if (!outputs.every(Number.isFinite)) return 0;
  const others = outputs.filter((_, c) => c !== top);
  if (!(sd > 0)) return others.every((z) => z < outputs[top]!) ? 1 : 0;
  const margins = others.map((z) => (outputs[top]! - z) / sd);
  let sum = 0;
  for (let t = -quadratureReach; t <= quadratureReach; t += quadratureStep) {
    let product = Math.exp(-(t * t) / 2);
    // Beyond 8 standard deviations the factor is 1 to double precision.
    for (const margin of margins) if (margin + t < 8) product *= normalCdf(margin + t);
    sum += product;
  }
  return (sum * quadratureStep) / Math.sqrt(2 * Math.PI);
}

/** Noise on a classifier's outputs, sample by sample. Gaussian, with mean zero. */
export type OutputNoise =
  /** [count] variance of each output, independent of the others. */
  | { readonly variance: ArrayLike<number> }
  /** [count * classes * classes] covariance matrices. */
  | { readonly covariance: Float64Array };

/** Clean outputs and how sure the network is of each class. */
export interface ConfidentOutputs extends CleanOutputs {
  /** [count * classes]. */
  readonly confidences: ArrayLike<number>;
}

/** Draws a sample, each used with both signs. */
const antitheticDraws = 64;

/**
 * Expected number of right answers per sample when the outputs get Gaussian noise, if the clean network's
 * confidences are right: the mean over samples of `sum_c P(c is largest) * confidence of c`.
 *
 * `P` is found by drawing the noise 64 times a sample with both signs, always the same draws, so that neighbouring
 * budgets differ by what noise does and not by chance. The standard error over `n` samples is at most
 * `1 / (2 sqrt(64 n))`.
 *
 * @param shift [count * classes] coherent change of the outputs; none unless given. Outputs that it makes NaN or
 *   infinite keep no answer.
 */
export function expectedAccuracyUnderNoise(
  clean: ConfidentOutputs,
  noise: OutputNoise,
  shift?: ArrayLike<number>,
): number {
  const { values, confidences, classes } = clean;
  const count = values.length / classes;
  const centre = new Float64Array(classes);
  const white = new Float64Array(classes);
  const coloured = new Float64Array(classes);
  let total = 0;
  for (let n = 0; n < count; n++) {
    const base = n * classes;
    for (let c = 0; c < classes; c++) centre[c] = values[base + c]! + (shift?.[base + c] ?? 0);
    const factor = noiseFactor(noise, n, classes);
    const random = addressedStreams({ seed: 0, trial: n, tensor: 0 }, marginPurpose)(0);
    for (let draw = 0; draw < antitheticDraws; draw++) {
      for (let c = 0; c < classes; c++) white[c] = nextNormal(random);
      colour(factor, white, coloured);
      total += confidences[base + largestAt(centre, coloured, 1)]!;
      total += confidences[base + largestAt(centre, coloured, -1)]!;
    }
  }
  return total / (2 * antitheticDraws * count);
}

const marginPurpose = 5;

/** The index of the largest `centre + sign * noise`, the first of equals. */
function largestAt(centre: Float64Array, noise: Float64Array, sign: number): number {
  let best = 0;
  let height = centre[0]! + sign * noise[0]!;
  for (let c = 1; c < centre.length; c++) {
    const value = centre[c]! + sign * noise[c]!;
    if (value > height) {
      best = c;
      height = value;
    }
  }
  return best;
}

/** A standard deviation, or a lower triangular matrix [classes * classes]. */
function noiseFactor(noise: OutputNoise, n: number, classes: number): number | Float64Array {
  if ("variance" in noise) return Math.sqrt(noise.variance[n]!);
  const size = classes * classes;
  return semidefiniteFactor(noise.covariance.subarray(n * size, (n + 1) * size), classes);
}

function colour(factor: number | Float64Array, white: Float64Array, out: Float64Array): void {
  const size = white.length;
  for (let i = 0; i < size; i++) {
    if (typeof factor === "number") {
      out[i] = factor * white[i]!;
      continue;
    }
    let sum = 0;
    for (let j = 0; j <= i; j++) sum += factor[i * size + j]! * white[j]!;
    out[i] = sum;
  }
}

/**
 * Cholesky factor of a covariance that may be singular: a pivot that is zero to rounding leaves its column empty,
 * since the outputs then do not move in that direction.
 */
function semidefiniteFactor(covariance: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  let scale = 0;
  for (let i = 0; i < size; i++) scale = Math.max(scale, covariance[i * size + i]!);
  // Cancellation in a pivot is at most `size` roundings of the largest variance.
  const floor = scale * size * 2 ** -40;
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let rest = covariance[i * size + j]!;
      for (let k = 0; k < j; k++) rest -= factor[i * size + k]! * factor[j * size + k]!;
      if (i === j) factor[i * size + i] = rest > floor ? Math.sqrt(rest) : 0;
      else factor[i * size + j] = factor[j * size + j]! > 0 ? rest / factor[j * size + j]! : 0;
    }
  }
  return factor;
}
