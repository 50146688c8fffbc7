/**
 * @file How much of its accuracy a network keeps when Gaussian noise is added to its outputs: the bridge from
 * predicted noise to predicted accuracy, without simulating a fault.
 */
import { addressedStreams, nextNormal } from "../channel/index.ts";

/** Clean outputs of a classifier. */
export interface CleanOutputs {
  /** [count * classes]. */
  readonly values: Float32Array;
  readonly classes: number;
}

/** Clean outputs and how sure the network is of each class. */
export interface ConfidentOutputs extends CleanOutputs {
  /** [count * classes]. */
  readonly confidences: ArrayLike<number>;
}

/**
 * How sure a classifier with these logits is of each class: the softmax of each row, [count * classes].
 *
 * @param outputs logits, [count * classes]
 */
export function softmaxRows({ values, classes }: CleanOutputs): Float64Array {
  const confidences = Float64Array.from(values);
  for (let base = 0; base < confidences.length; base += classes) {
    const row = confidences.subarray(base, base + classes);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    row.forEach((z, c) => (row[c] = Math.exp(z - top)));
    const total = row.reduce((a, b) => a + b, 0);
    row.forEach((v, c) => (row[c] = v / total));
  }
  return confidences;
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
 * @param variance [count] variance of each output of a sample, independent of the others
 * @param shift [count * classes] coherent change of the outputs; none unless given. Outputs that it makes NaN or
 *   infinite keep no answer.
 */
export function expectedAccuracyUnderNoise(
  clean: ConfidentOutputs,
  variance: ArrayLike<number>,
  shift?: ArrayLike<number>,
): number {
  const { values, confidences, classes } = clean;
  const count = variance.length;
  const centre = new Float64Array(classes);
  const noise = new Float64Array(classes);
  let total = 0;
  for (let n = 0; n < count; n++) {
    const base = n * classes;
    for (let c = 0; c < classes; c++) centre[c] = values[base + c]! + (shift?.[base + c] ?? 0);
    if (!centre.every(Number.isFinite)) continue;
    const deviation = Math.sqrt(variance[n]!);
    const random = addressedStreams({ seed: 0, trial: n, tensor: 0 }, marginPurpose)(0);
    for (let draw = 0; draw < antitheticDraws; draw++) {
      for (let c = 0; c < classes; c++) noise[c] = deviation * nextNormal(random);
      total += confidences[base + largestAt(centre, noise, 1)]!;
      total += confidences[base + largestAt(centre, noise, -1)]!;
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
