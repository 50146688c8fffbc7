/**
 * @file Intervals for quantities that are not means, above all the ratio of two overheads: one way that is always
 * valid, one that is tighter and approximate.
 */
import { QtamlError } from "../errors.ts";
import { missProbability, type ConfidenceOptions, type Interval } from "./interval.ts";
import { quantile } from "./proportion.ts";
import { uniformStream } from "./random.ts";

/**
 * The confidence that each of several intervals needs so that all of them cover at once with the wanted one, however
 * they depend on each other: `1 - (1 - confidence) / count` (Bonferroni).
 *
 * @throws QtamlError `invalid-argument` when the confidence is impossible
 */
export function jointConfidence(count: number, confidence = 0.95): number {
  return 1 - missProbability(confidence) / count;
}

/**
 * Interval for the ratio of two quantities that are not negative, from their own intervals: from the least numerator
 * over the greatest denominator to the reverse.
 *
 * It covers whenever both intervals do: with intervals of confidence `jointConfidence(2)` the ratio has 95 %, in any
 * sample size, for policies under common or separate faults. Conservative; `bootstrapInterval` is the tighter way
 * where the chips are at hand. A denominator that may be zero gives an upper end of Infinity (and an estimate of
 * Infinity, or NaN for zero over zero).
 *
 * @throws QtamlError `invalid-argument` when an interval reaches below zero
 */
export function ratioInterval(numerator: Interval, denominator: Interval): Interval {
  if (!(numerator.low >= 0 && denominator.low >= 0)) {
    throw new QtamlError(
      "invalid-argument",
      `A ratio needs quantities that are not negative, but their intervals start at ${numerator.low} and ${denominator.low}; clip them at 0.`,
    );
  }
  return {
    estimate: numerator.estimate / denominator.estimate,
    // 0/0 leaves everything possible: 0 below, Infinity above.
    low: numerator.low === 0 ? 0 : numerator.low / denominator.high,
    high: denominator.low === 0 ? Infinity : numerator.high / denominator.low,
  };
}

/** How a sample is resampled. */
export interface BootstrapOptions extends ConfidenceOptions {
  /** Number of resamples; 2,000 by default. */
  readonly resamples?: number;
  /** Seed of the resampling; 0 by default. */
  readonly seed?: number;
}

/**
 * Percentile bootstrap over chips (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): chips
 * are drawn with replacement, the same ones for everything that the statistic looks at, so comparisons stay paired.
 *
 * For the ratio of two overheads the statistic averages the accuracies of the drawn chips at each budget, finds both
 * overheads at the target, and divides. Approximate: right for statistics that vary smoothly with the averages, from
 * some fifty chips on; not for extreme quantiles, and not under optional stopping. Infinite values of the statistic
 * are kept in their place in the order.
 *
 * @param chips number of chips, numbered from 0
 * @param statistic of a list of chips, with repetitions; must not keep the list
 * @throws QtamlError `invalid-argument` without chips or resamples, `non-finite` when the statistic is NaN
 */
export function bootstrapInterval(
  chips: number,
  statistic: (chips: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const alpha = missProbability(options.confidence);
  const resamples = options.resamples ?? 2000;
  if (!Number.isInteger(chips) || chips < 1 || !Number.isInteger(resamples) || resamples < 1) {
    throw new QtamlError(
      "invalid-argument",
      `${resamples} resamples of ${chips} chips are not possible; give whole numbers from 1 on.`,
    );
  }
  const uniform = uniformStream(options.seed ?? 0);
  const drawn = Int32Array.from({ length: chips }, (_, i) => i);
  const evaluate = () => {
    const value = statistic(drawn);
    if (Number.isNaN(value)) {
      throw new QtamlError(
        "non-finite",
        "The resampled statistic is NaN; give one that is defined for every choice of chips.",
      );
    }
    return value;
  };
  const estimate = evaluate();
  const values = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < chips; i++) drawn[i] = Math.floor(uniform() * chips);
    values[r] = evaluate();
  }
  values.sort();
  return { estimate, low: quantile(values, alpha / 2), high: quantile(values, 1 - alpha / 2) };
}
