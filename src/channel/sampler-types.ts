/** @file What a flip sampler offers. */

import type { FlipProbabilities } from "./flips.ts";

/** Names one draw of faults: the same address always gives the same faults. */
export interface FlipAddress {
  /** 64 bits; a number must be a whole number from 0 to 2^53 - 1. */
  readonly seed: number | bigint;
  /** The chip: 0 to 2^32 - 1. */
  readonly trial: number;
  /** The tensor's ordinal in the memory: 0 to 2^32 - 1. */
  readonly tensor: number;
}

/** The weights that are hit, in ascending order, and how. */
export interface FaultList {
  /** [h] index into the codes that were given. */
  readonly indices: Uint32Array;
  /** [h] the bits that flip, never zero. */
  readonly patterns: Uint8Array;
}

/** Which bits are protected: one mask for all weights, or [n] a mask for each. */
export type ProtectionMask = number | Uint8Array;

/**
 * Draws faults of the unprotected cells. Every policy of one trial meets the same faults: it masks the patterns by
 * its own protected bits (`applyFaults`, `receiveInto`).
 */
export interface FlipSampler {
  readonly flips: FlipProbabilities;
  /** Chosen by the probability that a weight is hit, never by time; part of what makes a draw reproducible. */
  readonly method: "sparse" | "dense";
  /** The weights of one addressed random stream. */
  readonly blockWeights: number;
  /**
   * Writes the XOR pattern of every weight into `out`.
   * @param codes [n] the stored, undamaged codes of weights firstWeight, firstWeight + 1, ... of the tensor
   * @param out [n] output
   * @param firstWeight 0 unless told; any split of a tensor into ranges gives the same patterns.
   */
  drawPatterns(address: FlipAddress, codes: Uint8Array, out: Uint8Array, firstWeight?: number): void;
  /** The same draw as a list of the weights that are hit; at small p the time is that of the hits alone. */
  drawFaults(address: FlipAddress, codes: Uint8Array, firstWeight?: number): FaultList;
}
