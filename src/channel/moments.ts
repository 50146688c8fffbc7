/**
 * @file The error law: what a channel and a decode table do to a tensor of which only the histogram of codes is
 * known. Everything is exact enumeration over 2^B x 2^B pairs of codes, whatever the number of weights.
 *
 * Where a received code decodes to NaN or an infinity (fp8), moments are conditional on a finite result, and the
 * probability of the other kind is reported beside them.
 */

import { QtamlError } from "../errors.ts";
import { channelSize } from "./matrix.ts";

/** A tensor in a memory that is read through a channel. All tables have 2^B entries. */
export interface StoredCodes {
  /** [2^B] what each stored code means: `NumberFormat.values`. */
  readonly values: Float64Array;
  /** [2^B] what each received code is decoded to: `values` itself, or the table of a decoder. */
  readonly decode: Float64Array;
  /** [2^B * 2^B] the channel matrix, row = stored code. */
  readonly channel: Float64Array;
  /** [2^B] how many weights (or which share of them) hold each code. */
  readonly histogram: Float64Array;
}

/** What is known of the result when one code was stored. */
export interface ConditionalMoments {
  /** [2^B] `E[decoded | stored code]`. */
  readonly mean: Float64Array;
  /** [2^B] variance of the decoded value, given the stored code. */
  readonly variance: Float64Array;
  /** [2^B] probability that the decoded value is NaN or infinite, given the stored code. */
  readonly nonFinite: Float64Array;
}

/** The error `decoded - stored value` of one weight, averaged over the weights of a tensor, in units of the step. */
export interface ErrorMoments {
  /** Mean error: the bias `b` that adds up coherently in a layer's sums. */
  readonly mean: number;
  /** Mean over weights of the variance given the stored code: `sigma^2`. */
  readonly variance: number;
  /** Mean over weights of the squared bias given the stored code (`mean^2` and what scatters about it). */
  readonly biasSquare: number;
  /** `variance + biasSquare`. */
  readonly meanSquareError: number;
  /** Probability that a weight decodes to NaN or an infinity; the moments above are given that it does not. */
  readonly nonFinite: number;
}

/**
 * Mean, variance and probability of a non-finite result for each stored code. Mean and variance are NaN for a code
 * that can only decode to something that is not finite.
 */
export function conditionalMoments(decode: Float64Array, channel: Float64Array): ConditionalMoments {
  const size = channelSize(channel);
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  const nonFinite = new Float64Array(size);
  for (let c = 0; c < size; c++) {
    let finite = 0;
    let sum = 0;
    for (let r = 0; r < size; r++) {
      const probability = channel[c * size + r]!;
      if (Number.isFinite(decode[r]!)) {
        finite += probability;
        sum += probability * decode[r]!;
      } else nonFinite[c]! += probability;
    }
    const centre = sum / finite;
    let square = 0;
    for (let r = 0; r < size; r++) {
      const deviation = decode[r]! - centre;
      if (Number.isFinite(deviation)) square += channel[c * size + r]! * deviation * deviation;
    }
    mean[c] = centre;
    variance[c] = square / finite;
  }
  return { mean, variance, nonFinite };
}

/**
 * Bias, variance and mean-square error of a tensor's weights.
 * @throws QtamlError invalid-argument if the histogram is empty, non-finite if it counts codes whose value is not.
 */
export function errorMoments(stored: StoredCodes): ErrorMoments {
  const total = histogramTotal(stored.values, stored.histogram);
  const conditional = conditionalMoments(stored.decode, stored.channel);
  let finite = 0;
  let nonFinite = 0;
  let mean = 0;
  let variance = 0;
  let biasSquare = 0;
  for (let c = 0; c < stored.histogram.length; c++) {
    nonFinite += (stored.histogram[c]! / total) * conditional.nonFinite[c]!;
    const share = (stored.histogram[c]! / total) * (1 - conditional.nonFinite[c]!);
    if (share <= 0) continue;
    const bias = conditional.mean[c]! - stored.values[c]!;
    finite += share;
    mean += share * bias;
    variance += share * conditional.variance[c]!;
    biasSquare += share * bias * bias;
  }
  mean /= finite;
  variance /= finite;
  biasSquare /= finite;
  return { mean, variance, biasSquare, meanSquareError: variance + biasSquare, nonFinite };
}

