/**
 * @file Intervals for a proportion (yield: the share of chips that keep the target) and for a quantile over chips
 * (what the worst chips still reach). Both are exact for any number of chips fixed beforehand.
 */
import { QtamlError } from "../errors.ts";
import { betaQuantile } from "./beta.ts";
import { clipInterval, missProbability, type ClipOptions, type Interval } from "./interval.ts";

/**
 * Clopper-Pearson interval for a proportion: `beta(alpha/2; k, n-k+1)` to `beta(1-alpha/2; k+1, n-k)` (Biometrika 26,
 * 404, 1934). Covers at least with the stated confidence for every true proportion and every n, fixed beforehand.
 *
 * @param successes k
 * @param trials n
 * @throws QtamlError `invalid-argument` unless 0 <= successes <= trials and trials >= 1, both whole
 */
export function proportionInterval(successes: number, trials: number, confidence = 0.95): Interval {
  const alpha = missProbability(confidence);
  const isCount = Number.isInteger(successes) && Number.isInteger(trials);
  if (!isCount || trials < 1 || successes < 0 || successes > trials) {
    throw new QtamlError(
      "invalid-argument",
      `${successes} of ${trials} is not a proportion; count at least one trial and no more successes than trials.`,
    );
  }
  const failures = trials - successes;
  return {
    estimate: successes / trials,
    low: successes === 0 ? 0 : betaQuantile(alpha / 2, successes, failures + 1),
    high: failures === 0 ? 1 : betaQuantile(1 - alpha / 2, successes + 1, failures),
  };
}

function checkQuantile(sorted: ArrayLike<number>, q: number): void {
  if (sorted.length === 0 || !(q >= 0 && q <= 1)) {
    throw new QtamlError(
      "invalid-argument",
      `There is no ${q} quantile of ${sorted.length} values; give a share between 0 and 1 and at least one value.`,
    );
  }
}

/**
 * The q quantile of a sample, linear between the order statistics (type 7 of Hyndman and Fan, The American
 * Statistician 50, 361, 1996: the default of NumPy and R).
 *
 * @param sorted values in ascending order
 * @param q between 0 and 1: 0.05 is the 5th percentile
 * @throws QtamlError `invalid-argument` without values or for another q
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  checkQuantile(sorted, q);
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const share = place - below;
  const low = sorted[below]!;
  if (share === 0) return low;
  const high = sorted[below + 1]!;
  // Equal neighbours, infinite ones too, must not turn into NaN.
  return low === high ? low : low + share * (high - low);
}

/**
 * Interval between two order statistics for the q quantile of the distribution that the chips come from: from x_l
 * with the greatest rank l for which `P(Bin(n, q) <= l - 1) <= alpha/2` to x_u with the least rank u for which
 * `P(Bin(n, q) >= u) <= alpha/2`. Distribution-free, valid with ties, conservative because ranks are whole
 * (David and Nagaraja, Order Statistics, section 7.1). Where the sample is too small for an end, that end is
 * infinite before clipping: a lower end for the 5th percentile at 95 % takes 72 chips.
 *
 * @param sorted values in ascending order, as many as decided beforehand
 * @throws QtamlError `invalid-argument` as `quantile`
 */
export function quantileInterval(sorted: ArrayLike<number>, q: number, options: ClipOptions = {}): Interval {
  checkQuantile(sorted, q);
  const confidence = options.confidence ?? 0.95;
  missProbability(confidence);
  const n = sorted.length;
  // P(Bin(n, q) <= k) <= alpha/2 exactly where q is at or above the upper Clopper-Pearson end of k of n; lower alike.
  let low = -Infinity;
  for (let from = 0, to = n; from < to;) {
    const rank = Math.ceil((from + to) / 2);
    if (proportionInterval(rank - 1, n, confidence).high <= q) {
      from = rank;
      low = sorted[rank - 1]!;
    } else {
      to = rank - 1;
    }
  }
  let high = Infinity;
  for (let from = 1, to = n + 1; from < to;) {
    const rank = Math.floor((from + to) / 2);
    if (proportionInterval(rank, n, confidence).low >= q) {
      to = rank;
      high = sorted[rank - 1]!;
    } else {
      from = rank + 1;
    }
  }
  return clipInterval({ estimate: quantile(sorted, q), low, high }, options.clip);
}

/** Logarithm of the probability of k successes in n trials. */
function logBinomial(k: number, n: number, p: number): number {
  let choose = 0;
  for (let i = 1; i <= Math.min(k, n - k); i++) choose += Math.log((n - i + 1) / i);
  return choose + (k === 0 ? 0 : k * Math.log(p)) + (k === n ? 0 : (n - k) * Math.log1p(-p));
}

/** Settings of `chipsForYield`. */
export interface ChipsForYieldOptions {
  readonly confidence?: number;
  /** Probability that the interval then lies above the wanted yield; 0.9 by default. */
  readonly power?: number;
}

/** Beyond this many chips a question is better put in another way. */
const mostChips = 1_000_000;

/**
 * How many chips, fixed beforehand, show a yield: the least n, among those at which one more bad chip is allowed, at
 * which the Clopper-Pearson interval lies at or above `wanted` with probability `power`, where the true yield is `assumed`.
 * With an assumed yield of 1: the least n without a bad chip, `ln(alpha/2) / ln(wanted)`, 368 for 0.99 at 95 %.
 *
 * @param wanted below 1
 * @param assumed above `wanted`
 * @throws QtamlError `invalid-argument` otherwise, or where more than a million chips are needed
 */
export function chipsForYield(wanted: number, assumed: number, options: ChipsForYieldOptions = {}): number {
  const { confidence = 0.95, power = 0.9 } = options;
  const alpha = missProbability(confidence);
  if (!(wanted > 0 && wanted < assumed && assumed <= 1)) {
    throw new QtamlError(
      "invalid-argument",
      `A yield of ${wanted} cannot be shown where ${assumed} is assumed; assume a larger one, at most 1.`,
    );
  }
  const least = Math.ceil(Math.log(alpha / 2) / Math.log(wanted));
  const isShown = (bad: number, n: number) => proportionInterval(n - bad, n, confidence).low >= wanted;
  for (let bad = 0, n = least; n <= mostChips; bad++) {
    // The least n at which this many bad chips are few enough.
    let step = least;
    while (!isShown(bad, n + step)) step *= 2;
    let [few, enough] = [n - 1, n + step];
    while (enough - few > 1) {
      const middle = Math.floor((few + enough) / 2);
      if (isShown(bad, middle)) enough = middle;
      else few = middle;
    }
    n = enough;
    if (assumed === 1) return n;
    let probability = 0;
    for (let k = 0; k <= bad; k++) probability += Math.exp(logBinomial(k, n, 1 - assumed));
    if (probability >= power) return n;
  }
  throw new QtamlError(
    "invalid-argument",
    `More than a million chips are needed to tell a yield of ${assumed} from ${wanted}; ask for a lower one.`,
  );
}
