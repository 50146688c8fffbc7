import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { attempt, refusal } from "../../test/refusal.ts";
import { QtamlError } from "../errors.ts";
import { CELL_NAMES, CELLS } from "./cells.ts";
import { parseDevice } from "./device.ts";
import { evaluateDevice } from "./evaluate.ts";
import { deviceFromFlags } from "./flags.ts";
import { solveForP } from "./inverse.ts";
import { MATERIAL_NAMES, MATERIALS, material } from "./materials.ts";

const film = { barrier: { material: "SiO2", thicknessNm: 2.5 }, holdS: 0.064 };

describe("materials", () => {
  it("are consistent: defaults inside their ranges, sources named", () => {
    for (const name of MATERIAL_NAMES) {
      const { barrierEv, mass, permittivity, sources } = MATERIALS[name]!;
      expect(sources.length).toBeGreaterThan(0);
      for (const { value, low, high } of [barrierEv, mass, permittivity]) {
        expect(value).toBeGreaterThanOrEqual(low);
        expect(value).toBeLessThanOrEqual(high);
      }
    }
    expect(material("sio2").name).toBe("SiO2");
  });

  it("differ by ten decades of T between the ends of HfO2's ranges, at an equivalent oxide thickness of 1.5 nm", () => {
    const { barrierEv, mass, permittivity } = MATERIALS["HfO2"]!;
    const decades = (end: "low" | "high") => {
      const thickness = (1.5 * permittivity[end]) / 3.9;
      const flags = { thickness, barrier: barrierEv[end], mass: mass[end], hold: 1 };
      return Math.log10(evaluateDevice(deviceFromFlags(flags)).transmission!);
    };
    expect(decades("low") - decades("high")).toBeCloseTo(9.9, 1);
  });

  it("suggest the nearest for an unknown name", () => {
    const { code, message } = refusal(() => material("HfO3"));
    expect(code).toBe("invalid-argument");
    expect(message).toContain('did you mean "HfO2"?');
    expect(message).toContain("La2O3");
    expect(refusal(() => material("constructor")).message).toContain("Unknown material");
  });
});

