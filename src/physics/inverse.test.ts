import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { refusal } from "../../test/refusal.ts";
import { parseDevice } from "./device.ts";
import { cellFlips, deviceFlips, deviceRate, evaluateDevice } from "./evaluate.ts";
import { solveForP, withValue } from "./inverse.ts";
import { barrierProfile, thicknessCurve } from "./plots.ts";

const film = { barrier: { material: "SiO2", thicknessNm: 2.5 }, holdS: 0.064 };

describe("evaluation", () => {
  it("is always finite, in range, and saturates gracefully", () => {
    const range = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(
        range(0.01, 50),
        range(-1, 8),
        range(0, 10),
        range(0, 1e12),
        fc.constantFrom("wkb", "corrected", "exact"),
        fc.constantFrom<unknown>("telegraph", "charge-loss", {
          model: "two-state",
          energyDifferenceEv: -0.1,
        }),
        range(0, 0.2),
        (thicknessNm, energyEv, biasV, holdS, transmission, flip, thicknessSpreadNm) => {
          const report = evaluateDevice(
            parseDevice({
              barrier: { material: "SiO2", thicknessNm },
              energyEv,
              biasV,
              holdS,
              transmission,
              flip,
              thicknessSpreadNm,
            }),
          );
          for (const value of [report.transmission!, report.exactTransmission!, report.p01, report.p10]) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1);
          }
          expect(Number.isFinite(report.rate)).toBe(true);
        },
      ),
      { seed: 11, numRuns: 150 },
    );
    const saturated = evaluateDevice(
      parseDevice({ barrier: { material: "SiO2", thicknessNm: 0.5 }, holdS: 1e9 }),
    );
    expect(saturated.p01).toBe(0.5);
  });

  it("spreads a rectangle's rate by 2 kappa sigma_d", () => {
    const { logSpread } = deviceRate(parseDevice({ ...film, thicknessSpreadNm: 0.05 }))!;
    expect(logSpread).toBeCloseTo(2 * 5.1231672 * Math.sqrt(0.42 * 3.15) * 0.05, 6);
  });

  it("averages its cells: the mean over normal scores is the population's p (Gauss sum, 1e-9)", () => {
    const device = parseDevice({ ...film, thicknessSpreadNm: 0.05, draw: "redrawn" });
    let [sum, weights] = [0, 0];
    for (let z = -7; z <= 7; z += 0.1) {
      const weight = Math.exp((-z * z) / 2);
      sum += weight * cellFlips(device, z).p10;
      weights += weight;
    }
    expect(deviceFlips(device).p10).toBeCloseTo(sum / weights, 9);
    expect(cellFlips(device, 0).p10).toBeCloseTo(deviceFlips({ ...device, thicknessSpreadNm: 0 }).p10, 15);
    expect(device.draw).toBe("redrawn");
  });

  it.each(["charge-loss", "telegraph"] as const)(
    "keeps its cells over intervals where they are quenched, and draws them anew where not: %s",
    (model) => {
      const of = (draw: "quenched" | "redrawn") =>
        parseDevice({ ...film, thicknessSpreadNm: 0.08, draw, flip: { model } });
      /** Chance that a 1 is read as 0 after n holds, hold by hold. */
      const lost = ({ p01, p10 }: { readonly p01: number; readonly p10: number }, n: number) => {
        let one = 1;
        for (let i = 0; i < n; i++) one = one * (1 - p10) + (1 - one) * p01;
        return 1 - one;
      };
      for (const n of [2, 10]) {
        let [sum, weights] = [0, 0];
        for (let z = -7; z <= 7; z += 0.05) {
          const weight = Math.exp((-z * z) / 2);
          sum += weight * lost(cellFlips(of("quenched"), z), n);
          weights += weight;
        }
        expect(deviceFlips(of("quenched"), n).p10).toBeCloseTo(sum / weights, 9);
        const drawn = deviceFlips(of("redrawn"), n).p10;
        expect(drawn).toBeCloseTo(lost(deviceFlips(of("redrawn")), n), 12);
        expect(drawn).toBeGreaterThan(deviceFlips(of("quenched"), n).p10);
      }
    },
  );
});

