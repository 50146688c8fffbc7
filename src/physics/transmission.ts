/**
 * @file The three answers to "what share of the electrons passes": WKB, WKB corrected at the sharp faces, exact.
 *
 * The corrected form multiplies WKB by `4vu/(v^2+u^2)` at each sharp face, `v = sqrt(E_local/m_electrode)` and
 * `u = sqrt(u_face/m_oxide)`, and by `4ab/(a+b)^2` where the electron passes from one forbidden layer into another
 * (a, b the two values of u). The anode's face counts only for direct tunnelling; around the passage from direct to
 * Fowler-Nordheim tunnelling, where the turning point lies within 1.5 Airy lengths of the anode, its factor fades to 1.
 */

import { segments } from "./barrier.ts";
import type { Barrier, Segment } from "./barrier.ts";
import { KAPPA_PER_NM } from "./constants.ts";
import { logExactTransmission } from "./exact.ts";
import { logWkbTransmission, smoothStep, tunnellingExponent } from "./wkb.ts";

/** Which answer is meant. */
export type TransmissionModel = "wkb" | "corrected" | "exact";
/** The three models' names. */
export const TRANSMISSION_MODELS: readonly TransmissionModel[] = ["wkb", "corrected", "exact"];

/** Half-width, in Airy lengths, of the passage between direct and Fowler-Nordheim tunnelling. */
const PASSAGE = 1.5;
/** Between these values of 2 theta the corrected form passes into the exact one. */
const CORRECTED_NONE = 1;
const CORRECTED_FULL = 2;

/** `ln(4vu/(v^2+u^2))` of a face between an electrode and a forbidden region. */
function logFace(kineticEv: number, electrodeMass: number, heightEv: number, mass: number): number {
  const ratio = Math.sqrt(kineticEv / electrodeMass) / Math.sqrt(heightEv / mass);
  return Math.log(4 / (ratio + 1 / ratio));
}

/** The energy by which the barrier of a sloped segment falls over one Airy length, eV; 0 where it is flat. */
function airyEnergyEv({ left, right, thicknessNm, mass }: Segment): number {
  const slope = Math.abs(left - right) / thicknessNm;
  return ((slope * slope) / (KAPPA_PER_NM * KAPPA_PER_NM * mass)) ** (1 / 3);
}

/** ln of the factors of the faces between forbidden layers. */
function logInnerFaces(stack: readonly Segment[]): number {
  let sum = 0;
  for (let i = 1; i < stack.length; i += 1) {
    const before = stack[i - 1]!;
    const after = stack[i]!;
    if (before.right <= 0 || after.left <= 0) continue;
    const a = Math.sqrt(before.right / before.mass);
    const b = Math.sqrt(after.left / after.mass);
    sum += Math.log((4 * a * b) / ((a + b) * (a + b)));
  }
  return sum;
}

/**
 * ln T by interface-corrected WKB. `1/T = (v_c+v_a)^2/(4 v_c v_a) + 4 sinh^2(theta)/f` for direct tunnelling (exact
 * for a rectangle), `f exp(-2 theta)` for Fowler-Nordheim tunnelling, f the product of the faces' factors. Below
 * 2 theta = 2 it passes into the exact recursion, since there the faces are no longer independent.
 * With image force the barrier has no sharp faces and plain WKB is taken.
 * @param energyEv above the cathode's band edge, eV
 */
export function logCorrectedTransmission(barrier: Barrier, energyEv: number): number {
  const { electrodeMass, biasV } = barrier;
  const kineticAnode = energyEv + biasV;
  if (energyEv <= 0 || kineticAnode <= 0) return -Infinity;
  const exponent = tunnellingExponent(barrier, energyEv);
  const weight = smoothStep(exponent, CORRECTED_NONE, CORRECTED_FULL);
  if (weight === 0) return logExactTransmission(barrier, energyEv);
  if (barrier.imagePermittivity !== undefined) {
    const smooth = logWkbTransmission(barrier, energyEv);
    return weight === 1 ? smooth : weight * smooth + (1 - weight) * logExactTransmission(barrier, energyEv);
  }

  const stack = segments(barrier, energyEv);
  const first = stack[0]!;
  const last = stack[stack.length - 1]!;
  let faces = logInnerFaces(stack);
  if (first.left > 0) faces += logFace(energyEv, electrodeMass, first.left, first.mass);

  const airy = airyEnergyEv(last);
  const direct = airy === 0 ? Number(last.right > 0) : smoothStep(last.right / airy, -PASSAGE, PASSAGE);
  const field = faces - exponent;
  let corrected = Math.min(0, field);
  if (direct > 0) {
    const anode = logFace(kineticAnode, electrodeMass, Math.max(last.right, PASSAGE * airy), last.mass);
    const speeds = Math.sqrt(energyEv / kineticAnode);
    const mismatch = (speeds + 2 + 1 / speeds) / 4;
    const through = faces + anode - exponent;
    const filmed = through - Math.log((1 - Math.exp(-exponent)) ** 2 + mismatch * Math.exp(through));
    corrected = direct * filmed + (1 - direct) * corrected;
  }
  if (weight === 1) return Math.min(0, corrected);
  return Math.min(0, weight * corrected + (1 - weight) * logExactTransmission(barrier, energyEv));
}

/**
 * ln T by the model named; never above 0, never NaN, -Infinity where no wave arrives or leaves.
 * @param energyEv above the cathode's band edge, eV
 */
export function logTransmission(model: TransmissionModel, barrier: Barrier, energyEv: number): number {
  switch (model) {
    case "wkb":
      return logWkbTransmission(barrier, energyEv);
    case "corrected":
      return logCorrectedTransmission(barrier, energyEv);
    case "exact":
      return logExactTransmission(barrier, energyEv);
  }
}

/** T by the model named, in [0, 1]. @param energyEv above the cathode's band edge, eV */
export function transmission(model: TransmissionModel, barrier: Barrier, energyEv: number): number {
  return Math.exp(logTransmission(model, barrier, energyEv));
}