describe("the worked example", () => {
  const report = evaluateDevice(
    deviceFromFlags({ material: "SiO2", thickness: 2.5, hold: 0.064, attempt: 1e13, energy: 0 }),
  );

  it("gives what the formulas give by hand (seven digits of kappa)", () => {
    const transmission = Math.exp(-2 * 5.1231672 * Math.sqrt(0.42 * 3.15) * 2.5);
    expect(report.transmission! / transmission).toBeCloseTo(1, 6);
    expect(report.rate! / (1e13 * transmission)).toBeCloseTo(1, 6);
    expect(report.p01).toBeCloseTo((1 - Math.exp(-2e13 * transmission * 0.064)) / 2, 7);
    expect(report.p10).toBe(report.p01);
  });

  it("names every figure used, and warns", () => {
    expect(report.parameters).toMatchObject({
      material: "SiO2",
      thicknessNm: 2.5,
      barrierEv: 3.15,
      mass: 0.42,
      holdS: 0.064,
      attemptHz: 1e13,
      energyEv: 0,
      biasV: 0,
      temperatureK: 300,
      transmissionModel: "wkb",
      rateModel: "discrete-state",
      flipModel: "telegraph",
    });
    expect(report.exactTransmission).toBe(0);
    expect(report.warnings.join(" ")).toMatch(/band edge.*stress regime/u);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("gives the reference rows 5 and 6 at 0.1 eV", () => {
    const { transmission, exactTransmission } = evaluateDevice(
      deviceFromFlags({ material: "SiO2", thickness: 2, hold: 1, energy: 0.1 }),
    );
    expect(transmission! / 8.453436e-11).toBeCloseTo(1, 6);
    expect(exactTransmission! / 4.157497e-11).toBeCloseTo(1, 6);
  });
});

describe("flags", () => {
  it("change a device from a file and leave the rest", () => {
    const base = parseDevice({ ...film, flip: "charge-loss", thicknessSpreadNm: 0.02 });
    const device = deviceFromFlags({ thickness: 3, model: "exact", energy: 0.1 }, base);
    expect(device.flip).toEqual({ model: "charge-loss", chargedState: 1 });
    expect(device).toMatchObject({ transmission: "exact", holdS: 0.064, thicknessSpreadNm: 0.02 });
    expect(device.barrier!.layers[0]).toMatchObject({ material: "SiO2", thicknessNm: 3, barrierEv: 3.15 });
    const other = deviceFromFlags({ material: "HfO2" }, base).barrier!;
    expect(other.layers[0]).toMatchObject({ thicknessNm: 2.5, barrierEv: 1.5, permittivity: 22 });
    expect(other.electrodeMass).toBe(0.18);
    expect(deviceFromFlags({ p: 0.1 }, base).direct).toEqual({ p01: 0.1, p10: 0.1 });
  });

  it("replace a material's figures", () => {
    const { barrier } = deviceFromFlags({
      material: "SiO2",
      thickness: 2,
      hold: 1,
      barrier: 3.1,
      mass: 0.4,
      bias: 1,
    });
    expect(barrier).toMatchObject({ biasV: 1, electrodeMass: 0.4, layers: [{ barrierEv: 3.1, mass: 0.4 }] });
  });

  it.each([
    [{ material: "Si02", thickness: 1, hold: 1 }, /Unknown material "Si02", did you mean "SiO2"/u],
    [{ material: "SiO2", thickness: -1, hold: 1 }, /thickness in nm is -1: give a number above 0/u],
    [{ material: "SiO2", hold: 1 }, /no thickness/u],
    [{ material: "SiO2", thickness: 1 }, /hold time is missing/u],
    [{ material: "SiO2", thickness: 1, hold: -1 }, /hold time in s is -1/u],
    [{ material: "SiO2", thickness: 1, hold: 1, attempt: 0 }, /attempt frequency/u],
    [{ material: "SiO2", thickness: 1, hold: 1, model: "wbk" }, /did you mean "wkb"/u],
    [{ material: "SiO2", thickness: 1, hold: 1, temperature: 0 }, /temperature in K is 0/u],
    [{ thickness: 1, hold: 1 }, /no height: name a material/u],
    [{}, /no barrier/u],
    [{ p: 0.6 }, /p is 0.6: give a number from 0 to 0.5/u],
    [{ p: Number.NaN }, /p is NaN/u],
    [{ p: [0.1, 0.7] }, /p is 0.7/u],
    [{ p01: 1.1, p10: 0 }, /p01 is 1.1: give a number from 0 to 1/u],
    [{ p01: 0.1 }, /p10 is missing/u],
    [{ p: 0.1, p01: 0.1, p10: 0.1 }, /together/u],
  ])("refuse %j in one sentence", (flags, pattern) => {
    const error = refusal(() => deviceFromFlags(flags));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toMatch(pattern);
    expect(error.message).not.toContain("\n");
  });
});

describe("device files", () => {
  it.each([
    [{ barier: {} }, /unknown key "barier": did you mean "barrier"/u],
    [
      { barrier: { material: "SiO2", thicknesNm: 2 } },
      /barrier has an unknown key "thicknesNm".*"thicknessNm"/u,
    ],
    [{ ...film, rate: { model: "tsu-esaki", areaNm: 3 } }, /rate/u],
    [
      { ...film, barrier: { material: "SiO3", thicknessNm: 1 } },
      /barrier\.material: Unknown material "SiO3"/u,
    ],
    [
      { ...film, barrier: { material: "SiO2", thicknessNm: -2 } },
      /barrier\.thicknessNm is -2: give a number above 0/u,
    ],
    [
      { ...film, barrier: { layers: [{ material: "SiO2" }] } },
      /barrier\.layers\[0\]\.thicknessNm is missing/u,
    ],
    [
      { ...film, barrier: { layers: [{ material: "SiO2", thicknessNm: 1 }], mass: 1 } },
      /both layers and mass/u,
    ],
    [{ ...film, holdS: "1" }, /holdS is "1": give a finite number/u],
    [{ ...film, holdS: Number.NaN }, /holdS is NaN/u],
    [{ ...film, rate: "tsu-esaky" }, /Unknown rate model "tsu-esaky", did you mean "tsu-esaki"/u],
    [{ ...film, flip: { model: 3 } }, /flip\.model is 3: give one of telegraph/u],
    [
      { ...film, flip: { model: "threshold", electrons: 5, criticalElectrons: 6 } },
      /criticalElectrons is 6/u,
    ],
    [{ ...film, draw: "frozen" }, /draw is "frozen": give one of quenched, redrawn/u],
    [{ cell: "gaincell" }, /Unknown cell "gaincell", did you mean "gain-cell"/u],
    [{ cell: "charge-trap-flash", barrier: { thicknessNm: 3 } }, /has 2 layers/u],
    [{ barrier: { material: "SiO2", thicknessNm: 2 } }, /hold time is missing/u],
    [{ p: 0.7 }, /p is 0.7: give a number that is at most 0.5/u],
    [{ p: "x" }, /p is "x": give a number from 0 to 0.5, or a list/u],
    [{ p01: [0.1], p10: [0.1, 0.2] }, /p01 lists 1 bits and p10 lists 2/u],
    [null, /is null: give a mapping of settings/u],
    [[], /mapping of settings/u],
  ])("refuse %j", (value, pattern) => {
    const error = refusal(() => parseDevice(value));
    expect(error.code).toBe("invalid-schema");
    expect(error.message).toMatch(pattern);
    expect(error.message).toMatch(/^Device file: [^\n]+[.?)]$/u);
  });

  it("survive anything: a device or a QtamlError", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const outcome = attempt(() => parseDevice(value));
        expect(outcome instanceof Error && !(outcome instanceof QtamlError)).toBe(false);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it("describe stacks, explicit layers and electrodes", () => {
    const device = parseDevice({
      barrier: {
        layers: [
          { material: "SiO2", thicknessNm: 0.8 },
          { barrierEv: 1.6, mass: 0.2, permittivity: 20, thicknessNm: 2 },
        ],
        electrodeMass: 0.26,
      },
      biasV: 0.5,
      energyEv: 0.1,
      holdS: 1,
      transmission: "corrected",
    });
    expect(device.barrier).toMatchObject({ electrodeMass: 0.26, biasV: 0.5 });
    const { parameters, transmission, exactTransmission } = evaluateDevice(device);
    expect(parameters["equivalentOxideThicknessNm"]).toBeCloseTo(0.8 + (2 * 3.9) / 20, 12);
    expect(Math.abs(transmission! / exactTransmission! - 1)).toBeLessThan(0.1);
  });

  it("take flips as they are given, per bit too", () => {
    const report = evaluateDevice(parseDevice({ p01: 0, p10: [0.1, 0.2, 0.3] }));
    expect(report.perBit).toEqual({ p01: [0, 0, 0], p10: [0.1, 0.2, 0.3] });
    expect(report.p10).toBeCloseTo(0.2, 15);
    expect(report).toMatchObject({ transmission: null, exactTransmission: null, rate: null, p01: 0 });
    expect(evaluateDevice(parseDevice({ p: 1e-6 })).warnings).toEqual([]);
    expect(evaluateDevice(parseDevice({ p: 1e-6 }))).not.toHaveProperty("perBit");
  });
});

describe("cells", () => {
  it.each(CELL_NAMES)(
    "%s: gives finite flips below its stress regime, and a threshold that can be reached",
    (cell) => {
      const report = evaluateDevice(parseDevice({ cell }));
      expect(report.p01).toBeGreaterThanOrEqual(0);
      expect(Math.max(report.p01, report.p10)).toBeLessThan(0.02);
      expect(CELLS[cell]!.sources.length).toBeGreaterThan(0);
      expect(report.parameters["cell"]).toBe(cell);
    },
  );

  it("a powered SRAM has no telegraph p, and says so", () => {
    const report = evaluateDevice(parseDevice({ cell: "sram-6t" }));
    expect(report).toMatchObject({ p01: 0, p10: 0 });
    expect(report.warnings[0]).toMatch(/restores itself/u);
    const given = evaluateDevice(parseDevice({ cell: "sram-6t", p: 1e-4 }));
    expect(given.p01).toBe(1e-4);
    const error = refusal(() => solveForP(parseDevice({ cell: "sram-6t" }), { unknown: "holdS", p: 0.1 }));
    expect(error.message).toMatch(/restores itself/u);
  });

  it("a gain cell reaches p = 0.1 by a hold time near its published retention of 77 us", () => {
    const { value } = solveForP(parseDevice({ cell: "gain-cell" }), { unknown: "holdS", p: 0.1 });
    expect(value).toBeGreaterThan(77e-6);
    expect(value).toBeLessThan(3 * 77e-6);
  });

  it("are overridden by what the user writes", () => {
    const device = parseDevice({
      cell: "gain-cell",
      barrier: { thicknessNm: 1.2 },
      holdS: 1e-6,
      thicknessSpreadNm: 0,
    });
    expect(device.barrier!.layers[0]).toMatchObject({ material: "SiO2", thicknessNm: 1.2 });
    expect(device).toMatchObject({ holdS: 1e-6, thicknessSpreadNm: 0, rate: { model: "tsu-esaki" } });
  });
});

describe("warnings", () => {
  const warnings = (value: object) =>
    evaluateDevice(parseDevice({ holdS: 1e-30, ...value })).warnings.join(" ");
  const sio2 = (thicknessNm: number, others: object = {}) => ({
    barrier: { material: "SiO2", thicknessNm, ...others },
  });

  it.each([
    [{ ...sio2(2), energyEv: 0.1 }, /^$/u],
    [{ ...sio2(2), energyEv: 3.14 }, /near the top of the barrier/u],
    [{ ...sio2(2), energyEv: 4 }, /above the barrier/u],
    [{ ...sio2(2), energyEv: 0.01 }, /times above the exact one/u],
    [{ ...sio2(2), energyEv: 0.1, biasV: 3 }, /MV\/cm/u],
    [{ ...sio2(0.5), energyEv: 0.1 }, /two atomic layers/u],
    [{ ...sio2(2, { barrierEv: 2 }), energyEv: 0.1 }, /barrier of 2 eV is outside.*3.1 to 3.2/u],
    [
      { ...sio2(2), energyEv: 0.1, rate: { model: "tsu-esaki", areaNm2: 1 } },
      /use the threshold model.*give a bias/u,
    ],
    [
      { ...sio2(5), energyEv: 0.1, biasV: 1, rate: { model: "fowler-nordheim", areaNm2: 1 } },
      /use tsu-esaki/u,
    ],
    [{ ...sio2(2), energyEv: 0.1, holdS: 1e3 }, /stress regime/u],
    [{ ...sio2(2, { imagePermittivity: 2.13 }), energyEv: 0.1 }, /image force is on.*counts twice/u],
  ])("for %j", (value, pattern) => {
    expect(warnings(value)).toMatch(pattern);
  });
});
