/** @file A device from the flags of the command line. */

import { QtamlError } from "../errors.ts";
import { makeBarrier, makeLayer } from "./barrier.ts";
import type { Barrier } from "./barrier.ts";
import { requireNumber, unknownWord } from "./check.ts";
import { resolveDevice, resolveDirect } from "./device.ts";
import type { Device } from "./device-types.ts";
import { TRANSMISSION_MODELS } from "./transmission.ts";
import type { TransmissionModel } from "./transmission.ts";

/** The flags of `qtaml flip`, under their own names; units are nm, s, 1/s, eV, V, K and electron masses. */
export interface DeviceFlags {
  readonly material?: string | undefined;
  readonly thickness?: number | undefined;
  readonly hold?: number | undefined;
  readonly attempt?: number | undefined;
  readonly energy?: number | undefined;
  readonly bias?: number | undefined;
  readonly barrier?: number | undefined;
  readonly mass?: number | undefined;
  readonly temperature?: number | undefined;
  /** wkb, corrected or exact. */
  readonly model?: string | undefined;
  /** A number, or one entry a bit with bit 0 first; so are p01 and p10. */
  readonly p?: number | readonly number[] | undefined;
  readonly p01?: number | readonly number[] | undefined;
  readonly p10?: number | readonly number[] | undefined;
}

/** Physics flags, in the words of their messages. */
const DOMAINS = {
  hold: ["hold time in s", { min: 0 }],
  attempt: ["attempt frequency in 1/s", { above: 0 }],
  energy: ["energy in eV", { min: -20, max: 20 }],
  temperature: ["temperature in K", { min: 1, max: 2000 }],
  p: ["flip probability p", { min: 0, max: 0.5 }],
  p01: ["flip probability p01", { min: 0, max: 1 }],
  p10: ["flip probability p10", { min: 0, max: 1 }],
} as const;

/** The model named. @throws QtamlError invalid-argument listing the models */
export function transmissionModel(name: string): TransmissionModel {
  const found = TRANSMISSION_MODELS.find((model) => model === name);
  if (found === undefined) {
    throw new QtamlError("invalid-argument", unknownWord("transmission model", name, TRANSMISSION_MODELS));
  }
  return found;
}

/** The base's barrier with what the flags change, or null where nothing describes a barrier. */
function flaggedBarrier(flags: DeviceFlags, base: Device | undefined): Barrier | null {
  const { material, thickness, barrier: barrierEv, mass, bias } = flags;
  const before = base?.barrier ?? null;
  const biasV = bias ?? before?.biasV ?? 0;
  const changed = [material, thickness, barrierEv, mass].some((flag) => flag !== undefined);
  if (!changed)
    return before === null
      ? null
      : makeBarrier(before.layers, biasV, before.electrodeMass, before.imagePermittivity);
  if (before !== null && before.layers.length > 1) {
    throw new QtamlError(
      "invalid-argument",
      "The device has a stack of layers, which material, thickness, barrier and mass cannot change: edit the layers in the device file.",
    );
  }
  const [old] = before?.layers ?? [];
  const thicknessNm = thickness ?? old?.thicknessNm;
  if (thicknessNm === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "The barrier has no thickness: give it in nm, such as --thickness 2.5.",
    );
  }
  const kept = material === undefined ? old : undefined;
  const layer = makeLayer({
    material: material ?? old?.material ?? undefined,
    thicknessNm,
    barrierEv: barrierEv ?? kept?.barrierEv,
    mass: mass ?? kept?.mass,
    permittivity: kept?.permittivity,
  });
  const electrodeMass =
    before === null || before.electrodeMass === old?.mass ? undefined : before.electrodeMass;
  return makeBarrier([layer], biasV, electrodeMass, before?.imagePermittivity);
}

/**
 * A device from the flags of the command line, alone or over a device that was read from a file. Flips given with
 * `p`, or with `p01` and `p10`, replace the physics.
 * @throws QtamlError invalid-argument, one sentence naming the flag's quantity and the remedy
 */
export function deviceFromFlags(flags: DeviceFlags, base?: Device): Device {
  for (const key of Object.keys(DOMAINS) as (keyof typeof DOMAINS)[]) {
    const value = flags[key];
    if (value === undefined) continue;
    for (const entry of typeof value === "number" ? [value] : value) {
      requireNumber(DOMAINS[key][0], entry, DOMAINS[key][1]);
    }
  }
  const barrier = flaggedBarrier(flags, base);
  const given = resolveDirect(flags);
  const start =
    base ??
    resolveDevice({
      p: given !== null || barrier !== null ? 0 : undefined,
      holdS: flags.hold,
    });
  const direct = given ?? base?.direct ?? null;
  const device: Device = {
    ...start,
    barrier,
    energyEv: flags.energy ?? start.energyEv,
    temperatureK: flags.temperature ?? start.temperatureK,
    holdS: flags.hold ?? start.holdS,
    attemptHz: flags.attempt ?? start.attemptHz,
    transmission: flags.model === undefined ? start.transmission : transmissionModel(flags.model),
    direct,
  };
  if (device.direct === null && device.holdS === null) {
    throw new QtamlError(
      "invalid-argument",
      "The hold time is missing: give it in seconds, such as --hold 0.064.",
    );
  }
  return device;
}
