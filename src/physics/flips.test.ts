import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { KAPPA_PER_NM, arrhenius } from "./constants.ts";
import {
  chargeLoss,
  detailedBalance,
  flipProbabilities,
  telegraph,
  telegraphInverse,
  thresholdBinomial,
  thresholdPoisson,
  twoState,
} from "./flips.ts";
import { populationMean } from "./population.ts";
import { binomialTail, logFactorial, poissonTail } from "./tails.ts";

const SEED = 20_242;
const range = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const check = (property: fc.IRawProperty<unknown>): void =>
  fc.assert(property as fc.IProperty<unknown>, { seed: SEED, numRuns: 200 });

describe("telegraph noise", () => {
  it("is undone by its inverse", () => {
    check(
      fc.property(range(1e-12, 0.499), (p) => {
        expect(telegraph(1, telegraphInverse(p)) / p).toBeCloseTo(1, 10);
      }),
    );
  });

  it("saturates at one half and keeps small digits", () => {
    expect(telegraph(1e300, 1e300)).toBe(0.5);
    expect(telegraph(1e-20, 1)).toBe(1e-20);
    expect(telegraphInverse(0.5)).toBe(Infinity);
  });

  it("refuses p above one half", () => {
    expect(() => telegraphInverse(0.6)).toThrow(/p is 0.6: give a number from 0 to 0.5/u);
  });

  it("is the two-state memory with equal rates", () => {
    check(
      fc.property(range(0, 5), (x) => {
        expect(twoState(x, x, 1).p01).toBeCloseTo(telegraph(x, 1), 14);
      }),
    );
  });
});

describe("the two-state memory", () => {
  it("agrees with Euler steps of its master equation (error below steps^-1)", () => {
    const [up, down, time, steps] = [1, 3, 0.4, 200_000];
    let one = 0;
    let kept = 1;
    for (let i = 0; i < steps; i += 1) {
      one += (time / steps) * (up * (1 - one) - down * one);
      kept += (time / steps) * (up * (1 - kept) - down * kept);
    }
    const { p01, p10 } = twoState(up, down, time);
    expect(Math.abs(p01 - one)).toBeLessThan(1 / steps);
    expect(Math.abs(p10 - (1 - kept))).toBeLessThan(3 / steps);
  });

  it("tends to the Boltzmann distribution, for either sign of the energy difference", () => {
    for (const energy of [0.1, -0.1]) {
      const { rate01, rate10 } = detailedBalance(2, energy, 300);
      expect(Math.max(rate01, rate10)).toBe(2);
      const { p01, p10 } = twoState(rate01, rate10, 1e9);
      expect(p01 / p10).toBeCloseTo(arrhenius(energy, 300), 10);
      expect(p01 + p10).toBeCloseTo(1, 12);
    }
  });

  it("does nothing without a rate", () => expect(twoState(0, 0, 5)).toEqual({ p01: 0, p10: 0 }));
});

/** P(N >= threshold) by adding up every outcome with exact binomial coefficients. */
function enumerateBinomial(trials: number, p: number, threshold: number): number {
  let coefficient = 1n;
  let sum = 0;
  for (let k = 0; k <= trials; k += 1) {
    if (k >= threshold) sum += Number(coefficient) * p ** k * (1 - p) ** (trials - k);
    coefficient = (coefficient * BigInt(trials - k)) / BigInt(k + 1);
  }
  return sum;
}

describe("tails", () => {
  it("binomial: equals enumeration, relative error below 1e-12", () => {
    check(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        range(0.001, 0.999),
        fc.integer({ min: 0, max: 61 }),
        (n, p, k) => {
          const expected = enumerateBinomial(n, p, k);
          expect(Math.abs(binomialTail(n, p, k) - expected)).toBeLessThanOrEqual(
            1e-12 * Math.max(expected, 1e-290),
          );
        },
      ),
    );
  });

  it("binomial: mirrors (P(N >= k; p) + P(N >= n-k+1; 1-p) = 1), also for thousands of electrons", () => {
    for (const [n, p, k] of [
      [3700, 0.48, 1850],
      [3700, 0.5, 1850],
      [100_000, 0.01, 1010],
    ] as const) {
      expect(binomialTail(n, p, k) + binomialTail(n, 1 - p, n - k + 1)).toBeCloseTo(1, 9);
    }
  });

  it("Poisson: is the waiting time of its k-th event, integrated (Simpson, 1e-10)", () => {
    for (const [mean, k] of [
      [3, 5],
      [50, 60],
      [50, 40],
      [400, 400],
    ] as const) {
      const steps = 20_000;
      const density = (t: number) =>
        t === 0 ? 0 : Math.exp((k - 1) * Math.log(t) - t - logFactorial(k - 1));
      let sum = 0;
      for (let i = 0; i < steps; i += 1) {
        const [a, b] = [(mean * i) / steps, (mean * (i + 1)) / steps];
        sum += ((b - a) / 6) * (density(a) + 4 * density((a + b) / 2) + density(b));
      }
      expect(poissonTail(mean, k)).toBeCloseTo(sum, 10);
    }
  });

  it("are certain at the edges and deep in the tail", () => {
    expect(poissonTail(3, 0)).toBe(1);
    expect(poissonTail(0, 1)).toBe(0);
    expect(poissonTail(1e6, 5)).toBe(1);
    expect(poissonTail(1e-3, 1)).toBeCloseTo(-Math.expm1(-1e-3), 15);
    expect(binomialTail(5, 0.3, 6)).toBe(0);
    expect(binomialTail(5, 1, 5)).toBe(1);
    expect(binomialTail(1, 1e-15, 1)).toBeCloseTo(1e-15, 25);
    expect(poissonTail(1, 100) / 3.98e-159).toBeGreaterThan(0.99);
    expect(poissonTail(1, 100) / 3.98e-159).toBeLessThan(1.01);
  });

  it("take Stirling's series where the table ends", () => {
    let sum = 0;
    for (let n = 1; n <= 200; n += 1) {
      sum += Math.log(n);
      expect(Math.abs(logFactorial(n) - sum)).toBeLessThan(1e-12 * (1 + sum));
    }
  });
});

