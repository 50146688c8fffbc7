/**
 * @file Words that flags take and rooms define, written out so that the help loads no room; `choices.test.ts` holds
 * them to the rooms.
 */

/** Policies of `qtaml plan`, as `protect` has them. */
export const policies = [
  "none",
  "mean-correction",
  "uniform-msp",
  "magnitude",
  "random",
  "tac",
  "joint",
  "everything",
] as const;

/** What decoding may cost, as `channel` has it. */
export const decoderClasses = ["free", "table"] as const;

/** When flips are drawn, as `faults` has it. */
export const regimes = ["quenched", "redrawn"] as const;

/** What runs a network, as `engine` has it. */
export const providers = ["cpu", "webgpu"] as const;

/** Formats of exported chips. */
export const chipFormats = ["csv", "jsonl", "parquet"] as const;

/** One of them. */
export type ChipFormat = (typeof chipFormats)[number];

/** What becomes of bits that codes hold, as `channel` has it. */
export const protectionModes = ["ideal", "residual", "exact"] as const;
