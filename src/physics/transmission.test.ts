import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  barrierTopEv,
  equivalentOxideThicknessNm,
  layerVoltages,
  makeBarrier,
  makeLayer,
  segments,
  type Barrier,
} from "./barrier.ts";
import { KAPPA_PER_NM } from "./constants.ts";
import { exactTriangular, logExactTransmission, waveFunction } from "./exact.ts";
import { logTransmission, TRANSMISSION_MODELS, transmission } from "./transmission.ts";
import { logKemble, logWkbTransmission, segmentExponent, triangularWkb, tunnellingExponent } from "./wkb.ts";

const SEED = 20_241;
const film = (thicknessNm: number, biasV = 0, electrodeMass?: number): Barrier =>
  makeBarrier([makeLayer({ material: "SiO2", thicknessNm })], biasV, electrodeMass);

const range = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const anyLayer = fc
  .record({
    thicknessNm: range(0.2, 4),
    barrierEv: range(0.2, 5),
    mass: range(0.1, 1),
    permittivity: range(3, 30),
  })
  .map(makeLayer);
const anyBarrier = fc
  .tuple(fc.array(anyLayer, { minLength: 1, maxLength: 3 }), range(0, 6), range(0.1, 1))
  .map(([layers, biasV, mass]) => makeBarrier(layers, biasV, mass));
const check = (property: fc.IRawProperty<unknown>, numRuns = 150): void =>
  fc.assert(property as fc.IProperty<unknown>, { seed: SEED, numRuns });

/**
 * An independent exact answer: fourth-order Runge-Kutta on psi and psi'/m from the anode to the cathode, started
 * from the outgoing wave. It shares neither slabs nor logarithmic derivative with the recursion.
 */
function rungeKuttaLogT(barrier: Barrier, energyEv: number, steps = 2000): number {
  const m = barrier.electrodeMass;
  const anode = KAPPA_PER_NM * Math.sqrt((energyEv + barrier.biasV) / m);
  const cathode = KAPPA_PER_NM * Math.sqrt(energyEv / m);
  let state = [1, 0, 0, anode];
  let log = 0;
  for (const { thicknessNm, mass, left, right } of segments(barrier, energyEv).toReversed()) {
    const h = -thicknessNm / steps;
    const slope = ([a, b, c, d]: readonly number[], t: number): number[] => {
      const w = KAPPA_PER_NM ** 2 * (right + (left - right) * t);
      return [mass * c!, mass * d!, w * a!, w * b!];
    };
    const plus = (s: readonly number[], k: readonly number[], f: number) => s.map((x, i) => x + f * k[i]!);
    for (let i = 0; i < steps; i += 1) {
      const [t, mid, end] = [i / steps, (i + 0.5) / steps, (i + 1) / steps];
      const k1 = slope(state, t);
      const k2 = slope(plus(state, k1, h / 2), mid);
      const k3 = slope(plus(state, k2, h / 2), mid);
      const k4 = slope(plus(state, k3, h), end);
      state = state.map((x, j) => x + (h / 6) * (k1[j]! + 2 * k2[j]! + 2 * k3[j]! + k4[j]!));
      const size = Math.hypot(...state);
      state = state.map((x) => x / size);
      log += Math.log(size);
    }
  }
  const [a, b, c, d] = state as [number, number, number, number];
  const incident = ((a + d / cathode) ** 2 + (b - c / cathode) ** 2) / 4;
  return Math.log(anode / cathode) - 2 * log - Math.log(incident);
}

describe("the exact recursion", () => {
  it("is 1/(1 + V0^2 sinh^2(kappa d)/(4 E (V0 - E))) for a rectangle", () => {
    for (const energyEv of [0.05, 0.1, 1, 3, 3.14]) {
      for (const d of [0.3, 1, 5]) {
        const kappaD = KAPPA_PER_NM * Math.sqrt(0.42 * (3.15 - energyEv)) * d;
        const expected = 1 / (1 + (3.15 ** 2 * Math.sinh(kappaD) ** 2) / (4 * energyEv * (3.15 - energyEv)));
        expect(transmission("exact", film(d), energyEv) / expected).toBeCloseTo(1, 11);
      }
    }
  });

  it("agrees with Runge-Kutta integration on random stacks (both are good to 1e-6 there)", () => {
    check(
      fc.property(anyBarrier, range(0.05, 4), (barrier, energyEv) => {
        const difference = logExactTransmission(barrier, energyEv) - rungeKuttaLogT(barrier, energyEv);
        expect(Math.abs(difference)).toBeLessThan(1e-6);
      }),
      40,
    );
  });

  it("reflects a step as Fresnel does when the film vanishes", () => {
    const [v, w] = [Math.sqrt(0.1), Math.sqrt(1.1)];
    const step = (4 * v * w) / (v + w) ** 2;
    expect(transmission("exact", film(1e-6, 1), 0.1)).toBeCloseTo(step, 4);
  });

  it("is the same in both directions without bias", () => {
    check(
      fc.property(anyBarrier, range(0.05, 4), (barrier, energyEv) => {
        const forth = makeBarrier(barrier.layers, 0, barrier.electrodeMass);
        const back = makeBarrier(barrier.layers.toReversed(), 0, barrier.electrodeMass);
        expect(logExactTransmission(back, energyEv)).toBeCloseTo(logExactTransmission(forth, energyEv), 9);
      }),
    );
  });

  it("needs states on both sides", () => {
    expect(transmission("exact", film(2), 0)).toBe(0);
    expect(transmission("exact", film(2), -0.5)).toBe(0);
    expect(transmission("exact", film(2, 1), -0.5)).toBe(0);
  });

  it("keeps its digits where T underflows", () => {
    const log = logExactTransmission(film(900), 0.1);
    const exponent = 2 * KAPPA_PER_NM * Math.sqrt(0.42 * 3.05) * 900;
    expect(log).toBeCloseTo(-exponent + Math.log((16 * 0.1 * 3.05) / 3.15 ** 2), 6);
    expect(transmission("exact", film(900), 0.1)).toBe(0);
  });
});

