/**
 * @file Barriers as stacks of layers. The zero of energy is the conduction-band edge of the cathode, x runs from the
 * cathode (x = 0) to the anode, and a bias V >= 0 lowers the anode by V electron-volts. The displacement is
 * continuous across layers, so layer i takes `V (d_i/eps_i) / sum(d_j/eps_j)` of the bias. One layer without bias
 * is a rectangle, with bias a trapezoid, and where the bias passes the barrier a triangle (Fowler-Nordheim).
 */

import { SIO2_PERMITTIVITY } from "./constants.ts";
import { requireNumber } from "./check.ts";
import { QtamlError } from "../errors.ts";
import { material } from "./materials.ts";

/** One layer of a barrier. */
export interface Layer {
  /** Preset that the figures came from, or null. */
  readonly material: string | null;
  readonly thicknessNm: number;
  /** Band offset to the cathode's conduction band, eV. */
  readonly barrierEv: number;
  /** Tunnelling mass, units of the electron mass. */
  readonly mass: number;
  /** Relative permittivity. */
  readonly permittivity: number;
}

/** A stack of layers under bias, between two electrodes of one mass. */
export interface Barrier {
  readonly layers: readonly Layer[];
  readonly biasV: number;
  /** Mass in both electrodes, units of the electron mass; only the corrected and exact models use it. */
  readonly electrodeMass: number;
}

/** A layer seen by an electron: the height of the barrier above its energy is linear in x. */
export interface Segment {
  readonly startNm: number;
  readonly thicknessNm: number;
  readonly mass: number;
  /** Barrier minus energy at the cathode side, eV. */
  readonly left: number;
  /** Barrier minus energy at the anode side, eV. */
  readonly right: number;
}

/** What may be left out of a layer when a material gives it. */
export interface LayerInput {
  readonly material?: string | undefined;
  readonly thicknessNm: number;
  readonly barrierEv?: number | undefined;
  readonly mass?: number | undefined;
  readonly permittivity?: number | undefined;
}

/**
 * A layer from a material preset, explicit figures, or a preset with some figures replaced. Permittivity defaults to
 * that of SiO2 when neither gives it.
 * @throws QtamlError invalid-argument for an unknown material, a figure out of its domain or one that is missing
 */
export function makeLayer(input: LayerInput): Layer {
  const preset = input.material === undefined ? undefined : material(input.material);
  const barrierEv = input.barrierEv ?? preset?.barrierEv.value;
  const mass = input.mass ?? preset?.mass.value;
  if (barrierEv === undefined || mass === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `The barrier has no ${barrierEv === undefined ? "height" : "mass"}: name a material (such as SiO2) or give both the barrier in eV and the mass.`,
    );
  }
  return {
    material: preset?.name ?? null,
    thicknessNm: requireNumber("thickness in nm", input.thicknessNm, { above: 0, max: 1000 }),
    barrierEv: requireNumber("barrier in eV", barrierEv, { above: 0, max: 20 }),
    mass: requireNumber("mass in electron masses", mass, { above: 0, max: 10 }),
    permittivity: requireNumber(
      "permittivity",
      input.permittivity ?? preset?.permittivity.value ?? SIO2_PERMITTIVITY,
      {
        min: 1,
        max: 1e5,
      },
    ),
  };
}

/**
 * A barrier of one or more layers, cathode first.
 * @param electrodeMass defaults to the mass of the first layer
 * @throws QtamlError invalid-argument for no layers, a negative bias or a mass out of range
 */
export function makeBarrier(layers: readonly Layer[], biasV = 0, electrodeMass?: number): Barrier {
  const [first] = layers;
  if (first === undefined)
    throw new QtamlError("invalid-argument", "The barrier has no layers: give at least one.");
  if (biasV < 0) {
    throw new QtamlError(
      "invalid-argument",
      `bias in V is ${biasV}: give a bias of at least 0, and list the layers in reverse order for the other direction.`,
    );
  }
  requireNumber("bias in V", biasV, { min: 0, max: 1000 });
  return {
    layers,
    biasV,
    electrodeMass: requireNumber("electrode mass in electron masses", electrodeMass ?? first.mass, {
      above: 0,
      max: 10,
    }),
  };
}

/** Total thickness, nm. */
export function totalThicknessNm(barrier: Barrier): number {
  return barrier.layers.reduce((sum, layer) => sum + layer.thicknessNm, 0);
}

/** Equivalent oxide thickness: sum of d_i 3.9/eps_i, nm. */
export function equivalentOxideThicknessNm(barrier: Barrier): number {
  return barrier.layers.reduce(
    (sum, layer) => sum + (layer.thicknessNm * SIO2_PERMITTIVITY) / layer.permittivity,
    0,
  );
}

/** The voltage across each layer, V, in order; the displacement is continuous. */
export function layerVoltages(barrier: Barrier): number[] {
  const total = barrier.layers.reduce((sum, layer) => sum + layer.thicknessNm / layer.permittivity, 0);
  return barrier.layers.map((layer) => (barrier.biasV * layer.thicknessNm) / (layer.permittivity * total));
}

/** The field in each layer, MV/cm, in order. */
export function layerFieldsMvPerCm(barrier: Barrier): number[] {
  return layerVoltages(barrier).map((volts, i) => (10 * volts) / barrier.layers[i]!.thicknessNm);
}

/**
 * The stack as an electron of that energy meets it, cathode first.
 * @param energyEv above the cathode's band edge, eV
 */
export function segments(barrier: Barrier, energyEv: number): Segment[] {
  const voltages = layerVoltages(barrier);
  let startNm = 0;
  let drop = 0;
  return barrier.layers.map((layer, i) => {
    const left = layer.barrierEv - energyEv - drop;
    const segment = {
      startNm,
      thicknessNm: layer.thicknessNm,
      mass: layer.mass,
      left,
      right: left - voltages[i]!,
    };
    startNm += layer.thicknessNm;
    drop += voltages[i]!;
    return segment;
  });
}

/** The highest point of the barrier above the cathode's band edge, eV. */
export function barrierTopEv(barrier: Barrier): number {
  let top = -Infinity;
  for (const { left, right } of segments(barrier, 0)) top = Math.max(top, left, right);
  return top;
}

/** The same barrier with every layer stretched by `factor`. */
export function scaleThickness(barrier: Barrier, factor: number): Barrier {
  return {
    ...barrier,
    layers: barrier.layers.map((layer) => ({ ...layer, thicknessNm: layer.thicknessNm * factor })),
  };
}