describe("the inverse question", () => {
  const devices = [
    parseDevice({ ...film, biasV: 0.5, energyEv: 0.1 }),
    parseDevice({ ...film, biasV: 0.5, energyEv: 0.1, transmission: "exact" }),
    parseDevice({ ...film, biasV: 0.5, energyEv: 0.1, flip: "charge-loss", thicknessSpreadNm: 0.05 }),
    parseDevice({ cell: "gain-cell" }),
    parseDevice({ cell: "charge-trap-flash" }),
    parseDevice({ cell: "fefet" }),
  ];

  it.each(["thicknessNm", "holdS", "biasV"] as const)("undoes the forward answer: %s", (unknown) => {
    const thick = devices.slice(0, 3).map((device) => withValue(device, "thicknessNm", 4));
    for (const device of unknown === "biasV" ? thick : devices) {
      for (const p of [1e-6, 0.01, 0.1]) {
        const { value, device: solved } = solveForP(device, { unknown, p });
        const { p01, p10 } = deviceFlips(solved);
        expect(Math.abs(Math.max(p01, p10) / p - 1), `${unknown} = ${value}`).toBeLessThan(1e-7);
      }
    }
  });

  it("gives back the value that went in", () => {
    const device = parseDevice({ ...film, biasV: 0.5, energyEv: 0.1 });
    const { p10: p } = deviceFlips(device);
    expect(solveForP(device, { unknown: "thicknessNm", p }).value).toBeCloseTo(2.5, 9);
    expect(solveForP(device, { unknown: "holdS", p }).value).toBeCloseTo(0.064, 9);
    expect(solveForP(device, { unknown: "biasV", p, of: "p10" }).value).toBeCloseTo(0.5, 9);
  });

  it("says what the range gives when it has no answer", () => {
    const device = parseDevice(film);
    const high = refusal(() => solveForP(device, { unknown: "thicknessNm", p: 0.1, from: 3, to: 4 }));
    expect(high.code).toBe("invalid-argument");
    expect(high.message).toMatch(
      /No thickness from 3 to 4 nm gives p = 0.1: that range gives \S+ to \S+; choose/u,
    );
    expect(refusal(() => solveForP(device, { unknown: "holdS", p: 0.6 })).message).toMatch(/No hold time/u);
    expect(refusal(() => solveForP(device, { unknown: "biasV", p: 0 })).message).toMatch(/above 0/u);
    const direct = parseDevice({ p: 0.1 });
    expect(refusal(() => solveForP(direct, { unknown: "holdS", p: 0.1 })).message).toMatch(/are given/u);
    expect(refusal(() => withValue(direct, "biasV", 1)).message).toMatch(/no barrier to change/u);
  });
});

describe("plot data", () => {
  it("draws a barrier with its forbidden region and turning points", () => {
    const { barrier } = parseDevice({ ...film, biasV: 5 });
    const profile = barrierProfile(barrier!, 0.15);
    expect([...profile.xNm]).toEqual([-0.5, 0, 0, 2.5, 2.5, 3]);
    expect([...profile.edgeEv]).toEqual([0, 0, 3.15, expect.closeTo(-1.85, 12), -5, -5]);
    expect(profile.turningPointsNm[0]).toBe(0);
    expect(profile.turningPointsNm[1]).toBeCloseTo(1.5, 12);
    expect(barrierProfile(barrier!, 4).forbidden).toEqual([]);
  });

  it("joins touching layers and separates a well", () => {
    const layers = (middle: number) => ({
      barrier: {
        layers: [
          { material: "SiO2", thicknessNm: 1 },
          { barrierEv: middle, mass: 0.4, thicknessNm: 1 },
          { material: "SiO2", thicknessNm: 1 },
        ],
      },
      holdS: 1,
    });
    expect(barrierProfile(parseDevice(layers(2)).barrier!, 1).forbidden).toEqual([{ fromNm: 0, toNm: 3 }]);
    expect(barrierProfile(parseDevice(layers(0.5)).barrier!, 1).turningPointsNm).toEqual([0, 1, 2, 3]);
  });

  it("draws p against thickness, falling, for each model", () => {
    const device = parseDevice({ ...film, energyEv: 0.1 });
    for (const model of ["wkb", "exact"] as const) {
      const curve = thicknessCurve(device, 1, 4, 31, model);
      expect(curve.thicknessNm[30]).toBeCloseTo(4, 12);
      for (let i = 1; i < 31; i += 1) expect(curve.p10[i]!).toBeLessThanOrEqual(curve.p10[i - 1]!);
    }
    const here = thicknessCurve(device, 2.5, 2.5, 1);
    expect(here.p10[0]).toBe(evaluateDevice(device).p10);
    expect(here.transmission[0]).toBe(evaluateDevice(device).transmission);
  });
});