describe("every model", () => {
  it("lies in [0, 1] and is never NaN, on any stack at any energy", () => {
    check(
      fc.property(
        anyBarrier,
        range(-1, 12),
        fc.constantFrom(...TRANSMISSION_MODELS),
        (barrier, energyEv, model) => {
          const t = transmission(model, barrier, energyEv);
          expect(t).toBeGreaterThanOrEqual(0);
          expect(t).toBeLessThanOrEqual(1);
        },
      ),
      400,
    );
  });

  it("falls with thickness of a rectangle, below the top", () => {
    check(
      fc.property(
        range(0.3, 5),
        range(1.01, 2),
        range(0.05, 2.8),
        fc.constantFrom(...TRANSMISSION_MODELS),
        (d, factor, energyEv, model) => {
          const thin = logTransmission(model, film(d), energyEv);
          expect(logTransmission(model, film(d * factor), energyEv)).toBeLessThan(thin);
        },
      ),
    );
  });

  it("counts two equal layers as one", () => {
    check(
      fc.property(
        anyLayer,
        range(0.05, 0.95),
        range(0, 5),
        range(0.05, 4),
        fc.constantFrom(...TRANSMISSION_MODELS),
        (layer, share, biasV, energyEv, model) => {
          const one = makeBarrier([layer], biasV);
          const cut = (part: number) => ({ ...layer, thicknessNm: layer.thicknessNm * part });
          const two = makeBarrier([cut(share), cut(1 - share)], biasV);
          const difference = logTransmission(model, two, energyEv) - logTransmission(model, one, energyEv);
          const airy = ((biasV / layer.thicknessNm) ** 2 / (KAPPA_PER_NM ** 2 * layer.mass)) ** (1 / 3);
          const cornered = Math.abs(layer.barrierEv - energyEv - share * biasV) < 0.05 * airy;
          fc.pre(model !== "corrected" || !cornered);
          expect(Math.abs(difference)).toBeLessThan(1e-6);
        },
      ),
    );
  });

  /**
   * The largest step of `f` that stays when an interval with a large change is halved down to 1e-12. The rectangle's
   * square-root edge at its top leaves 2 * 5.12 * sqrt(0.42e-12) * 4 = 3e-5 there; a seam would leave all of itself.
   */
  function largestJump(f: (x: number) => number, from: number, to: number): number {
    let worst = 0;
    let before = f(from);
    for (let x = from + 0.002; x < to; x += 0.002) {
      let [a, b, fa, fb] = [x - 0.002, x, before, f(x)];
      before = fb;
      while (Math.abs(fb - fa) > 0.03 && b - a > 1e-12) {
        const middle = (a + b) / 2;
        const fm = f(middle);
        if (Math.abs(fm - fa) > Math.abs(fb - fm)) [b, fb] = [middle, fm];
        else [a, fa] = [middle, fm];
      }
      if (b - a <= 1e-12) worst = Math.max(worst, Math.abs(fb - fa));
    }
    return worst;
  }

  it.each(TRANSMISSION_MODELS)("has no seam between regimes in energy or bias: %s", (model) => {
    for (const d of [0.5, 1.5, 4]) {
      for (const biasV of [0, 1, 3.05, 5]) {
        expect(largestJump((e) => logTransmission(model, film(d, biasV), e), 0.1, 4.5)).toBeLessThan(1e-4);
      }
      expect(largestJump((v) => logTransmission(model, film(d, v), 0.1), 0.001, 6)).toBeLessThan(1e-4);
    }
  });

  it("would show a seam", () => {
    expect(largestJump((x) => (x < 0.5 ? x : x + 0.04), 0, 1)).toBeCloseTo(0.04, 9);
  });
});

