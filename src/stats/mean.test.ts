import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { meanInterval, momentsOf, pairedDifference, requiredChips, standardDeviation } from "./index.ts";
import { uniformStream } from "./random.ts";
import { betaLike, normal, within } from "../../test/draw.ts";

const oneToTen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe("meanInterval", () => {
  it("is Student's t interval", () => {
    // t(0.975; 9) = 2.262157 and s = sqrt(55/6) = 3.027650, as in any table: 5.5 +- 2.165851.
    const interval = meanInterval(oneToTen);
    expect(interval.estimate).toBe(5.5);
    expect(interval.low).toBeCloseTo(3.334149, 6);
    expect(interval.high).toBeCloseTo(7.665851, 6);
    expect(meanInterval(momentsOf(oneToTen))).toEqual(interval);
    // t(0.95; 9) = 1.833113
    expect(meanInterval(oneToTen, { confidence: 0.9 }).high).toBeCloseTo(
      5.5 + 1.833113 * Math.sqrt(55 / 60),
      5,
    );
  });

  it("is unbounded for one chip, and cut only where told", () => {
    expect(meanInterval([0.7])).toEqual({ estimate: 0.7, low: -Infinity, high: Infinity });
    expect(meanInterval([0.7], { clip: [0, 1] })).toEqual({ estimate: 0.7, low: 0, high: 1 });
    expect(meanInterval([0.99, 1]).high).toBeGreaterThan(1);
    expect(meanInterval([0.99, 1], { clip: [0, 1] }).high).toBe(1);
  });

  it("covers as stated for normal values, and nearly so for skewed accuracies", () => {
    const uniform = uniformStream(1);
    const coverage = (runs: number, chips: number, mean: number, draw: () => number) => {
      let covered = 0;
      for (let run = 0; run < runs; run++) {
        const { low, high } = meanInterval(Float64Array.from({ length: chips }, draw));
        if (low <= mean && mean <= high) covered += 1;
      }
      return covered / runs;
    };
    // Exact at any size. Interval of the count: four standard deviations of a binomial, 6e-5 to fail by chance.
    for (const chips of [3, 10]) {
      expect(coverage(10_000, chips, 0, () => normal(uniform))).toSatisfy(within(0.95, 10_000));
    }
    // A normal quantile in place of t would cover 0.92 at 10 chips: outside.
    expect(0.92).not.toSatisfy(within(0.95, 10_000));
    expect(coverage(4_000, 50, 0.9, () => betaLike(uniform))).toSatisfy(within(0.94, 4_000));
  });

  it("refuses what has no mean", () => {
    expect(() => meanInterval([])).toThrow(/no chip to average/);
    expect(() => meanInterval([1, Infinity])).toThrow(/NaN or infinite/);
    expect(() => meanInterval({ count: 2, mean: 1, m2: Infinity })).toThrow(/NaN or infinite/);
    expect(() => meanInterval({ count: 2, mean: Infinity, m2: 1 })).toThrow(/NaN or infinite/);
    expect(() => meanInterval([0.5, NaN])).toThrow(/NaN or infinite/);
    for (const confidence of [0, 1, NaN, 95]) {
      expect(() => meanInterval(oneToTen, { confidence })).toThrow(/give a number between 0 and 1/);
    }
  });
});

describe("pairedDifference", () => {
  it("is the interval of the differences", () => {
    expect(pairedDifference([3, 5, 4], [2, 3, 1])).toEqual(meanInterval([1, 2, 3]));
    expect(() => pairedDifference([1, 2], [1])).toThrow(/same chips on both sides/);
  });

  it("covers as stated and is narrower than separate intervals under common faults", () => {
    const uniform = uniformStream(2);
    const runs = 4_000;
    let covered = 0;
    let paired = 0;
    let separate = 0;
    for (let run = 0; run < runs; run++) {
      const common = Float64Array.from({ length: 20 }, () => normal(uniform));
      const a = common.map((c) => 0.8 + 0.05 * c + 0.01 * normal(uniform));
      const b = common.map((c) => 0.75 + 0.05 * c + 0.01 * normal(uniform));
      const { low, high } = pairedDifference(a, b);
      if (low <= 0.05 && 0.05 <= high) covered += 1;
      paired += high - low;
      separate += meanInterval(a).high - meanInterval(b).low - (meanInterval(a).low - meanInterval(b).high);
    }
    expect(covered / runs).toSatisfy(within(0.95, runs));
    // Deviations 0.01 sqrt 2 against 2 * sqrt(0.05^2 + 0.01^2): a factor of 7.2, to a few per cent.
    expect(separate / paired).toBeGreaterThan(6.5);
    expect(separate / paired).toBeLessThan(8);
  });
});

describe("requiredChips", () => {
  it("is the least number that is enough", () => {
    for (const [sd, half] of [
      [0.1, 0.01],
      [0.02, 0.01],
      [1, 0.3],
      [0.05, 0.0007],
    ] as const) {
      const n = requiredChips(sd, half);
      const halfWidth = (chips: number) => {
        const { low, high } = meanInterval({ count: chips, mean: 0, m2: sd * sd * (chips - 1) });
        return (high - low) / 2;
      };
      expect(halfWidth(n)).toBeLessThanOrEqual(half * (1 + 1e-12));
      expect(halfWidth(n - 1)).toBeGreaterThan(half);
    }
    // The normal limit: (1.959964 * 10)^2 = 384.1, and t costs two more.
    expect(requiredChips(0.1, 0.01)).toBe(387);
    expect(requiredChips(0, 0.01)).toBe(2);
  });

  it("with a pilot, reaches the half-width as often as stated (Stein)", () => {
    expect(requiredChips(1, 0.5, { pilotChips: 10 })).toBe(Math.ceil((2.262157 / 0.5) ** 2));
    expect(requiredChips(1e-9, 0.5, { pilotChips: 10 })).toBe(10);
    const uniform = uniformStream(3);
    const runs = 3_000;
    const coverage = (chipsFor: (sd: number) => number) => {
      let covered = 0;
      for (let run = 0; run < runs; run++) {
        const values = Array.from({ length: 5 }, () => normal(uniform));
        const chips = chipsFor(standardDeviation(momentsOf(values)));
        while (values.length < chips) values.push(normal(uniform));
        if (Math.abs(momentsOf(values).mean) <= 0.3) covered += 1;
      }
      return covered / runs;
    };
    const least = within(0.95, runs);
    expect(coverage((sd) => requiredChips(sd, 0.3, { pilotChips: 5 }))).toSatisfy(
      (c: number) => c >= 0.95 || least(c),
    );
    // Taking the deviation of five chips for the truth falls short: the reason for Stein's rule.
    expect(coverage((sd) => requiredChips(sd, 0.3))).toBeLessThan(0.92);
  });

  it("refuses what cannot be reached", () => {
    expect(() => requiredChips(0.1, 0)).toThrow(QtamlError);
    expect(() => requiredChips(NaN, 0.1)).toThrow(QtamlError);
    expect(() => requiredChips(-0.1, 0.1)).toThrow(QtamlError);
    expect(() => requiredChips(Infinity, 0.1)).toThrow(QtamlError);
    expect(() => requiredChips(0.1, 0.1, { confidence: 0 })).toThrow(/confidence of 0/);
    expect(() => requiredChips(0.1, 0.1, { pilotChips: 1 })).toThrow(/use at least 2/);
    expect(() => requiredChips(0.1, 0.1, { pilotChips: 2.5 })).toThrow(/use at least 2/);
    expect(requiredChips(0.1, 10, { pilotChips: 2 })).toBe(2);
  });
});