describe("flip models", () => {
  it("lose a charge in one direction, of the polarity chosen", () => {
    const rate = { perSecond: 2, per: "electron" } as const;
    const p = chargeLoss(2, 0.5);
    expect(p).toBeCloseTo(1 - Math.exp(-1), 15);
    expect(flipProbabilities({ model: "charge-loss", chargedState: 1 }, rate, 0.5, 300)).toEqual({
      p01: 0,
      p10: p,
    });
    expect(flipProbabilities({ model: "charge-loss", chargedState: 0 }, rate, 0.5, 300)).toEqual({
      p01: p,
      p10: 0,
    });
  });

  it("convert between the rate of an electron and of a node", () => {
    const base = { model: "threshold", electrons: 100, criticalElectrons: 10, chargedState: 1 } as const;
    for (const statistics of ["binomial", "poisson"] as const) {
      const flip = { ...base, statistics };
      const electron = flipProbabilities(flip, { perSecond: 0.1, per: "electron" }, 1, 300).p10;
      const node = flipProbabilities(flip, { perSecond: 10, per: "node" }, 1, 300).p10;
      expect(electron).toBeCloseTo(node, 14);
      const expected =
        statistics === "binomial" ? thresholdBinomial(0.1, 1, 100, 10) : thresholdPoisson(10, 1, 10);
      expect(electron).toBeCloseTo(expected, 14);
    }
  });

  it("stay in [0, 1] and grow with time", () => {
    const models = [
      { model: "telegraph" },
      { model: "charge-loss", chargedState: 1 },
      { model: "two-state", energyDifferenceEv: 0.05 },
      { model: "threshold", statistics: "binomial", electrons: 50, criticalElectrons: 20, chargedState: 1 },
      { model: "threshold", statistics: "poisson", electrons: 50, criticalElectrons: 20, chargedState: 1 },
    ] as const;
    check(
      fc.property(
        fc.constantFrom(...models),
        range(0, 1e6),
        range(0, 100),
        range(1, 5),
        (flip, perSecond, t, f) => {
          const rate = { perSecond, per: "electron" } as const;
          const early = flipProbabilities(flip, rate, t, 300);
          const late = flipProbabilities(flip, rate, t * f, 300);
          for (const key of ["p01", "p10"] as const) {
            expect(early[key]).toBeGreaterThanOrEqual(0);
            expect(late[key]).toBeLessThanOrEqual(1);
            expect(late[key]).toBeGreaterThanOrEqual(early[key] - 1e-12);
          }
        },
      ),
    );
  });
});

describe("a population with thickness spread", () => {
  const perNm = 2 * KAPPA_PER_NM * Math.sqrt(0.42 * 3.15);
  const lost = (factor: number) => ({ p01: 0, p10: poissonTail(75 * factor, 100) });

  it("gives p = 0.003, 0.035, 0.135, 0.221 at 0, 0.01, 0.02, 0.03 nm (median 75 lost of a critical 100)", () => {
    expect(perNm).toBeCloseTo(11.8, 1);
    for (const [sigma, p] of [
      [0, 0.003],
      [0.01, 0.035],
      [0.02, 0.135],
      [0.03, 0.221],
    ] as const) {
      expect(Math.abs(populationMean(lost, perNm * sigma).p10 - p)).toBeLessThan(5e-4);
    }
  });

  it.each([
    [30_000, 10_000, 1.2, 0.01],
    [1e6, 5e5, 3.5, 1e-3],
  ])(
    "resolves sharp cells in a wide population: %d electrons, %d of them lost, s = %d",
    (electrons, critical, s, share) => {
      const cell = (factor: number) => ({ p01: 0, p10: poissonTail(electrons * share * factor, critical) });
      // Steps of a thousandth of the rise, by another rule: midpoints.
      const steps = 200_000;
      let [sum, total] = [0, 0];
      for (let i = 0; i < steps; i++) {
        const z = -8 + (16 * (i + 0.5)) / steps;
        const weight = Math.exp((-z * z) / 2);
        sum += weight * cell(Math.exp(s * z)).p10;
        total += weight;
      }
      const found = populationMean(cell, s, Math.sqrt(critical)).p10;
      expect(Math.abs(found / (sum / total) - 1)).toBeLessThan(1e-5);
      // The steps of smooth laws would not do.
      expect(Math.abs(populationMean(cell, s).p10 / (sum / total) - 1)).toBeGreaterThan(1e-4);
    },
  );

  it("reproduces the lognormal mean exp(s^2/2) and leaves a constant alone", () => {
    expect(populationMean((f) => ({ p01: f, p10: 0.3 }), 0.8).p01).toBeCloseTo(Math.exp(0.32), 9);
    expect(populationMean((f) => ({ p01: f, p10: 0.3 }), 0.8).p10).toBeCloseTo(0.3, 14);
  });
});
