/**
 * @file The reference rows. Barrier 3.15 eV, mass 0.42, E = 0.1 eV unless a row says otherwise; the relative
 * tolerance is 1e-6 (the figures have seven digits) unless a row says otherwise.
 */

import { describe, expect, it } from "vitest";

import { makeBarrier, makeLayer } from "./barrier.ts";
import { arrhenius } from "./constants.ts";
import { exactTriangular } from "./exact.ts";
import { telegraph, telegraphInverse, twoState } from "./flips.ts";
import { poissonTail } from "./tails.ts";
import { fowlerNordheim, fowlerNordheimCurrent, tsuEsakiCurrent } from "./rates.ts";
import { transmission } from "./transmission.ts";
import { triangularWkb } from "./wkb.ts";

const THICKNESSES = [1, 1.2, 1.5, 2, 3];
const FIELDS = [8, 10, 12];
const film = (thicknessNm: number, biasV: number) =>
  makeBarrier([makeLayer({ material: "SiO2", thicknessNm })], biasV);

/** Whether every figure agrees with its row to the relative tolerance. */
function agrees(actual: readonly number[], expected: readonly number[], tolerance = 1e-6): boolean {
  return (
    actual.length === expected.length &&
    actual.every((value, i) => Math.abs(value / expected[i]! - 1) < tolerance)
  );
}

describe("reference rows", () => {
  it("1: Fowler-Nordheim constants", () => {
    const { a, b } = fowlerNordheim(3.15, 0.42);
    expect(agrees([a * 3.15 * 0.42], [1.541434e-6])).toBe(true);
    expect(agrees([b / (Math.sqrt(0.42) * 3.15 ** 1.5)], [6.83089e9])).toBe(true);
  });

  it.each([
    ["2: BSIM4 NMOS", 3.1, 0.4, 4.97232e-7, 7.45669e11],
    ["3: BSIM4 PMOS", 4.5, 0.32, 3.42537e-7, 1.16645e12],
  ])("%s (2e-5)", (_name, phi, mass, expectedA, expectedB) => {
    const { a, b } = fowlerNordheim(phi, mass);
    expect(agrees([a * mass], [expectedA], 2e-5)).toBe(true);
    expect(agrees([b * Math.sqrt(1000)], [expectedB], 2e-5)).toBe(true);
  });

  it("4: MINIMOS defaults (3e-4)", () => {
    const { a, b } = fowlerNordheim(3.1, 0.5);
    expect(agrees([a], [9.946316e-7], 3e-4)).toBe(true);
    expect(agrees([b], [2.635706e10], 3e-4)).toBe(true);
  });

  it.each([
    ["5: rectangle, WKB", "wkb", 0, [9.194257e-6, 9.041073e-7, 2.787886e-8, 8.453436e-11, 7.772306e-16]],
    ["6: rectangle, exact", "exact", 0, [4.521904e-6, 4.44651e-7, 1.371114e-8, 4.157497e-11, 3.82251e-16]],
    [
      "8: trapezoid at 1 V, WKB",
      "wkb",
      1,
      [2.524882e-5, 3.03871e-6, 1.268708e-7, 6.375027e-10, 1.609619e-14],
    ],
    [
      "9: trapezoid at 1 V, exact",
      "exact",
      1,
      [3.392869e-5, 4.079329e-6, 1.701628e-7, 8.543173e-10, 2.155385e-14],
    ],
  ] as const)("%s", (_name, model, biasV, expected) => {
    expect(
      agrees(
        THICKNESSES.map((d) => transmission(model, film(d, biasV), 0.1)),
        expected,
      ),
    ).toBe(true);
  });

  it("7: Fowler-Nordheim triangle, WKB and Airy", () => {
    expect(
      agrees(
        FIELDS.map((field) => triangularWkb(3.05, field, 0.42)),
        [1.581023e-13, 5.743154e-11, 2.923875e-9],
      ),
    ).toBe(true);
    expect(
      agrees(
        FIELDS.map((field) => exactTriangular(3.05, field, 0.42, 0.1)),
        [1.123179e-13, 4.09384e-11, 2.091406e-9],
      ),
    ).toBe(true);
  });

  it("10: Fowler-Nordheim current (1e-5)", () => {
    expect(
      agrees(
        FIELDS.map((field) => fowlerNordheimCurrent(3.15, 0.42, field)),
        [2.73395e-6, 2.07855e-3, 0.185164],
        1e-5,
      ),
    ).toBe(true);
  });

  const emitter = { fermiEv: 0.1, dosMass: 0.38, temperatureK: 300 };
  const currents = [1.2, 1.5, 2, 3].map((d) => tsuEsakiCurrent("wkb", film(d, 1), emitter));

  it("11: Tsu-Esaki current (half a unit of the last digit given; BSIM4 within a factor 3)", () => {
    expect(agrees(currents, [99.7, 4.04, 0.0193, 4.42e-7], 2.6e-3)).toBe(true);
    for (const [i, bsim] of [221, 7.78, 0.0348, 9.79e-7].entries()) {
      expect(bsim / currents[i]!).toBeGreaterThan(1 / 3);
      expect(bsim / currents[i]!).toBeLessThan(3);
    }
  });

  it("12: nanometres of oxide per decade at 1 V: of T at the Fermi level (four digits), of J as rows 11 imply", () => {
    const perDecadeOfT =
      1.5 / Math.log10(transmission("wkb", film(1.5, 1), 0.1) / transmission("wkb", film(3, 1), 0.1));
    expect(agrees([perDecadeOfT], [0.2175], 2.5e-4)).toBe(true);
    const perDecadeOfJ = 1.5 / Math.log10(currents[1]! / currents[3]!);
    expect(agrees([perDecadeOfJ], [1.5 / Math.log10(4.04 / 4.42e-7)], 1e-3)).toBe(true);
    expect(agrees([perDecadeOfJ], [0.2175], 0.1)).toBe(true);
    expect(agrees([perDecadeOfJ], [0.213], 0.1)).toBe(true);
  });

  it("13: asymmetric two-state memory", () => {
    const { p01, p10 } = twoState(1, 3, 0.1);
    expect(agrees([p01], [0.08242])).toBe(true);
    expect(agrees([p10], [0.24726])).toBe(true);
  });

  it("14: Poisson tail", () => expect(agrees([poissonTail(50, 60)], [0.09226505])).toBe(true));
  it("15: Boltzmann factor", () => expect(agrees([arrhenius(0.1, 300)], [0.02089652])).toBe(true));

  it("16: telegraph inverse", () => {
    expect(agrees([telegraphInverse(0.05)], [0.05268026])).toBe(true);
    expect(agrees([telegraphInverse(0.1)], [0.11157178])).toBe(true);
    expect(agrees([telegraph(1, telegraphInverse(0.1))], [0.1], 1e-14)).toBe(true);
  });

  it("temperature: J at 1.5 nm and 1 V (half a unit of the third digit)", () => {
    expect(
      agrees(
        [233, 300, 358, 398].map((temperatureK) =>
          tsuEsakiCurrent("wkb", film(1.5, 1), { ...emitter, temperatureK }),
        ),
        [3.7, 4.04, 4.4, 4.68],
        1.4e-3,
      ),
    ).toBe(true);
  });
});
