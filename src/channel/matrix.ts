/**
 * @file A memoryless channel on codes is a row-stochastic matrix: P[c * 2^B + r] is the probability that code r is
 * read where code c was stored. Error laws come from the butterfly of `butterfly.ts`, which needs no matrix.
 */

import { QtamlError } from "../errors.ts";
import type { FlipProbabilities } from "./flips.ts";

/** The number of codes of a square channel matrix. */
export function channelSize(channel: Float64Array): number {
  const size = Math.round(Math.sqrt(channel.length));
  if (size * size !== channel.length) {
    throw new RangeError(`A channel matrix must be square, and this one has ${channel.length} entries`);
  }
  return size;
}

/**
 * The matrix [2^B * 2^B] of independent bit flips: the product over bits of the 2 x 2 matrix of each. For composing
 * channels and as a check; error laws need no matrix (`conditionalMoments`).
 * @throws RangeError above 12 bits, where it would not fit the memory.
 */
export function channelMatrix(flips: FlipProbabilities): Float64Array {
  if (flips.p01.length > 12)
    throw new RangeError(`A channel matrix on codes of ${flips.p01.length} bits is too large`);
  let matrix = Float64Array.of(1);
  let size = 1;
  for (let k = 0; k < flips.p01.length; k++) {
    const p01 = flips.p01[k]!;
    const p10 = flips.p10[k]!;
    const cell = [1 - p01, p01, p10, 1 - p10];
    const grown = new Float64Array(4 * size * size);
    for (let stored = 0; stored < 2 * size; stored++) {
      const low = (stored % size) * size;
      const high = stored < size ? 0 : 2;
      for (let received = 0; received < 2 * size; received++) {
        grown[stored * 2 * size + received] =
          cell[high + (received < size ? 0 : 1)]! * matrix[low + (received % size)]!;
      }
    }
    matrix = grown;
    size *= 2;
  }
  return matrix;
}

/**
 * The channel of going through `first` and then `second` (a matrix product).
 * @throws QtamlError invalid-argument if they are of different sizes.
 */
export function composeChannels(first: Float64Array, second: Float64Array): Float64Array {
  const size = channelSize(first);
  if (channelSize(second) !== size) {
    throw new QtamlError(
      "invalid-argument",
      `Channels on ${size} and ${channelSize(second)} codes cannot follow each other: give both the same number of bits.`,
    );
  }
  const product = new Float64Array(size * size);
  for (let c = 0; c < size; c++) {
    for (let m = 0; m < size; m++) {
      const weight = first[c * size + m]!;
      if (weight === 0) continue;
      for (let r = 0; r < size; r++) product[c * size + r]! += weight * second[m * size + r]!;
    }
  }
  return product;
}
