/**
 * @file From a rate and a hold time to flip probabilities: a stored 0 reads as 1 with `p01`, a stored 1 as 0 with
 * `p10`. Every form is written with `expm1`, so small probabilities keep their digits and large ones saturate.
 */

import { requireNumber } from "./check.ts";
import { arrhenius } from "./constants.ts";
import { binomialTail, poissonTail } from "./tails.ts";

/** The two flip probabilities of a cell. */
export interface FlipProbabilities {
  readonly p01: number;
  readonly p10: number;
}

/** `1 - e^{-x}` for x >= 0, without cancellation. */
function decayed(x: number): number {
  return x === Infinity ? 1 : -Math.expm1(-x);
}

/** Symmetric telegraph noise: `p = (1-exp(-2 Gamma t))/2`, at most 1/2. */
export function telegraph(rate: number, timeS: number): number {
  return decayed(2 * rate * timeS) / 2;
}

/**
 * The Gamma t of a telegraph flip probability: `-ln(1-2p)/2`.
 * @param p in [0, 0.5); 0.5 gives Infinity
 * @throws QtamlError invalid-argument outside [0, 0.5]
 */
export function telegraphInverse(p: number): number {
  requireNumber("flip probability p", p, { min: 0, max: 0.5 });
  return -Math.log1p(-2 * p) / 2;
}

/**
 * Asymmetric two-state memory: `S = G01+G10`, `p01 = (G01/S)(1-e^{-St})`, `p10 = (G10/S)(1-e^{-St})`.
 * @param rate01 rate from 0 to 1, 1/s
 * @param rate10 rate from 1 to 0, 1/s
 */
export function twoState(rate01: number, rate10: number, timeS: number): FlipProbabilities {
  const sum = rate01 + rate10;
  if (sum === 0) return { p01: 0, p10: 0 };
  const relaxed = decayed(sum * timeS);
  return { p01: (rate01 / sum) * relaxed, p10: (rate10 / sum) * relaxed };
}

/**
 * The two rates of a two-state memory from the downhill rate and detailed balance, `G01/G10 = exp(-dE/kT)`.
 * @param downhillRate 1/s; the rate from the higher state to the lower
 * @param energyDifferenceEv energy of state 1 minus energy of state 0, eV, of either sign
 */
export function detailedBalance(
  downhillRate: number,
  energyDifferenceEv: number,
  temperatureK: number,
): { rate01: number; rate10: number } {
  const uphill = downhillRate * arrhenius(Math.abs(energyDifferenceEv), temperatureK);
  return energyDifferenceEv >= 0
    ? { rate01: uphill, rate10: downhillRate }
    : { rate01: downhillRate, rate10: uphill };
}

/** Loss of one charge: `1-e^{-Gamma t}`. */
export function chargeLoss(rate: number, timeS: number): number {
  return decayed(rate * timeS);
}

/**
 * Loss of at least `critical` of `electrons` that leave independently, each at `ratePerElectron`: a binomial tail.
 */
export function thresholdBinomial(
  ratePerElectron: number,
  timeS: number,
  electrons: number,
  critical: number,
): number {
  return binomialTail(electrons, decayed(ratePerElectron * timeS), critical);
}

/** Loss of at least `critical` electrons to a constant current of `electronsPerS`: a Poisson tail. */
export function thresholdPoisson(electronsPerS: number, timeS: number, critical: number): number {
  const mean = electronsPerS * timeS;
  return mean === Infinity ? 1 : poissonTail(mean, critical);
}

/** How a rate becomes flip probabilities. */
export type FlipModel =
  | { readonly model: "telegraph" }
  | {
      readonly model: "two-state";
      /** Energy of state 1 minus energy of state 0, eV. */
      readonly energyDifferenceEv: number;
    }
  | {
      readonly model: "charge-loss";
      /** The stored value that is held as charge and decays. */
      readonly chargedState: 0 | 1;
    }
  | {
      readonly model: "threshold";
      readonly statistics: "binomial" | "poisson";
      readonly electrons: number;
      /** The bit is lost once this many electrons have left. */
      readonly criticalElectrons: number;
      readonly chargedState: 0 | 1;
    };

/** A rate, and whether it is that of one electron or the node's whole current in electrons per second. */
export interface FlipRate {
  readonly perSecond: number;
  readonly per: "electron" | "node";
}

/** The loss of the charged state as the two flip probabilities. */
function losing(p: number, chargedState: 0 | 1): FlipProbabilities {
  return chargedState === 1 ? { p01: 0, p10: p } : { p01: p, p10: 0 };
}

/**
 * Flip probabilities of a model. A threshold model converts the rate to what its statistics need: per electron for
 * the binomial law, per node for the Poisson law.
 * @param timeS hold time, s
 */
export function flipProbabilities(
  flip: FlipModel,
  rate: FlipRate,
  timeS: number,
  temperatureK: number,
): FlipProbabilities {
  switch (flip.model) {
    case "telegraph": {
      const p = telegraph(rate.perSecond, timeS);
      return { p01: p, p10: p };
    }
    case "two-state": {
      const { rate01, rate10 } = detailedBalance(rate.perSecond, flip.energyDifferenceEv, temperatureK);
      return twoState(rate01, rate10, timeS);
    }
    case "charge-loss":
      return losing(chargeLoss(rate.perSecond, timeS), flip.chargedState);
    case "threshold": {
      const { electrons, criticalElectrons, statistics, chargedState } = flip;
      if (statistics === "poisson") {
        const perNode = rate.per === "node" ? rate.perSecond : rate.perSecond * electrons;
        return losing(thresholdPoisson(perNode, timeS, criticalElectrons), chargedState);
      }
      const perElectron = rate.per === "electron" ? rate.perSecond : rate.perSecond / electrons;
      return losing(thresholdBinomial(perElectron, timeS, electrons, criticalElectrons), chargedState);
    }
  }
}
