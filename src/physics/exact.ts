/**
 * @file The exact transmission of a piecewise-linear barrier: the logarithmic derivative is carried from the anode to
 * the cathode through slabs of constant potential (Ben Daniel-Duke matching: psi and psi'/m continuous). No special
 * functions, no overflow (growth is kept as a logarithm), and T comes from the flux, so that 1e-300 is as precise as
 * 0.5. Slabs leave an error of second order in their width; one Richardson step removes it.
 */

import { segments } from "./barrier.ts";
import type { Barrier, Segment } from "./barrier.ts";
import { KAPPA_PER_NM } from "./constants.ts";

/** Slabs of a sloped layer in the coarser of the two passes. */
const SLABS = 200;
const MOST_SLABS = 4000;

/** `psi'/(m psi)` at a plane (1/nm) and ln of |psi|^2 relative to the start. */
interface Wave {
  real: number;
  imaginary: number;
  logDensity: number;
}

/** What is told of each plane on the way from anode to cathode. */
type Visit = (xNm: number, logDensity: number) => void;

/** Wave number over mass of a free electron `kineticEv` above the band edge, 1/nm. */
function speed(kineticEv: number, mass: number): number {
  return KAPPA_PER_NM * Math.sqrt(kineticEv / mass);
}

/** Slabs that resolve a segment: one where it is flat, else enough for its phase and its share of the stack. */
function slabCount(segment: Segment, totalNm: number): number {
  if (segment.left === segment.right) return 1;
  const share = Math.min(SLABS, Math.max(8, Math.ceil((4 * SLABS * segment.thicknessNm) / totalNm)));
  const steepest = Math.max(Math.abs(segment.left), Math.abs(segment.right));
  const phase = KAPPA_PER_NM * Math.sqrt(segment.mass * steepest) * segment.thicknessNm;
  return Math.min(MOST_SLABS, Math.max(share, Math.ceil(5 * phase)));
}

/** Carries the wave through one segment, from its anode side to its cathode side, in place. */
function crossSegment(wave: Wave, segment: Segment, slabs: number, visit?: Visit): void {
  const { startNm, thicknessNm, mass, left, right } = segment;
  const width = thicknessNm / slabs;
  let { real, imaginary, logDensity } = wave;
  for (let i = slabs - 1; i >= 0; i -= 1) {
    const height = left + ((i + 0.5) / slabs) * (right - left);
    const wavenumber = KAPPA_PER_NM * Math.sqrt(mass * Math.abs(height));
    const phase = wavenumber * width;
    let even: number;
    let odd: number;
    if (height > 0) {
      even = (1 + Math.exp(-2 * phase)) / 2;
      odd = phase < 1e-9 ? width : -Math.expm1(-2 * phase) / (2 * wavenumber);
      logDensity += 2 * phase;
    } else {
      even = Math.cos(phase);
      odd = phase < 1e-9 ? width : Math.sin(phase) / wavenumber;
    }
    const curvature = Math.sign(height) * wavenumber * wavenumber * odd;
    const psiReal = even - mass * real * odd;
    const psiImaginary = -mass * imaginary * odd;
    const slopeReal = real * even - curvature / mass;
    const slopeImaginary = imaginary * even;
    const density = psiReal * psiReal + psiImaginary * psiImaginary;
    real = (slopeReal * psiReal + slopeImaginary * psiImaginary) / density;
    imaginary = (slopeImaginary * psiReal - slopeReal * psiImaginary) / density;
    logDensity += Math.log(density);
    visit?.(startNm + i * width, logDensity);
  }
  wave.real = real;
  wave.imaginary = imaginary;
  wave.logDensity = logDensity;
}

/** ln T of segments between a cathode and an outgoing wave, with `refine` times the base number of slabs. */
function logTransmitted(stack: readonly Segment[], outgoing: Wave, incoming: number, refine: number): number {
  const wave = { ...outgoing };
  const last = stack[stack.length - 1]!;
  const totalNm = last.startNm + last.thicknessNm;
  for (const segment of stack.toReversed()) {
    const slabs = slabCount(segment, totalNm);
    crossSegment(wave, segment, slabs === 1 ? 1 : slabs * refine);
  }
  const incident = Math.log((incoming + wave.imaginary) ** 2 + wave.real ** 2);
  return Math.log(4 * outgoing.imaginary) + Math.log(incoming) - wave.logDensity - incident;
}

/** The Richardson step on ln T, kept from passing T = 1. */
function extrapolated(stack: readonly Segment[], outgoing: Wave, incoming: number): number {
  const coarse = logTransmitted(stack, outgoing, incoming, 1);
  if (stack.every(({ left, right }) => left === right)) return Math.min(0, coarse);
  const fine = logTransmitted(stack, outgoing, incoming, 2);
  return Math.min(0, fine + (fine - coarse) / 3);
}

