/**
 * @file The room of fault models: what damages a memory, cell by cell, chip by chip, read by read. Independent flips,
 * bursts, a map of thicknesses, word lines that fail, cells that are stuck. Pure: runs in a browser unchanged.
 */
export { TensorDamage, type StoredCodeArray } from "./damage.ts";
export {
  faultModelNames,
  faultSchema,
  faultWord,
  parseFaults,
  regimes,
  usualFaults,
  type BurstModel,
  type FaultDescription,
  type FaultModel,
  type IndependentModel,
  type StuckAtModel,
  type ThicknessModel,
  type WordLineModel,
} from "./description.ts";
export type { StuckCells, WordLineFaults } from "./hard.ts";
export { drawField, type DieField } from "./field.ts";
export {
  cellOrders,
  mapCells,
  type BitPlace,
  type CellMap,
  type MemoryLayout,
  type StoredSize,
} from "./layout.ts";
export { marginalFlips } from "./marginal.ts";
export type { DrawAddress, FaultMechanism, FaultyMemory } from "./mechanism.ts";
export type { ThicknessMap } from "./thickness.ts";
export { openFaults, type FaultSource } from "./source.ts";
