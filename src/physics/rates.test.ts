import { describe, expect, it } from "vitest";

import { makeBarrier, makeLayer } from "./barrier.ts";
import {
  BOLTZMANN,
  ELECTRON_MASS,
  ELEMENTARY_CHARGE,
  KAPPA_PER_NM,
  REDUCED_PLANCK,
  VACUUM_PERMITTIVITY,
  arrhenius,
} from "./constants.ts";
import {
  electronsPerSecond,
  fowlerNordheim,
  fowlerNordheimCurrent,
  gudermannian,
  selfDischargeField,
  trapAssistedRate,
  tsuEsakiCurrent,
} from "./rates.ts";
import { transmission } from "./transmission.ts";

const film = (thicknessNm: number, biasV: number) =>
  makeBarrier([makeLayer({ material: "SiO2", thicknessNm })], biasV);
const emitter = { fermiEv: 0.1, dosMass: 0.38, temperatureK: 300 };

describe("constants", () => {
  it("give kappa = 5.1231672 per nm for m = 1 and u = 1 eV", () => {
    expect(KAPPA_PER_NM).toBeCloseTo(5.1231672, 7);
  });
});

describe("Tsu-Esaki current", () => {
  /** The integral by 40,000 midpoints, straight from the formula. */
  function byMidpoints(thicknessNm: number, biasV: number, temperatureK: number): number {
    const kT = (BOLTZMANN * temperatureK) / ELEMENTARY_CHARGE;
    const [steps, top] = [40_000, 3.15 + 1];
    let sum = 0;
    for (let i = 0; i < steps; i += 1) {
      const e = (top * (i + 0.5)) / steps;
      const supply = Math.log1p(Math.exp((0.1 - e) / kT)) - Math.log1p(Math.exp((0.1 - e - biasV) / kT));
      sum += (transmission("wkb", film(thicknessNm, biasV), e) * supply * top) / steps;
    }
    const scale =
      (ELEMENTARY_CHARGE ** 2 * 0.38 * ELECTRON_MASS * kT * ELEMENTARY_CHARGE) / (2 * Math.PI ** 2);
    return ((scale * sum) / REDUCED_PLANCK ** 3) * 1e-4;
  }

  it.each([
    [1.5, 1, 300],
    [3, 0.05, 300],
    [1.2, 2, 600],
    [3, 4, 100],
  ])("agrees with a plain sum at %d nm, %d V, %d K (2e-5, the sum's own error)", (d, biasV, temperatureK) => {
    const expected = byMidpoints(d, biasV, temperatureK);
    const current = tsuEsakiCurrent("wkb", film(d, biasV), { ...emitter, temperatureK });
    expect(Math.abs(current / expected - 1)).toBeLessThan(2e-5);
  });

  it("has the degenerate limit at 4 K: supply (EF - E)/kT below the Fermi level", () => {
    const steps = 4000;
    let sum = 0;
    for (let i = 0; i < steps; i += 1) {
      const e = (0.1 * (i + 0.5)) / steps;
      sum += (transmission("wkb", film(2, 1), e) * (0.1 - e) * 0.1) / steps;
    }
    const expected =
      ((ELEMENTARY_CHARGE ** 3 * 0.38 * ELECTRON_MASS * sum) / (2 * Math.PI ** 2 * REDUCED_PLANCK ** 3)) *
      1e-4;
    const current = tsuEsakiCurrent("wkb", film(2, 1), { ...emitter, temperatureK: 4 });
    expect(Math.abs(current / expected - 1)).toBeLessThan(2e-3);
  });

  it("becomes Richardson's thermionic emission where the film is too thick to tunnel", () => {
    const barrier = makeBarrier([makeLayer({ thicknessNm: 200, barrierEv: 0.5, mass: 1 })], 0.5);
    const kT = (BOLTZMANN * 600) / ELEMENTARY_CHARGE;
    const current = tsuEsakiCurrent("wkb", barrier, { fermiEv: 0.1, dosMass: 1, temperatureK: 600 });
    const richardson = 120.17 * 600 ** 2 * Math.exp(-0.4 / kT);
    expect(current / richardson).toBeGreaterThan(0.9);
    expect(current / richardson).toBeLessThan(1.2);
  });

  it("vanishes without a bias and grows with it", () => {
    expect(tsuEsakiCurrent("wkb", film(2, 0), emitter)).toBe(0);
    let before = 0;
    for (const biasV of [0.05, 0.2, 0.5, 1, 2]) {
      const current = tsuEsakiCurrent("wkb", film(2, biasV), emitter);
      expect(current).toBeGreaterThan(before);
      before = current;
    }
  });

  it("takes the exact transmission too, within the factor that WKB is off", () => {
    const ratio =
      tsuEsakiCurrent("exact", film(1.5, 1), emitter) / tsuEsakiCurrent("wkb", film(1.5, 1), emitter);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(0.95);
  });
});

