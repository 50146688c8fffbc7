/** @file From a device to its flip probabilities, with everything that was used and what the user should know. */

import { layerFieldsMvPerCm } from "./barrier.ts";
import type { Barrier } from "./barrier.ts";
import { scaleThickness } from "./barrier.ts";
import { CELLS } from "./cells.ts";
import type { Device } from "./device-types.ts";
import { logExactTransmission } from "./exact.ts";
import { flipProbabilities } from "./flips.ts";
import type { FlipProbabilities, FlipRate } from "./flips.ts";
import { deviceParameters } from "./parameters.ts";
import type { FlipParameters } from "./parameters.ts";
import { populationMean } from "./population.ts";
import { electronsPerSecond, fowlerNordheimCurrent, trapAssistedRate, tsuEsakiCurrent } from "./rates.ts";
import { transmission } from "./transmission.ts";
import { deviceWarnings } from "./warnings.ts";

/** The answer of `qtaml flip --json`. */
export interface FlipReport {
  /** Transmission by the model chosen; null when no barrier was described. */
  readonly transmission: number | null;
  /** Transmission by the exact recursion; null when no barrier was described. */
  readonly exactTransmission: number | null;
  /** Electrons (or attempts that succeed) per second; null when the flips were given directly. */
  readonly rate: number | null;
  /** Probability that a stored 0 reads as 1; the mean over bits where a per-bit list was given. */
  readonly p01: number;
  /** Probability that a stored 1 reads as 0; the mean over bits where a per-bit list was given. */
  readonly p10: number;
  /** One entry a bit, bit 0 first; present when a per-bit list was given. */
  readonly perBit?: { readonly p01: readonly number[]; readonly p10: readonly number[] };
  /** Every figure that was used, units in the names. */
  readonly parameters: FlipParameters;
  /** Plain sentences. */
  readonly warnings: readonly string[];
}

/** The rate of a device with that barrier. */
function rateThrough(device: Device, barrier: Barrier): FlipRate {
  const { rate, energyEv, attemptHz, temperatureK } = device;
  switch (rate.model) {
    case "discrete-state":
      return { perSecond: attemptHz * transmission(device.transmission, barrier, energyEv), per: "electron" };
    case "tsu-esaki": {
      const { fermiEv, dosMass, areaNm2 } = rate;
      const current = tsuEsakiCurrent(device.transmission, barrier, { fermiEv, dosMass, temperatureK });
      return { perSecond: electronsPerSecond(current, areaNm2), per: "node" };
    }
    case "fowler-nordheim": {
      const first = barrier.layers[0]!;
      const current = fowlerNordheimCurrent(first.barrierEv, first.mass, layerFieldsMvPerCm(barrier)[0]!);
      return { perSecond: electronsPerSecond(current, rate.areaNm2), per: "node" };
    }
    case "trap-assisted": {
      const { areaNm2, activationEv } = rate;
      const traps = { densityPerCm3: rate.trapDensityPerCm3, areaNm2, activationEv };
      return { perSecond: trapAssistedRate(barrier, energyEv, attemptHz, traps, temperatureK), per: "node" };
    }
  }
}

/** The physics of a device with a barrier: what does not depend on the hold time. */
export interface DeviceRate {
  readonly rate: FlipRate;
  /** Standard deviation of ln(rate) between cells. */
  readonly logSpread: number;
}

/** Relative step of the numerical slope of ln(rate) with thickness. */
const SLOPE_STEP = 1e-3;

/**
 * The rate of a device, and its spread between cells: the slope of ln(rate) with the total thickness (all layers
 * stretched together) times the thickness spread. Null when no barrier was described.
 */
export function deviceRate(device: Device): DeviceRate | null {
  const { barrier, thicknessSpreadNm } = device;
  if (barrier === null) return null;
  const rate = rateThrough(device, barrier);
  if (thicknessSpreadNm === 0 || rate.perSecond === 0) return { rate, logSpread: 0 };
  const thinner = rateThrough(device, scaleThickness(barrier, 1 - SLOPE_STEP)).perSecond;
  const thicker = rateThrough(device, scaleThickness(barrier, 1 + SLOPE_STEP)).perSecond;
  const totalNm = barrier.layers.reduce((sum, { thicknessNm }) => sum + thicknessNm, 0);
  const slope = thicker > 0 ? Math.log(thinner / thicker) / (2 * SLOPE_STEP * totalNm) : 0;
  return { rate, logSpread: Math.abs(slope) * thicknessSpreadNm };
}

/** Mean of a number or a list. */
function mean(value: number | readonly number[]): number {
  return typeof value === "number" ? value : value.reduce((sum, entry) => sum + entry, 0) / value.length;
}

