import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { betaLike } from "../../test/draw.ts";
import { QtamlError } from "../errors.ts";
import { capital, peakWealth, shares } from "./betting.ts";
import { boundedMeanInterval, meanInterval } from "./index.ts";
import { uniformStream } from "./random.ts";

/** Every sequence of `n` values 0 and 1, with its probability. */
function* coinSequences(n: number, p: number) {
  for (let bits = 0; bits < 2 ** n; bits++) {
    const values = Float64Array.from({ length: n }, (_, i) => (bits >> i) & 1);
    const ones = values.reduce((a, b) => a + b, 0);
    yield { values, probability: p ** ones * (1 - p) ** (n - ones) };
  }
}

/** Wealth at the end, straight from the definition. */
function finalWealth(values: Float64Array, mean: number, side: 1 | -1): number {
  const fair = side === 1 ? mean : 1 - mean;
  return shares.reduce(
    (sum, g, j) =>
      sum + values.reduce((wealth, x) => wealth * (1 + (g * side * (x - mean)) / fair), capital[j]!),
    0,
  );
}

describe("the gambler's wealth", () => {
  it("is a martingale at the true mean: expectation 1, by enumeration", () => {
    for (const p of [0.5, 0.9, 0.05]) {
      for (const side of [1, -1] as const) {
        let expectation = 0;
        for (const { values, probability } of coinSequences(10, p)) {
          expectation += probability * finalWealth(values, p, side);
        }
        // 1,024 terms whose sum is 1, each of ten factors and 16 summands.
        expect(Math.abs(expectation - 1)).toBeLessThan(1024 * 26 * 2 ** -52);
      }
    }
  });

  it("starts with a capital of 1 in shares of at most all of it", () => {
    expect(capital.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14);
    expect(Math.max(...shares)).toBe(1);
    expect(Math.min(...shares)).toBeCloseTo(0.01, 14);
  });

  it("falls with the candidate mean on one side and rises on the other", () => {
    const uniform = uniformStream(4);
    const values = Float64Array.from({ length: 60 }, () => betaLike(uniform));
    for (let percent = 0; percent < 100; percent++) {
      const [m, next] = [percent / 100, (percent + 1) / 100];
      for (const [side, from, to] of [
        [1, m, next],
        [-1, next, m],
      ] as const) {
        const [more, less] = [from, to].map((mean) => peakWealth(values, 60, mean, side));
        // Each of 60 factors and products rounds once, and 16 of them are summed.
        expect(less!).toBeLessThanOrEqual(more! * (1 + 240 * 2 ** -52));
      }
    }
  });
});

