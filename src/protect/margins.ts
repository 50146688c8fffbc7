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

/** Clean outputs of a classifier. */
export interface CleanOutputs {
  /** [count * classes]. */
  readonly values: Float32Array;
  readonly classes: number;
}

/**
 * Mean probability that a network keeps its answers when its outputs get Gaussian noise:
 * `P = integral phi(t) prod_{c != top} Phi((z_top - z_c)/s + t) dt` for independent noise of standard deviation `s` on
 * each output.
 *
 * @param clean outputs whose largest entry is the answer to keep
 * @param noise [count] mean squared output error of each sample, without the direction in which all outputs move
 *   alike; each output has variance `noise / (classes - 1)`
 * @param shift [count * classes] coherent change of the outputs; none unless given
 */
export function agreementUnderNoise(
  clean: CleanOutputs,
  noise: ArrayLike<number>,
  shift?: ArrayLike<number>,
): number {
  const { values, classes } = clean;
  let total = 0;
  for (let n = 0; n < noise.length; n++) {
    const base = n * classes;
    let top = 0;
    for (let c = 1; c < classes; c++) if (values[base + c]! > values[base + top]!) top = c;
    const moved = Float64Array.from(
      { length: classes },
      (_, c) => values[base + c]! + (shift?.[base + c] ?? 0),
    );
    total += keepProbability(moved, top, Math.sqrt(noise[n]! / (classes - 1)));
  }
  return total / noise.length;
}

function keepProbability(outputs: Float64Array, top: number, sd: number): number {
  const others = outputs.filter((_, c) => c !== top);
  if (!(sd > 0)) return others.every((z) => z < outputs[top]!) ? 1 : 0;
  const margins = others.map((z) => (outputs[top]! - z) / sd);
  let sum = 0;
  for (let t = -quadratureReach; t <= quadratureReach; t += quadratureStep) {
    let product = Math.exp(-(t * t) / 2);
    // Beyond 8 standard deviations the factor is 1 to double precision.
    for (const margin of margins) if (margin + t < 8) product *= normalCdf(margin + t);
    sum += product;
  }
  return (sum * quadratureStep) / Math.sqrt(2 * Math.PI);
}
