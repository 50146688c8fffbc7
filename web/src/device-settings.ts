/**
 * @file What the sliders of the device stand at, the device that they make, and where they begin: at the memory that the
 * server was started with.
 */
import { QtamlError } from "../../src/errors.ts";
import type { FlipChoice, StartedMemory } from "../../src/explorer/index.ts";
import {
  CELLS,
  CELL_NAMES,
  deviceFlips,
  parseDevice,
  solveForP,
  totalThicknessNm,
  withValue,
  type Cell,
  type Device,
  type TransmissionModel,
} from "../../src/physics/index.ts";

/** What the sliders stand at. */
export interface DeviceSettings {
  /** Name of the preset that the rest starts from; empty for none. */
  readonly cell: string;
  /** Null for a stack of several materials. */
  readonly material: string | null;
  readonly thicknessNm: number;
  readonly biasV: number;
  readonly energyEv: number;
  readonly temperatureK: number;
  readonly holdS: number;
  readonly thicknessSpreadNm: number;
  readonly transmission: TransmissionModel;
}

/** Ends of the sliders. */
export const limits = {
  thicknessNm: [0.5, 12],
  biasV: [0, 6],
  energyEv: [0, 3],
  temperatureK: [77, 500],
  holdS: [1e-9, 1e10],
  thicknessSpreadNm: [0, 0.5],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

/** The demonstration's memory: one electron behind a thin oxide, read every 64 ms. */
const plain: Omit<DeviceSettings, "cell"> = {
  material: "SiO2",
  thicknessNm: 2.533,
  biasV: 0,
  energyEv: 0.1,
  temperatureK: 300,
  holdS: 0.064,
  thicknessSpreadNm: 0,
  transmission: "wkb",
};

/** Where the sliders stand when a preset is chosen; for none, at the demonstration's memory. @param name empty for none */
export function presetSettings(name: string): DeviceSettings {
  const cell: Cell | undefined = name === "" ? undefined : CELLS[name];
  if (cell === undefined) return { cell: "", ...plain };
  const [only, ...more] = cell.layers;
  return {
    cell: name,
    ...plain,
    material: more.length > 0 ? null : (only!.material ?? null),
    thicknessNm: cell.layers.reduce((sum, { thicknessNm }) => sum + thicknessNm, 0),
    biasV: cell.biasV,
    energyEv: cell.energyEv,
    holdS: cell.holdS,
    thicknessSpreadNm: cell.thicknessSpreadNm,
  };
}

/** The device of some settings. @throws QtamlError for figures that make no device */
export function deviceOf(settings: DeviceSettings): Device {
  const { cell, material, thicknessNm, ...rest } = settings;
  const device = parseDevice({
    ...(cell === "" ? {} : { cell }),
    ...(material === null ? {} : { barrier: { material, thicknessNm } }),
    ...rest,
  });
  const isStretched = material === null && Math.abs(totalThicknessNm(device.barrier!) - thicknessNm) > 1e-9;
  return isStretched ? withValue(device, "thicknessNm", thicknessNm) : device;
}

/** The same as a device file, for `--device`. */
export function deviceFile(settings: DeviceSettings): string {
  const { cell, material, thicknessNm, ...rest } = settings;
  const device = deviceOf(settings);
  const barrier =
    material === null
      ? [
          "barrier:",
          "  layers:",
          ...device.barrier!.layers.map(
            (layer) => `    - { material: ${layer.material ?? "SiO2"}, thicknessNm: ${layer.thicknessNm} }`,
          ),
        ]
      : ["barrier:", `  material: ${material}`, `  thicknessNm: ${thicknessNm}`];
  return `${[
    ...(cell === "" ? [] : [`cell: ${cell}`]),
    ...barrier,
    ...Object.entries(rest).map(([name, value]) => `${name}: ${value}`),
  ].join("\n")}\n`;
}

/** Where the view of the device begins. */
export interface DeviceStart {
  readonly settings: DeviceSettings;
  /**
   * What that is to the memory that the server was started with: its device, an oxide that gives the mean of its flip
   * probabilities, or the demonstration's memory because no such oxide does.
   */
  readonly from: "device" | "oxide" | "demonstration";
}

/** Mean of both flip probabilities. */
export const meanOf = ({ p01, p10 }: FlipChoice): number => (p01 + p10) / 2;

/** Whether two probabilities are the same figure, of three digits. */
export const isSameFigure = (a: number, b: number): boolean => a.toPrecision(3) === b.toPrecision(3);

/** The sliders that make a device; undefined where it is more than they can say. */
function settingsOf(device: Device): DeviceSettings | undefined {
  const { barrier, holdS, energyEv, temperatureK, thicknessSpreadNm, transmission } = device;
  if (device.direct !== null || barrier === null || holdS === null) return undefined;
  const [only, ...more] = barrier.layers;
  const settings: DeviceSettings = {
    cell: CELL_NAMES.find((name) => name === device.cell) ?? "",
    material: more.length > 0 ? null : (only?.material ?? null),
    thicknessNm: totalThicknessNm(barrier),
    biasV: barrier.biasV,
    energyEv,
    temperatureK,
    holdS,
    thicknessSpreadNm,
    transmission,
  };
  const isWithin = Object.entries(limits).every(([name, [low, high]]) => {
    const value = settings[name as keyof typeof limits];
    return value >= low && value <= high;
  });
  const figures = (some: Device) => JSON.stringify({ ...some, name: null });
  try {
    return isWithin && figures(deviceOf(settings)) === figures(device) ? settings : undefined;
  } catch (error) {
    if (error instanceof QtamlError) return undefined;
    throw error;
  }
}

/**
 * The settings with the thickness that gives a flip probability, in no more decimals than its three digits need;
 * undefined where no thickness on the slider does.
 *
 * @param p of the larger of both probabilities
 */
export function thicknessFor(p: number, settings: DeviceSettings): DeviceSettings | undefined {
  const [from, to] = limits.thicknessNm;
  try {
    const { value } = solveForP(deviceOf(settings), { unknown: "thicknessNm", p, from, to });
    for (let decimals = 2; decimals < 9; decimals++) {
      const found = { ...settings, thicknessNm: Number(value.toFixed(decimals)) };
      const { p01, p10 } = deviceFlips(deviceOf(found));
      if (isSameFigure(Math.max(p01, p10), p)) return found;
    }
    return undefined;
  } catch (error) {
    if (error instanceof QtamlError) return undefined;
    throw error;
  }
}

/** Where the sliders begin. */
export function deviceStart({ flips, device }: StartedMemory): DeviceStart {
  const described = device === null ? undefined : settingsOf(device);
  if (described !== undefined) return { settings: described, from: "device" };
  const usual = presetSettings("");
  const oxide = thicknessFor(meanOf(flips), usual);
  return oxide === undefined
    ? { settings: usual, from: "demonstration" }
    : { settings: oxide, from: "oxide" };
}
