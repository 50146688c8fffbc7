import { describe, expect, it } from "vitest";
import { binScores, overheadsAtTarget } from "./outcomes.ts";

describe("binScores", () => {
  it("counts every finite score once, in bins that all lists share", () => {
    const lists = [
      [0.1, 0.11, 0.5, Number.NaN],
      [0.9, 0.9, Infinity],
    ];
    const { from, width, counts } = binScores(lists)!;
    expect(counts.map((own) => own.reduce((a, b) => a + b, 0))).toEqual([3, 2]);
    expect(from).toBeLessThanOrEqual(0.1);
    expect(from + width * counts[0]!.length).toBeGreaterThanOrEqual(0.9);
    expect(counts[0]!.length).toBeLessThanOrEqual(42);
    for (const [l, list] of lists.entries()) {
      for (const score of list.filter(Number.isFinite)) {
        const bin = counts[l]!.findIndex((_, i) => score < from + (i + 1) * width - 1e-12);
        expect(counts[l]![bin]).toBeGreaterThan(0);
      }
    }
  });

  it("puts scores that are all the same into one bin, and makes none of nothing", () => {
    expect(binScores([[0.5, 0.5]])!.counts).toEqual([[2]]);
    expect(binScores([[-3, -3, -3]])!.counts).toEqual([[3]]);
    expect(binScores([[], [Number.NaN]])).toBeUndefined();
  });
});

describe("overheadsAtTarget", () => {
  const plan = (policy: string, overhead: number, estimate: number, reach = 0.1) => ({
    policy,
    overhead,
    mean: { estimate, low: estimate - reach, high: estimate + reach },
  });

  it("interpolates where means and the ends of their intervals reach the target", () => {
    const plans = [plan("tac", 0.4, 0.9), plan("tac", 0.2, 0.5), plan("uniform-msp", 0.2, 0.3)];
    const { overheadAtTarget, overheadInterval } = overheadsAtTarget(plans, 0.7, true);
    expect(overheadAtTarget["tac"]).toBeCloseTo(0.3, 12);
    expect(overheadInterval["tac"]![0]).toBeCloseTo(0.25, 12);
    expect(overheadInterval["tac"]![1]).toBeCloseTo(0.35, 12);
    expect(overheadAtTarget["uniform-msp"]).toBe(1);
  });

  it("goes down where lower is better, and leaves out plans without a mean", () => {
    const plans = [plan("tac", 0, 2), plan("tac", 0.5, 1), { policy: "tac", overhead: 0.7, mean: null }];
    expect(overheadsAtTarget(plans, 1.5, false).overheadAtTarget["tac"]).toBeCloseTo(0.25, 12);
    expect(overheadsAtTarget(plans, 0.5, false).overheadAtTarget["tac"]).toBe(1);
  });
});
