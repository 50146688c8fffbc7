import erfc from "@stdlib/math-base-special-erfc";
import { describe, expect, it } from "vitest";
import { normal, within } from "../../test/draw.ts";
import { addressedStreams, nextNormal, nextUniform } from "../channel/index.ts";
import { agreementUnderNoise, expectedAccuracyUnderNoise } from "./margins.ts";

const phi = (x: number) => erfc(-x / Math.SQRT2) / 2;

describe("agreementUnderNoise", () => {
  it("is Phi(margin / (s sqrt 2)) for two classes", () => {
    for (const margin of [0.01, 0.3, 1, 2.5, 6]) {
      for (const sd of [0.05, 0.4, 1, 3, 20]) {
        // One contrast of two classes: noise = sd^2.
        const p = agreementUnderNoise({ values: Float32Array.of(0, margin), classes: 2 }, [sd * sd]);
        const exact = phi(Math.fround(margin) / (sd * Math.SQRT2));
        // Cutting the integral at 6 costs at most 2 Phi(-6) = 2e-9; the trapezoidal rule less.
        expect(Math.abs(p - exact)).toBeLessThan(4e-9);
      }
    }
  });

  it("agrees with drawn noise for seven classes to four standard deviations", () => {
    const state = addressedStreams({ seed: 7, trial: 0, tensor: 0 }, 0)(0);
    const uniform = () => nextUniform(state);
    const classes = 7;
    const values = Float32Array.from({ length: 3 * classes }, () => normal(uniform));
    const noise = [0.5, 3, 12];
    const draws = 20_000;
    for (let n = 0; n < noise.length; n++) {
      const row = values.subarray(n * classes, (n + 1) * classes);
      const sd = Math.sqrt(noise[n]! / (classes - 1));
      const top = row.indexOf(Math.max(...row));
      let kept = 0;
      for (let d = 0; d < draws; d++) {
        const moved = Array.from(row, (z) => z + sd * normal(uniform));
        if (moved.indexOf(Math.max(...moved)) === top) kept++;
      }
      const predicted = agreementUnderNoise({ values: row, classes }, [noise[n]!]);
      expect(kept / draws).toSatisfy(within(predicted, draws));
    }
    const each = noise.map((v, n) =>
      agreementUnderNoise({ values: values.subarray(n * classes, (n + 1) * classes), classes }, [v]),
    );
    const mean = each.reduce((a, b) => a + b, 0) / each.length;
    expect(agreementUnderNoise({ values, classes }, noise)).toBeCloseTo(mean, 12);
  });

  it("moves with a coherent shift and keeps the clean answer as the one to keep", () => {
    const clean = { values: Float32Array.of(2, 0, 0), classes: 3 };
    expect(agreementUnderNoise(clean, [0])).toBe(1);
    expect(agreementUnderNoise(clean, [0], [0, 3, 0])).toBe(0);
    expect(agreementUnderNoise(clean, [1], [5, 5, 5])).toBeCloseTo(agreementUnderNoise(clean, [1]), 12);
    expect(agreementUnderNoise(clean, [1], [0, 1, 0])).toBeLessThan(agreementUnderNoise(clean, [1]));
  });

  it("falls to a guess when noise drowns the margins", () => {
    const clean = { values: Float32Array.of(1, 0, 0, 0, 0), classes: 5 };
    // First order in margin / sd = 5e-7.
    expect(agreementUnderNoise(clean, [4 * 4e12])).toBeCloseTo(1 / 5, 5);
  });
});

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
    expect(expectedAccuracyUnderNoise(clean, { variance: [0] })).toBeCloseTo(0.6, 14);
    expect(expectedAccuracyUnderNoise(clean, { variance: [0] }, [0, 3, 0])).toBeCloseTo(0.3, 14);
    expect(expectedAccuracyUnderNoise(clean, { covariance: new Float64Array(9) })).toBeCloseTo(0.6, 14);
  });

  it("agrees with the quadrature for independent noise within its standard error", () => {
    const classes = 6;
    const count = 200;
    const values = outputs(count, classes);
    for (const variance of [0.02, 0.3, 4]) {
      const noise = new Float64Array(count).fill(variance);
      const exact = agreementUnderNoise(
        { values, classes },
        noise.map((v) => v * (classes - 1)),
      );
      // Antithetic pairs are no worse than 64 independent draws a sample; five standard errors.
      const margin = 5 * Math.sqrt((exact * (1 - exact)) / (64 * count));
      const drawn = expectedAccuracyUnderNoise(sure(values, classes), { variance: noise });
      expect(Math.abs(drawn - exact)).toBeLessThan(margin);
    }
  });

  it("is exact in law for correlated noise of two outputs: Phi(margin / sd of the difference)", () => {
    const count = 400;
    const margin = 1.5;
    const values = Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? margin : 0));
    for (const [a, b, c] of [
      [2, 0.9, 1],
      [1, -0.7, 0.6],
      [3, 0, 0],
    ] as const) {
      const covariance = new Float64Array(4 * count);
      for (let n = 0; n < count; n++) covariance.set([a, b, b, c], 4 * n);
      const exact = phi(margin / Math.sqrt(a + c - 2 * b));
      const drawn = expectedAccuracyUnderNoise(sure(values, 2), { covariance });
      expect(Math.abs(drawn - exact)).toBeLessThan(5 * Math.sqrt((exact * (1 - exact)) / (64 * count)));
    }
  });

  it("does not mind noise that moves all outputs alike", () => {
    const classes = 4;
    const values = outputs(30, classes);
    const covariance = new Float64Array(30 * classes * classes).fill(9);
    expect(expectedAccuracyUnderNoise(sure(values, classes), { covariance })).toBe(1);
  });
});