describe("WKB", () => {
  it("rises with energy through the top, and is 1/2 at the top", () => {
    for (const biasV of [0, 1, 5]) {
      const barrier = film(1, biasV);
      let before = -Infinity;
      for (let energyEv = 0; energyEv < 8; energyEv += 0.01) {
        const log = logWkbTransmission(barrier, energyEv);
        expect(log).toBeGreaterThanOrEqual(before);
        before = log;
      }
      expect(Math.exp(logWkbTransmission(barrier, barrierTopEv(barrier)))).toBeCloseTo(0.5, 12);
    }
  });

  it("is the plain exponential from 2 theta = 8 and Kemble's form below 2", () => {
    expect(logKemble(8)).toBe(-8);
    expect(logKemble(11)).toBe(-11);
    for (const x of [2, 1, 0, -1, -30]) expect(Math.exp(logKemble(x))).toBeCloseTo(1 / (1 + Math.exp(x)), 14);
  });

  it("has an exponent that agrees with numerical integration of kappa", () => {
    check(
      fc.property(
        range(-2, 4),
        range(-2, 4),
        range(0.3, 5),
        range(0.1, 1),
        (left, right, thicknessNm, mass) => {
          const steps = 40_000;
          let sum = 0;
          for (let i = 0; i < steps; i += 1) {
            const u = left + ((right - left) * (i + 0.5)) / steps;
            if (u > 0) sum += Math.sqrt(mass * u);
          }
          const expected = (2 * KAPPA_PER_NM * sum * thicknessNm) / steps;
          const exponent = segmentExponent({ startNm: 0, thicknessNm, mass, left, right });
          expect(Math.abs(exponent - expected)).toBeLessThan(1e-5 * (1 + expected));
        },
      ),
      40,
    );
  });

  it("meets the exact answer within the stated factors", () => {
    const ratio = (biasV: number) =>
      transmission("exact", film(2, biasV), 0.1) / transmission("wkb", film(2, biasV), 0.1);
    expect(ratio(0)).toBeCloseTo((16 * 0.1 * 3.05) / 3.15 ** 2, 3);
    expect(ratio(1)).toBeCloseTo(1.34, 2);
    expect(exactTriangular(3.05, 10, 0.42, 0.1) / triangularWkb(3.05, 10, 0.42)).toBeCloseTo(0.71, 2);
  });
});

describe("interface-corrected WKB", () => {
  it("is within 2.1 % of exact for 2 theta > 2, away from the passage to Fowler-Nordheim", () => {
    check(
      fc.property(
        range(0.3, 4),
        range(0, 2.8),
        range(0.05, 1.5),
        range(0.2, 0.9),
        (d, biasV, energyEv, electrodeMass) => {
          const barrier = film(d, biasV, electrodeMass);
          const airy = ((biasV / d) ** 2 / (KAPPA_PER_NM ** 2 * 0.42)) ** (1 / 3);
          fc.pre(3.15 - energyEv - biasV > 3 * airy + 0.05 && tunnellingExponent(barrier, energyEv) > 2);
          const difference =
            logTransmission("corrected", barrier, energyEv) - logExactTransmission(barrier, energyEv);
          expect(Math.abs(difference)).toBeLessThan(0.021);
        },
      ),
      300,
    );
  });

  it("is within 2.1 % of the Airy answer for Fowler-Nordheim tunnelling at 8 to 12 MV/cm", () => {
    for (const field of [8, 10, 12]) {
      const thick = film(8, 0.8 * field);
      const corrected = transmission("corrected", thick, 0.1);
      expect(Math.abs(corrected / exactTriangular(3.05, field, 0.42, 0.1) - 1)).toBeLessThan(0.021);
    }
  });

  it("holds for a stack of two materials (within 5 %; the flat layers alone within 1e-3)", () => {
    const stack = (biasV: number) =>
      makeBarrier(
        [makeLayer({ material: "SiO2", thicknessNm: 1 }), makeLayer({ material: "HfO2", thicknessNm: 3 })],
        biasV,
      );
    for (const [biasV, tolerance] of [
      [0, 1e-3],
      [0.4, 0.05],
    ] as const) {
      const difference =
        logTransmission("corrected", stack(biasV), 0.1) - logExactTransmission(stack(biasV), 0.1);
      expect(Math.abs(difference)).toBeLessThan(tolerance);
    }
  });
});

