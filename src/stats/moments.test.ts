import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addValue,
  emptyMoments,
  mergeMoments,
  momentsOf,
  sampleVariance,
  standardDeviation,
} from "./index.ts";

const accuracies = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });
const seeded = { seed: 20, numRuns: 200 };

describe("moments", () => {
  it("are those of a worked example", () => {
    const moments = momentsOf([2, 4, 4, 4, 5, 5, 7, 9]);
    expect(moments).toEqual({ count: 8, mean: 5, m2: 32 });
    expect(sampleVariance(moments)).toBe(32 / 7);
    expect(standardDeviation(moments)).toBe(Math.sqrt(32 / 7));
    expect(sampleVariance(momentsOf([1]))).toBeNaN();
  });

  it("keep the variance of values that are nearly equal", () => {
    // Two-pass sums are exact here: 1e8 + {0, 1, 2} are whole numbers. A sum of squares would lose everything.
    const moments = momentsOf([1e9, 1e9 + 1, 1e9 + 2]);
    expect(moments).toEqual({ count: 3, mean: 1e9 + 1, m2: 2 });
  });

  it("agree however the values are added and merged", () => {
    fc.assert(
      fc.property(accuracies, accuracies, (a, b) => {
        const whole = momentsOf([...a, ...b]);
        const merged = mergeMoments(momentsOf(a), momentsOf(b));
        const oneByOne = [...a, ...b].reduce(addValue, emptyMoments);
        expect(oneByOne).toEqual(whole);
        expect(merged.count).toBe(whole.count);
        // At most 80 values of at most 1: fewer than 80 * 4 roundings of 2^-53 of numbers up to 1 (mean) and 80 (m2).
        expect(Math.abs(merged.mean - whole.mean)).toBeLessThanOrEqual(320 * 2 ** -53);
        expect(Math.abs(merged.m2 - whole.m2)).toBeLessThanOrEqual(320 * 80 * 2 ** -53);
      }),
      seeded,
    );
  });

  it("merge to the same bits in either order, and survive JSON", () => {
    fc.assert(
      fc.property(accuracies, accuracies, (a, b) => {
        const [x, y] = [momentsOf(a), momentsOf(b)];
        expect(mergeMoments(x, y)).toEqual(mergeMoments(y, x));
        expect(mergeMoments(x, emptyMoments)).toEqual(x);
        expect(JSON.parse(JSON.stringify(x))).toEqual(x);
      }),
      seeded,
    );
  });
});
