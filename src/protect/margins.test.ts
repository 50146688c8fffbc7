import { describe, expect, it } from "vitest";
import { addressedStreams, nextNormal } from "../channel/index.ts";
import { expectedAccuracyUnderNoise, softmaxRows } from "./margins.ts";

/** The normal distribution function by its power series `1/2 + phi(x) (x + x^3/3 + x^5/15 + ...)`, to 1e-15. */
function phi(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (x * x) / k;
  return 0.5 + (sum * Math.exp(-(x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Mean probability that the largest output stays so: `integral phi(t) prod Phi((z_top - z_c)/s + t) dt`. */
function keptByQuadrature(values: Float32Array, classes: number, sd: number): number {
  let total = 0;
  for (let n = 0; n < values.length; n += classes) {
    const row = Array.from(values.subarray(n, n + classes)).sort((a, b) => b - a);
    for (let t = -8; t <= 8; t += 0.125) {
      const others = row.slice(1).reduce((product, z) => product * phi((row[0]! - z) / sd + t), 1);
      total += (0.125 * Math.exp(-(t * t) / 2) * others) / Math.sqrt(2 * Math.PI);
    }
  }
  return (total * classes) / values.length;
}

describe("expectedAccuracyUnderNoise", () => {
  const state = () => addressedStreams({ seed: 11, trial: 0, tensor: 0 }, 0)(0);
  /** Outputs of a network that is always sure of its own answer: expected accuracy is then agreement. */
  const sure = (values: Float32Array, classes: number) => {
    const confidences = new Float32Array(values.length);
    for (let n = 0; n < values.length; n += classes) {
      const row = values.subarray(n, n + classes);
      confidences[n + row.indexOf(Math.max(...row))] = 1;
    }
    return { values, classes, confidences };
  };
  const outputs = (count: number, classes: number) => {
    const random = state();
    return Float32Array.from({ length: count * classes }, () => nextNormal(random));
  };

  it("is the clean network's own confidence without noise, and follows a shift", () => {
    const clean = { values: Float32Array.of(2, 1, 0), classes: 3, confidences: [0.6, 0.3, 0.1] };
    expect(expectedAccuracyUnderNoise(clean, [0])).toBeCloseTo(0.6, 14);
    expect(expectedAccuracyUnderNoise(clean, [0], [0, 3, 0])).toBeCloseTo(0.3, 14);
  });

  it("agrees with the quadrature for independent noise within its standard error", () => {
    const classes = 6;
    const count = 200;
    const values = outputs(count, classes);
    for (const variance of [0.02, 0.3, 4]) {
      const noise = new Float64Array(count).fill(variance);
      const exact = keptByQuadrature(values, classes, Math.sqrt(variance));
      // Antithetic pairs are no worse than 64 independent draws a sample; five standard errors.
      const margin = 5 * Math.sqrt((exact * (1 - exact)) / (64 * count));
      const drawn = expectedAccuracyUnderNoise(sure(values, classes), noise);
      expect(Math.abs(drawn - exact)).toBeLessThan(margin);
    }
  });

  it("is Phi(margin / (s sqrt 2)) for two classes", () => {
    const count = 400;
    for (const [margin, sd] of [
      [1.5, 1],
      [0.3, 0.2],
      [2, 4],
    ] as const) {
      const values = Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? margin : 0));
      const exact = phi(margin / (sd * Math.SQRT2));
      const drawn = expectedAccuracyUnderNoise(sure(values, 2), new Float64Array(count).fill(sd * sd));
      expect(Math.abs(drawn - exact)).toBeLessThan(5 * Math.sqrt((exact * (1 - exact)) / (64 * count)));
    }
  });

  it("falls with noise and ends at a guess", () => {
    const classes = 5;
    const values = outputs(300, classes);
    const at = (variance: number) =>
      expectedAccuracyUnderNoise(sure(values, classes), new Float64Array(300).fill(variance));
    expect(at(0)).toBe(1);
    expect(at(0.1)).toBeGreaterThan(at(1));
    expect(at(1)).toBeGreaterThan(at(10));
    // Margins over noise are 1e-6; a guess among five is right with probability 0.2, five standard errors.
    expect(Math.abs(at(1e12) - 0.2)).toBeLessThan(5 * Math.sqrt(0.16 / (64 * 300)));
  });
});

describe("softmaxRows", () => {
  it("adds up to one, keeps ratios exp(z - z') and does not overflow", () => {
    const rows = softmaxRows({ values: Float32Array.of(0, Math.log(3), 1000, 999), classes: 2 });
    expect(rows[0]! + rows[1]!).toBeCloseTo(1, 14);
    expect(rows[1]! / rows[0]!).toBeCloseTo(3, 6);
    expect(rows[2]! / rows[3]!).toBeCloseTo(Math.E, 12);
  });
});
