import { describe, expect, it } from "vitest";
import { refusal } from "../../test/refusal.ts";
import { layerFieldsMvPerCm, makeBarrier, makeLayer, segments } from "./barrier.ts";
import { CELLS } from "./cells.ts";
import { parseDevice } from "./device.ts";
import { deviceRate, evaluateDevice } from "./evaluate.ts";
import { logExactTransmission } from "./exact.ts";
import { deviceFromFlags } from "./flags.ts";
import { detailedBalance, flipProbabilities, twoState } from "./flips.ts";
import { solveForP } from "./inverse.ts";
import { MATERIALS } from "./materials.ts";
import { populationMean } from "./population.ts";
import { poissonTail } from "./tails.ts";
import { logTransmission } from "./transmission.ts";

const messageOf = (action: () => unknown) => refusal(action).message;

const film = { barrier: { material: "SiO2", thicknessNm: 2.5 }, holdS: 0.064 };
const threshold = { model: "threshold", electrons: 5, criticalElectrons: 2 };
const stack = {
  barrier: {
    layers: [
      { material: "SiO2", thicknessNm: 0.8 },
      { barrierEv: 1.6, mass: 0.2, permittivity: 20, thicknessNm: 2 },
    ],
  },
  energyEv: 0.1,
  holdS: 1,
};

describe("what a device file is told", () => {
  it.each<[object, string]>([
    [{ ...film, flip: { ...threshold, electrons: 5.5 } }, "flip.electrons is 5.5: give a whole number."],
    [
      { ...film, flip: "two-stat" },
      'flip is "two-stat": Unknown flip model "two-stat", did you mean "two-state"? (known: telegraph, two-state, charge-loss, threshold).',
    ],
    [
      { ...film, rate: "trap-asisted" },
      'rate is "trap-asisted": Unknown rate model "trap-asisted", did you mean "trap-assisted"? (known: discrete-state, tsu-esaki, fowler-nordheim, trap-assisted).',
    ],
    [
      { ...film, flip: { model: "two-stat" } },
      'flip.model is "two-stat": Unknown flip model "two-stat", did you mean "two-state"? (known: telegraph, two-state, charge-loss, threshold).',
    ],
    [
      { ...film, flip: {} },
      "flip.model is missing: give one of telegraph, two-state, charge-loss, threshold.",
    ],
    [
      { ...film, flip: { ...threshold, statistics: "gauss" } },
      'flip.statistics is "gauss": give one of binomial, poisson.',
    ],
    [{ ...film, flip: { model: "charge-loss", chargedState: 2 } }, "flip.chargedState is 2: give 0 or 1."],
    [
      { ...film, rate: { model: "tsu-esaki", areaNm2: 1, zz: 3 } },
      'rate has an unknown key "zz": remove it.',
    ],
    [{ ...film, barrier: 3 }, "barrier is 3: give a mapping of settings."],
    [{ ...film, barrier: { layers: 3 } }, "barrier.layers is 3: give a list."],
    [{ ...film, barrier: { layers: [] } }, "barrier.layers is []: give at least one entry."],
    [{ ...film, name: 3 }, "name is 3: give a text."],
    [{ ...film, temperatureK: 3000 }, "temperatureK is 3000: give a number that is at most 2000."],
    [{ ...film, temperatureK: 0.5 }, "temperatureK is 0.5: give a number that is at least 1."],
    [{ ...film, attemptHz: 0 }, "attemptHz is 0: give a number above 0."],
    [
      { p01: "x", p10: 0 },
      'p01 is "x": give a number from 0 to 1, or a list of such numbers with one a bit.',
    ],
    [
      { ...film, barrier: { ...film.barrier, imagePermittivity: 0.5 } },
      "barrier.imagePermittivity is 0.5: give a number that is at least 1.",
    ],
  ])("%j", (file, sentence) => {
    expect(messageOf(() => parseDevice(file))).toBe(`Device file: ${sentence}`);
  });

  it("names the keys that there are where none is near", () => {
    expect(messageOf(() => parseDevice({ ...film, qqqqqqqqqq: 1 }))).toMatch(
      /^Device file: the device has an unknown key "qqqqqqqqqq": remove it, or use one of name, cell, barrier, /,
    );
    const layer = { material: "SiO2", thicknessNm: 1, qqqqqqqqqq: 1 };
    expect(messageOf(() => parseDevice({ ...film, barrier: { layers: [layer] } }))).toMatch(
      /barrier\.layers\[0\] has an unknown key "qqqqqqqqqq": remove it, or use one of material, thicknessNm, /,
    );
  });

  it("has an attempt frequency of its own, of its cell, or the usual one", () => {
    expect(parseDevice({ ...film, attemptHz: 5e12 }).attemptHz).toBe(5e12);
    expect(parseDevice({ cell: "gain-cell", attemptHz: 5e12 }).attemptHz).toBe(5e12);
    expect(parseDevice({ cell: "gain-cell" }).attemptHz).toBe(CELLS["gain-cell"]!.attemptHz);
    expect(parseDevice(film).attemptHz).toBe(1e13);
  });
});

