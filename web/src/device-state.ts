/** @file The device that an address describes. */
import {
  CELLS,
  CELL_NAMES,
  MATERIAL_NAMES,
  TRANSMISSION_MODELS,
  parseDevice,
  totalThicknessNm,
  withValue,
  type Cell,
  type Device,
  type TransmissionModel,
} from "../../src/physics/index.ts";
import { numberOf, wordOf, type Address } from "./address.ts";

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

function usualSettings(cell: Cell | undefined): Omit<DeviceSettings, "cell"> {
  if (cell === undefined) return plain;
  const [only, ...more] = cell.layers;
  return {
    ...plain,
    material: more.length > 0 ? null : (only!.material ?? null),
    thicknessNm: cell.layers.reduce((sum, { thicknessNm }) => sum + thicknessNm, 0),
    biasV: cell.biasV,
    energyEv: cell.energyEv,
    holdS: cell.holdS,
    thicknessSpreadNm: cell.thicknessSpreadNm,
  };
}

/** The settings of an address. */
export function deviceSettings(address: Address): DeviceSettings {
  const cell = wordOf(address, "cell", "", ["", ...CELL_NAMES]);
  const usual = usualSettings(cell === "" ? undefined : CELLS[cell]);
  const number = (name: keyof typeof limits) =>
    numberOf(address, name, usual[name], limits[name][0], limits[name][1]);
  return {
    cell,
    material: usual.material === null ? null : wordOf(address, "material", usual.material, MATERIAL_NAMES),
    thicknessNm: number("thicknessNm"),
    biasV: number("biasV"),
    energyEv: number("energyEv"),
    temperatureK: number("temperatureK"),
    holdS: number("holdS"),
    thicknessSpreadNm: number("thicknessSpreadNm"),
    transmission: wordOf(address, "transmission", usual.transmission, TRANSMISSION_MODELS),
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
