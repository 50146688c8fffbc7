/**
 * @file From transmission to a current or a rate. Tsu-Esaki (Appl. Phys. Lett. 22, 562 (1973)) and Fowler-Nordheim
 * (Proc. R. Soc. A 119, 173 (1928)) for a conducting node, an attempt frequency for a discrete state, and tunnelling
 * through one trap in the film.
 */

import { type Barrier, totalThicknessNm, barrierTopEv } from "./barrier.ts";
import {
  BOLTZMANN,
  ELECTRON_MASS,
  ELEMENTARY_CHARGE,
  PLANCK,
  REDUCED_PLANCK,
  VACUUM_PERMITTIVITY,
  arrhenius,
  thermalEnergyEv,
} from "./constants.ts";
import { logTransmission, type TransmissionModel } from "./transmission.ts";
import { tunnellingExponent } from "./wkb.ts";

/** Abscissae and weights of the eight-point Gauss-Legendre rule on [-1, 1] (positive half). */
const GAUSS: readonly (readonly [number, number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
];

/** `ln(1 + e^x)` without overflow. */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** `ln(1+e^a) - ln(1+e^b)` for a >= b, also where both vanish. */
function supplyDifference(a: number, b: number): number {
  if (a < -30) return Math.exp(a) - Math.exp(b);
  return softplus(a) - softplus(b);
}

/** The emitting electrode. */
export interface Emitter {
  /** Fermi level above the cathode's band edge, eV. */
  readonly fermiEv: number;
  /** Mass of the density of states, electron masses. */
  readonly dosMass: number;
  readonly temperatureK: number;
}

/**
 * Tsu-Esaki current density, A/cm^2:
 * `J = (q m_d m0 kT/(2 pi^2 hbar^3)) integral T(E) ln[(1+e^{(EF-E)/kT})/(1+e^{(EF-E-qV)/kT})] dE`.
 * Gauss-Legendre on panels of at most 4 kT from the band edge up, until what is left (T <= 1) cannot count.
 */
export function tsuEsakiCurrent(model: TransmissionModel, barrier: Barrier, emitter: Emitter): number {
  const { fermiEv, dosMass, temperatureK } = emitter;
  const kT = thermalEnergyEv(temperatureK);
  const top = barrierTopEv(barrier);
  const width = Math.min(4 * kT, 0.2);
  const integrand = (energyEv: number): number =>
    Math.exp(logTransmission(model, barrier, energyEv)) *
    supplyDifference((fermiEv - energyEv) / kT, (fermiEv - energyEv - barrier.biasV) / kT);

  let integral = 0;
  for (let start = 0; start < Math.max(top, fermiEv) + 60 * kT; start += width) {
    const half = width / 2;
    const middle = start + half;
    let panel = 0;
    for (const [x, weight] of GAUSS)
      panel += weight * (integrand(middle - half * x) + integrand(middle + half * x));
    integral += panel * half;
    const rest = kT * Math.exp((fermiEv - start - width) / kT);
    if (start > fermiEv && rest < 1e-12 * integral) break;
  }
  const prefactor =
    (ELEMENTARY_CHARGE * dosMass * ELECTRON_MASS * BOLTZMANN * temperatureK) /
    (2 * Math.PI ** 2 * REDUCED_PLANCK ** 3);
  return prefactor * integral * ELEMENTARY_CHARGE * 1e-4;
}

/** The two constants of the Fowler-Nordheim law `J = A F^2 exp(-B/F)`. */
export interface FowlerNordheim {
  /** A/V^2. */
  readonly a: number;
  /** V/m. */
  readonly b: number;
}

/**
 * `A = q^3/(8 pi h phi m)` (1.541434e-6/(m phi) A/V^2) and `B = 4 sqrt(2m) phi^1.5/(3 hbar q)`
 * (6.830890e9 sqrt(m) phi^1.5 V/m).
 */
export function fowlerNordheim(barrierEv: number, mass: number): FowlerNordheim {
  const phi = barrierEv * ELEMENTARY_CHARGE;
  return {
    a: ELEMENTARY_CHARGE ** 3 / (8 * Math.PI * PLANCK * mass * phi),
    b: (4 * Math.sqrt(2 * mass * ELECTRON_MASS) * phi ** 1.5) / (3 * REDUCED_PLANCK * ELEMENTARY_CHARGE),
  };
}

/** Fowler-Nordheim current density, A/cm^2, at a field in MV/cm. */
export function fowlerNordheimCurrent(barrierEv: number, mass: number, fieldMvPerCm: number): number {
  if (fieldMvPerCm <= 0) return 0;
  const { a, b } = fowlerNordheim(barrierEv, mass);
  const field = fieldMvPerCm * 1e8;
  return a * field * field * Math.exp(-b / field) * 1e-4;
}

/**
 * The field that is left after a node has discharged itself through a Fowler-Nordheim film:
 * `F(t) = B/ln(exp(B/F0) + gamma A B t/eps)`, the solution of `dF/dt = -gamma J/eps`; MV/cm.
 * @param startMvPerCm field at time 0, MV/cm
 * @param timeS seconds
 * @param permittivity relative
 * @param share gamma, the film's own capacitance over the node's: 1 where the film is all of it
 */
export function selfDischargeField(
  barrierEv: number,
  mass: number,
  startMvPerCm: number,
  timeS: number,
  permittivity: number,
  share = 1,
): number {
  if (startMvPerCm <= 0) return 0;
  const { a, b } = fowlerNordheim(barrierEv, mass);
  const start = b / (startMvPerCm * 1e8);
  const lost = Math.log((share * a * b * timeS) / (permittivity * VACUUM_PERMITTIVITY));
  return b / (start + softplus(lost - start)) / 1e8;
}

/** Electrons per second through an area: `J area/q`. */
export function electronsPerSecond(currentAPerCm2: number, areaNm2: number): number {
  return (currentAPerCm2 * areaNm2 * 1e-14) / ELEMENTARY_CHARGE;
}

/** Gudermannian function, `2 atan(tanh(x/2))`. */
export function gudermannian(x: number): number {
  return 2 * Math.atan(Math.tanh(x / 2));
}

/** Traps in the film. */
export interface Traps {
  /** Traps per cm^3 that take part. */
  readonly densityPerCm3: number;
  readonly areaNm2: number;
  /** Thermal activation, eV; 0 for none. */
  readonly activationEv: number;
}

/**
 * Rate through one trap, 1/s: `N_t nu0 exp(-kappa d) gd(kappa d)/(2 kappa)` per area, times `exp(-Ea/kT)`. It is the
 * integral over the trap's place of two tunnelling steps in series, `1/(e^{2 kappa x} + e^{2 kappa (d-x)})`; it has
 * half the exponent of direct tunnelling. kappa is the mean over the film; zero exponent gives the limit `d/2`.
 * @param energyEv above the cathode's band edge, eV
 */
export function trapAssistedRate(
  barrier: Barrier,
  energyEv: number,
  attemptHz: number,
  traps: Traps,
  temperatureK: number,
): number {
  const thickness = totalThicknessNm(barrier);
  const theta = Math.max(0, tunnellingExponent(barrier, energyEv)) / 2;
  const reachNm =
    theta < 1e-8 ? thickness / 2 : (Math.exp(-theta) * gudermannian(theta) * thickness) / (2 * theta);
  const trapsPerNm = traps.densityPerCm3 * 1e-21 * traps.areaNm2;
  return trapsPerNm * attemptHz * reachNm * arrhenius(traps.activationEv, temperatureK);
}