/** Mean and variance of the stored values themselves, in units of the step and its square. */
export function valueMoments(
  values: Float64Array,
  histogram: Float64Array,
): { readonly mean: number; readonly variance: number } {
  const total = histogramTotal(values, histogram);
  const average = (of: (value: number) => number) =>
    histogram.reduce((sum, count, c) => (count > 0 ? sum + (count / total) * of(values[c]!) : sum), 0);
  const mean = average((v) => v);
  return { mean, variance: average((v) => (v - mean) ** 2) };
}

/** The affine law `E[decoded | q] = slope * q + offset` that fits best. */
export interface DriftLine {
  readonly slope: number;
  /** In units of the step. */
  readonly offset: number;
  /** Whether the law holds for every code of the format (to rounding), rather than on average over the weights. */
  readonly exact: boolean;
  /** The largest distance of the conditional mean from the line over codes that are stored, in units of the step. */
  readonly maximumDeviation: number;
}

/**
 * The drift of a tensor's weights. If the conditional mean is affine in the value over all codes, that line is
 * returned and `exact` is true; otherwise it is the least-squares line weighted by the histogram, which is right on
 * average over the tensor. Exact means within 2^-36 of the largest entry of the tables: enumeration rounds to about
 * 2^8 additions * 2^-53 = 2^-45 of it.
 * @throws QtamlError as `errorMoments`.
 */
export function driftLine(stored: StoredCodes): DriftLine {
  const { values, decode, channel, histogram } = stored;
  histogramTotal(values, histogram);
  const { mean, nonFinite } = conditionalMoments(decode, channel);
  const scale = Math.max(largestMagnitude(values), largestMagnitude(decode));
  const everyCode = values.map((v, c) => (Number.isFinite(v) && Number.isFinite(mean[c]!) ? 1 : 0));
  const deviation = (line: { slope: number; offset: number }, weights: Float64Array) =>
    weights.reduce(
      (m, w, c) => (w > 0 ? Math.max(m, Math.abs(mean[c]! - line.slope * values[c]! - line.offset)) : m),
      0,
    );
  const overall = fitLine(values, mean, everyCode);
  if (deviation(overall, everyCode) <= scale * 2 ** -36) {
    return { ...overall, exact: true, maximumDeviation: deviation(overall, histogram) };
  }
  const weights = histogram.map((count, c) => count * (1 - nonFinite[c]!));
  const fitted = fitLine(values, mean, weights);
  return { ...fitted, exact: false, maximumDeviation: deviation(fitted, histogram) };
}

/** The largest finite magnitude in a table. */
export function largestMagnitude(table: Float64Array): number {
  return table.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
}

/** Weighted least squares; where only one abscissa has weight the slope is taken as 1. */
function fitLine(
  x: Float64Array,
  y: Float64Array,
  weights: Float64Array,
): { readonly slope: number; readonly offset: number } {
  let total = 0;
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < x.length; i++) {
    if (!(weights[i]! > 0)) continue;
    total += weights[i]!;
    meanX += weights[i]! * x[i]!;
    meanY += weights[i]! * y[i]!;
  }
  meanX /= total;
  meanY /= total;
  let square = 0;
  let product = 0;
  for (let i = 0; i < x.length; i++) {
    if (!(weights[i]! > 0)) continue;
    square += weights[i]! * (x[i]! - meanX) ** 2;
    product += weights[i]! * (x[i]! - meanX) * (y[i]! - meanY);
  }
  const slope = square > 0 ? product / square : 1;
  return { slope, offset: meanY - slope * meanX };
}

/** The sum of a histogram, checked. */
export function histogramTotal(values: Float64Array, histogram: Float64Array): number {
  let total = 0;
  for (let c = 0; c < histogram.length; c++) {
    const count = histogram[c]!;
    if (!(count >= 0 && count < Infinity)) {
      throw new QtamlError(
        "non-finite",
        `The histogram counts ${count} weights of code ${c}: give counts of 0 or more.`,
      );
    }
    if (count > 0 && !Number.isFinite(values[c]!)) {
      throw new QtamlError(
        "non-finite",
        `${count} weights are stored as code ${c}, which stands for ${values[c]}: replace NaN and infinite weights by finite ones.`,
      );
    }
    total += count;
  }
  if (total === 0)
    throw new QtamlError("invalid-argument", "The tensor holds no weights: its error law is undefined.");
  return total;
}
