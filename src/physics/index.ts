/**
 * @file The room `physics`: from a tunnelling barrier to the flip probabilities of stored bits.
 *
 * barrier (`barrier.ts`, `materials.ts`) -> transmission (`wkb.ts`, `exact.ts`, `transmission.ts`) -> rate
 * (`rates.ts`) -> flip probabilities (`flips.ts`, `tails.ts`, `population.ts`). A `Device` (`device.ts`, `schema.ts`,
 * `flags.ts`, `cells.ts`) describes a memory; `evaluateDevice` answers for it, `solveForP` answers backwards, and
 * `plots.ts` gives the data of its pictures. Energies are in eV above the cathode's band edge, lengths in nm, masses
 * in electron masses, fields in MV/cm, currents in A/cm^2, times in s. Derivations: docs/physics.md.
 */

export * from "./barrier.ts";
export * from "./cells.ts";
export * from "./constants.ts";
export { parseDevice, resolveDevice, DEFAULT_ATTEMPT_HZ, DEFAULT_TEMPERATURE_K } from "./device.ts";
export type { Device, DirectFlips, RateModel } from "./device-types.ts";
export { cellFlips, deviceFlips, deviceRate, evaluateDevice } from "./evaluate.ts";
export type { DeviceRate, FlipReport } from "./evaluate.ts";
export { exactTriangular, logExactTransmission, waveFunction } from "./exact.ts";
export type { WaveFunction } from "./exact.ts";
export { deviceFromFlags, transmissionModel } from "./flags.ts";
export type { DeviceFlags } from "./flags.ts";
export * from "./flips.ts";
export { solveForP, withValue } from "./inverse.ts";
export type { InverseAnswer, InverseQuestion, Unknown } from "./inverse.ts";
export * from "./materials.ts";
export type { FlipParameters, ParameterValue } from "./parameters.ts";
export * from "./plots.ts";
export * from "./population.ts";
export * from "./rates.ts";
export { deviceSchema } from "./schema.ts";
export type { DeviceFile } from "./schema.ts";
export { binomialTail, logFactorial, poissonTail } from "./tails.ts";
export * from "./transmission.ts";
export { STRESS_P } from "./warnings.ts";
export {
  logKemble,
  logWkbTransmission,
  rectangularWkb,
  segmentExponent,
  trapezoidalWkb,
  triangularWkb,
  tunnellingExponent,
} from "./wkb.ts";