describe("presets", () => {
  it("are changed on purpose only", () => {
    expect({ MATERIALS, CELLS }).toMatchSnapshot();
  });
});

describe("the figures behind a result", () => {
  it("are all there, for a film", () => {
    const { parameters } = evaluateDevice(parseDevice({ ...film, thicknessSpreadNm: 0.02, name: "n" }));
    const { logRateSpread, ...others } = parameters;
    expect(logRateSpread).toBeGreaterThan(0);
    expect(others).toEqual({
      name: "n",
      cell: null,
      thicknessNm: 2.5,
      material: "SiO2",
      barrierEv: 3.15,
      mass: 0.42,
      permittivity: 3.9,
      layers: [{ material: "SiO2", thicknessNm: 2.5, barrierEv: 3.15, mass: 0.42, permittivity: 3.9 }],
      equivalentOxideThicknessNm: 2.5,
      electrodeMass: 0.42,
      imagePermittivity: null,
      biasV: 0,
      energyEv: 0,
      temperatureK: 300,
      attemptHz: 1e13,
      transmissionModel: "wkb",
      rateModel: "discrete-state",
      holdS: 0.064,
      flipModel: "telegraph",
      thicknessSpreadNm: 0.02,
      draw: "quenched",
    });
  });

  it("are all there, for flips that were given", () => {
    expect(evaluateDevice(parseDevice({ p01: 0.1, p10: [0.1, 0.2], holdS: 3 })).parameters).toEqual({
      name: null,
      cell: null,
      holdS: 3,
      givenP01: 0.1,
      givenP10: [0.1, 0.2],
    });
  });

  it("have a spread of rates by the whole thickness of a stack", () => {
    const device = parseDevice({ ...stack, thicknessSpreadNm: 0.05 });
    const rateOf = (factor: number) => {
      const layers = device.barrier!.layers.map((l) => ({ ...l, thicknessNm: factor * l.thicknessNm }));
      return deviceRate({ ...device, barrier: { ...device.barrier!, layers } })!.rate.perSecond;
    };
    const h = 1e-4;
    const slopePerNm = Math.log(rateOf(1 + h) / rateOf(1 - h)) / (2 * h * 2.8);
    // Both are differences with relative errors of the square of their steps.
    expect(deviceRate(device)!.logSpread / (Math.abs(slopePerNm) * 0.05)).toBeCloseTo(1, 5);
  });

  it("have lists of bits where either probability lists them", () => {
    expect(evaluateDevice(parseDevice({ p01: [0.1, 0.2], p10: 0 })).perBit).toEqual({
      p01: [0.1, 0.2],
      p10: [0, 0],
    });
    expect(evaluateDevice(parseDevice({ p01: 0.1, p10: 0 })).perBit).toBeUndefined();
  });
});

