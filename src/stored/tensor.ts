/**
 * @file What the memory holds for each tensor: one code a weight, and what is needed to read it as a weight again.
 */
import type { Codes, NumberFormat } from "../channel/index.ts";

/** Number of elements of a tensor of these dimensions. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, d) => product * d, 1);
}

/**
 * What a stored tensor is to the network. `weight`: an operand of a product; `embedding`: a table that rows are taken
 * from; `bias`: added; `normalisation`: a factor, mean or variance for each channel; `scale` and `zero-point`: of
 * quantised values; `integer`: shapes, axes and indices.
 */
export const tensorRoles = [
  "weight",
  "embedding",
  "bias",
  "normalisation",
  "scale",
  "zero-point",
  "integer",
] as const;

/** One of `tensorRoles`. */
export type TensorRole = (typeof tensorRoles)[number];

/** A tensor as the memory stores it. Weight `i` decodes to `(table[code i] - zero) * step`, both those of its place. */
export interface StoredTensor {
  /** Name of the initialiser in the user's model. */
  readonly name: string;
  readonly role: TensorRole;
  /** Name of the float32 initialiser in the prepared model that trials overwrite. */
  readonly runtimeName: string;
  readonly dims: readonly number[];
  /** Number of weights. */
  readonly count: number;
  /** Operators that use the tensor, without repetition. */
  readonly operators: readonly string[];
  readonly format: NumberFormat;
  /** [count] codes in C order, in the low `format.bits` bits. */
  readonly codes: Codes;
  /** Axis that runs over output channels, where it is known. */
  readonly outputAxis: number | undefined;
  /** Axis along which the quantisation step changes; undefined when the tensor has one step. */
  readonly channelAxis: number | undefined;
  /** Weights along `channelAxis` that share a step; undefined: see `StepLayout`. */
  readonly blockSize: number | undefined;
  /** Quantisation steps in C order of `stepDims`. */
  readonly steps: Float32Array;
  /** As many values, subtracted before scaling; undefined when they are all zero. */
  readonly zeroPoints: Float32Array | undefined;
  /** Largest magnitude of the weights before quantisation. */
  readonly infinityNorm: number;
}

/** A run of weights, in C order, that is decoded by one table. */
export interface DecodeSegment {
  /** Index of its first weight. */
  readonly start: number;
  /** Weights in it. */
  readonly count: number;
  /** [2^B] decoded value of each code in units of the quantisation step. */
  readonly table: ArrayLike<number>;
}
