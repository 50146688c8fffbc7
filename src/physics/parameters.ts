/** @file The complete set of figures behind a result, for reports. */

import { equivalentOxideThicknessNm, totalThicknessNm } from "./barrier.ts";
import type { Layer } from "./barrier.ts";
import type { Device, RateModel } from "./device-types.ts";
import type { FlipModel } from "./flips.ts";

/** A figure of the set. */
export type ParameterValue = string | number | null | readonly number[] | readonly Layer[];

/** Figures by name, units in the names; settings of models are flattened. */
export type FlipParameters = Readonly<Record<string, ParameterValue>>;

/** Settings of a model: its name as `rateModel` or `flipModel`, the others under their own names. */
function settings(
  kind: "rate" | "flip",
  { model, ...others }: RateModel | FlipModel,
): [string, ParameterValue][] {
  return [[`${kind}Model`, model], ...Object.entries<string | number>(others)];
}

/**
 * Every figure that a result rests on, so that it can be repeated.
 * @param logSpread standard deviation of ln(rate) between cells, or null where no rate was computed
 */
export function deviceParameters(device: Device, logSpread: number | null): FlipParameters {
  const { barrier, direct } = device;
  const entries: [string, ParameterValue][] = [
    ["name", device.name],
    ["cell", device.cell],
  ];
  if (barrier !== null) {
    const [only] = barrier.layers;
    entries.push(["thicknessNm", totalThicknessNm(barrier)]);
    if (barrier.layers.length === 1) {
      const { material, barrierEv, mass, permittivity } = only!;
      entries.push(
        ["material", material],
        ["barrierEv", barrierEv],
        ["mass", mass],
        ["permittivity", permittivity],
      );
    }
    entries.push(
      ["layers", barrier.layers],
      ["equivalentOxideThicknessNm", equivalentOxideThicknessNm(barrier)],
      ["electrodeMass", barrier.electrodeMass],
      ["imagePermittivity", barrier.imagePermittivity ?? null],
      ["biasV", barrier.biasV],
      ["energyEv", device.energyEv],
      ["temperatureK", device.temperatureK],
      ["attemptHz", device.attemptHz],
      ["transmissionModel", device.transmission],
      ...settings("rate", device.rate),
    );
  }
  if (direct === null) {
    entries.push(
      ["holdS", device.holdS],
      ...settings("flip", device.flip),
      ["thicknessSpreadNm", device.thicknessSpreadNm],
      ["logRateSpread", logSpread],
      ["draw", device.draw],
    );
  } else {
    entries.push(["holdS", device.holdS], ["givenP01", direct.p01], ["givenP10", direct.p10]);
  }
  return Object.fromEntries(entries);
}
