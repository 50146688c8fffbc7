import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { proportionInterval, quantile, quantileInterval } from "./index.ts";

/** P(Bin(n, p) = k) for all k, by multiplying polynomials: independent of the beta function. */
function binomial(n: number, p: number): Float64Array {
  let mass = Float64Array.of(1);
  for (let i = 0; i < n; i++) {
    mass = Float64Array.from(
      { length: mass.length + 1 },
      (_, k) => (mass[k - 1] ?? 0) * p + (mass[k] ?? 0) * (1 - p),
    );
  }
  return mass;
}

describe("proportionInterval", () => {
  it("is Clopper and Pearson's", () => {
    // 5 of 10: the textbook value. 0 of n and n of n in closed form.
    const half = proportionInterval(5, 10);
    expect(half.estimate).toBe(0.5);
    expect(half.low).toBeCloseTo(0.187086, 6);
    expect(half.high).toBeCloseTo(0.812914, 6);
    expect(proportionInterval(0, 10)).toMatchObject({ estimate: 0, low: 0 });
    expect(proportionInterval(0, 10).high).toBeCloseTo(1 - 0.025 ** 0.1, 12);
    expect(proportionInterval(1000, 1000).low).toBeCloseTo(0.025 ** 0.001, 12);
    expect(proportionInterval(1000, 1000).high).toBe(1);
  });

  it("leaves alpha/2 in each tail of the binomial at its ends", () => {
    for (const [k, n, confidence] of [
      [3, 12, 0.95],
      [1, 40, 0.9],
      [37, 60, 0.99],
    ] as const) {
      const { low, high } = proportionInterval(k, n, confidence);
      const upper = binomial(n, low)
        .slice(k)
        .reduce((a, b) => a + b, 0);
      const lower = binomial(n, high)
        .slice(0, k + 1)
        .reduce((a, b) => a + b, 0);
      // Quantiles to about 1e-12; the tail's slope in p is at most n.
      expect(upper).toBeCloseTo((1 - confidence) / 2, 9);
      expect(lower).toBeCloseTo((1 - confidence) / 2, 9);
    }
  });

  it("covers at least as stated for every proportion, by enumeration", () => {
    let least = 1;
    for (const n of [1, 5, 20, 50]) {
      const intervals = Array.from({ length: n + 1 }, (_, k) => proportionInterval(k, n));
      for (let p = 0.005; p < 1; p += 0.005) {
        const coverage = binomial(n, p).reduce(
          (sum, mass, k) => (intervals[k]!.low <= p && p <= intervals[k]!.high ? sum + mass : sum),
          0,
        );
        least = Math.min(least, coverage);
      }
    }
    expect(least).toBeGreaterThanOrEqual(0.95);
    // And it is not a trivial interval.
    expect(least).toBeLessThan(0.96);
  });

  it("refuses counts that are none", () => {
    for (const [k, n] of [
      [0, 0],
      [-1, 5],
      [6, 5],
      [0.5, 5],
      [NaN, 5],
    ] as const) {
      expect(() => proportionInterval(k, n)).toThrow(QtamlError);
    }
  });
});

describe("quantile", () => {
  it("interpolates between order statistics", () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.05)).toBeCloseTo(1.2, 12);
    expect(quantile([1, 2, 3], 0)).toBe(1);
    expect(quantile([1, 2, 3], 1)).toBe(3);
    expect(quantile([7], 0.3)).toBe(7);
    expect(quantile([1, Infinity, Infinity], 0.75)).toBe(Infinity);
    expect(() => quantile([], 0.5)).toThrow(QtamlError);
    expect(() => quantile([1], 1.5)).toThrow(/between 0 and 1/);
  });

  it("lies within the sample and grows with q", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, p, q) => {
          const sorted = values.sort((a, b) => a - b);
          const [a, b] = [quantile(sorted, Math.min(p, q)), quantile(sorted, Math.max(p, q))];
          expect(a).toBeGreaterThanOrEqual(sorted[0]!);
          expect(b).toBeLessThanOrEqual(sorted.at(-1)!);
          // One rounding of the interpolation.
          expect(b - a).toBeGreaterThanOrEqual(-(2 ** -52));
        },
      ),
      { seed: 21, numRuns: 300 },
    );
  });
});

describe("quantileInterval", () => {
  const ranks = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it("refuses shares and confidences that are none", () => {
    for (const q of [-0.1, 1.1, Number.NaN]) {
      expect(() => quantile([1, 2], q)).toThrow(/between 0 and 1/);
      expect(() => quantileInterval([1, 2], q)).toThrow(/between 0 and 1/);
    }
    expect(() => quantileInterval([1, 2], 0.5, { confidence: 1 })).toThrow(/confidence of 1/);
    expect(() => quantileInterval([], 0.5)).toThrow(/0 values/);
  });

  it("has the ranks of the binomial tails", () => {
    // Median of 10 at 95 %: ranks 2 and 9, as in every table of the sign test (coverage 0.9785).
    expect(quantileInterval(ranks(10), 0.5)).toEqual({ estimate: 5.5, low: 2, high: 9 });
    // 0.95^72 = 0.0249 <= 0.025 < 0.95^71.
    expect(quantileInterval(ranks(71), 0.05).low).toBe(-Infinity);
    expect(quantileInterval(ranks(72), 0.05).low).toBe(1);
    expect(quantileInterval(ranks(71), 0.05, { clip: [0, 1] }).low).toBe(0);
    expect(quantileInterval(ranks(72), 0.95).high).toBe(72);
    expect(quantileInterval([3], 0.5)).toEqual({ estimate: 3, low: -Infinity, high: Infinity });
    expect(() => quantileInterval([], 0.5)).toThrow(QtamlError);
  });

  it.each([
    [undefined, 0.025],
    [0.8, 0.1],
  ])(
    "covers at least as stated (%d), and would not one rank further in, by enumeration",
    (confidence, tail) => {
      for (const n of [5, 20, 73, 200]) {
        for (const q of [0.05, 0.3, 0.5, 0.9]) {
          const { low, high } = quantileInterval(ranks(n), q, confidence === undefined ? {} : { confidence });
          const mass = binomial(n, q);
          // x_l > quantile when at most l-1 values are below it; x_u < quantile when at least u are.
          const missLow = (l: number) => mass.slice(0, Math.max(0, l)).reduce((a, b) => a + b, 0);
          const missHigh = (u: number) => mass.slice(u).reduce((a, b) => a + b, 0);
          const l = low === -Infinity ? 0 : low;
          const u = high === Infinity ? n + 1 : high;
          expect(missLow(l)).toBeLessThanOrEqual(tail);
          expect(missHigh(u)).toBeLessThanOrEqual(tail);
          expect(missLow(l + 1)).toBeGreaterThan(tail);
          expect(missHigh(u - 1)).toBeGreaterThan(tail);
        }
      }
    },
  );
});
