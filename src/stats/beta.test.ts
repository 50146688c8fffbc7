import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { betaQuantile, studentQuantile } from "./beta.ts";

/** Sum of `P(Bin(n, x) = k)` over k from `least`: the beta(least, n - least + 1) distribution function at x. */
function binomialTail(n: number, least: number, x: number): number {
  let logTerm = n * Math.log1p(-x);
  let sum = 0;
  for (let k = 0; k <= n; k++) {
    if (k >= least) sum += Math.exp(logTerm);
    logTerm += Math.log(((n - k) / (k + 1)) * (x / (1 - x)));
  }
  return sum;
}

/** Relative difference. */
const apart = (got: number, wanted: number) => Math.abs(got / wanted - 1);

/** Shares from deep in one tail to deep in the other, those near 1 exact binary fractions. */
const shares = [1e-12, 1e-6, 0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 1 - 2 ** -20];

describe("betaQuantile", () => {
  it("is a root where one parameter is 1, for any other", () => {
    // F = x^a for b = 1, and 1 - (1 - x)^b for a = 1. Logarithms of the size of ln p = -28 are rounded, a few hundred
    // 2^-53 in all; the fraction ends at its first term.
    for (const p of shares) {
      for (const size of [0.5, 1, 2.5, 40, 999, 1e6]) {
        expect(apart(betaQuantile(p, size, 1), p ** (1 / size))).toBeLessThan(1e-12);
        const small = -Math.expm1(Math.log1p(-p) / size);
        expect(apart(betaQuantile(p, 1, size), small)).toBeLessThan(1e-12);
      }
    }
  });

  it("is the arc sine law where both are a half", () => {
    for (const p of shares.filter((share) => share <= 0.5)) {
      expect(apart(betaQuantile(p, 0.5, 0.5), Math.sin((Math.PI * p) / 2) ** 2)).toBeLessThan(1e-12);
    }
  });

  it("leaves p in the tail of the binomial, by enumeration", () => {
    for (const [n, least] of [
      [5, 2],
      [20, 1],
      [20, 19],
      [72, 4],
      [300, 150],
      [900, 880],
    ] as const) {
      for (const p of shares) {
        const x = betaQuantile(p, least, n - least + 1);
        // A term is the sum of up to n + 1 logarithms below 1e4: an error of at most 900 * 1e4 * 2^-53 = 1e-9, and
        // some thirtieth of it for roundings that are as often up as down.
        expect(apart(binomialTail(n, least, x), p)).toBeLessThan(1e-10);
      }
    }
  });

  it("turns with its parameters, and rises with p", () => {
    const parameter = fc.double({ min: 0.1, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 20 - 1 }), parameter, parameter, (k, a, b) => {
        const p = k / 2 ** 20;
        const x = betaQuantile(p, a, b);
        expect(Math.abs(x + betaQuantile(1 - p, b, a) - 1)).toBeLessThan(1e-14);
        expect(betaQuantile(p / 2, a, b)).toBeLessThan(x);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});

describe("studentQuantile", () => {
  it("has closed forms for one, two and four degrees of freedom", () => {
    for (const p of shares.filter((share) => share !== 0.5)) {
      const side = Math.sign(p - 0.5);
      expect(apart(studentQuantile(p, 1), -1 / Math.tan(Math.PI * p))).toBeLessThan(1e-10);
      const q = 4 * p * (1 - p);
      expect(apart(studentQuantile(p, 2), side * Math.sqrt((2 * (1 - q)) / q))).toBeLessThan(1e-10);
      const c = Math.cos(Math.acos(Math.sqrt(q)) / 3) / Math.sqrt(q);
      expect(apart(studentQuantile(p, 4), side * 2 * Math.sqrt(c - 1))).toBeLessThan(1e-6);
    }
    expect(studentQuantile(0.5, 7)).toBe(0);
  });

  it("has the figures of the tables", () => {
    // Abramowitz and Stegun, table 26.10.
    expect(studentQuantile(0.975, 9)).toBeCloseTo(2.262, 3);
    expect(studentQuantile(0.995, 30)).toBeCloseTo(2.75, 3);
    expect(studentQuantile(0.9995, 5)).toBeCloseTo(6.869, 3);
  });

  it("becomes normal as one over the degrees of freedom", () => {
    // t = z + (z^3 + z) / (4 v) + (5 z^5 + 16 z^3 + 3 z) / (96 v^2) + ... (Abramowitz and Stegun, 26.7.5), z = 1.959963984540054.
    const z = 1.959963984540054;
    for (const v of [1e3, 1e4, 1e6, 1e9]) {
      const series = z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v * v);
      // The next term is below 5 / v^3; the continued fraction cancels down to 1 / v.
      expect(Math.abs(studentQuantile(0.975, v) - series)).toBeLessThan(5 / v ** 3 + 4 * v * 2 ** -53);
    }
  });
});

it("refuses what has no quantile", () => {
  for (const [p, a, b] of [
    [0, 1, 1],
    [1, 1, 1],
    [Number.NaN, 1, 1],
    [0.5, 0, 1],
    [0.5, 1, -2],
    [0.5, Infinity, 1],
  ] as const) {
    expect(() => betaQuantile(p, a, b)).toThrow(QtamlError);
  }
  expect(() => studentQuantile(0.5, 0)).toThrow(QtamlError);
  expect(() => studentQuantile(0.5, Number.NaN)).toThrow(/parameters NaN/);
});
