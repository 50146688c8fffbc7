/**
 * @file XOR patterns of independent bits by the alias method. A code of at most 8 bits is drawn from one table. A
 * wider one is drawn byte by byte: bits are independent, so two small tables do the work of one with 65,536 columns.
 */

import { aliasTable, drawAlias, type AliasTable } from "./alias.ts";
import type { Codes } from "./codes.ts";
import { addressedStreams, nextUint32, type FlipAddress } from "./stream.ts";

/** The weights of one addressed random stream. Part of what makes a draw reproducible. */
export const blockWeights = 16384;

/** Added to a purpose: the stream of the upper bytes of a dense draw. */
const upperPurpose = 2 ** 30;

/** Alias tables of XOR patterns, one for each byte of the code, the lowest first. */
export type PatternTables = readonly AliasTable[];

/** Tables for the patterns in which bit k is set with probability `often[k]`; [B], B from 1 to 16. */
export function patternTables(often: Float64Array): PatternTables {
  return bytesOf(often).map((byte) => aliasTable(patternProbabilities(byte)));
}

const bytesOf = (often: Float64Array): Float64Array[] =>
  often.length <= 8 ? [often] : [often.slice(0, 8), often.slice(8)];

/** Probability that at least one bit is set. */
export function hitProbability(often: Float64Array): number {
  return often.reduce((hit, p) => hit + p - hit * p, 0);
}

/** [2^B] the probability of each pattern. */
function patternProbabilities(often: Float64Array): Float64Array {
  const result = new Float64Array(2 ** often.length);
  result[0] = 1;
  often.forEach((p, k) => {
    for (let x = 0; x < 2 ** k; x++) {
      result[x + 2 ** k] = p * result[x]!;
      result[x] = (1 - p) * result[x]!;
    }
  });
  return result;
}

/** Draws one pattern: a word of the stream a byte. */
export function drawPattern(tables: PatternTables, state: Int32Array): number {
  const low = drawAlias(tables[0]!, state);
  return tables.length === 1 ? low : low | (drawAlias(tables[1]!, state) << 8);
}

/**
 * A function that draws patterns given that they are not zero. A wide code draws first which of its bytes are hit,
 * then each of these.
 * @param often [B], not all zero
 */
export function hitDrawer(often: Float64Array): (state: Int32Array) => number {
  const conditional = (byte: Float64Array) => {
    const probabilities = patternProbabilities(byte);
    probabilities[0] = 0;
    return aliasTable(probabilities);
  };
  const bytes = bytesOf(often);
  if (bytes.length === 1) {
    const table = conditional(often);
    return (state) => drawAlias(table, state);
  }
  const [low, high] = bytes.map(hitProbability) as [number, number];
  const which = aliasTable(Float64Array.of(0, low * (1 - high), (1 - low) * high, low * high));
  // A byte that is never hit is never chosen: any table will do.
  const [lowTable, highTable] = bytes.map((byte, i) => ([low, high][i]! > 0 ? conditional(byte) : which));
  return (state) => {
    const hit = drawAlias(which, state);
    const lower = hit & 1 ? drawAlias(lowTable!, state) : 0;
    return hit & 2 ? lower | (drawAlias(highTable!, state) << 8) : lower;
  };
}

/** Fills places `from` to `to` of an array with the patterns of a block's first weights. */
export type BlockFiller = (block: number, out: Codes, from: number, to: number) => void;

/** Draws runs of patterns from the streams of an address; any prefix of a block is drawn alike. */
export function blockFiller(tables: PatternTables, address: FlipAddress, purpose: number): BlockFiller {
  const streams = addressedStreams(address, purpose);
  if (tables.length === 1)
    return (block, out, from, to) => fillPatterns(tables[0]!, streams(block), out, from, to);
  const upperStreams = addressedStreams(address, purpose + upperPurpose);
  const lower = new Uint8Array(blockWeights);
  const upper = new Uint8Array(blockWeights);
  return (block, out, from, to) => {
    fillPatterns(tables[0]!, streams(block), lower, 0, to - from);
    fillPatterns(tables[1]!, upperStreams(block), upper, 0, to - from);
    for (let i = 0; i < to - from; i++) out[from + i] = lower[i]! | (upper[i]! << 8);
  };
}

/** `drawAlias` for a run of weights, with the generator of `nextUint32` held in registers. */
function fillPatterns(table: AliasTable, state: Int32Array, out: Codes, from: number, to: number): void {
  const { bits, high, low, alias } = table;
  const columns = alias.length - 1;
  let [s0, s1, s2, s3] = [state[0]!, state[1]!, state[2]!, state[3]!];
  for (let i = from; i < to; i++) {
    const scrambled = Math.imul(s1, 5);
    const word = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = (s3 << 11) | (s3 >>> 21);
    const column = word & columns;
    const distance = ((word >>> bits) - high[column]!) | 0;
    if (distance === 0) {
      state[0] = s0;
      state[1] = s1;
      state[2] = s2;
      state[3] = s3;
      out[i] = nextUint32(state) < low[column]! ? column : alias[column]!;
      s0 = state[0];
      s1 = state[1];
      s2 = state[2];
      s3 = state[3];
    } else {
      const other = alias[column]!;
      out[i] = other ^ ((other ^ column) & (distance >> 31));
    }
  }
  state[0] = s0;
  state[1] = s1;
  state[2] = s2;
  state[3] = s3;
}
