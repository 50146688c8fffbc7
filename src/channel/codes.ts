/**
 * @file Arrays of stored codes, one code an element: 8 bits wide where that is enough, else 16.
 */

import { QtamlError } from "../errors.ts";

/** The widest code, in bits. */
export const mostBits = 16;

/** [n] codes, or XOR patterns and masks over codes, in the low bits of each element. */
export type Codes = Uint8Array | Uint16Array;

/**
 * An array of zeros for `count` codes of that many bits: 8-bit elements up to 8 bits, else 16-bit ones.
 * @param bits 1 to 16
 * @throws QtamlError invalid-argument for another width.
 */
export function codeArray(bits: number, count: number): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (!Number.isInteger(bits) || bits < 1 || bits > mostBits) {
    throw new QtamlError(
      "invalid-argument",
      `A code of ${bits} bits is not supported: use 1 to ${mostBits} bits.`,
    );
  }
  return bits <= 8 ? new Uint8Array(count) : new Uint16Array(count);
}
