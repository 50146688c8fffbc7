/**
 * @file Quantiles of the beta distribution and of Student's t. Both are found as log-odds, so that a share near 0 and
 * one near 1 lose no digits. What is lost is what the continued fraction cancels, a relative error of a few 2^-53 times
 * the larger parameter: 12 digits are right for thousands of chips, 9 for a million.
 */
import { QtamlError } from "../errors.ts";

/** What Stirling's formula leaves of `ln Gamma(a)`: `ln Gamma(a) - (a - 1/2) ln a + a - ln(2 pi) / 2`, for a > 0. */
function stirlingRest(a: number): number {
  let rest = 0;
  let x = a;
  for (; x < 16; x++) rest += (x + 0.5) * Math.log1p(1 / x) - 1;
  const s = 1 / (x * x);
  // Bernoulli numbers; the next term is below 2e-16 from 16 on.
  return rest + (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / x;
}

/** `a ln(a / mean) + mean - a`, without cancelling where the two are near. */
function deviance(a: number, mean: number): number {
  const d = (mean - a) / a;
  return Math.abs(d) < 0.5 ? a * (d - Math.log1p(d)) : a * Math.log(a / mean) + mean - a;
}

/**
 * The continued fraction of the incomplete beta function, `I_x(a, b) a B(a, b) / (x^a (1 - x)^b)`, by Lentz's way.
 *
 * @param rest 1 - x
 */
function fraction(x: number, rest: number, a: number, b: number): number {
  const tiny = 1e-300;
  const apart = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  // 1 - (a + b) x / (a + 1), also where x is near 1.
  let d = (a + 1) / apart(1 + a * rest - b * x);
  let value = d;
  // It takes some multiple of the root of the larger parameter.
  for (let m = 1, factor = 0; Math.abs(factor - 1) > 2 ** -52 && m < 1e6; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart(1 + even * d);
    c = apart(1 + even / c);
    value *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart(1 + odd * d);
    c = apart(1 + odd / c);
    factor = c * d;
    value *= factor;
  }
  return value;
}

/**
 * The logarithm of the lower tail of a beta distribution at the log-odds u of its variable, and the derivative of u in
 * it.
 */
function logTail(u: number, a: number, b: number): { value: number; slope: number } {
  const x = 1 / (1 + Math.exp(-u));
  const rest = 1 / (1 + Math.exp(u));
  const n = a + b;
  // x^a (1 - x)^b / B(a, b) by deviances (Loader, Fast and accurate computation of binomial probabilities, 2000).
  const logDensity =
    Math.log((a * b) / (2 * Math.PI * n)) / 2 -
    deviance(a, n * x) -
    deviance(b, n * rest) -
    stirlingRest(a) -
    stirlingRest(b) +
    stirlingRest(n);
  if (x < (a + 1) / (n + 2)) {
    const slope = fraction(x, rest, a, b) / a;
    return { value: logDensity + Math.log(slope), slope };
  }
  const density = Math.exp(logDensity);
  const probability = 1 - (density * fraction(rest, x, b, a)) / b;
  return { value: Math.log(probability), slope: probability / density };
}

/**
 * The log-odds `ln(x / (1 - x))` of the p quantile x. By Newton's method on the logarithm of the tail, a concave
 * function of the log-odds: wherever it starts, the first step ends at or below the root and the others rise to it.
 */
function logOdds(p: number, a: number, b: number): number {
  if (p > 0.5) return -logOdds(1 - p, b, a);
  let u = Math.log(a / b);
  for (let step = 0; step < 100; step++) {
    const { value, slope } = logTail(u, a, b);
    const change = (Math.log(p) - value) * slope;
    u += change;
    if (Math.abs(change) <= 2 ** -50 * Math.max(1, Math.abs(u))) break;
  }
  return u;
}

function checkArguments(p: number, ...parameters: readonly number[]): void {
  if (p > 0 && p < 1 && parameters.every((value) => value > 0 && value < Infinity)) return;
  throw new QtamlError(
    "invalid-argument",
    `There is no ${p} quantile with the parameters ${parameters.join(" and ")}; give a share between 0 and 1 and positive parameters.`,
  );
}

/**
 * The value that a beta distribution of parameters a and b stays below with probability p.
 *
 * @param p between 0 and 1, both excluded
 * @throws QtamlError `invalid-argument` for another p, or parameters that are not positive and finite
 */
export function betaQuantile(p: number, a: number, b: number): number {
  checkArguments(p, a, b);
  return 1 / (1 + Math.exp(-logOdds(p, a, b)));
}

/**
 * The value that Student's t with `freedom` degrees of freedom stays below with probability p: with x the 1 - 2 p
 * quantile of beta(1/2, freedom/2) in size, `t^2 = freedom x / (1 - x)`.
 *
 * @param freedom positive, need not be whole
 * @throws QtamlError `invalid-argument` as `betaQuantile`
 */
export function studentQuantile(p: number, freedom: number): number {
  checkArguments(p, freedom);
  if (p === 0.5) return 0;
  if (p < 0.5) return -Math.sqrt(freedom * Math.exp(-logOdds(2 * p, freedom / 2, 0.5)));
  return -studentQuantile(1 - p, freedom);
}
