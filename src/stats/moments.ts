/**
 * @file Count, mean and sum of squared deviations of a sample: small, plain (JSON) and mergeable, so that shards of a
 * campaign can be summarised where they ran.
 */

/** Sufficient statistics of a sample for its mean and variance. */
export interface Moments {
  /** Number of values. */
  readonly count: number;
  /** Their arithmetic mean; 0 when there are none. */
  readonly mean: number;
  /** Sum of their squared deviations from the mean. */
  readonly m2: number;
}

/** The moments of no values at all: merging them in changes nothing. */
export const emptyMoments: Moments = { count: 0, mean: 0, m2: 0 };

/** The moments with one value more (Welford, Technometrics 4, 419, 1962). */
export function addValue(moments: Moments, value: number): Moments {
  const count = moments.count + 1;
  const delta = value - moments.mean;
  const mean = moments.mean + delta / count;
  return { count, mean, m2: moments.m2 + delta * (value - mean) };
}

/** The moments of the given values, added in their order. */
export function momentsOf(values: ArrayLike<number>): Moments {
  let mean = 0;
  let m2 = 0;
  for (let i = 0; i < values.length; i++) {
    const delta = values[i]! - mean;
    mean += delta / (i + 1);
    m2 += delta * (values[i]! - mean);
  }
  return { count: values.length, mean, m2 };
}

/**
 * The moments of two samples together (Chan, Golub and LeVeque, The American Statistician 37, 242, 1983).
 *
 * Symmetric bit for bit in its two arguments; not associative in floating point. Merging the same shards in the same
 * order therefore always gives the same bits, whichever finished first: merge in the order of the trials.
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  return {
    count,
    mean: (a.count * a.mean + b.count * b.mean) / count,
    m2: a.m2 + b.m2 + delta * delta * ((a.count * b.count) / count),
  };
}

/** Sample variance, with the divisor count - 1; NaN for fewer than two values. */
export function sampleVariance(moments: Moments): number {
  return moments.count < 2 ? NaN : moments.m2 / (moments.count - 1);
}

/** Square root of the sample variance; NaN for fewer than two values. */
export function standardDeviation(moments: Moments): number {
  return Math.sqrt(sampleVariance(moments));
}
