import { describe, expect, it } from "vitest";
import { betaLike } from "../../test/draw.ts";
import {
  asymptoticMeanSequence,
  asymptoticStart,
  type AsymptoticOptions,
  chipsForYield,
  meanInterval,
  momentsOf,
  proportionInterval,
  proportionSequence,
} from "./index.ts";
import { addValue, emptyMoments } from "./moments.ts";
import { uniformStream } from "./random.ts";

/** At most a share of runs misses, and four standard deviations of the count. */
const atMost = (share: number, runs: number) => share + 4 * Math.sqrt((share * (1 - share)) / runs);

describe("proportionSequence", () => {
  it("misses no more often than stated at any look, by counting all paths", () => {
    let largest = 0;
    for (const confidence of [0.5, 0.95]) {
      for (const p of [0.02, 0.3, 0.5, 0.9, 0.99]) {
        // alive[k]: probability of k successes so far with p inside at every look.
        let alive = [1];
        for (let n = 1; n <= 200; n++) {
          const next = Array<number>(n + 1).fill(0);
          alive.forEach((weight, k) => {
            next[k]! += weight * (1 - p);
            next[k + 1]! += weight * p;
          });
          alive = next.map((weight, k) => {
            if (weight === 0) return 0;
            const { low, high } = proportionSequence(k, n, confidence);
            return low <= p && p <= high ? weight : 0;
          });
        }
        const missed = 1 - alive.reduce((a, b) => a + b, 0);
        expect(missed).toBeLessThanOrEqual(1 - confidence);
        largest = Math.max(largest, missed / (1 - confidence));
      }
    }
    // Not so wide that it could not miss.
    expect(largest).toBeGreaterThan(0.3);
  });

  it("settles a yield of 0.99 after 431 good chips", () => {
    // 0.99^n <= 0.05 (1/4 + 1/2 prod (1 - 1/(2i))), and the product is 1/sqrt(pi n) to 0.03 %: 431 is the least such n.
    const isSettled = (n: number) => 0.99 ** n <= 0.05 * (1 / 4 + 1 / 2 / Math.sqrt(Math.PI * n));
    expect([isSettled(430), isSettled(431)]).toEqual([false, true]);
    expect(proportionSequence(430, 430).low).toBeLessThan(0.99);
    expect(proportionSequence(431, 431).low).toBeGreaterThanOrEqual(0.99);
    expect(proportionSequence(431, 431).high).toBe(1);
    expect(proportionSequence(0, 431).high).toBeCloseTo(1 - proportionSequence(431, 431).low, 12);
  });

  it("is wider than the interval for a fixed number, and less than twice as wide", () => {
    for (const [k, n] of [
      [50, 100],
      [95, 100],
      [970, 1000],
    ] as const) {
      const [always, fixed] = [proportionSequence(k, n), proportionInterval(k, n)];
      const ratio = (always.high - always.low) / (fixed.high - fixed.low);
      expect(ratio).toBeGreaterThan(1);
      expect(ratio).toBeLessThan(2);
    }
  });

  it("knows nothing without chips and refuses what is no proportion", () => {
    expect(proportionSequence(0, 0)).toEqual({ estimate: 0.5, low: 0, high: 1 });
    expect(() => proportionSequence(3, 2)).toThrow(/not a proportion/);
    expect(() => proportionSequence(0.5, 2)).toThrow(/not a proportion/);
  });
});

describe("asymptoticMeanSequence", () => {
  it("covers skewed accuracies at all looks from the start on, and is 1.6 times as wide as Student's t", () => {
    const uniform = uniformStream(31);
    const runs = 2_000;
    let missed = 0;
    let ratio = 0;
    for (let run = 0; run < runs; run++) {
      let moments = emptyMoments;
      let isMissed = false;
      for (let n = 1; n <= 300; n++) {
        moments = addValue(moments, betaLike(uniform));
        if (n < asymptoticStart) continue;
        const { low, high } = asymptoticMeanSequence(moments);
        isMissed ||= low > 0.9 || high < 0.9;
        if (n === 100) {
          const student = meanInterval(moments);
          ratio += (high - low) / (student.high - student.low) / runs;
        }
      }
      if (isMissed) missed++;
    }
    expect(missed / runs).toBeLessThanOrEqual(atMost(0.05, runs));
    expect(missed).toBeGreaterThan(0);
    expect(ratio).toBeLessThan(1.6);
    expect(ratio).toBeGreaterThan(1.4);
  });

  it("is narrowest about the number that it is tuned to, and wider where it has to be surer", () => {
    const width = (count: number, options: AsymptoticOptions) => {
      const { estimate, low, high } = asymptoticMeanSequence({ count, mean: 3, m2: count - 1 }, options);
      expect(high - estimate).toBeCloseTo(estimate - low, 12);
      return high - low;
    };
    for (const count of [50, 100, 1000]) {
      const tuned = width(count, { tunedTo: count });
      for (const factor of [1 / 4, 1 / 2, 2, 4]) {
        expect(width(count, { tunedTo: factor * count })).toBeGreaterThan(tuned);
      }
      // The tuning is right to a few per cent: the next tenth is not much better.
      expect(width(count, { tunedTo: 1.1 * count }) / tuned).toBeGreaterThan(0.999);
      expect(width(count, { tunedTo: 0.9 * count }) / tuned).toBeGreaterThan(0.999);
      expect(width(count, { tunedTo: count, confidence: 0.99 })).toBeGreaterThan(tuned);
    }
    expect(width(100, {})).toBe(width(100, { tunedTo: 100 }));
    // Equation 9 by hand: r^2 = (5.991465 + ln 6.991465) / 100 = 0.07936155, n r^2 + 1 = 8.936155,
    // sqrt(2 * 8.936155 / (100 * 7.936155) * ln(2.989340 / 0.05)) = sqrt(0.02252011 * 4.090785) = 0.3035209.
    expect(width(100, {}) / 2).toBeCloseTo(0.3035209, 6);
    expect(width(asymptoticStart, {})).toBeLessThan(Infinity);
  });

  it("says nothing before its start", () => {
    const few = momentsOf(Array<number>(asymptoticStart - 1).fill(0.5));
    expect(asymptoticMeanSequence(few, { clip: [0, 1] })).toEqual({ estimate: 0.5, low: 0, high: 1 });
    expect(() => asymptoticMeanSequence(momentsOf([NaN]))).toThrow(/NaN/);
  });
});

describe("chipsForYield", () => {
  it("is the least number without a bad chip where all are good", () => {
    const n = chipsForYield(0.99, 1);
    expect(n).toBe(368);
    expect(proportionInterval(n, n).low).toBeGreaterThanOrEqual(0.99);
    expect(proportionInterval(n - 1, n - 1).low).toBeLessThan(0.99);
  });

  it("shows the yield as often as asked, in seeded campaigns", () => {
    const n = chipsForYield(0.9, 0.96, { power: 0.8 });
    const uniform = uniformStream(32);
    const runs = 4_000;
    let shown = 0;
    for (let run = 0; run < runs; run++) {
      let good = 0;
      for (let i = 0; i < n; i++) if (uniform() < 0.96) good++;
      if (proportionInterval(good, n).low >= 0.9) shown++;
    }
    expect(shown / runs).toBeGreaterThanOrEqual(0.8 - 4 * Math.sqrt(0.16 / runs));
    expect(shown / runs).toBeLessThan(0.9);
  });

  it("refuses what cannot be shown", () => {
    expect(() => chipsForYield(0.99, 0.99)).toThrow(/assume a larger one/);
  });
});
