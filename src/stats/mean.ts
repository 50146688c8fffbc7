/**
 * @file Intervals for a mean over chips whose number was fixed beforehand, and how many chips that takes.
 */
import { QtamlError } from "../errors.ts";
import { studentQuantile } from "./beta.ts";
import { clipInterval, missProbability, type ClipOptions, type Interval } from "./interval.ts";
import { momentsOf, standardDeviation, type Moments } from "./moments.ts";

/**
 * Student's t interval for the mean over chips: `mean +- t(1 - alpha/2; n - 1) s / sqrt n`.
 *
 * Each value is one independent chip, and the number of chips was decided before looking: looking repeatedly and
 * stopping at will voids it (use `boundedMeanInterval`). Exact for normal values, approximate otherwise: of
 * accuracies skewed like Beta(9, 1), 10 chips cover 92 % and 50 chips 94 % at a stated 95 %. One chip says nothing about the
 * spread, so its interval is unbounded before clipping; equal values give an interval of width zero, which for a
 * handful of chips only means that no bad chip was met.
 *
 * @param sample the values, or their moments
 * @throws QtamlError `invalid-argument` without values or with an impossible confidence, `non-finite` when a value is
 *   NaN or infinite
 */
export function meanInterval(sample: ArrayLike<number> | Moments, options: ClipOptions = {}): Interval {
  const moments = "m2" in sample ? sample : momentsOf(sample);
  const alpha = missProbability(options.confidence);
  const { count, mean } = moments;
  if (count === 0) {
    throw new QtamlError("invalid-argument", "There is no chip to average over; run at least one trial.");
  }
  if (!Number.isFinite(mean) || !Number.isFinite(moments.m2)) {
    throw new QtamlError("non-finite", "A value to average is NaN or infinite; count such chips separately.");
  }
  const half =
    count === 1
      ? Infinity
      : (studentQuantile(1 - alpha / 2, count - 1) * standardDeviation(moments)) / Math.sqrt(count);
  return clipInterval({ estimate: mean, low: mean - half, high: mean + half }, options.clip);
}

/**
 * Student's t interval for the mean of `a[i] - b[i]`: two policies on the same chips, under the same faults. Common
 * faults make the two accuracies alike, so this is much narrower than the difference of two separate intervals, and
 * it is valid where that one is only conservative.
 *
 * @throws QtamlError `invalid-argument` when the two differ in length, and as `meanInterval`
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: ClipOptions = {},
): Interval {
  if (a.length !== b.length) {
    throw new QtamlError(
      "invalid-argument",
      `A paired comparison needs the same chips on both sides, but one has ${a.length} and the other ${b.length}.`,
    );
  }
  return meanInterval(
    Float64Array.from(a, (value, i) => value - b[i]!),
    options,
  );
}

/** What `requiredChips` is to achieve, and how well the standard deviation is known. */
export interface RequiredChipsOptions extends ClipOptions {
  /** Number of pilot chips that the standard deviation was estimated from; unstated, it is taken as known. */
  readonly pilotChips?: number;
}

/**
 * How many chips give an interval of the mean of at most the wanted half-width.
 *
 * With a known standard deviation: the least n with `t(1 - alpha/2; n - 1) sd / sqrt n <= halfWidth`. With
 * `pilotChips` n0: Stein's two-stage rule `max(n0, ceil((t(1 - alpha/2; n0 - 1) sd / halfWidth)^2))` (Annals of
 * Mathematical Statistics 16, 243, 1945), which pays for the pilot's own uncertainty: the mean over all n chips (the
 * pilot's included) is then within `halfWidth` of the truth with the stated confidence, for normal values.
 *
 * @param standardDeviation between chips, of the same unit as `halfWidth`
 * @throws QtamlError `invalid-argument` for a half-width that is not positive, a negative or non-finite standard
 *   deviation, or fewer than two pilot chips
 */
export function requiredChips(
  standardDeviation: number,
  halfWidth: number,
  options: RequiredChipsOptions = {},
): number {
  const alpha = missProbability(options.confidence);
  if (!(halfWidth > 0) || !(standardDeviation >= 0 && standardDeviation < Infinity)) {
    throw new QtamlError(
      "invalid-argument",
      `No number of chips gives a half-width of ${halfWidth} at a standard deviation of ${standardDeviation}; both must be finite and positive.`,
    );
  }
  const { pilotChips } = options;
  if (pilotChips !== undefined) {
    if (!Number.isInteger(pilotChips) || pilotChips < 2) {
      throw new QtamlError(
        "invalid-argument",
        `A pilot of ${pilotChips} chips has no standard deviation; use at least 2.`,
      );
    }
    const chips = (studentQuantile(1 - alpha / 2, pilotChips - 1) * standardDeviation) / halfWidth;
    return Math.max(pilotChips, Math.ceil(chips * chips));
  }
  const isEnough = (n: number) =>
    (studentQuantile(1 - alpha / 2, n - 1) * standardDeviation) / Math.sqrt(n) <= halfWidth;
  let enough = 2;
  while (!isEnough(enough)) enough *= 2;
  let few = enough === 2 ? 1 : enough / 2;
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    if (isEnough(middle)) enough = middle;
    else few = middle;
  }
  return enough;
}
