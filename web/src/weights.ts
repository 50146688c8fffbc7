/** @file Weights to look at without a network: shapes of their distribution, as histograms of codes. */
import { codeArray, encodeInto, quantisationStep, type NumberFormat } from "../../src/channel/index.ts";

/** Quantile functions, in units of the largest weight. */
export const weightShapes = {
  gaussian: { label: "Gaussian, up to 4.2 sigma", quantile: gaussian },
  laplace: { label: "Laplace, up to 8 mean deviations", quantile: laplace },
  uniform: { label: "uniform", quantile: (u: number) => 2 * u - 1 },
} as const;

/** A shape's name. */
export type WeightShape = keyof typeof weightShapes;

const largestDeviations = 4.2;

/** Inverse of the normal distribution by bisection; it is worked out once for every shape and format. */
function gaussian(u: number): number {
  let low = -largestDeviations;
  let high = largestDeviations;
  const total = area(high) - area(low);
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if ((area(middle) - area(-largestDeviations)) / total < u) low = middle;
    else high = middle;
  }
  return (low + high) / 2 / largestDeviations;
}

/** The standard normal distribution by Zelen and Severo's approximation (error below 7.5e-8). */
function area(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const terms = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const tail = density * terms.reduceRight((sum, a) => (sum + a) * t, 0);
  return x >= 0 ? 1 - tail : tail;
}

function laplace(u: number): number {
  const reach = 8;
  const x = u < 0.5 ? Math.log(2 * u) : -Math.log(2 * (1 - u));
  return Math.max(-1, Math.min(1, x / reach));
}

/** Weights that stand for a tensor. */
const count = 20_000;
/** Norm of a tensor in an unscaled format, whose values are the weights themselves. */
const norm = 0.5;

const shapes = new Map<WeightShape, Float32Array>();
const histograms = new Map<string, Float64Array>();

/** [2^B] how many of the weights hold each code. */
export function weightHistogram(format: NumberFormat, shape: WeightShape): Float64Array {
  const key = `${format.name} ${shape}`;
  let histogram = histograms.get(key);
  if (histogram !== undefined) return histogram;
  const { quantile } = weightShapes[shape];
  const weights =
    shapes.get(shape) ?? Float32Array.from({ length: count }, (_, i) => norm * quantile((i + 0.5) / count));
  shapes.set(shape, weights);
  const codes = codeArray(format.bits, count);
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  encodeInto(format, weights, quantisationStep(format, largest), codes);
  histogram = new Float64Array(2 ** format.bits);
  for (const code of codes) histogram[code]!++;
  histograms.set(key, histogram);
  return histogram;
}