/**
 * ln of the exact transmission. It is -Infinity at or below the band edge of either electrode, where no wave arrives
 * or leaves.
 * @param energyEv above the cathode's band edge, eV
 */
export function logExactTransmission(barrier: Barrier, energyEv: number): number {
  const kineticAnode = energyEv + barrier.biasV;
  if (energyEv <= 0 || kineticAnode <= 0) return -Infinity;
  const outgoing = { real: 0, imaginary: speed(kineticAnode, barrier.electrodeMass), logDensity: 0 };
  return extrapolated(segments(barrier, energyEv), outgoing, speed(energyEv, barrier.electrodeMass));
}

/**
 * Exact transmission of the Fowler-Nordheim triangle into an endless slope (what the Airy functions give): no anode,
 * hence none of the oscillations of a thin film. The outgoing wave is the second-order phase-amplitude solution
 * twelve Airy lengths beyond the turning point, where its error is below 1e-6.
 * @param heightEv barrier above the electron at the cathode, eV
 * @param fieldMvPerCm field, MV/cm
 * @param mass tunnelling mass, electron masses
 * @param energyEv kinetic energy in the cathode, eV
 * @param electrodeMass mass in the cathode, electron masses
 */
export function exactTriangular(
  heightEv: number,
  fieldMvPerCm: number,
  mass: number,
  energyEv: number,
  electrodeMass = mass,
): number {
  if (energyEv <= 0) return 0;
  const slope = fieldMvPerCm / 10;
  const airyNm = (KAPPA_PER_NM * KAPPA_PER_NM * mass * slope) ** (-1 / 3);
  const beyond = 12 * airyNm;
  const thicknessNm = heightEv / slope + beyond;
  const square = KAPPA_PER_NM * KAPPA_PER_NM * mass * slope;
  const phaseRate = Math.sqrt(square * beyond + 5 / (16 * beyond * beyond));
  const logAmplitudeRate = -(square - 5 / (8 * beyond ** 3)) / (4 * phaseRate * phaseRate);
  const outgoing = { real: logAmplitudeRate / mass, imaginary: phaseRate / mass, logDensity: 0 };
  const segment = { startNm: 0, thicknessNm, mass, left: heightEv, right: -slope * beyond };
  return Math.exp(extrapolated([segment], outgoing, speed(energyEv, electrodeMass)));
}

/** Samples of |psi| through a barrier, from the cathode's face to the anode's. */
export interface WaveFunction {
  /** Distance from the cathode's face, nm, ascending. */
  readonly xNm: Float64Array;
  /** |psi|, 1 at the cathode's face. */
  readonly amplitude: Float64Array;
  /** ln |psi|, 0 at the cathode's face. */
  readonly logAmplitude: Float64Array;
}

/**
 * The exact wave function's amplitude inside the barrier, normalised to 1 at the cathode's face. At an energy where
 * the anode has no states the decaying solution is drawn.
 * @param energyEv above the cathode's band edge, eV
 * @param points samples along the barrier, evenly spaced, at least 2
 */
export function waveFunction(barrier: Barrier, energyEv: number, points = 201): WaveFunction {
  const stack = segments(barrier, energyEv);
  const kineticAnode = energyEv + barrier.biasV;
  const k = speed(Math.abs(kineticAnode), barrier.electrodeMass);
  const wave: Wave =
    kineticAnode > 0 ? { real: 0, imaginary: k, logDensity: 0 } : { real: -k, imaginary: 0, logDensity: 0 };
  const total = stack.reduce((sum, { thicknessNm }) => sum + thicknessNm, 0);
  const planes: number[] = [total];
  const logs: number[] = [0];
  for (const segment of stack.toReversed()) {
    crossSegment(
      wave,
      segment,
      Math.max(slabCount(segment, total) * 2, Math.ceil((2 * points * segment.thicknessNm) / total)),
      (xNm, logDensity) => {
        planes.push(xNm);
        logs.push(logDensity / 2);
      },
    );
  }
  planes.reverse();
  logs.reverse();
  const face = logs[0]!;
  const xNm = new Float64Array(points);
  const logAmplitude = new Float64Array(points);
  let cursor = 0;
  for (let i = 0; i < points; i += 1) {
    const x = (total * i) / (points - 1);
    while (cursor < planes.length - 2 && planes[cursor + 1]! <= x) cursor += 1;
    const t = (x - planes[cursor]!) / (planes[cursor + 1]! - planes[cursor]!);
    xNm[i] = x;
    logAmplitude[i] =
      logs[cursor]! + Math.min(1, Math.max(0, t)) * (logs[cursor + 1]! - logs[cursor]!) - face;
  }
  return { xNm, logAmplitude, amplitude: logAmplitude.map(Math.exp) };
}
