import { describe, expect, it } from "vitest";
import { clipInterval } from "./interval.ts";
import { uniformStream } from "./random.ts";

describe("clipInterval", () => {
  it("cuts at the ends of the range, and leaves an interval outside of it at the nearest end", () => {
    const cut = (low: number, high: number) => {
      const clipped = clipInterval({ estimate: 7, low, high }, [0, 1]);
      expect(clipped.estimate).toBe(7);
      return [clipped.low, clipped.high];
    };
    expect(cut(0.2, 0.4)).toEqual([0.2, 0.4]);
    expect(cut(-1, 0.4)).toEqual([0, 0.4]);
    expect(cut(0.2, 3)).toEqual([0.2, 1]);
    expect(cut(-Infinity, Infinity)).toEqual([0, 1]);
    expect(cut(2, 3)).toEqual([1, 1]);
    expect(cut(-3, -2)).toEqual([0, 0]);
    expect(clipInterval({ estimate: 7, low: -1, high: 9 }, undefined)).toEqual({
      estimate: 7,
      low: -1,
      high: 9,
    });
  });
});

describe("uniformStream", () => {
  /** Pearson's statistic of 256 equally likely bins: mean 255, standard deviation sqrt(510). */
  const chiSquare = (draw: () => number, draws: number) => {
    const counts = new Float64Array(256);
    for (let i = 0; i < draws; i++) counts[draw()]!++;
    const expected = draws / 256;
    return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  };
  /** Within five standard deviations. */
  const isUniform = (statistic: number) => Math.abs(statistic - 255) < 5 * Math.sqrt(510);

  it.each([0, 1, 12_345])("has four uniform bytes, one draw and the next independent: seed %d", (seed) => {
    for (let shift = 0; shift < 32; shift += 8) {
      const uniform = uniformStream(seed);
      expect(chiSquare(() => ((uniform() * 2 ** 32) >>> shift) & 255, 50_000)).toSatisfy(isUniform);
    }
    const uniform = uniformStream(seed);
    let last = Math.floor(uniform() * 16);
    const pair = () => {
      const [before, now] = [last, Math.floor(uniform() * 16)];
      last = now;
      return 16 * before + now;
    };
    expect(chiSquare(pair, 50_000)).toSatisfy(isUniform);
  });

  it("is another stream for another seed, and the same for the same", () => {
    const first = (seed: number) => {
      const uniform = uniformStream(seed);
      return Array.from({ length: 4 }, () => uniform());
    };
    expect(first(3)).toEqual(first(3));
    const seeds = Array.from({ length: 200 }, (_, seed) => first(seed)[0]);
    expect(new Set(seeds).size).toBe(200);
    for (const value of seeds) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
    }
  });
});
