import { describe, expect, it } from "vitest";
import { uniformStream } from "../stats/random.ts";
import { spreadThickness, type ThicknessLevel } from "./thickness.ts";

const channel = { p01: 0.1, p10: 0.1 };
const next = uniformStream(5);
const planes = Array.from({ length: 5 }, (_, k) => ({
  name: `bit ${k}`,
  count: 50 + Math.floor(next() * 200),
  noisePerError: 4 ** k * (0.5 + next()),
  channel,
}));
const bits = planes.reduce((sum, { count }) => sum + count, 0);

describe("spreadThickness", () => {
  it("is ln(v / GM) / s about the mean where errors fall exponentially", () => {
    const slope = 20;
    const levels = Array.from({ length: 3001 }, (_, i): ThicknessLevel => {
      const thicknessNm = 1.5 + i * 0.001;
      return { thicknessNm, error: 0.1 * Math.exp(-slope * (thicknessNm - 2)) };
    });
    const found = spreadThickness(planes, levels, ({ meanNm }) => meanNm >= 2.5).enough!;
    const logGm = planes.reduce((sum, { count, noisePerError: v }) => sum + count * Math.log(v), 0) / bits;
    planes.forEach(({ noisePerError: v }, k) => {
      const expected = found.meanNm + (Math.log(v) - logGm) / slope;
      // Levels are a thousandth of a nanometre apart.
      expect(Math.abs(found.thicknessNm[k]! - expected)).toBeLessThan(0.0011);
    });
    expect(found.meanNm).toBeCloseTo(2.5, 3);
    // Uniform protection leaves AM / GM times the noise.
    const uniform =
      planes.reduce((sum, p) => sum + p.count * p.noisePerError, 0) * 0.1 * Math.exp(-slope * 0.5);
    const am = planes.reduce((sum, p) => sum + p.count * p.noisePerError, 0) / bits;
    expect(uniform / found.noise).toBeCloseTo(am / Math.exp(logGm), 1);
  });

  it("has no better choice of as much thickness, errors that saturate included", () => {
    const levels = [1, 1.5, 2, 2.5, 3].map((thicknessNm): ThicknessLevel => ({
      thicknessNm,
      error: (1 - Math.exp(-2 * Math.exp(-3 * (thicknessNm - 1.5)))) / 2,
    }));
    const all: { meanNm: number; noise: number }[] = [];
    for (let c = 0; c < levels.length ** planes.length; c++) {
      const chosen = planes.map((_, i) => levels[Math.floor(c / levels.length ** i) % levels.length]!);
      const sum = (of: (plane: (typeof planes)[number], level: ThicknessLevel) => number) =>
        planes.reduce((total, plane, i) => total + of(plane, chosen[i]!), 0);
      all.push({
        meanNm: sum((plane, level) => plane.count * level.thicknessNm) / bits,
        noise: sum((plane, level) => plane.count * plane.noisePerError * level.error),
      });
    }
    for (const mean of [1.2, 1.7, 2.1, 2.6]) {
      const { enough, short } = spreadThickness(planes, levels, ({ meanNm }) => meanNm >= mean);
      const found = enough!;
      expect(short.meanNm).toBeLessThan(mean);
      expect(short.noise).toBeGreaterThan(found.noise);
      expect(found.meanNm).toBeGreaterThanOrEqual(mean);
      const rivals = all.filter(({ meanNm }) => meanNm <= found.meanNm + 1e-9);
      expect(found.noise).toBeLessThanOrEqual(Math.min(...rivals.map(({ noise }) => noise)) * (1 + 1e-12));
    }
    const none = spreadThickness(planes, levels, () => false);
    expect([none.enough, none.short.meanNm]).toEqual([undefined, 3]);
  });
});
