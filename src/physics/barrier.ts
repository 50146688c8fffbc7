/**
 * @file Barriers as stacks of layers. The zero of energy is the conduction-band edge of the cathode, x runs from the
 * cathode (x = 0) to the anode, and a bias V >= 0 lowers the anode by V electron-volts. The displacement is
 * continuous across layers, so layer i takes `V (d_i/eps_i) / sum(d_j/eps_j)` of the bias. One layer without bias
 * is a rectangle, with bias a trapezoid, and where the bias passes the barrier a triangle (Fowler-Nordheim).
 */

import { ELEMENTARY_CHARGE, SIO2_PERMITTIVITY, VACUUM_PERMITTIVITY } from "./constants.ts";
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
  /** From the cathode to the anode. */
  readonly layers: readonly Layer[];
  /** Voltage across the whole stack, at least 0: it lowers the edge towards the anode. */
  readonly biasV: number;
  /** Mass in both electrodes, units of the electron mass; only the corrected and exact models use it. */
  readonly electrodeMass: number;
  /**
   * Optical permittivity of the film for the image force (2.13 for SiO2); absent for none, which is what the presets
   * were fitted with. One layer only.
   */
  readonly imagePermittivity?: number;
}

/** A layer seen by an electron: the height of the barrier above its energy is linear in x. */
export interface Segment {
  /** Distance from the cathode. */
  readonly startNm: number;
  readonly thicknessNm: number;
  /** Tunnelling mass, units of the electron mass. */
  readonly mass: number;
  /** Barrier minus energy at the cathode side, eV. */
  readonly left: number;
  /** Barrier minus energy at the anode side, eV. */
  readonly right: number;
}

/** What may be left out of a layer when a material gives it. */
export interface LayerInput {
  /** Name of a known material, which gives what is not given here. */
  readonly material?: string | undefined;
  readonly thicknessNm: number;
  /** Barrier at zero bias, eV above the cathode's band edge. */
  readonly barrierEv?: number | undefined;
  /** Tunnelling mass, units of the electron mass. */
  readonly mass?: number | undefined;
  /** Relative permittivity, which divides the voltage between layers. */
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
 * @param imagePermittivity turns the image force on, for one layer
 * @throws QtamlError invalid-argument for no layers, a negative bias or a figure out of range
 */
export function makeBarrier(
  layers: readonly Layer[],
  biasV = 0,
  electrodeMass?: number,
  imagePermittivity?: number,
): Barrier {
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
  if (imagePermittivity !== undefined && layers.length > 1) {
    throw new QtamlError(
      "invalid-argument",
      "The image force is known for one layer only: leave imagePermittivity out, or describe one layer.",
    );
  }
  return {
    layers,
    biasV,
    ...(imagePermittivity === undefined
      ? {}
      : { imagePermittivity: requireNumber("image permittivity", imagePermittivity, { min: 1, max: 1e3 }) }),
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

/** Linear pieces of a barrier rounded by the image force; the exponent of 8 nm is then good to 5e-3. */
const IMAGE_PIECES = 192;

/**
 * One layer rounded by its images in both electrodes: lowered by `q/(16 pi eps eps0) (1/x + 1/(d-x))`, never below the
 * line that joins the electrodes' band edges. Pieces are shortest at the faces.
 */
function imagedSegments(
  { startNm, thicknessNm, mass, left, right }: Segment,
  heightEv: number,
  eps: number,
): Segment[] {
  const strength = (ELEMENTARY_CHARGE / (16 * Math.PI * eps * VACUUM_PERMITTIVITY)) * 1e9;
  const place = (i: number): number => (thicknessNm * (1 - Math.cos((Math.PI * i) / IMAGE_PIECES))) / 2;
  const height = (i: number): number => {
    const x = place(i);
    const lowering = i === 0 || i === IMAGE_PIECES ? heightEv : strength * (1 / x + 1 / (thicknessNm - x));
    return left + ((right - left) * x) / thicknessNm - Math.min(heightEv, lowering);
  };
  return Array.from({ length: IMAGE_PIECES }, (_, i) => ({
    startNm: startNm + place(i),
    thicknessNm: place(i + 1) - place(i),
    mass,
    left: height(i),
    right: height(i + 1),
  }));
}

/**
 * The stack as an electron of that energy meets it, cathode first; a layer with image force comes in many pieces.
 * @param energyEv above the cathode's band edge, eV
 */
export function segments(barrier: Barrier, energyEv: number): Segment[] {
  const layers = layerSegments(barrier, energyEv);
  if (barrier.imagePermittivity === undefined) return layers;
  return imagedSegments(layers[0]!, barrier.layers[0]!.barrierEv, barrier.imagePermittivity);
}

/**
 * The layers as straight lines, without image force, cathode first.
 * @param energyEv above the cathode's band edge, eV
 */
export function layerSegments(barrier: Barrier, energyEv: number): Segment[] {
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
