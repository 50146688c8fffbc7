/**
 * @file The semiclassical transmission in closed form: `T = exp(-2 theta)`, theta the integral of kappa over the
 * forbidden region. Below the top it is that exponential; near the top it passes into Kemble's `1/(1+exp(2 theta))`,
 * and above it theta is continued as an odd function of the energy about the top, which is exact for a parabolic
 * barrier (E. C. Kemble, Phys. Rev. 48, 549 (1935)).
 */

import { barrierTopEv, segments } from "./barrier.ts";
import type { Barrier, Segment } from "./barrier.ts";
import { KAPPA_PER_NM } from "./constants.ts";

/** Kemble's term is fully present below this value of 2 theta ... */
const KEMBLE_FULL = 2;
/** ... and absent above this one, where what is left out is below 3.4e-4 of T. */
const KEMBLE_NONE = 8;

/** The C1 step from 0 at `low` to 1 at `high`. */
export function smoothStep(x: number, low: number, high: number): number {
  const t = Math.min(1, Math.max(0, (x - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/**
 * 2 theta of one linear segment, clipped where the electron is above the barrier:
 * `(4/3) kappa_1 d (a + sqrt(ab) + b)/(sqrt a + sqrt b)`, which is free of cancellation, is `2 kappa d` for a
 * rectangle and the Fowler-Nordheim exponent for a triangle.
 *
 * @param segment barrier heights at its ends, eV, its thickness, nm, and the mass in electron masses
 */
export function segmentExponent({ left, right, thicknessNm, mass }: Segment): number {
  const high = Math.max(left, right);
  const low = Math.max(Math.min(left, right), 0);
  if (high <= 0) return 0;
  const span = Math.abs(left - right);
  const forbidden = low > 0 || span === 0 ? thicknessNm : (thicknessNm * high) / span;
  const rootHigh = Math.sqrt(high);
  const rootLow = Math.sqrt(low);
  return (
    (4 / 3) *
    KAPPA_PER_NM *
    Math.sqrt(mass) *
    forbidden *
    ((high + rootHigh * rootLow + low) / (rootHigh + rootLow))
  );
}

/**
 * The exponent 2 theta of a barrier; negative above its top (odd about the top).
 * @param energyEv above the cathode's band edge, eV
 */
export function tunnellingExponent(barrier: Barrier, energyEv: number): number {
  const top = barrierTopEv(barrier);
  const above = energyEv > top;
  let sum = 0;
  for (const segment of segments(barrier, above ? 2 * top - energyEv : energyEv))
    sum += segmentExponent(segment);
  return above ? -sum : sum;
}

/**
 * ln T of the exponent 2 theta: `exp(-2 theta)` far below the top, Kemble's `1/(1+exp(2 theta))` near and above it,
 * continuous and monotone between (the Kemble term fades out over 2 theta = 2..8).
 */
export function logKemble(exponent: number): number {
  const weight = 1 - smoothStep(exponent, KEMBLE_FULL, KEMBLE_NONE);
  return exponent > 0
    ? -exponent - Math.log1p(weight * Math.exp(-exponent))
    : -Math.log1p(Math.exp(exponent));
}

/** ln T by WKB. @param energyEv above the cathode's band edge, eV */
export function logWkbTransmission(barrier: Barrier, energyEv: number): number {
  return logKemble(tunnellingExponent(barrier, energyEv));
}

/** `exp(-2 kappa d)` of a rectangle of height `heightEv` above the electron. */
export function rectangularWkb(heightEv: number, thicknessNm: number, mass: number): number {
  return Math.exp(-segmentExponent({ startNm: 0, thicknessNm, mass, left: heightEv, right: heightEv }));
}

/** WKB transmission of a trapezoid `cathodeEv` high at the cathode and `anodeEv` at the anode, above the electron. */
export function trapezoidalWkb(
  cathodeEv: number,
  anodeEv: number,
  thicknessNm: number,
  mass: number,
): number {
  return Math.exp(-segmentExponent({ startNm: 0, thicknessNm, mass, left: cathodeEv, right: anodeEv }));
}

/**
 * WKB transmission of the Fowler-Nordheim triangle: `exp(-4 sqrt(2m) u0^1.5/(3 hbar q F))`.
 * @param heightEv barrier above the electron at the cathode, eV
 * @param fieldMvPerCm field in the dielectric, MV/cm (10 MV/cm is 1 eV/nm)
 */
export function triangularWkb(heightEv: number, fieldMvPerCm: number, mass: number): number {
  return trapezoidalWkb(heightEv, 0, heightEv / (fieldMvPerCm / 10), mass);
}