describe("the image force", () => {
  const rounded = (thicknessNm: number, biasV: number) =>
    makeBarrier([makeLayer({ material: "SiO2", thicknessNm })], biasV, undefined, 2.13);

  it("agrees with a plain quadrature of kappa (5e-3 in the exponent)", () => {
    const strength = 1.602176634e-19 / (16 * Math.PI * 2.13 * 8.8541878188e-12) / 1e-9;
    const [d, biasV, steps] = [8, 8, 100_000];
    let sum = 0;
    for (let i = 0; i < steps; i += 1) {
      const x = (d * (i + 0.5)) / steps;
      const u = 3.05 - (biasV * x) / d - strength / x - strength / (d - x);
      if (u > 0) sum += Math.sqrt(0.42 * u);
    }
    const expected = (2 * KAPPA_PER_NM * sum * d) / steps;
    expect(Math.abs(tunnellingExponent(rounded(d, biasV), 0.1) - expected)).toBeLessThan(5e-3);
  });

  it("raises T some twelve times at 8 to 12 MV/cm, where the anode is far", () => {
    for (const field of [0.8, 1, 1.2]) {
      const ratio =
        transmission("wkb", rounded(60, 60 * field), 0.1) / transmission("wkb", film(60, 60 * field), 0.1);
      expect(ratio).toBeGreaterThan(11);
      expect(ratio).toBeLessThan(15);
    }
  });

  it("agrees with Runge-Kutta integration, and WKB with exact within a factor of 2", () => {
    for (const biasV of [0, 1, 4]) {
      const barrier = rounded(2.5, biasV);
      const exact = logExactTransmission(barrier, 0.1);
      expect(Math.abs(exact - rungeKuttaLogT(barrier, 0.1, 200))).toBeLessThan(1e-5);
      expect(Math.abs(exact - logTransmission("wkb", barrier, 0.1))).toBeLessThan(Math.LN2);
      expect(logTransmission("corrected", barrier, 0.1)).toBe(logTransmission("wkb", barrier, 0.1));
    }
  });

  it("belongs to one layer", () => {
    const layer = makeLayer({ material: "SiO2", thicknessNm: 1 });
    expect(() => makeBarrier([layer, layer], 0, undefined, 2.13)).toThrow(/one layer only/u);
  });
});

describe("stacks", () => {
  it("keep the displacement continuous and the voltages complete", () => {
    check(
      fc.property(anyBarrier, (barrier) => {
        const volts = layerVoltages(barrier);
        const displacement = volts.map((v, i) => {
          const { permittivity, thicknessNm } = barrier.layers[i]!;
          return (permittivity * v) / thicknessNm;
        });
        for (const d of displacement) expect(d).toBeCloseTo(displacement[0]!, 9);
        expect(volts.reduce((a, b) => a + b, 0)).toBeCloseTo(barrier.biasV, 9);
      }),
    );
  });

  it("have an equivalent oxide thickness", () => {
    const barrier = makeBarrier([
      makeLayer({ material: "SiO2", thicknessNm: 1 }),
      makeLayer({ material: "ZrO2", thicknessNm: 5 }),
    ]);
    expect(equivalentOxideThicknessNm(barrier)).toBeCloseTo(1 + (5 * 3.9) / 25, 12);
  });

  it("refuse what is no barrier", () => {
    expect(() => makeBarrier([])).toThrow(/no layers/u);
    expect(() => film(-1)).toThrow(/thickness in nm is -1/u);
    expect(() => film(2, -1)).toThrow(/reverse order/u);
    expect(() => film(Number.NaN)).toThrow(/thickness/u);
    expect(() => makeLayer({ thicknessNm: 1, mass: 0.4 })).toThrow(/no height/u);
  });
});

describe("the wave function", () => {
  it("decays as kappa in a thick rectangle, starts at 1 and matches T at its end", () => {
    const barrier = film(3);
    const { xNm, logAmplitude, amplitude } = waveFunction(barrier, 0.1, 301);
    const kappa = KAPPA_PER_NM * Math.sqrt(0.42 * 3.05);
    expect(amplitude[0]).toBe(1);
    expect(logAmplitude[100]! / xNm[100]!).toBeCloseTo(-kappa, 3);
    const [k, q] = [0.1, 3.05];
    const faceOverIncident = (4 * k) / (k + q);
    const expected = logExactTransmission(barrier, 0.1) - Math.log(faceOverIncident);
    expect(2 * logAmplitude[300]!).toBeCloseTo(expected, 6);
  });

  it("is finite at the band edge and covers stacks", () => {
    const stack = makeBarrier(
      [makeLayer({ material: "SiO2", thicknessNm: 1 }), makeLayer({ material: "HfO2", thicknessNm: 2 })],
      0.5,
    );
    for (const energyEv of [-1, 0, 0.1, 5]) {
      const { xNm, amplitude } = waveFunction(stack, energyEv, 51);
      expect(xNm[50]).toBeCloseTo(3, 12);
      for (const value of amplitude) expect(Number.isFinite(value)).toBe(true);
    }
  });
});
