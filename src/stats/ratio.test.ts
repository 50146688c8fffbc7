import { describe, expect, it } from "vitest";
import { normal, within } from "../../test/draw.ts";
import { QtamlError } from "../errors.ts";
import { bootstrapInterval, jointConfidence, meanInterval, ratioInterval } from "./index.ts";
import { uniformStream } from "./random.ts";

const interval = (low: number, estimate: number, high: number) => ({ estimate, low, high });

describe("ratioInterval", () => {
  it("goes from the least to the greatest ratio", () => {
    expect(ratioInterval(interval(0.2, 0.25, 0.3), interval(0.05, 0.1, 0.2))).toEqual({
      estimate: 2.5,
      low: 0.2 / 0.2,
      high: 0.3 / 0.05,
    });
  });

  it("says nothing above when the denominator may be zero", () => {
    expect(ratioInterval(interval(0.2, 0.25, 0.3), interval(0, 0.1, 0.2)).high).toBe(Infinity);
    expect(ratioInterval(interval(0, 0, 0), interval(0, 0, 0))).toEqual({
      estimate: NaN,
      low: 0,
      high: Infinity,
    });
    for (const wrong of [interval(-0.1, 0, 0.1), interval(Number.NaN, 0, 0.1)]) {
      expect(() => ratioInterval(wrong, interval(1, 1, 1))).toThrow(/not negative/);
      expect(() => ratioInterval(interval(1, 1, 1), wrong)).toThrow(/not negative/);
    }
    expect(ratioInterval(interval(0, 0.1, 0.2), interval(0, 0.1, 0)).low).toBe(0);
  });

  it("covers at least as stated with joint intervals, whatever the dependence", () => {
    expect(jointConfidence(2)).toBeCloseTo(0.975, 15);
    const uniform = uniformStream(8);
    const runs = 1_500;
    for (const sign of [1, -1, 0]) {
      let covered = 0;
      for (let run = 0; run < runs; run++) {
        const a = Float64Array.from({ length: 15 }, () => normal(uniform));
        const b = a.map((z) => (sign === 0 ? normal(uniform) : sign * z));
        const confidence = jointConfidence(2);
        const { low, high } = ratioInterval(
          meanInterval(
            a.map((z) => 4 + z),
            { confidence },
          ),
          meanInterval(
            b.map((z) => 2 + 0.5 * z),
            { confidence },
          ),
        );
        if (low <= 2 && 2 <= high) covered += 1;
      }
      expect(covered / runs).toBeGreaterThanOrEqual(0.95 - 4 * Math.sqrt((0.05 * 0.95) / runs));
    }
  });
});

describe("bootstrapInterval", () => {
  const mean = (values: Float64Array) => (chips: Int32Array) =>
    chips.reduce((sum, chip) => sum + values[chip]!, 0) / chips.length;

  it("gives the statistic of the sample itself, and the same numbers for the same seed", () => {
    const uniform = uniformStream(9);
    const values = Float64Array.from({ length: 60 }, () => normal(uniform));
    const first = bootstrapInterval(60, mean(values), { seed: 1 });
    expect(first.estimate).toBeCloseTo(meanInterval(values).estimate, 12);
    expect(bootstrapInterval(60, mean(values), { seed: 1 })).toEqual(first);
    expect(bootstrapInterval(60, mean(values), { seed: 2 })).not.toEqual(first);
    // The normal limit of the percentile bootstrap of a mean: sqrt(59/60) 1.96/t(59) of Student's width; 2,000
    // resamples leave some 5 % on each end.
    const student = meanInterval(values);
    expect((first.high - first.low) / (student.high - student.low)).toBeCloseTo(0.97, 0.8);
  });

  it("covers about as stated for the ratio of two means under common faults, and is tighter than the joint one", () => {
    const uniform = uniformStream(10);
    const runs = 400;
    let covered = 0;
    let bootstrapWidth = 0;
    let jointWidth = 0;
    for (let run = 0; run < runs; run++) {
      const common = Float64Array.from({ length: 50 }, () => normal(uniform));
      const a = common.map((z) => 4 + z + 0.2 * normal(uniform));
      const b = common.map((z) => 2 + 0.5 * z + 0.2 * normal(uniform));
      const { low, high } = bootstrapInterval(50, (chips) => mean(a)(chips) / mean(b)(chips), {
        resamples: 300,
        seed: run,
      });
      if (low <= 2 && 2 <= high) covered += 1;
      bootstrapWidth += high - low;
      const confidence = jointConfidence(2);
      const joint = ratioInterval(meanInterval(a, { confidence }), meanInterval(b, { confidence }));
      jointWidth += joint.high - joint.low;
    }
    // The percentile bootstrap is short by the order of 1/n: 0.935 at 50 chips.
    expect(covered / runs).toSatisfy(within(0.935, runs));
    expect(jointWidth / bootstrapWidth).toBeGreaterThan(2);
  });

  it("keeps infinite values in order and refuses NaN", () => {
    const values = Float64Array.of(1, Infinity, Infinity, Infinity);
    const largest = (chips: Int32Array) => chips.reduce((m, chip) => Math.max(m, values[chip]!), 0);
    expect(bootstrapInterval(4, largest).high).toBe(Infinity);
    expect(() => bootstrapInterval(4, () => NaN)).toThrow(/is NaN/);
    expect(() => bootstrapInterval(0, () => 1)).toThrow(QtamlError);
    expect(() => bootstrapInterval(1.5, () => 1)).toThrow(QtamlError);
    expect(() => bootstrapInterval(4, () => 1, { resamples: 1.5 })).toThrow(QtamlError);
    expect(() => bootstrapInterval(4, () => 1, { confidence: 1 })).toThrow(/confidence of 1/);
    expect(bootstrapInterval(1, () => 2, { resamples: 1 })).toEqual({ estimate: 2, low: 2, high: 2 });
    expect(() => bootstrapInterval(4, () => 1, { resamples: 0 })).toThrow(QtamlError);
  });
});
