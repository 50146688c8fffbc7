import { describe, expect, it } from "vitest";
import { encode, numberFormat, symmetricFlips } from "../channel/index.ts";
import { parseDevice } from "../physics/index.ts";
import { gaussianHistogram, sampleLaw, samplePlan } from "../../test/report-sample.ts";
import { sampledShares } from "./charts/index.ts";
import { deviceSection, lawSection, protectedShares, wideLawSection } from "./collect.ts";
import { reportPage } from "./html.ts";

const covered = (law: typeof sampleLaw, probability = (p: number) => p) =>
  sampledShares(law).filter(
    (s) => s.low <= probability(s.probability) && probability(s.probability) <= s.high,
  ).length;

describe("lawSection", () => {
  it("states the whole law, and counts every draw", () => {
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    // 511 terms below 1: rounding stays under 511 * 2^-53.
    expect(Math.abs(sum(sampleLaw.errors.probability) - 1)).toBeLessThan(1e-12);
    expect(sum(sampleLaw.errors.sampled)).toBe(sampleLaw.draws);
    expect(sampleLaw.drift.slope).toBeCloseTo(0.8, 12);
    expect(sampleLaw.drift.offset).toBeCloseTo(-0.1, 12);
    expect(sampleLaw.bitShares.at(-1)).toBeCloseTo(0.750011, 6);
    expect(sampleLaw.errors.binWidth).toBe(0);
  });

  // Of 60 intervals of 95 %, fewer than 50 would hold with probability 1e-4 if the law were right.
  it("samples what it predicts, and would notice a law that is wrong by 5 %", () => {
    expect(covered(sampleLaw)).toBeGreaterThanOrEqual(50);
    expect(covered(sampleLaw, (p) => 1.05 * p)).toBeLessThan(50);
  });

  it("samples the drift it predicts", () => {
    const { slope, offset, sampled } = sampleLaw.drift;
    expect(sampled.length).toBeGreaterThan(8);
    const held = sampled.filter((d) => {
      const predicted = slope * d.stored + offset;
      return d.low <= predicted && predicted <= d.high;
    });
    // Of 16 intervals of 95 %, more than 4 miss with probability 3e-4.
    expect(sampled.length - held.length).toBeLessThanOrEqual(4);
  });

  it("bins a format with many distinct errors", () => {
    const format = numberFormat("fp8-e4m3");
    const histogram = format.values.map((v) => (Number.isFinite(v) && Math.abs(v) < 100 ? 1 : 0));
    const law = lawSection({
      tensor: "w",
      format,
      step: 1,
      histogram,
      flips: symmetricFlips(0.05, 8),
      draws: 20_000,
      seed: 3,
    });
    expect(law.errors.binWidth).toBeGreaterThan(0);
    expect(law.errors.error.length).toBeLessThanOrEqual(201);
    const mass = law.errors.probability.reduce((a, b) => a + b, 0) + law.nonFinite;
    expect(Math.abs(mass - 1)).toBeLessThan(1e-12);
    expect(law.drift.exact).toBe(false);
  });

  it("repeats itself, and survives JSON", () => {
    const request = {
      tensor: "w",
      format: numberFormat("int4"),
      step: 0.1,
      histogram: gaussianHistogram(1000).subarray(0, 16),
      flips: symmetricFlips(0.1, 4),
      draws: 5000,
      seed: 5,
    };
    const law = lawSection(request);
    expect(lawSection(request)).toEqual(law);
    expect(JSON.parse(JSON.stringify(law))).toEqual(law);
  });
});

describe("deviceSection", () => {
  it("draws the barrier and the curves around the chosen point", () => {
    const device = deviceSection(parseDevice({ cell: "gain-cell" }));
    const { chosen, curves } = device.thickness!;
    expect(chosen.thicknessNm).toBeCloseTo(1.65, 12);
    expect(curves.map((c) => c.model).sort()).toEqual(["exact", "wkb"]);
    for (const { thicknessNm, p } of curves) {
      expect(thicknessNm[0]!).toBeLessThan(1.65);
      expect(thicknessNm.at(-1)!).toBeGreaterThan(1.65);
      expect(p[0]!).toBeGreaterThan(p.at(-1)!);
    }
    expect(device.barrier!.fermiEv).toBe(0.1);
    expect(device.barrier!.wave.log10Amplitude[0]).toBeCloseTo(0, 12);
    expect(JSON.parse(JSON.stringify(device))).toEqual(device);
  });

  it("has no pictures of flips that were given", () => {
    const device = deviceSection(parseDevice({ p: 0.1 }));
    expect(device.barrier).toBeUndefined();
    expect(device.thickness).toBeUndefined();
    expect(device.flips.p01).toBe(0.1);
  });
});

describe("protectedShares", () => {
  it("weighs the segments of a tensor", () => {
    const shares = protectedShares(samplePlan.tensors[0]!);
    expect(shares).toEqual([0, 0, 40 / 150, 1, 1, 1, 1, 1]);
  });
});

describe("wideLawSection", () => {
  it("tells runaway weights from the others, and that the exponent's top bit makes them", () => {
    const format = numberFormat("bf16");
    const histogram = new Float64Array(65536);
    for (const x of [0.5, -0.25, 0.125]) histogram[encode(format, x)] = 10;
    const law = wideLawSection({ tensor: "w", format, step: 1, histogram, flips: symmetricFlips(1e-3, 16) });
    expect(law.runaway / 1e-3).toBeCloseTo(1, 2);
    expect(law.nonFinite).toBeLessThan(1e-5);
    expect(law.bitShares.indexOf(Math.max(...law.bitShares))).toBe(14);
    expect(law.bitShares[14]).toBeCloseTo(1, 9);
    expect(law.drift.slope).toBeCloseTo(1, 1);
    expect(law.deviation).toBeLessThan(0.1);
    const html = reportPage({
      title: "bf16",
      wideLaw: law,
      environment: { version: "0", created: "2026-01-01T00:00:00Z" },
    });
    expect(html).toMatch(/bit 14 alone carries 100.%/);
    expect(html).toContain("runaway weights");
    expect(html).not.toMatch(/NaN(?!,| and)|Infinity|undefined/);
  });
});
