/**
 * @file Upper tails of the binomial and Poisson laws by direct summation away from the mode. Terms shrink at least
 * geometrically, so some tens of standard deviations of terms reach full precision; the first term comes from
 * Stirling's series.
 */

import { requireNumber } from "./check.ts";

const SMALL_FACTORIALS = 32;
const LOG_FACTORIALS = Float64Array.from({ length: SMALL_FACTORIALS }, (_, n) => {
  let sum = 0;
  for (let i = 2; i <= n; i += 1) sum += Math.log(i);
  return sum;
});

/** ln n! of an integer n >= 0. */
export function logFactorial(n: number): number {
  if (n < SMALL_FACTORIALS) return LOG_FACTORIALS[n]!;
  const inverse = 1 / n;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + series;
}

/** Sums terms from `first`, each the last times `ratio(i)`, until they no longer count. */
function sumTerms(first: number, ratio: (i: number) => number, most: number): number {
  let term = first;
  let sum = 0;
  for (let i = 0; i < most && term > sum * 1e-17; i += 1) {
    sum += term;
    term *= ratio(i);
  }
  return sum;
}

/**
 * P(N >= threshold) of a Poisson count.
 * @param mean >= 0
 * @param threshold an integer; 0 or less gives 1
 */
export function poissonTail(mean: number, threshold: number): number {
  requireNumber("mean count", mean, { min: 0 });
  if (threshold <= 0) return 1;
  if (mean === 0) return 0;
  const logMean = Math.log(mean);
  const logTerm = (k: number): number => k * logMean - mean - logFactorial(k);
  if (threshold > mean) {
    return Math.min(
      1,
      sumTerms(Math.exp(logTerm(threshold)), (i) => mean / (threshold + i + 1), Infinity),
    );
  }
  const below = threshold - 1;
  return Math.max(0, 1 - sumTerms(Math.exp(logTerm(below)), (i) => (below - i) / mean, threshold));
}

/**
 * P(N >= threshold) of `trials` independent events of one probability.
 * @param trials an integer >= 0
 * @param probability in [0, 1]
 * @param threshold an integer; 0 or less gives 1, more than `trials` gives 0
 */
export function binomialTail(trials: number, probability: number, threshold: number): number {
  requireNumber("probability", probability, { min: 0, max: 1 });
  if (threshold <= 0) return 1;
  if (threshold > trials || probability === 0) return 0;
  if (probability === 1) return 1;
  const logOdds = Math.log(probability) - Math.log1p(-probability);
  const odds = Math.exp(logOdds);
  const logTerm = (k: number): number =>
    logFactorial(trials) -
    logFactorial(k) -
    logFactorial(trials - k) +
    k * logOdds +
    trials * Math.log1p(-probability);
  if (threshold > trials * probability) {
    const first = Math.exp(logTerm(threshold));
    const sum = sumTerms(
      first,
      (i) => ((trials - threshold - i) / (threshold + i + 1)) * odds,
      trials - threshold + 1,
    );
    return Math.min(1, sum);
  }
  const below = threshold - 1;
  const sum = sumTerms(
    Math.exp(logTerm(below)),
    (i) => (below - i) / ((trials - below + i + 1) * odds),
    threshold,
  );
  return Math.max(0, 1 - sum);
}