describe("boundedMeanInterval", () => {
  it("misses no more often than stated at any look, by enumeration", () => {
    let missedAtAll = 0;
    for (const p of [0.5, 0.8]) {
      for (const confidence of [0.5, 0.8, 0.95]) {
        let missed = 0;
        for (const { values, probability } of coinSequences(11, p)) {
          const { low, high } = boundedMeanInterval(values, { confidence });
          if (p < low || p > high) missed += probability;
        }
        expect(missed).toBeLessThanOrEqual(1 - confidence);
        missedAtAll += missed;
      }
    }
    expect(missedAtAll).toBeGreaterThan(0.1);
  });

  it("covers skewed accuracies at all looks together, where Student's t looked at repeatedly does not", () => {
    const uniform = uniformStream(5);
    const runs = 1_000;
    let missed = 0;
    let missedByStudent = 0;
    for (let run = 0; run < runs; run++) {
      // One chip in ten has collapsed to chance: mean 0.9 * 0.9 + 0.1 * 0.1.
      const values = Float64Array.from({ length: 300 }, () => (uniform() < 0.1 ? 0.1 : betaLike(uniform)));
      const isOutside = ({ low, high }: { low: number; high: number }) => 0.82 < low || 0.82 > high;
      // The running intersection at the end has missed if it missed at any look.
      if (isOutside(boundedMeanInterval(values))) missed += 1;
      for (let n = 10; n <= 300; n += 10) {
        if (isOutside(meanInterval(values.subarray(0, n)))) {
          missedByStudent += 1;
          break;
        }
      }
    }
    // At most 5 %, and four standard deviations of the count.
    expect(missed / runs).toBeLessThanOrEqual(0.05 + 4 * Math.sqrt((0.05 * 0.95) / runs));
    expect(missedByStudent / runs).toBeGreaterThan(0.15);
  });

  it("agrees with a scan of all candidates and all looks", () => {
    const uniform = uniformStream(6);
    const values = Float64Array.from({ length: 80 }, () => betaLike(uniform));
    const kept: number[] = [];
    for (let m = 0; m <= 1; m += 1 / 4096) {
      let isKept = true;
      for (let t = 1; t <= 80; t++) {
        const x = values.subarray(0, t);
        isKept &&= Math.max(finalWealth(x, m, 1), finalWealth(x, m, -1)) / 2 < 1 / 0.05;
      }
      if (isKept) kept.push(m);
    }
    const { low, high } = boundedMeanInterval(values);
    expect(kept[0]! - low).toBeGreaterThanOrEqual(0);
    expect(kept[0]! - low).toBeLessThan(1 / 4096);
    expect(high - kept.at(-1)!).toBeGreaterThanOrEqual(0);
    expect(high - kept.at(-1)!).toBeLessThan(1 / 4096);
  });

  it("narrows about as one over the root of n", () => {
    const uniform = uniformStream(7);
    const values = Float64Array.from({ length: 4000 }, () => betaLike(uniform));
    const width = (n: number) => {
      const { low, high } = boundedMeanInterval(values.subarray(0, n));
      return high - low;
    };
    // Never below Student's t (4 sd / sqrt n), at most 1.6 times it at 4,000 chips.
    const student = (n: number) => 4 * Math.sqrt(0.9 / 110 / n);
    expect(width(4000)).toBeGreaterThan(student(4000));
    expect(width(4000)).toBeLessThan(1.6 * student(4000));
    expect(width(4000)).toBeLessThan(width(400) / 2);
  });

  it("never widens with more values, even where the mean drifts away", () => {
    const value = fc.double({ min: 0, max: 1, noNaN: true });
    const drifting = fc.tuple(
      fc.integer({ min: 0, max: 150 }),
      fc.integer({ min: 0, max: 150 }),
      value,
      value,
    );
    fc.assert(
      fc.property(drifting, ([before, after, x, y]) => {
        const values = [...Array<number>(before).fill(x), ...Array<number>(after).fill(y)];
        let last = boundedMeanInterval([]);
        expect(last).toEqual({ estimate: 0.5, low: 0, high: 1 });
        for (let n = 0; n <= values.length; n += 25) {
          const next = boundedMeanInterval(values.slice(0, n));
          expect(next.low).toBeGreaterThanOrEqual(last.low);
          expect(next.high).toBeLessThanOrEqual(last.high);
          expect(next.low).toBeLessThanOrEqual(next.estimate);
          expect(next.estimate).toBeLessThanOrEqual(next.high);
          last = next;
        }
      }),
      { seed: 22, numRuns: 60 },
    );
  });

  it("keeps the last interval when a drift leaves none", () => {
    const drift = [...Array<number>(200).fill(0.1), ...Array<number>(2000).fill(0.9)];
    const stuck = boundedMeanInterval(drift);
    expect(stuck.low).toBeLessThanOrEqual(stuck.high);
    expect(boundedMeanInterval([...drift, ...drift])).toEqual(stuck);
  });

  it("holds at the bounds and for other bounds", () => {
    expect(boundedMeanInterval(Array<number>(50).fill(1))).toMatchObject({ estimate: 1, high: 1 });
    expect(boundedMeanInterval(Array<number>(50).fill(0))).toMatchObject({ estimate: 0, low: 0 });
    const inside = boundedMeanInterval([0.25, 0.5, 0.75, 0.25]);
    const outside = boundedMeanInterval([-2, 0, 2, -2], { lower: -4, upper: 4 });
    expect(outside.low).toBe(-4 + 8 * inside.low);
    expect(outside.high).toBe(-4 + 8 * inside.high);
  });

  it("refuses values and bounds that do not fit", () => {
    for (const values of [[0.5, 1.01], [-0.1], [NaN]]) {
      expect(() => boundedMeanInterval(values)).toThrow(QtamlError);
    }
    expect(() => boundedMeanInterval([0.5], { lower: 1, upper: 0 })).toThrow(/not a range/);
    expect(() => boundedMeanInterval([0.5], { upper: Infinity })).toThrow(/not a range/);
    expect(() => boundedMeanInterval([0.5], { lower: -1.5e308, upper: 1.5e308 })).toThrow(/not a range/);
    expect(() => boundedMeanInterval([0.5], { confidence: 1 })).toThrow(/between 0 and 1/);
  });
});
