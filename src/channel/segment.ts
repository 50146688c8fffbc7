/** @file How a run of stored weights is protected and read. */

import type { DecoderKind } from "./decoders.ts";

/** Neighbouring weights of one tensor, in C order, that share their protected bits and their decoder. */
export interface ProtectionSegment {
  /** Index of the first weight. */
  readonly start: number;
  /** Number of weights. */
  readonly count: number;
  /** Bit k set: bit k of each weight of the segment is protected. */
  readonly protectedMask: number;
  readonly decoder: DecoderKind;
  /**
   * [2^B] what each received code is read as, in units of the step, where the weights are stored by a codebook; the
   * decoder's own table otherwise.
   */
  readonly table?: ArrayLike<number>;
}