describe("flags over a device", () => {
  it("keep the layers of a stack and change its bias", () => {
    const base = parseDevice(stack);
    const { barrier } = deviceFromFlags({ bias: 0.7 }, base);
    expect(barrier).toEqual({ ...base.barrier, biasV: 0.7 });
    expect(messageOf(() => deviceFromFlags({ mass: 0.3 }, base))).toMatch(/stack of layers/);
  });

  it("need no hold time where flips are given", () => {
    expect(deviceFromFlags({ p: 0.1 })).toMatchObject({ holdS: null, direct: { p01: 0.1, p10: 0.1 } });
  });
});

describe("warnings", () => {
  const warnings = (value: object) => evaluateDevice(parseDevice({ holdS: 1e-30, ...value })).warnings;
  const sio2 = (thicknessNm: number, others: object = {}) => ({
    barrier: { material: "SiO2", thicknessNm, ...others },
    energyEv: 0.1,
  });

  it("leave a thousandth at the ends of a material's range", () => {
    expect(warnings(sio2(2, { barrierEv: 3.1 * 0.9995 }))).toEqual([]);
    expect(warnings(sio2(2, { barrierEv: 3.2 * 1.0005 }))).toEqual([]);
    expect(warnings(sio2(2, { barrierEv: 3.1 * 0.998 }))).toHaveLength(1);
    expect(warnings(sio2(2, { barrierEv: 3.2 * 1.002 }))).toHaveLength(1);
  });

  it("say nothing of a barrier that flips do not come from", () => {
    expect(warnings({ ...sio2(0.5), p: 1e-6 })).toEqual([]);
    expect(warnings(sio2(0.5))).not.toEqual([]);
  });

  it("leave a node of many electrons to the threshold model", () => {
    const rate = { model: "tsu-esaki", areaNm2: 1 };
    const first = /flips the bit at the first one/;
    expect(warnings({ ...sio2(2), biasV: 1, rate, flip: threshold }).join(" ")).not.toMatch(first);
    expect(warnings({ ...sio2(2), biasV: 1, rate }).join(" ")).toMatch(first);
  });
});

describe("models of a rate", () => {
  it("a two-state memory follows detailed balance", () => {
    const flip = { model: "two-state", energyDifferenceEv: 0.03 } as const;
    const { rate01, rate10 } = detailedBalance(2, 0.03, 350);
    expect(rate01).toBeLessThan(rate10);
    expect(flipProbabilities(flip, { per: "electron", perSecond: 2 }, 0.3, 350)).toEqual(
      twoState(rate01, rate10, 0.3),
    );
  });

  it("the median cell stands for a population without spread", () => {
    let asked = 0;
    const cell = (factor: number) => ({ p01: 0.1 * factor, p10: ++asked });
    expect(populationMean(cell, 0)).toEqual({ p01: 0.1, p10: 1 });
  });

  it("a count has a mean of at least 0", () => {
    expect(messageOf(() => poissonTail(-1, 2))).toMatch(/mean count is -1: give a number that is at least 0/);
  });
});

