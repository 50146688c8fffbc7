/** @file Where the explorer's view of the device begins: at the memory that the server was started with. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { deviceFlips, evaluateDevice, parseDevice } from "../src/physics/index.ts";
import {
  deviceFile,
  deviceOf,
  deviceStart,
  isSameFigure,
  presetSettings,
  thicknessFor,
} from "../web/src/device-settings.ts";

const given = (p01: number, p10 = p01) => deviceStart({ flips: { p01, p10 }, device: null });
const described = (file: object) => {
  const device = parseDevice(file);
  const { p01, p10 } = deviceFlips(device);
  return { device, start: deviceStart({ flips: { p01, p10 }, device }) };
};

describe("the view of the device", () => {
  it.each([0.4, 0.1, 0.05, 0.02, 1e-3, 3.7e-9, 1e-15])("begins with an oxide that gives p = %d", (p) => {
    const { settings, from } = given(p);
    expect(from).toBe("oxide");
    const { p01, p10 } = evaluateDevice(deviceOf(settings));
    expect(p01).toBe(p10);
    expect(Math.abs(p01 / p - 1)).toBeLessThan(5e-3);
    expect(p01.toPrecision(3)).toBe(p.toPrecision(3));
    expect({ ...settings, thicknessNm: 0 }).toEqual({ ...presetSettings(""), thicknessNm: 0 });
  });

  it("begins with the demonstration's oxide for a tenth, and with no more decimals than are needed", () => {
    expect(given(0.1).settings.thicknessNm).toBe(2.533);
    for (const p of [0.3, 0.02, 1e-6]) {
      const { settings } = given(p);
      const decimals = String(settings.thicknessNm).split(".")[1]!.length;
      const shorter = Number(settings.thicknessNm.toFixed(decimals - 1));
      const { p01 } = deviceFlips(deviceOf({ ...settings, thicknessNm: shorter }));
      expect(decimals === 2 || p01.toPrecision(3) !== p.toPrecision(3)).toBe(true);
    }
  });

  it("takes the mean of two probabilities", () => {
    expect(given(0.03, 0.01)).toEqual(given(0.02));
  });

  it("begins with the demonstration's memory where no oxide flips as much or as little", () => {
    for (const p of [0, 0.7, 1, 1e-60]) {
      expect(given(p)).toEqual({ settings: presetSettings(""), from: "demonstration" });
    }
  });

  it.each([
    parse(readFileSync(join(import.meta.dirname, "../zoo/thin-oxide.yaml"), "utf8")) as object,
    { cell: "dram" },
    { cell: "fefet" },
    { cell: "charge-trap-flash" },
    {
      barrier: { material: "HfO2", thicknessNm: 3.2 },
      biasV: 0.5,
      energyEv: 0.2,
      holdS: 10,
      temperatureK: 350,
    },
    { cell: "gain-cell", thicknessSpreadNm: 0.1, transmission: "exact" },
  ])("is the device of a file that the sliders can say: %o", (file) => {
    const { device, start } = described(file);
    expect(start.from).toBe("device");
    expect({ ...deviceOf(start.settings), name: null }).toEqual({ ...device, name: null });
  });

  it.each([
    ["an attempt frequency", { barrier: { material: "SiO2", thicknessNm: 2.5 }, holdS: 1, attemptHz: 1e12 }],
    ["a barrier of its own", { barrier: { material: "SiO2", thicknessNm: 2.5, barrierEv: 3 }, holdS: 1 }],
    ["a thickness beyond the slider", { barrier: { material: "SiO2", thicknessNm: 0.45 }, holdS: 1e-9 }],
  ])("begins with an oxide that gives as much where a file says more than sliders can: %s", (_, file) => {
    const { device, start } = described(file);
    expect(start.from).toBe("oxide");
    const [own, wanted] = [deviceOf(start.settings), device].map((some) => deviceFlips(some).p01);
    expect(own!.toPrecision(3)).toBe(wanted!.toPrecision(3));
  });

  it("saves a file that makes the same device again", () => {
    for (const settings of [
      given(0.02).settings,
      presetSettings("dram"),
      presetSettings("charge-trap-flash"),
    ]) {
      expect(parseDevice(parse(deviceFile(settings)) as object)).toEqual(deviceOf(settings));
    }
  });
});

it("finds the thickness of a preset, and none where there is none", () => {
  const dram = presetSettings("dram");
  const { p01, p10 } = deviceFlips(deviceOf(thicknessFor(1e-6, dram)!));
  expect(isSameFigure(Math.max(p01, p10), 1e-6)).toBe(true);
  expect(thicknessFor(0.1, presetSettings("sram-6t"))).toBeUndefined();
});

it("compares probabilities by three digits", () => {
  expect(isSameFigure(0.10024, 0.1)).toBe(true);
  expect(isSameFigure(0.1006, 0.1)).toBe(false);
  expect(isSameFigure(1e-7, 2e-7)).toBe(false);
});
