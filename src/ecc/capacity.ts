/**
 * @file The fewest stored bits that any code could do with (Shannon).
 */
import type { BitChannel } from "./code.ts";

/** `-p log2 p - (1 - p) log2(1 - p)`. @returns bits */
export function binaryEntropy(p: number): number {
  if (p <= 0 || p >= 1) return 0;
  return -(p * Math.log2(p) + ((1 - p) * Math.log1p(-p)) / Math.LN2);
}

/**
 * Capacity of the binary asymmetric channel in bits a stored bit (closed form, for instance Moser, "Error
 * probability analysis of binary asymmetric channels", 2009). Zero where reading says nothing (p01 + p10 = 1).
 *
 * @param channel of one stored bit
 */
export function capacity({ p01, p10 }: BitChannel): number {
  const span = 1 - p01 - p10;
  if (Math.abs(span) < 1e-12) return 0;
  const h0 = binaryEntropy(p01);
  const h1 = binaryEntropy(p10);
  const value = (p01 * h1 - (1 - p10) * h0) / span + Math.log2(1 + 2 ** ((h0 - h1) / span));
  return Math.max(0, value);
}

/**
 * Stored bits a data bit that no code can do without, if data bits may be wrong with probability `error`:
 * `(1 - h(error)) / capacity`. Infinite where the capacity is zero.
 */
export function shannonFloor(channel: BitChannel, error = 0): number {
  const rate = error >= 0.5 ? 0 : 1 - binaryEntropy(error);
  return rate === 0 ? 0 : rate / capacity(channel);
}