/** A cell after several holds, each rewriting what was read: the two-state channel to a power. */
function repeated({ p01, p10 }: FlipProbabilities, intervals: number): FlipProbabilities {
  const sum = p01 + p10;
  if (intervals === 1 || sum === 0) return { p01, p10 };
  const flipped = sum < 1 ? -Math.expm1(intervals * Math.log1p(-sum)) : 1 - (1 - sum) ** intervals;
  return { p01: (p01 / sum) * flipped, p10: (p10 / sum) * flipped };
}

/** Flip probabilities after some intervals of a device whose rate is known already (it does not depend on the hold time). */
export function flipsAtRate(device: Device, known: DeviceRate | null, intervals = 1): FlipProbabilities {
  if (device.direct !== null) {
    const { p01, p10 } = perBitLists(device) ?? {
      p01: [mean(device.direct.p01)],
      p10: [mean(device.direct.p10)],
    };
    const each = p01.map((up, k) => repeated({ p01: up, p10: p10[k]! }, intervals));
    return { p01: mean(each.map((bit) => bit.p01)), p10: mean(each.map((bit) => bit.p10)) };
  }
  const restoresItself = device.cell !== null && CELLS[device.cell]!.restoresItself;
  if (restoresItself || known === null || device.holdS === null) return { p01: 0, p10: 0 };
  const { rate, logSpread } = known;
  const timeS = device.holdS;
  const cell = (factor: number) =>
    flipProbabilities(
      device.flip,
      { per: rate.per, perSecond: rate.perSecond * factor },
      timeS,
      device.temperatureK,
    );
  const sharpness = device.flip.model === "threshold" ? Math.sqrt(device.flip.criticalElectrons) : 1;
  return device.draw === "quenched"
    ? populationMean((factor) => repeated(cell(factor), intervals), logSpread, sharpness)
    : repeated(populationMean(cell, logSpread, sharpness), intervals);
}

/**
 * Flip probabilities of a device, the mean over its cells, after some refresh intervals, each rewriting what was read.
 * Where `draw` is quenched each cell keeps its rate: the weak ones fail first and no other after them, so that the mean
 * grows more slowly than that of cells that are drawn anew.
 *
 * @param intervals whole, at least 1
 */
export function deviceFlips(device: Device, intervals = 1): FlipProbabilities {
  return flipsAtRate(device, device.direct === null ? deviceRate(device) : null, intervals);
}

/**
 * Flip probabilities of the one cell whose film is `score` standard deviations thinner than the median: with a
 * standard normal `score` a cell of the population. Draw it once per cell and chip where `draw` is quenched, at every
 * read where it is redrawn.
 */
export function cellFlips(device: Device, score: number): FlipProbabilities {
  const known = device.direct === null ? deviceRate(device) : null;
  if (known === null) return flipsAtRate(device, known);
  const { rate, logSpread } = known;
  const perSecond = rate.perSecond * Math.exp(logSpread * score);
  return flipsAtRate(device, { rate: { per: rate.per, perSecond }, logSpread: 0 });
}

/** Spreads a number over as many bits as its partner lists. */
function spread(value: number | readonly number[], bits: number): readonly number[] {
  return typeof value === "number" ? Array.from({ length: bits }, () => value) : value;
}

/** The per-bit lists of flips that were given directly, or undefined where they were single numbers. */
function perBitLists(device: Device): FlipReport["perBit"] {
  if (device.direct === null) return undefined;
  const { p01, p10 } = device.direct;
  const bits = typeof p01 === "number" ? (typeof p10 === "number" ? 0 : p10.length) : p01.length;
  return bits === 0 ? undefined : { p01: spread(p01, bits), p10: spread(p10, bits) };
}

/** The whole answer for a device: transmission, rate, flip probabilities, the figures used and warnings. */
export function evaluateDevice(device: Device): FlipReport {
  const { barrier, energyEv } = device;
  const known = deviceRate(device);
  const { p01, p10 } = flipsAtRate(device, known);
  const perBit = perBitLists(device);
  const chosen = barrier === null ? null : transmission(device.transmission, barrier, energyEv);
  const exact = barrier === null ? null : Math.exp(logExactTransmission(barrier, energyEv));
  return {
    transmission: chosen,
    exactTransmission: exact,
    rate: known?.rate.perSecond ?? null,
    p01,
    p10,
    ...(perBit === undefined ? {} : { perBit }),
    parameters: deviceParameters(device, known?.logSpread ?? null),
    warnings: deviceWarnings(device, Math.max(p01, p10, ...(perBit?.p01 ?? []), ...(perBit?.p10 ?? []))),
  };
}
