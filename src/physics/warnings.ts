/** @file What the user should know about a result, in plain sentences. */

import { barrierTopEv, layerFieldsMvPerCm, totalThicknessNm } from "./barrier.ts";
import type { Barrier } from "./barrier.ts";
import { CELLS } from "./cells.ts";
import type { Device } from "./device-types.ts";
import { logExactTransmission } from "./exact.ts";
import { MATERIALS } from "./materials.ts";
import type { MaterialFigure } from "./materials.ts";
import { logTransmission } from "./transmission.ts";
import { tunnellingExponent } from "./wkb.ts";

/** Flip probability from which a memory is far outside any product's specification. */
export const STRESS_P = 1e-3;
/** 2 theta below which the exponential form stops being a good guide. */
const SMALL_EXPONENT = 2;
/** Ratio between the model chosen and the exact transmission that is worth a warning. */
const WORTH_TELLING = 3;
/** Field that thermal SiO2 does not bear for long, MV/cm. */
const BREAKDOWN_MV_PER_CM = 12;
/** Film thinner than about two atomic layers, nm. */
const TOO_THIN_NM = 0.7;

/** A number with three significant digits. */
function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

/** Warnings about figures outside the range of their material. */
function rangeWarnings({ layers }: Barrier): string[] {
  const warnings: string[] = [];
  for (const layer of layers) {
    const preset = layer.material === null ? undefined : MATERIALS[layer.material];
    if (preset === undefined) continue;
    const checks: [string, number, MaterialFigure][] = [
      [`barrier of ${short(layer.barrierEv)} eV`, layer.barrierEv, preset.barrierEv],
      [`mass of ${short(layer.mass)}`, layer.mass, preset.mass],
    ];
    for (const [what, value, { low, high }] of checks) {
      if (value >= low * 0.999 && value <= high * 1.001) continue;
      const range = low === high ? `${low}` : `${low} to ${high}`;
      warnings.push(`The ${what} is outside what is reported for ${preset.name} (${range}).`);
    }
  }
  return warnings;
}

/** Warnings about how far the transmission can be trusted. */
function transmissionWarnings(device: Device, barrier: Barrier): string[] {
  const { energyEv } = device;
  const warnings: string[] = [];
  const exponent = tunnellingExponent(barrier, energyEv);
  if (energyEv >= barrierTopEv(barrier)) {
    warnings.push("The electron's energy is above the barrier: it passes over it, which is not tunnelling.");
  } else if (exponent < SMALL_EXPONENT) {
    warnings.push(
      `The electron is near the top of the barrier (2 theta = ${short(exponent)}), where WKB is only a rough guide: prefer the exact model.`,
    );
  }
  const exact = logExactTransmission(barrier, energyEv);
  const chosen = logTransmission(device.transmission, barrier, energyEv);
  if (exact === -Infinity) {
    warnings.push(
      energyEv <= 0
        ? "At or below the band edge (energy 0) no travelling wave reaches the barrier and the exact transmission is 0; WKB keeps only the exponent, as is usual for a bound state with an attempt frequency. Give an energy such as 0.1 eV to compare the two."
        : "The far electrode has no states at this energy, so the exact transmission is 0.",
    );
  } else if (Math.abs(chosen - exact) > Math.log(WORTH_TELLING)) {
    const factor = Math.exp(Math.abs(chosen - exact));
    warnings.push(
      `The ${device.transmission} transmission is ${short(factor)} times ${chosen > exact ? "above" : "below"} the exact one.`,
    );
  }
  if (barrier.imagePermittivity !== undefined) {
    warnings.push(
      "The image force is on, but the presets' barriers and masses were fitted without it, so that it counts twice: use a barrier and a mass that were fitted with it.",
    );
  }
  const field = Math.max(...layerFieldsMvPerCm(barrier));
  if (field > BREAKDOWN_MV_PER_CM) {
    warnings.push(
      `The field of ${short(field)} MV/cm is above what an oxide survives (about ${BREAKDOWN_MV_PER_CM} MV/cm).`,
    );
  }
  if (totalThicknessNm(barrier) < TOO_THIN_NM) {
    warnings.push(
      `A film of ${short(totalThicknessNm(barrier))} nm is hardly two atomic layers: it has no bulk barrier, and these figures are an extrapolation.`,
    );
  }
  return warnings;
}

/**
 * The warnings of a result.
 * @param p the largest flip probability of the result
 */
export function deviceWarnings(device: Device, p: number): string[] {
  const { barrier, cell, direct, flip, rate } = device;
  const warnings: string[] = [];
  const restoresItself = cell !== null && CELLS[cell]!.restoresItself;
  if (restoresItself && direct === null) {
    warnings.push(
      "A powered 6T SRAM cell restores itself: electrons that leak away are replaced, so tunnelling through a barrier flips nothing and p is 0; give p directly to study other causes.",
    );
  }
  if (barrier !== null && direct === null) {
    warnings.push(...transmissionWarnings(device, barrier), ...rangeWarnings(barrier));
    const node =
      rate.model === "tsu-esaki" || rate.model === "fowler-nordheim" || rate.model === "trap-assisted";
    if (node && flip.model !== "threshold" && !restoresItself) {
      warnings.push(
        `The ${rate.model} rate counts every electron that leaves the node, and the ${flip.model} model flips the bit at the first one: use the threshold model for a node that holds many.`,
      );
    }
    if (rate.model === "tsu-esaki" && barrier.biasV === 0) {
      warnings.push(
        "Without a bias the two electrodes exchange equal currents and the net Tsu-Esaki rate is 0: give a bias.",
      );
    }
    if (rate.model === "fowler-nordheim" && barrier.biasV <= barrierTopEv(barrier)) {
      warnings.push(
        "The bias does not pull the far side below the electrode's level, so the film tunnels directly and the Fowler-Nordheim law does not hold: use tsu-esaki.",
      );
    }
  }
  if (p >= STRESS_P) {
    warnings.push(
      `A flip probability of ${short(p)} is a stress regime, far above any product's specification (well below ${STRESS_P}).`,
    );
  }
  return warnings;
}
