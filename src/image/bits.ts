/**
 * @file Bits in bytes: bit j of a string is bit `j & 7` of byte `j >> 3`, so that a string read as one little-endian
 * number has bit j at place value 2^j.
 */

/** Bytes that hold so many bits. */
export function bytesFor(bits: number): number {
  return Math.ceil(bits / 8);
}

/** Bit j of a string: 0 or 1. */
export function bitAt(bytes: Uint8Array, j: number): number {
  return (bytes[j >>> 3]! >> (j & 7)) & 1;
}

/** Sets bit j of a string; it must be 0 before. */
export function raiseBit(bytes: Uint8Array, j: number): void {
  bytes[j >>> 3]! |= 1 << (j & 7);
}

/** Inverts bit j of a string. */
export function flipBit(bytes: Uint8Array, j: number): void {
  bytes[j >>> 3]! ^= 1 << (j & 7);
}

/** `count` bits of a string from bit `start`, one an element; beyond the end of the string they are 0. */
export function spreadBits(bytes: Uint8Array, start: number, count: number): Uint8Array {
  const bits = new Uint8Array(count);
  const end = Math.min(count, bytes.length * 8 - start);
  for (let j = 0; j < end; j++) bits[j] = bitAt(bytes, start + j);
  return bits;
}

/** A string of bits as a hexadecimal number, its highest digit first. @param bits number of bits, which fixes the digits */
export function toHex(bytes: Uint8Array, bits: number): string {
  const digits = Math.ceil(bits / 4);
  let text = "";
  for (let i = bytesFor(bits) - 1; i >= 0; i--) text += bytes[i]!.toString(16).padStart(2, "0");
  return text.slice(text.length - digits);
}

/** Value of a hexadecimal digit; NaN for another character. */
function digitValue(character: number): number {
  if (character >= 48 && character <= 57) return character - 48;
  const letter = (character | 32) - 87;
  return letter >= 10 && letter <= 15 ? letter : Number.NaN;
}

/**
 * A hexadecimal number as a string of bits; undefined where it is none, or has other than `ceil(bits / 4)` digits.
 *
 * @param text of digits, the highest first
 */
export function fromHex(text: string, bits: number): Uint8Array | undefined {
  if (text.length !== Math.ceil(bits / 4)) return undefined;
  const bytes = new Uint8Array(bytesFor(bits));
  for (let i = 0; i < text.length; i++) {
    const value = digitValue(text.charCodeAt(text.length - 1 - i));
    if (Number.isNaN(value)) return undefined;
    bytes[i >> 1]! |= value << (4 * (i & 1));
  }
  return bytes;
}

/** Bits, one an element with bit 0 first, as a hexadecimal number. */
export function bitsToHex(bits: ArrayLike<number>): string {
  const bytes = new Uint8Array(bytesFor(bits.length));
  for (let j = 0; j < bits.length; j++) if (bits[j] === 1) raiseBit(bytes, j);
  return toHex(bytes, bits.length);
}
