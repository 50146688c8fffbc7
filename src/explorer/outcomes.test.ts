import { describe, expect, it } from "vitest";
import { binScores, overheadsAtTarget, standings } from "./outcomes.ts";

describe("binScores", () => {
  it.each([
    ["above and below", [0.1, 0.11, 0.5, 0.87, 0.87, 0.9, Number.NaN, Infinity], 0.87],
    ["all on one side", [0.3, 0.31, 0.299, 0.3], 0.9],
    ["in decibel", [-3, 12, 19.5, 7], 13.01],
  ])("counts every finite score once and parts them at the target: %s", (_, scores, target) => {
    const { from, width, counts } = binScores(scores, target)!;
    const known = scores.filter(Number.isFinite);
    expect(counts.length).toBeLessThanOrEqual(32);
    const total = (bins: readonly number[]) => bins.reduce((a, b) => a + b, 0);
    expect(total(counts)).toBe(known.length);
    const above = counts.filter((__, i) => from + (i + 0.5) * width > target);
    expect(total(above)).toBe(known.filter((score) => score >= target).length);
    for (const [i, count] of counts.entries()) {
      const inside = known.filter(
        (score) => score >= from + i * width - 1e-9 && score < from + (i + 1) * width - 1e-9,
      );
      expect(count).toBe(inside.length);
    }
  });

  it("puts scores that are all the same into one bin, and makes none of nothing", () => {
    expect(binScores([0.5, 0.5], 0.7)!.counts).toEqual([2]);
    expect(binScores([0, 0, 0], 0)!.counts).toEqual([3]);
    expect(binScores([Number.NaN], 1)).toBeUndefined();
  });

  it.each([
    ["a thirtieth of the range where that is round", [0, 3], 1, 0.1],
    ["the next round width", [0, 3.1], 1, 0.2],
    ["2.5 as well", [0, 6.5], 1, 0.25],
    ["a thousandth of what is looked at where scores are alike", [0.3, 0.3], 0.9, 1e-3],
    ["of the score where the target is smaller", [-4, -4], 0.1, 5e-3],
    ["and never nothing", [0, 0], 0, 1e-9],
  ])("has bins as wide as %s", (_, scores, target, expected) => {
    expect(binScores(scores, target)!.width).toBeCloseTo(expected, 14);
  });

  it("puts a score on an edge into the upper bin, whatever rounding made of it", () => {
    const { from, width, counts } = binScores([0, 0.1 + 0.2, 3], 0)!;
    expect([from, counts.length]).toEqual([0, 31]);
    expect(width).toBeCloseTo(0.1, 15);
    expect(counts.flatMap((count, i) => (count > 0 ? [i] : []))).toEqual([0, 3, 30]);
    expect(binScores([Number.NaN, Infinity], 0)).toBeUndefined();
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

  it("does not know how much less would do where the least that was tried is enough", () => {
    const plans = [plan("tac", 0.2, 0.9), plan("tac", 0.3, 0.95), plan("magnitude", 0, 0.9)];
    const found = overheadsAtTarget(plans, 0.7, true);
    expect(found.reachedAtLeast).toEqual({ tac: 0.2 });
    expect(found.overheadAtTarget).toEqual({ magnitude: 0 });
  });

  it("takes no number for an end that is open", () => {
    const open = { estimate: 0.5, low: null, high: 0.6 };
    const plans = [{ policy: "tac", overhead: 0.1, mean: open }, plan("tac", 0.3, 0.9)];
    expect(overheadsAtTarget(plans, 0.7, true).overheadInterval["tac"]![1]).toBe(0.3);
  });
});

describe("standings", () => {
  const plan = (policy: string, overhead: number, verdict: "kept" | "missed" | "open") => ({
    policy,
    overhead,
    verdict,
  });

  it("is shown from the least plan that keeps it, with what is open below", () => {
    const plans = [
      plan("tac", 0.5, "kept"),
      plan("tac", 0.4, "open"),
      plan("tac", 0.3, "kept"),
      plan("tac", 0.2, "open"),
      plan("tac", 0.1, "open"),
      plan("tac", 0, "missed"),
    ];
    expect(standings(plans)).toEqual([{ policy: "tac", state: "shown", enough: 0.3, open: [0.1, 0.2] }]);
  });

  it("is open where no plan keeps it and one may, refuted where all miss it", () => {
    const plans = [
      plan("uniform-msp", 0.2, "missed"),
      plan("random", 0.9, "missed"),
      plan("uniform-msp", 0.5, "open"),
      plan("uniform-msp", 0.4, "open"),
      plan("random", 1, "missed"),
    ];
    expect(standings(plans)).toEqual([
      { policy: "uniform-msp", state: "open", enough: undefined, open: [0.4, 0.5] },
      { policy: "random", state: "refuted", enough: undefined, open: [] },
    ]);
  });

  it("is open by a single plan, but for one of the overhead that was shown", () => {
    expect(standings([plan("tac", 0.1, "open")])).toEqual([
      { policy: "tac", state: "open", enough: undefined, open: [0.1] },
    ]);
    expect(standings([plan("tac", 0.3, "open"), plan("tac", 0.3, "kept")])).toEqual([
      { policy: "tac", state: "shown", enough: 0.3, open: [] },
    ]);
  });

  it("takes no protection at all for enough where that is shown, and says nothing of no plan", () => {
    expect(standings([plan("tac", 0, "kept"), plan("tac", 0.1, "open")])).toEqual([
      { policy: "tac", state: "shown", enough: 0, open: [] },
    ]);
    expect(standings([])).toEqual([]);
  });
});
