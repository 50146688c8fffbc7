import erfc from "@stdlib/math-base-special-erfc";
import { describe, expect, it } from "vitest";
import { normal, within } from "../../test/draw.ts";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import { agreementUnderNoise } from "./margins.ts";

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
