/**
 * @file SECDED without parity: int8 weights within [-64, 63] repeat their sign in bit 6, and eight weights, of which
 * the last is free, leave seven bits for checks (Guan et al., "In-place zero-space memory protection for CNN",
 * NeurIPS 2019).
 */
import { QtamlError } from "../errors.ts";
import { numbersTo, systematic, type WordCode } from "./code.ts";
import { singleError } from "./single-error.ts";

/** secded(64,57) whose check bits are bit 6 of bytes 0 to 6; bit j of the word is bit j mod 8 of byte floor(j / 8). */
export function zeroSpace(): WordCode {
  const inner = singleError("secded", 64, 57);
  const spare = numbersTo(7).map((byte) => 8 * byte + 6);
  const dataPositions = numbersTo(64).filter((j) => !spare.includes(j));
  const places = [...dataPositions, ...spare];
  const checks = inner.checks.map((list) => list.map((j) => places[j]!));
  return {
    ...inner,
    name: "zero-space(64,57)",
    family: "zero-space",
    dataPositions,
    checks,
    encode: systematic(64, dataPositions, checks),
    decode: (word) => inner.decode(Uint8Array.from(places, (j) => word[j]!)),
  };
}

/**
 * The 57 data bits of eight int8 weights.
 *
 * @param weights [8] the first seven within [-64, 63]
 * @throws QtamlError `invalid-argument` for a weight that leaves no spare bit
 */
export function zeroSpaceData(weights: Int8Array): Uint8Array {
  const bad = weights.subarray(0, 7).find((w) => w < -64 || w > 63);
  if (weights.length !== 8 || bad !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      `Zero-space words hold eight int8 weights, the first seven within [-64, 63]${bad === undefined ? "" : `, and ${bad} is not`}: clip the weights or take another code.`,
    );
  }
  return Uint8Array.from(zeroSpace().dataPositions, (j) => (weights[j >> 3]! >> (j & 7)) & 1);
}

/** The eight int8 weights of 57 data bits; bit 6 of the first seven is their sign. */
export function zeroSpaceWeights(data: Uint8Array): Int8Array {
  const bytes = new Uint8Array(8);
  zeroSpace().dataPositions.forEach((j, i) => (bytes[j >> 3]! |= data[i]! << (j & 7)));
  for (let w = 0; w < 7; w++) bytes[w]! |= (bytes[w]! & 0x80) >> 1;
  return new Int8Array(bytes.buffer);
}
