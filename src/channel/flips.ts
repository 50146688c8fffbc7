/**
 * @file Flip probabilities of the bits of one stored code. Bits are independent; bit 0 is the least significant.
 */

import { QtamlError } from "../errors.ts";
import { mostBits } from "./codes.ts";

/** What can happen to each bit of a code while it is stored. Both arrays have one entry a bit, 1 to 16 of them. */
export interface FlipProbabilities {
  /** [B] probability that bit k is read as 1 when 0 was stored. */
  readonly p01: Float64Array;
  /** [B] probability that bit k is read as 0 when 1 was stored. */
  readonly p10: Float64Array;
}

/**
 * Every bit flips with probability p, whatever it holds.
 * @param p from 0 to 0.5.
 * @throws QtamlError invalid-argument outside that range.
 */
export function symmetricFlips(p: number, bits: number): FlipProbabilities {
  if (!(p >= 0 && p <= 0.5)) {
    throw new QtamlError(
      "invalid-argument",
      `Flip probability p = ${p} is outside [0, 0.5]: a cell that flips more often than not is read inverted; give p01 and p10 if you mean that.`,
    );
  }
  return asymmetricFlips(p, p, bits);
}

/**
 * Every bit flips with probability p01 when it holds 0 and p10 when it holds 1.
 * @throws QtamlError invalid-argument outside [0, 1].
 */
export function asymmetricFlips(p01: number, p10: number, bits: number): FlipProbabilities {
  if (!Number.isInteger(bits) || bits < 1 || bits > mostBits) {
    throw new QtamlError(
      "invalid-argument",
      `A code of ${bits} bits is not supported: use 1 to ${mostBits} bits.`,
    );
  }
  return perBitFlips(
    Array.from({ length: bits }, () => p01),
    Array.from({ length: bits }, () => p10),
  );
}

/**
 * Each bit has its own probabilities, least significant bit first.
 * @param p01 [B] from 0 to 1.
 * @param p10 [B] from 0 to 1; equal to p01 unless told.
 * @throws QtamlError invalid-argument for unequal lengths, more than 16 bits, or a probability outside [0, 1].
 */
export function perBitFlips(p01: ArrayLike<number>, p10: ArrayLike<number> = p01): FlipProbabilities {
  if (p01.length !== p10.length || p01.length < 1 || p01.length > mostBits) {
    throw new QtamlError(
      "invalid-argument",
      `Flip probabilities for ${p01.length} (0 to 1) and ${p10.length} bits (1 to 0) were given: give one of each for every bit of the code, 1 to ${mostBits} bits.`,
    );
  }
  const flips = { p01: Float64Array.from(p01), p10: Float64Array.from(p10) };
  for (const [name, list] of Object.entries(flips)) {
    const wrong = list.findIndex((p) => !(p >= 0 && p <= 1));
    if (wrong >= 0) {
      throw new QtamlError(
        "invalid-argument",
        `Flip probability ${name} = ${list[wrong]} of bit ${wrong} is outside [0, 1]: give a probability.`,
      );
    }
  }
  return flips;
}

/**
 * The same cells with the bits in `mask` protected: their flip probability becomes zero, or that of `residual`
 * (what a real code leaves).
 * @param mask bit k set: bit k is protected.
 * @throws QtamlError invalid-argument if the mask has bits beyond the code, or the residual another width.
 */
export function protectBits(
  flips: FlipProbabilities,
  mask: number,
  residual?: FlipProbabilities,
): FlipProbabilities {
  const bits = flips.p01.length;
  if (!Number.isInteger(mask) || mask < 0 || mask >= 2 ** bits) {
    throw new QtamlError("invalid-argument", `Protection mask ${mask} does not fit a code of ${bits} bits.`);
  }
  if (residual !== undefined && residual.p01.length !== bits) {
    throw new QtamlError(
      "invalid-argument",
      `The residual channel has ${residual.p01.length} bits and the code ${bits}: give one residual probability a bit.`,
    );
  }
  const pick = (own: Float64Array, left: Float64Array | undefined) =>
    own.map((p, k) => ((mask >> k) & 1 ? (left?.[k] ?? 0) : p));
  return { p01: pick(flips.p01, residual?.p01), p10: pick(flips.p10, residual?.p10) };
}

/**
 * The mask that protects the `count` most significant bits of a code.
 * @throws QtamlError invalid-argument unless 0 <= count <= bits.
 */
export function topBitsMask(count: number, bits: number): number {
  if (!Number.isInteger(count) || count < 0 || count > bits) {
    throw new QtamlError("invalid-argument", `Cannot protect ${count} of ${bits} bits: give 0 to ${bits}.`);
  }
  return 2 ** bits - 2 ** (bits - count);
}

/** `lambda_k = 1 - p01_k - p10_k`, [B]: what is left of the difference between a stored 1 and a stored 0. */
export function bitContrast(flips: FlipProbabilities): Float64Array {
  return flips.p01.map((p, k) => 1 - p - flips.p10[k]!);
}
