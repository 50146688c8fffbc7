/** @file Pure data for pictures: the barrier with its forbidden region, and flip probability against thickness. */

import { barrierTopEv, layerSegments, segments, totalThicknessNm } from "./barrier.ts";
import type { Barrier } from "./barrier.ts";
import type { Device } from "./device-types.ts";
import { deviceFlips } from "./evaluate.ts";
import { withValue } from "./inverse.ts";
import { transmission } from "./transmission.ts";
import type { TransmissionModel } from "./transmission.ts";

/** One layer as drawn. */
export interface ProfileLayer {
  readonly material: string | null;
  readonly fromNm: number;
  readonly toNm: number;
  /** Band edge at the two faces without image force, eV above the cathode's band edge. */
  readonly fromEv: number;
  readonly toEv: number;
}

/** A barrier as drawn: energies in eV above the cathode's band edge, distances in nm from the cathode's face. */
export interface BarrierProfile {
  readonly layers: readonly ProfileLayer[];
  /** The band edge as one polyline, with `marginNm` of electrode on either side. */
  readonly xNm: Float64Array;
  readonly edgeEv: Float64Array;
  /** The electron's energy, eV above the cathode's band edge. */
  readonly energyEv: number;
  /** The highest point of the edge. */
  readonly topEv: number;
  /** The anode's band edge, below zero under a positive bias. */
  readonly anodeEdgeEv: number;
  /** Where the electron would have negative kinetic energy, in order; touching layers are joined. */
  readonly forbidden: readonly { readonly fromNm: number; readonly toNm: number }[];
  /** The borders of the forbidden region, nm, ascending. */
  readonly turningPointsNm: readonly number[];
}

/**
 * The barrier profile that an electron of that energy meets.
 * @param energyEv above the cathode's band edge, eV
 * @param marginNm electrode drawn on either side, nm
 */
export function barrierProfile(barrier: Barrier, energyEv: number, marginNm = 0.5): BarrierProfile {
  const total = totalThicknessNm(barrier);
  const xs = [-marginNm, 0];
  const edges = [0, 0];
  const forbidden: { fromNm: number; toNm: number }[] = [];
  for (const { startNm, thicknessNm, left, right } of segments(barrier, 0)) {
    const endNm = startNm + thicknessNm;
    xs.push(startNm, endNm);
    edges.push(left, right);
    const [a, b] = [left - energyEv, right - energyEv];
    if (a > 0 || b > 0) {
      const crossing = startNm + (thicknessNm * a) / (a - b);
      const fromNm = a > 0 ? startNm : crossing;
      const toNm = b > 0 ? endNm : crossing;
      const last = forbidden.at(-1);
      if (last !== undefined && Math.abs(last.toNm - fromNm) < 1e-12) last.toNm = toNm;
      else forbidden.push({ fromNm, toNm });
    }
  }
  const layers = layerSegments(barrier, 0).map(({ startNm, thicknessNm, left, right }, i) => ({
    material: barrier.layers[i]!.material,
    fromNm: startNm,
    toNm: startNm + thicknessNm,
    fromEv: left,
    toEv: right,
  }));
  const anodeEdgeEv = 0 - barrier.biasV;
  xs.push(total, total + marginNm);
  edges.push(anodeEdgeEv, anodeEdgeEv);
  return {
    layers,
    xNm: Float64Array.from(xs),
    edgeEv: Float64Array.from(edges),
    energyEv,
    topEv: barrierTopEv(barrier),
    anodeEdgeEv,
    forbidden,
    turningPointsNm: forbidden.flatMap(({ fromNm, toNm }) => [fromNm, toNm]),
  };
}

/** Flip probability and transmission against total thickness, by one transmission model. */
export interface ThicknessCurve {
  readonly model: TransmissionModel;
  /** [n] total thicknesses, ascending. */
  readonly thicknessNm: Float64Array;
  /** [n] the share of electrons that passes. */
  readonly transmission: Float64Array;
  /** [n] chance that a stored 0 is read as 1. */
  readonly p01: Float64Array;
  /** [n] chance that a stored 1 is read as 0. */
  readonly p10: Float64Array;
}

/**
 * The curve of flip probability against total thickness (a stack is stretched as a whole).
 * @param model defaults to the device's own
 * @throws QtamlError invalid-argument where the device has no barrier
 */
export function thicknessCurve(
  device: Device,
  fromNm: number,
  toNm: number,
  points = 101,
  model: TransmissionModel = device.transmission,
): ThicknessCurve {
  const thicknessNm = new Float64Array(points);
  const transmitted = new Float64Array(points);
  const p01 = new Float64Array(points);
  const p10 = new Float64Array(points);
  for (let i = 0; i < points; i += 1) {
    const value = points === 1 ? fromNm : fromNm + ((toNm - fromNm) * i) / (points - 1);
    const changed = withValue({ ...device, transmission: model }, "thicknessNm", value);
    const flips = deviceFlips(changed);
    thicknessNm[i] = value;
    transmitted[i] = transmission(model, changed.barrier!, device.energyEv);
    p01[i] = flips.p01;
    p10[i] = flips.p10;
  }
  return { model, thicknessNm, transmission: transmitted, p01, p10 };
}
