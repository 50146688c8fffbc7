/**
 * @file Chooses code, range and decoder of a tensor together: codebooks that start from the known codes at several
 * ranges are improved in turns, and the one with the least error is taken.
 */

import { affineFit, bayesFit, refineCodebook, type Codebook, type WeightDistribution } from "./codebook.ts";
import type { FlipProbabilities } from "./flips.ts";
import { numberFormat } from "./format.ts";

/**
 * What a decoder may cost at inference. `free`: a straight line over the integers of two's complement, which folds into
 * scale, zero point and bias. `table`: any table of 2^B entries.
 */
export const decoderClasses = ["free", "table"] as const;

/** The class of a decoder. */
export type DecoderClass = (typeof decoderClasses)[number];

/** The codes that codebooks start from. Gray codes are first: theirs are most often the best. */
const startCodings = ["-gray", "-sign-magnitude", ""] as const;
/** The ranges they start from: the largest value, in units of the scale. */
const startRanges = [0.7, 1, 1.4, 2, 2.8] as const;
/** Turns of the first round, and how many of its codebooks are improved to the end. */
const firstTurns = 15;
const finalists = 3;

/**
 * The best codebook found for weights behind a channel. Not the global optimum, which no method of this kind promises;
 * starts from all codes and ranges come within a few per cent of what hundreds of random starts find.
 *
 * @param source weights in units of their scale, best their root mean square
 * @param flips the channel after protection, of 2 to 8 bits
 * @param known tables to start from besides
 * @throws RangeError without weights
 */
export function designCodebook(
  source: WeightDistribution,
  flips: FlipProbabilities,
  decoder: DecoderClass,
  known: readonly Float64Array[] = [],
): Codebook {
  if (source.values.length === 0) throw new RangeError("No weights, no codebook.");
  const bits = flips.p01.length;
  const fit = decoder === "free" ? affineFit(numberFormat(`int${bits}`).values) : bayesFit;
  const codings = decoder === "free" ? [""] : startCodings;
  const starts = codings.flatMap((coding) => {
    const { values, largest } = numberFormat(`int${bits}${coding}`);
    return startRanges.map((range) => values.map((v) => (v / largest) * range));
  });
  return [...starts, ...known]
    .map((start) => refineCodebook(start, source, flips, fit, firstTurns))
    .sort((a, b) => a.distortion - b.distortion)
    .slice(0, finalists)
    .map((book) => refineCodebook(book.table, source, flips, fit))
    .reduce((a, b) => (b.distortion < a.distortion ? b : a));
}

/** Point masses that stand for a tensor's weights: the error they make of a distortion is below `(range / 4096)^2`. */
const masses = 2048;

/**
 * The distribution of a tensor's weights, each in units of its scale: equal cells from the least to the largest, each at
 * the mean of the weights in it.
 *
 * @param weights [n] finite
 * @param scaleOf positive; the scale of a weight
 */
export function weightDistribution(
  weights: Float32Array,
  scaleOf: (weight: number) => number = () => 1,
): WeightDistribution {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < weights.length; i++) {
    const x = weights[i]! / scaleOf(i);
    if (x < low) low = x;
    if (x > high) high = x;
  }
  const perUnit = high > low ? masses / (high - low) : 0;
  const counts = new Float64Array(masses);
  const sums = new Float64Array(masses);
  for (let i = 0; i < weights.length; i++) {
    const x = weights[i]! / scaleOf(i);
    const cell = Math.min(masses - 1, Math.floor((x - low) * perUnit));
    counts[cell]! += 1;
    sums[cell]! += x;
  }
  const used = Array.from(counts.keys()).filter((cell) => counts[cell]! > 0);
  return {
    values: Float64Array.from(used, (cell) => sums[cell]! / counts[cell]!),
    masses: Float64Array.from(used, (cell) => counts[cell]!),
  };
}
