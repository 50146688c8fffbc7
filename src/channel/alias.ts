/**
 * @file Walker's alias method (set up as by Vose, 1991) on 32-bit words: one word chooses one of 2^B outcomes.
 *
 * The low B bits of the word choose a column; the 32 - B others are compared with the column's threshold, and only if
 * they are equal to it (probability 2^(B-32)) a second word decides the next 32 bits of the comparison. A column's
 * probability is so a multiple of 2^(B-64): each outcome's probability is off by at most 2^-56 through the thresholds
 * (less than a unit of 2^(B-64) in each of at most 2^B columns, over 2^B), and by the rounding of the set-up, at most
 * 2^B operations of 2^-53. Both are under 2^-44 for B <= 8.
 */

import { nextUint32 } from "./stream.ts";

/** Tables for drawing one of 2^B outcomes. */
export interface AliasTable {
  readonly bits: number;
  /** [2^B] the leading 32-B bits of each column's threshold; 2^(32-B) means always (modulo 2^32 where B = 1). */
  readonly high: Int32Array;
  /** [2^B] the 32 bits that follow. */
  readonly low: Uint32Array;
  /** [2^B] the outcome of a column when its own is not taken. */
  readonly alias: Uint8Array;
}

/**
 * The alias table of a distribution.
 * @param probability [2^B], B from 1 to 8, not negative, not all zero; need not be normalised.
 */
export function aliasTable(probability: Float64Array): AliasTable {
  const size = probability.length;
  const bits = Math.log2(size);
  const total = probability.reduce((sum, p) => sum + p, 0);
  if (!Number.isInteger(bits) || bits < 1 || bits > 8 || !(total > 0 && total < Infinity)) {
    throw new RangeError(
      `An alias table needs 2 to 256 probabilities, a power of two of them, with a positive sum`,
    );
  }
  const columns = probability.map((p) => (p / total) * size);
  const alias = Uint8Array.from(columns.keys());
  const small: number[] = [];
  const large: number[] = [];
  columns.forEach((share, i) => (share < 1 ? small : large).push(i));
  const own = new Float64Array(size).fill(1);
  while (small.length > 0 && large.length > 0) {
    const giver = large.at(-1)!;
    const taker = small.pop()!;
    own[taker] = columns[taker]!;
    alias[taker] = giver;
    const left = columns[giver]! - (1 - columns[taker]!);
    columns[giver] = left;
    if (left < 1) {
      large.pop();
      small.push(giver);
    }
  }
  // What is left over has share 1 but for rounding; an outcome of probability zero must not be left with it.
  for (const i of small) {
    if (probability[i] !== 0) continue;
    own[i] = 0;
    alias[i] = probability.indexOf(Math.max(...probability));
  }
  const scaled = own.map((share) => share * 2 ** (32 - bits));
  const high = Int32Array.from(scaled, Math.floor);
  const low = Uint32Array.from(scaled, (t) => Math.floor((t - Math.floor(t)) * 2 ** 32));
  return { bits, high, low, alias };
}

/**
 * Draws one outcome.
 * @param state of the stream (`addressedStreams`), advanced by one word, or by two with probability 2^(B-32)
 */
export function drawAlias(table: AliasTable, state: Int32Array): number {
  const word = nextUint32(state);
  const column = word & (table.alias.length - 1);
  const distance = ((word >>> table.bits) - table.high[column]!) | 0;
  const own = distance < 0 || (distance === 0 && nextUint32(state) < table.low[column]!);
  return own ? column : table.alias[column]!;
}

/** [2^B] the probabilities that a table realises, from its integer thresholds. */
export function aliasProbabilities(table: AliasTable): Float64Array {
  const size = table.alias.length;
  const result = new Float64Array(size);
  for (let column = 0; column < size; column++) {
    const own = ((table.high[column]! >>> 0) + table.low[column]! * 2 ** -32) * 2 ** (table.bits - 32);
    result[column]! += own / size;
    result[table.alias[column]!]! += (1 - own) / size;
  }
  return result;
}
