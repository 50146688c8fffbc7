import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { rankCorrelation, ranks } from "./index.ts";

describe("ranks", () => {
  it("share ties and order infinities", () => {
    expect(Array.from(ranks([3, 1, 3, 2]))).toEqual([3.5, 1, 3.5, 2]);
    expect(Array.from(ranks([Infinity, -Infinity, Infinity, 0]))).toEqual([3.5, 1, 3.5, 2]);
    expect(Array.from(ranks([0, -0]))).toEqual([1.5, 1.5]);
    expect(Array.from(ranks([]))).toEqual([]);
  });
});

describe("rankCorrelation", () => {
  it("is Spearman's rho", () => {
    // Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)); here d = (0, 1, -1, 0, 0), so 1 - 12/120.
    expect(rankCorrelation([1, 2, 3, 4, 5], [10, 30, 20, 40, 50])).toBeCloseTo(0.9, 12);
    // With ties, Pearson on (1, 2.5, 2.5, 4) and (1, 2, 3, 4): 4.5 / sqrt(4.5 * 5).
    expect(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(22.5), 12);
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN();
  });

  it("is symmetric, bounded, and blind to monotone changes", () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 2,
      maxLength: 40,
    });
    fc.assert(
      fc.property(pairs, (cases) => {
        const [a, b] = [cases.map(([x]) => x), cases.map(([, y]) => y)];
        const rho = rankCorrelation(a, b);
        fc.pre(!Number.isNaN(rho));
        expect(Math.abs(rho)).toBeLessThanOrEqual(1 + 1e-12);
        expect(rankCorrelation(b, a)).toBe(rho);
        expect(rankCorrelation(a.map(Math.exp), b)).toBe(rho);
        expect(
          rankCorrelation(
            a.map((x) => -x),
            b,
          ),
        ).toBeCloseTo(-rho, 12);
        expect(rankCorrelation(a, a)).toBeCloseTo(1, 12);
      }),
      { seed: 23, numRuns: 200 },
    );
  });

  it("refuses what are no pairs", () => {
    expect(() => rankCorrelation([1, 2], [1])).toThrow(QtamlError);
    expect(() => rankCorrelation([1], [1])).toThrow(QtamlError);
    expect(() => rankCorrelation([1, NaN], [1, 2])).toThrow(/Pair 1/);
  });
});
