/**
 * @file Intervals that hold however often one looks, besides the one by betting (`betting.ts`): exact for a proportion,
 * and for a mean one that is as narrow as can be but only holds for large numbers.
 */
import { QtamlError } from "../errors.ts";
import { clipInterval, missProbability, type ClipOptions, type Interval } from "./interval.ts";
import { sampleVariance, type Moments } from "./moments.ts";

/** Enough halvings for 1e-13 of the range. */
const halvings = 43;

/**
 * Logarithm of the probability of one sequence with so many successes and failures under a mixture of proportions: half
 * the weight is Jeffreys' Beta(1/2, 1/2), a quarter each is at 0 and at 1.
 */
function logMixture(successes: number, failures: number): number {
  let jeffreys = Math.log(1 / 2);
  for (let i = 0; i < successes; i++) jeffreys += Math.log(i + 1 / 2);
  for (let i = 0; i < failures; i++) jeffreys += Math.log(i + 1 / 2);
  for (let i = 1; i <= successes + failures; i++) jeffreys -= Math.log(i);
  const ends = (successes === 0 ? 1 / 4 : 0) + (failures === 0 ? 1 / 4 : 0);
  return ends === 0 ? jeffreys : Math.log(ends + Math.exp(jeffreys));
}

/**
 * Interval for a proportion (yield: the share of chips that keep the target), valid at every look at once and exact
 * for any number of chips: the proportions p whose likelihood `p^k (1 - p)^(n - k)` is above alpha times that of a
 * mixture (Robbins, Annals of Mathematical Statistics 41, 1397, 1970). The likelihood ratio of the mixture to the true p
 * is a non-negative martingale, so it ever reaches 1/alpha with probability at most alpha (Ville).
 *
 * The mixture is half Jeffreys' beta and half the ends 0 and 1, because memories are made so that almost all chips
 * keep: without a bad chip a yield of 0.99 is settled after 431 chips at 95 %, where Clopper-Pearson, for a number
 * fixed beforehand, takes 368 and a plain Jeffreys mixture about 690.
 *
 * @param successes k
 * @param trials n; 0 gives [0, 1]
 * @throws QtamlError `invalid-argument` unless 0 <= successes <= trials, both whole
 */
export function proportionSequence(successes: number, trials: number, confidence = 0.95): Interval {
  const alpha = missProbability(confidence);
  const isCount = Number.isInteger(successes) && Number.isInteger(trials);
  if (!isCount || successes < 0 || successes > trials) {
    throw new QtamlError(
      "invalid-argument",
      `${successes} of ${trials} is not a proportion; count no more successes than trials.`,
    );
  }
  if (trials === 0) return { estimate: 1 / 2, low: 0, high: 1 };
  const failures = trials - successes;
  const least = Math.log(alpha) + logMixture(successes, failures);
  const isKept = (p: number) =>
    (successes === 0 ? 0 : successes * Math.log(p)) + (failures === 0 ? 0 : failures * Math.log1p(-p)) >=
    least;
  const estimate = successes / trials;
  // The likelihood rises up to the estimate and falls from there; an end is moved outwards by what bisection leaves.
  const end = (outer: 0 | 1) => {
    if (isKept(outer)) return outer;
    let [inside, outside]: [number, number] = [estimate, outer];
    for (let i = 0; i < halvings; i++) {
      const middle = (inside + outside) / 2;
      if (isKept(middle)) inside = middle;
      else outside = middle;
    }
    return outside;
  };
  return { estimate, low: end(0), high: end(1) };
}

/** Settings of `asymptoticMeanSequence`. */
export interface AsymptoticOptions extends ClipOptions {
  /** Number of chips at which the interval is to be narrowest against Student's t; 100 by default. */
  readonly tunedTo?: number;
}

/** Fewer values than this say nothing under `asymptoticMeanSequence`. */
export const asymptoticStart = 30;

/**
 * Interval for a mean that holds at every look at once, for large numbers only: the asymptotic confidence sequence of
 * Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and asymptotic confidence
 * sequences", Annals of Statistics 52, 2613, 2024, equation 9)
 *
 * `mean +- s sqrt(2 (n r^2 + 1) / (n^2 r^2) ln(sqrt(n r^2 + 1) / alpha))`, `r^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / tunedTo`.
 *
 * About 1.55 times as wide as Student's t at the number of chips it is tuned to, whatever the bounds. It believes the
 * spread that it has seen: where one chip in a hundred collapses and none of them has been met, it is too narrow, as
 * Student's t is. Unbounded before `asymptoticStart` values.
 *
 * @throws QtamlError `non-finite` when a value is NaN or infinite
 */
export function asymptoticMeanSequence(moments: Moments, options: AsymptoticOptions = {}): Interval {
  const alpha = missProbability(options.confidence);
  const { count: n, mean } = moments;
  if (!Number.isFinite(mean) || !Number.isFinite(moments.m2)) {
    throw new QtamlError("non-finite", "A value to average is NaN or infinite; count such chips separately.");
  }
  if (n < asymptoticStart) {
    return clipInterval({ estimate: mean, low: -Infinity, high: Infinity }, options.clip);
  }
  const tightness = (Math.log(1 - 2 * Math.log(alpha)) - 2 * Math.log(alpha)) / (options.tunedTo ?? 100);
  const reach = n * tightness + 1;
  const half = Math.sqrt(
    ((2 * reach) / (n * n * tightness)) * Math.log(Math.sqrt(reach) / alpha) * sampleVariance(moments),
  );
  return clipInterval({ estimate: mean, low: mean - half, high: mean + half }, options.clip);
}
