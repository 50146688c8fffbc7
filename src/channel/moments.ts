/**
 * @file The error law: what a channel and a decode table do to a tensor of which only the histogram of codes is
 * known. Everything is exact, and costs the same whatever the number of weights.
 *
 * Where a received code decodes to NaN or an infinity (floats), moments are conditional on a finite result, and the
 * probability of the other kind is reported beside them.
 */

import { QtamlError } from "../errors.ts";
import { conditionalMoments } from "./butterfly.ts";
import type { FlipProbabilities } from "./flips.ts";
import { reachableCodes, tableOver } from "./reachable.ts";

/** A tensor in a memory that is read through a channel. All tables have 2^B entries. */
export interface StoredCodes {
  /** [2^B] what each stored code means: `NumberFormat.values`. */
  readonly values: Float64Array;
  /** [2^B] what each received code is decoded to: `values` itself, or the table of a decoder. */
  readonly decode: Float64Array;
  /** What can happen to each bit. */
  readonly flips: FlipProbabilities;
  /** [2^B] how many weights (or which share of them) hold each code. */
  readonly histogram: Float64Array;
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
 * Bias, variance and mean-square error of a tensor's weights.
 * @throws QtamlError invalid-argument if the histogram is empty, non-finite if it counts codes whose value is not.
 */
export function errorMoments(stored: StoredCodes): ErrorMoments {
  const { values, decode, flips, histogram } = stored;
  const total = histogramTotal(values, histogram);
  const { codes, place, flips: openFlips } = reachableCodes([histogram], flips);
  const conditional = conditionalMoments(tableOver(codes, decode), openFlips);
  let finite = 0;
  let nonFinite = 0;
  let mean = 0;
  let variance = 0;
  let biasSquare = 0;
  for (let c = 0; c < histogram.length; c++) {
    if (!(histogram[c]! > 0)) continue;
    const at = place[c]!;
    nonFinite += (histogram[c]! / total) * conditional.nonFinite[at]!;
    const share = (histogram[c]! / total) * (1 - conditional.nonFinite[at]!);
    if (share <= 0) continue;
    const own = decode[c]!;
    const bias = conditional.shift[at]! + ((Number.isFinite(own) ? own : 0) - values[c]!);
    finite += share;
    mean += share * bias;
    variance += share * conditional.variance[at]!;
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
  /** Mean value read for each value stored. */
  readonly slope: number;
  /** In units of the step. */
  readonly offset: number;
  /** Whether the law holds for every code of the format (to rounding), rather than on average over the weights. */
  readonly exact: boolean;
  /** The largest distance of the conditional mean from the line over codes that are stored, in units of the step. */
  readonly maximumDeviation: number;
}

/**
 * The drift of a tensor's weights. If the conditional mean is affine in the value over all codes that stand for and
 * decode to finite values, that line is returned and `exact` is true; otherwise it is the least-squares line weighted
 * by the histogram, which is right on average over the tensor. Exact means within 2^-36 of the largest of those
 * values: each of at most 16 stages rounds to about 2^-51 of it.
 * @throws QtamlError as `errorMoments`.
 */
export function driftLine(stored: StoredCodes): DriftLine {
  const { values, decode, flips, histogram } = stored;
  histogramTotal(values, histogram);
  const { mean, nonFinite } = conditionalMoments(decode, flips);
  const isKnown = (c: number) =>
    Number.isFinite(values[c]!) && Number.isFinite(decode[c]!) && Number.isFinite(mean[c]!);
  const everyCode = values.map((_, c) => (isKnown(c) ? 1 : 0));
  const scale = everyCode.reduce(
    (m, known, c) => (known ? Math.max(m, Math.abs(values[c]!), Math.abs(decode[c]!)) : m),
    0,
  );
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

/** Weighted least squares; slope 1 where only one abscissa has weight, and no offset where none has. */
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
  if (total === 0) return { slope: 1, offset: 0 };
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
