/**
 * @file The five decoders as decode tables: what a received code is taken to mean.
 */

import type { FlipProbabilities } from "./flips.ts";
import type { NumberFormat } from "./format.ts";

/** In order of what they may cost at inference; affine ones fold into scale and zero point. */
export const decoderKinds = ["none", "unbiased-affine", "linear-mmse", "unbiased", "bayes"] as const;

/** The kind of a decoder. */
export type DecoderKind = (typeof decoderKinds)[number];

/** A decode table, and the affine map that makes it where there is one. */
export interface Decoder {
  readonly kind: DecoderKind;
  /** [2^B] the decoded value of each received code, in units of the step. */
  readonly table: Float64Array;
  /** `table = slope * values + offset` (offset in units of the step): costs nothing at inference. */
  readonly affine?: { readonly slope: number; readonly offset: number };
  /** Whether `E[decoded | stored] = stored` for every code, not just on average over the tensor. */
  readonly unbiased: boolean;
}

/** What a decoder is built from. */
export interface DecoderInput {
  readonly format: NumberFormat;
  /** The channel after protection. */
  readonly flips: FlipProbabilities;
  /** [2^B] how many weights hold each code. */
  readonly histogram: Float64Array;
}
