/** @file The device that an address describes. */
import { CELL_NAMES, MATERIAL_NAMES, TRANSMISSION_MODELS } from "../../src/physics/index.ts";
import { numberOf, wordOf, type Address } from "./address.ts";
import { limits, presetSettings, type DeviceSettings } from "./device-settings.ts";

/** The settings of an address. @param start where the sliders begin */
export function deviceSettings(address: Address, start: DeviceSettings): DeviceSettings {
  const cell = wordOf(address, "cell", start.cell, ["", ...CELL_NAMES]);
  const usual = cell === start.cell ? start : presetSettings(cell);
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
