/**
 * @file The full distribution of a tensor's weight errors, and how much of the error each bit carries.
 */

import type { FlipProbabilities } from "./flips.ts";
import { receivedWeights } from "./butterfly.ts";
import { histogramTotal, type StoredCodes } from "./moments.ts";

/** The distribution of `decoded - stored value` over the weights of a tensor and the faults. */
export interface ErrorDistribution {
  /** [k] distinct finite errors that can occur, ascending, in units of the step. */
  readonly support: Float64Array;
  /** [k] their probabilities; with `nonFinite` they sum to 1. */
  readonly probability: Float64Array;
  /** Probability of a result that is NaN or infinite. */
  readonly nonFinite: number;
}

/** The widest code whose error distribution is enumerated, in bits. */
const widestEnumeration = 12;

/**
 * The exact error distribution of a tensor, by enumeration of pairs of codes. Errors are the same when they are equal
 * as doubles.
 * @throws QtamlError as `errorMoments`.
 * @throws RangeError for codes of more than 12 bits, of whose errors only moments are worked out.
 */
export function errorDistribution(stored: StoredCodes): ErrorDistribution {
  const { values, decode, flips, histogram } = stored;
  if (flips.p01.length > widestEnumeration)
    throw new RangeError(`The error distribution of ${flips.p01.length}-bit codes is too long to enumerate`);
  const total = histogramTotal(values, histogram);
  const size = values.length;
  const masses = new Map<number, number>();
  let nonFinite = 0;
  for (let c = 0; c < size; c++) {
    if (!(histogram[c]! > 0)) continue;
    const alone = new Float64Array(size);
    alone[c] = histogram[c]! / total;
    const received = receivedWeights(alone, flips);
    for (let r = 0; r < size; r++) {
      const joint = received[r]!;
      if (joint === 0) continue;
      const error = decode[r]! - values[c]!;
      if (Number.isFinite(error)) masses.set(error, (masses.get(error) ?? 0) + joint);
      else nonFinite += joint;
    }
  }
  const support = Float64Array.from(masses.keys()).sort();
  return { support, probability: support.map((error) => masses.get(error)!), nonFinite };
}

/** What a bit does when it is the only one that flips, averaged over the weights of a tensor. */
export interface BitContributions {
  /** [B] variance of the error, in squared units of the step. */
  readonly variance: Float64Array;
  /** [B] mean-square error: what protecting the bit alone takes away, to first order in p. */
  readonly meanSquareError: Float64Array;
}

/**
 * The error that each bit causes alone, decoded as stored. For a linear code the variances of the bits add up to the
 * variance of the weight exactly, because the error is a sum of independent terms; for another code to first order.
 * @throws QtamlError as `errorMoments`.
 */
export function bitContributions(
  values: Float64Array,
  flips: FlipProbabilities,
  histogram: Float64Array,
): BitContributions {
  histogramTotal(values, histogram);
  const alone = Array.from(flips.p01.keys(), (k) => {
    let [finite, variance, square] = [0, 0, 0];
    for (let c = 0; c < values.length; c++) {
      const count = histogram[c]!;
      if (!(count > 0)) continue;
      const p = (c >> k) & 1 ? flips.p10[k]! : flips.p01[k]!;
      const gap = values[c ^ (1 << k)]! - values[c]!;
      if (Number.isFinite(gap)) {
        finite += count;
        variance += count * p * (1 - p) * gap * gap;
        square += count * p * gap * gap;
      } else finite += count * (1 - p);
    }
    return { variance: variance / finite, meanSquareError: square / finite };
  });
  return {
    variance: Float64Array.from(alone, (bit) => bit.variance),
    meanSquareError: Float64Array.from(alone, (bit) => bit.meanSquareError),
  };
}

/** [B] the share of each bit in the sum of the bits' variances; zeros if no bit flips. */
export function bitVarianceShares(
  values: Float64Array,
  flips: FlipProbabilities,
  histogram: Float64Array,
): Float64Array {
  const { variance } = bitContributions(values, flips, histogram);
  const total = variance.reduce((sum, v) => sum + v, 0);
  return variance.map((v) => (total > 0 ? v / total : 0));
}

/** The share of the most significant bit in the variance: 0.750011 for symmetric flips of an 8-bit linear code. */
export function topBitShare(values: Float64Array, flips: FlipProbabilities, histogram: Float64Array): number {
  return bitVarianceShares(values, flips, histogram).at(-1)!;
}