describe("Fowler-Nordheim", () => {
  it("is 0 without a field", () => expect(fowlerNordheimCurrent(3.15, 0.42, 0)).toBe(0));

  it("discharges a node as Runge-Kutta steps of dF/dt = -gamma J/eps do (1e-6)", () => {
    const { a, b } = fowlerNordheim(3.15, 0.42);
    const share = 0.4;
    const rate = (f: number) => (-share * a * f * f * Math.exp(-b / f)) / (3.9 * VACUUM_PERMITTIVITY);
    let field = 12e8;
    const [time, steps] = [1e-3, 20_000];
    for (let i = 0; i < steps; i += 1) {
      const t0 = time * (i / steps) ** 4;
      const h = time * ((i + 1) / steps) ** 4 - t0;
      const k1 = rate(field);
      const k2 = rate(field + (h * k1) / 2);
      const k3 = rate(field + (h * k2) / 2);
      const k4 = rate(field + h * k3);
      field += (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    const closed = selfDischargeField(3.15, 0.42, 12, time, 3.9, share);
    expect(closed).toBeLessThan(11.5);
    expect(Math.abs(closed / (field / 1e8) - 1)).toBeLessThan(1e-6);
  });

  it("does not overflow at low fields, where nothing flows", () => {
    expect(selfDischargeField(3.15, 0.42, 0.01, 1e9, 3.9)).toBeCloseTo(0.01, 12);
    expect(selfDischargeField(3.15, 0.42, 8, 0, 3.9)).toBeCloseTo(8, 12);
    expect(selfDischargeField(3.15, 0.42, 0, 5, 3.9)).toBe(0);
  });
});

describe("trap-assisted rate", () => {
  const traps = { densityPerCm3: 1e17, areaNm2: 400, activationEv: 0 };

  it("is the integral of two steps in series over the trap's place (Simpson, 1e-9)", () => {
    const d = 8;
    const kappa = KAPPA_PER_NM * Math.sqrt(0.42 * 3.05);
    const steps = 4000;
    const f = (x: number) => 1 / (Math.exp(2 * kappa * x) + Math.exp(2 * kappa * (d - x)));
    let sum = 0;
    for (let i = 0; i < steps; i += 1) {
      const [a, b] = [(d * i) / steps, (d * (i + 1)) / steps];
      sum += ((b - a) / 6) * (f(a) + 4 * f((a + b) / 2) + f(b));
    }
    const expected = 1e17 * 1e-21 * 400 * 1e13 * sum;
    expect(trapAssistedRate(film(d, 0), 0.1, 1e13, traps, 300) / expected).toBeCloseTo(1, 9);
  });

  it("takes the Arrhenius factor and has the limit of an open film", () => {
    const cold = trapAssistedRate(film(3, 0), 0.1, 1e13, traps, 300);
    const hot = trapAssistedRate(film(3, 0), 0.1, 1e13, { ...traps, activationEv: 0.2 }, 300);
    expect(hot / cold).toBeCloseTo(arrhenius(0.2, 300), 14);
    const open = trapAssistedRate(film(3, 0), 3.15, 1e13, traps, 300);
    expect(open / (0.04 * 1e13 * 1.5)).toBeCloseTo(1, 10);
    expect(gudermannian(50)).toBeCloseTo(Math.PI / 2, 14);
  });
});

it("counts electrons: 1 A/cm^2 over 1 nm^2 is 1e-14/q per second", () => {
  expect(electronsPerSecond(1, 1)).toBeCloseTo(1e-14 / 1.602176634e-19, 6);
});