describe("barriers with image force", () => {
  const imaged = makeBarrier([makeLayer({ material: "SiO2", thicknessNm: 3 })], 0.5, undefined, 2.13);

  it("are pieces without a gap that end where the film does", () => {
    const pieces = segments(imaged, 0.1);
    let end = 0;
    for (const { startNm, thicknessNm } of pieces) {
      // Sums of some hundred pieces of nanometres.
      expect(Math.abs(startNm - end)).toBeLessThan(1e-12);
      end = startNm + thicknessNm;
    }
    expect(end).toBeCloseTo(3, 12);
  });

  it("pass from plain WKB into the exact recursion near the top", () => {
    let between = 0;
    for (let energyEv = 2; energyEv < 3.2; energyEv += 0.01) {
      const chosen = logTransmission("corrected", imaged, energyEv);
      const ends = [
        logTransmission("wkb", imaged, energyEv),
        logExactTransmission(imaged, energyEv),
      ] as const;
      expect(chosen).toBeGreaterThanOrEqual(Math.min(...ends) - 1e-12);
      expect(chosen).toBeLessThanOrEqual(Math.max(...ends) + 1e-12);
      if (chosen !== ends[0] && chosen !== ends[1]) between++;
    }
    expect(between).toBeGreaterThan(1);
  });

  it("are refused with the figure that is out of range", () => {
    const one = [makeLayer({ material: "SiO2", thicknessNm: 1 })];
    expect(messageOf(() => makeBarrier(one, 0, undefined, 0.5))).toBe(
      "image permittivity is 0.5: give a number from 1 to 1000.",
    );
    expect(messageOf(() => makeBarrier(one, 0, 20))).toBe(
      "electrode mass in electron masses is 20: give a number above 0 and at most 10.",
    );
    const figures = { barrierEv: 3, mass: 0.4, thicknessNm: 1 };
    expect(messageOf(() => makeLayer({ ...figures, barrierEv: 0 }))).toBe(
      "barrier in eV is 0: give a number above 0 and at most 20.",
    );
    expect(messageOf(() => makeLayer({ ...figures, mass: 11 }))).toBe(
      "mass in electron masses is 11: give a number above 0 and at most 10.",
    );
    expect(messageOf(() => makeLayer({ ...figures, thicknessNm: 1001 }))).toBe(
      "thickness in nm is 1001: give a number above 0 and at most 1000.",
    );
    expect(messageOf(() => makeLayer({ ...figures, permittivity: 0.9 }))).toBe(
      "permittivity is 0.9: give a number from 1 to 100000.",
    );
    expect(layerFieldsMvPerCm(makeBarrier(one, 1))).toEqual([10]);
  });
});

describe("what has no answer", () => {
  it.each([
    ["holdS", 1e-12, 1e-11, "hold time", "s", "the thickness or the material"],
    ["thicknessNm", 20, 30, "thickness", "nm", "the hold time or the material"],
    ["biasV", 0, 1e-3, "bias", "V", "the thickness or the hold time"],
  ] as const)("for %s says what its range gives", (unknown, from, to, name, unit, others) => {
    const device = parseDevice({ ...film, energyEv: 0.1 });
    const message = messageOf(() => solveForP(device, { unknown, p: 0.4, from, to }));
    expect(message).toMatch(
      new RegExp(
        `^No ${name} from \\S+ to \\S+ ${unit} gives p = 0.4: that range gives (\\S+) to (\\S+);.* or change ${others}\\.$`,
      ),
    );
    const given = /range gives (\S+) to (\S+);/.exec(message)!.slice(1).map(Number);
    const at = (value: number) => {
      const device = parseDevice({
        ...film,
        energyEv: 0.1,
        ...(unknown === "thicknessNm"
          ? { barrier: { ...film.barrier, thicknessNm: value } }
          : { [unknown]: value }),
      });
      return evaluateDevice(device).p01;
    };
    const ends = [at(from), at(to)].sort((a, b) => a - b);
    expect(given[0]! / ends[0]!).toBeCloseTo(1, 2);
    expect(given[1]! / ends[1]!).toBeCloseTo(1, 2);
  });

  it.each([
    [{ unknown: "holdS", p: 0.1, from: 0 }, "lowest hold time in s is 0: give a number above 0."],
    [{ unknown: "biasV", p: 0.1, from: -1 }, "lowest bias in V is -1: give a number that is at least 0."],
    [
      { unknown: "thicknessNm", p: 0.1, from: 3, to: 2 },
      "highest thickness in nm is 2: give a number above 3.",
    ],
  ] as const)("%j is refused", (question, message) => {
    expect(messageOf(() => solveForP(parseDevice(film), question))).toBe(message);
  });
});
