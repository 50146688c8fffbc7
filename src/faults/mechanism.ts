/**
 * @file The interface of fault models, and what several of them share: streams by row, and skipping from cell to cell.
 */
import { addressedStreams, naturalLog, nextUniform, type FlipProbabilities } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import type { StoredCodeArray, TensorDamage } from "./damage.ts";
import type { CellMap } from "./layout.ts";

/** A memory that faults happen to. */
export interface FaultyMemory {
  readonly tensors: readonly StoredCodeArray[];
  /** Flip probabilities of each tensor's cells in one refresh interval. */
  readonly flips: readonly FlipProbabilities[];
  readonly cells: CellMap;
  /** Refresh intervals since the memory was written, 1 to 65535. */
  readonly intervals: number;
  readonly seed: number;
}

/** Names one draw. */
export interface DrawAddress {
  /** The chip. */
  readonly trial: number;
  /** Which of its reads, 0 to 65535. What is part of the chip is the same at every read. */
  readonly read: number;
}

/**
 * A way in which a memory is damaged. It adds its faults to those that are there, one tensor after the other or cell
 * by cell; the same address gives the same faults. To add a model: implement this, name it in `description.ts`, open
 * it in `source.ts` and say in `marginal.ts` what it does to a single cell.
 */
export interface FaultMechanism {
  damage(address: DrawAddress, chip: readonly TensorDamage[]): void;
}

/** Streams of fault models never meet those of the samplers, the Jacobian's probes and the order of samples. */
export const purposes = {
  burst: 40,
  thickness: 41,
  field: 42,
  wordLine: 43,
  wordLineContent: 44,
  stuckAt: 45,
} as const;

const most = 2 ** 16;

/** The word of a stream's address that tells reads and their intervals (or tensors) apart. */
export function readWord(read: number, part: number): number {
  if (read >= most || part >= most) {
    throw new QtamlError(
      "invalid-argument",
      `Read ${read} with part ${part} is beyond the addresses of fault streams: use fewer than ${most} reads, intervals and tensors.`,
    );
  }
  return read * most + part;
}

/** Streams of one purpose, a block (a row of cells) each. @param word from `readWord`; 0 for what the chip keeps */
export const rowStreams = (seed: number, trial: number, purpose: number, word = 0) =>
  addressedStreams({ seed, trial, tensor: word }, purpose);

/**
 * Whether a cell that was hit with probability `hit` keeps the flip, of probability p in all.
 * @param p at most `hit`, which is above 0
 */
export const isKept = (state: Int32Array, p: number, hit: number): boolean =>
  p === hit || (p > 0 && nextUniform(state) * hit <= p);

/**
 * Misses before the next hit of probability p: `floor(ln u / ln(1 - p))`.
 * @param missLog `ln(1 - p)`; -Infinity for p = 1
 */
export function skip(state: Int32Array, missLog: number): number {
  return missLog === -Infinity ? 0 : Math.floor(naturalLog(nextUniform(state)) / missLog);
}
