/**
 * @file How often a network keeps its answer when Gaussian noise is added to its outputs: the bridge from predicted
 * noise to predicted agreement, without simulating a fault.
 */
import erfc from "@stdlib/math-base-special-erfc";

/** Standard normal distribution function. */
const normalCdf = (x: number) => erfc(-x / Math.SQRT2) / 2;

/** Step and reach of the trapezoidal rule; for a Gaussian times a bounded smooth function its error is below 1e-9. */
const quadratureStep = 0.25;
const quadratureReach = 6;

/**
 * Mean probability that the largest output of a sample stays the largest when every output gets independent
 * Gaussian noise: `P = integral phi(t) prod_{c != top} Phi((z_top - z_c)/s + t) dt`.
 *
 * @param outputs [count * classes] clean outputs
 * @param noise mean squared output error, summed over the classes; each output has variance `noise / classes`
 */
export function agreementUnderNoise(outputs: Float32Array, classes: number, noise: number): number {
  const count = outputs.length / classes;
  const sd = Math.sqrt(noise / classes);
  let total = 0;
  for (let n = 0; n < count; n++) {
    const row = outputs.subarray(n * classes, (n + 1) * classes);
    total += sd === 0 ? 1 : keepProbability(row, sd);
  }
  return total / count;
}

function keepProbability(row: Float32Array, sd: number): number {
  const top = row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity));
  const margins = Float64Array.from(row, (z) => (row[top]! - z) / sd);
  let sum = 0;
  for (let t = -quadratureReach; t <= quadratureReach; t += quadratureStep) {
    let product = Math.exp(-(t * t) / 2);
    for (let c = 0; c < margins.length; c++) {
      // Beyond 8 standard deviations the factor is 1 to double precision.
      if (c !== top && margins[c]! + t < 8) product *= normalCdf(margins[c]! + t);
    }
    sum += product;
  }
  return (sum * quadratureStep) / Math.sqrt(2 * Math.PI);
}

/**
 * The noise at which agreement falls to a target, by bisection on its logarithm.
 *
 * @param keep target share of unchanged answers, between 1/classes and 1
 */
export function noiseAtAgreement(outputs: Float32Array, classes: number, keep: number): number {
  let low = Math.log(1e-12);
  let high = Math.log(1e12);
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (agreementUnderNoise(outputs, classes, Math.exp(middle)) > keep) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}
