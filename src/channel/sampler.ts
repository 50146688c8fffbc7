/**
 * @file Drawing the faults of a memory. The whole XOR pattern of every weight is drawn once per (seed, trial, tensor)
 * from the unprotected cells; a policy then masks what it protects (`applyFaults`, `receiveInto`), so that all
 * policies of a trial meet the same faults.
 *
 * Each bit k is first flipped with probability max(p01_k, p10_k) whatever it holds; where the stored bit is the one
 * that flips less often, the flip is kept with probability min/max. That is exact, and couples asymmetric cells to
 * symmetric ones. The first step needs no codes: either one alias draw a weight (dense), or geometric skips from one
 * hit weight to the next and an alias draw for each (sparse). The random words that the second step takes do not
 * depend on the codes either, so that any range of weights can be drawn by itself.
 */

import { aliasTable, drawAlias, type AliasTable } from "./alias.ts";
import type { FaultList } from "./faults.ts";
import type { FlipProbabilities } from "./flips.ts";
import { logComplement, naturalLog } from "./logarithm.ts";
import { channelMatrix } from "./matrix.ts";
import { addressedStreams, nextUint32, nextUniform, type FlipAddress } from "./stream.ts";

/** The weights of one addressed random stream. Part of what makes a draw reproducible. */
export const blockWeights = 16384;

/** The sparse method is chosen below this probability that a weight is hit; both methods take about equal time here. */
export const sparseLimit = 0.1;

/** Draws faults of the unprotected cells. */
export interface FlipSampler {
  readonly flips: FlipProbabilities;
  /** Chosen by the probability that a weight is hit, never by time: the two give different (equally good) draws. */
  readonly method: "sparse" | "dense";
  /** Probability that a weight has a flip under `max(p01, p10)`. */
  readonly hitProbability: number;
  /**
   * Writes the XOR pattern of every weight into `out`.
   * @param codes [n] the stored, undamaged codes of weights firstWeight, firstWeight + 1, ... of the tensor
   * @param out [n] output
   * @param firstWeight 0 unless told; any split of a tensor into ranges gives the same patterns.
   * @throws QtamlError invalid-argument if the address is out of range.
   */
  drawPatterns(address: FlipAddress, codes: Uint8Array, out: Uint8Array, firstWeight?: number): void;
  /** The same draw as a list of the weights that are hit; with the sparse method its time is that of the hits. */
  drawFaults(address: FlipAddress, codes: Uint8Array, firstWeight?: number): FaultList;
}

/** Settings of `flipSampler` that are seldom needed. */
export interface SamplerOptions {
  /** Forces a method. */
  readonly method?: "sparse" | "dense";
  /** 0 to 2^31 - 1: samplers of different purposes draw independently at the same address (0 unless told). */
  readonly purpose?: number;
}

/** A sampler of the faults of cells with these flip probabilities. */
export function flipSampler(flips: FlipProbabilities, options: SamplerOptions = {}): FlipSampler {
  const often = flips.p01.map((p, k) => Math.max(p, flips.p10[k]!));
  const hitProbability = often.reduce((hit, p) => hit + p - hit * p, 0);
  const method = options.method ?? (hitProbability < sparseLimit ? "sparse" : "dense");
  const cells: Cells = { often, hitProbability, thin: thinning(flips), purpose: options.purpose ?? 0 };
  return { flips, method, hitProbability, ...(method === "sparse" ? sparseDraws(cells) : denseDraws(cells)) };
}

interface Cells {
  readonly often: Float64Array;
  readonly hitProbability: number;
  readonly thin: Thinning | undefined;
  readonly purpose: number;
}

type Draws = Pick<FlipSampler, "drawPatterns" | "drawFaults">;

/** What becomes of a flip of `max(p01, p10)`: where the stored bit flips less often, it is kept by chance. */
interface Thinning {
  /** Bits with p01 different from p10. */
  readonly unequal: number;
  /** Of these, the bits with p01 < p10. */
  readonly zeroFlipsLess: number;
  /** Masks of the flips that are kept all the same, bit k with probability min/max; undefined if none ever is. */
  readonly keep: AliasTable | undefined;
}

/** Undefined where every bit flips alike from 0 and from 1. */
function thinning({ p01, p10 }: FlipProbabilities): Thinning | undefined {
  const maskOf = (holds: (k: number) => boolean) =>
    p01.reduce((mask, _, k) => (holds(k) ? mask | (1 << k) : mask), 0);
  const unequal = maskOf((k) => p01[k] !== p10[k]);
  if (unequal === 0) return undefined;
  const ratio = p01.map((p, k) => (p === p10[k] ? 0 : Math.min(p, p10[k]!) / Math.max(p, p10[k]!)));
  const keep = ratio.some((r) => r > 0) ? aliasTable(patternProbabilities(ratio)) : undefined;
  return { unequal, zeroFlipsLess: maskOf((k) => p01[k]! < p10[k]!), keep };
}

/** The part of a pattern that happens to a code. */
const thinned = (pattern: number, code: number, kept: number, { unequal, zeroFlipsLess }: Thinning): number =>
  pattern & (~((code ^ zeroFlipsLess) & unequal) | kept);

/** The blocks that a range of weights touches; `skip` weights of the block lie before the range. */
function* blocksOf(firstWeight: number, count: number) {
  if (!Number.isSafeInteger(firstWeight) || firstWeight < 0) {
    throw new RangeError(`The first weight ${firstWeight} is not a whole number of 0 or more`);
  }
  const end = firstWeight + count;
  for (let block = Math.floor(firstWeight / blockWeights); block * blockWeights < end; block++) {
    const start = block * blockWeights;
    yield {
      block,
      start: start - firstWeight,
      skip: Math.max(0, firstWeight - start),
      length: Math.min(blockWeights, end - start),
    };
  }
}

function sparseDraws({ often, hitProbability, thin, purpose }: Cells): Draws {
  if (hitProbability === 0) {
    return {
      drawPatterns: (_address, _codes, out) => void out.fill(0),
      drawFaults: () => ({ indices: new Uint32Array(0), patterns: new Uint8Array(0) }),
    };
  }
  const conditional = patternProbabilities(often);
  conditional[0] = 0;
  const table = aliasTable(conditional);
  const missLog = logComplement(hitProbability);

  const drawFaults = (address: FlipAddress, codes: Uint8Array, firstWeight = 0): FaultList => {
    const streams = addressedStreams(address, purpose);
    const thinningStreams = addressedStreams(address, purpose + thinningPurpose);
    const faults = new GrowingList(codes.length * hitProbability);
    for (const { block, start, skip, length } of blocksOf(firstWeight, codes.length)) {
      const state = streams(block);
      const thinningState = thin === undefined ? state : thinningStreams(block);
      // In (0, 1], u <= (1-h)^n with probability (1-h)^n: the number of misses before the next hit.
      let at = Math.floor(naturalLog(nextUniform(state)) / missLog);
      while (at < length) {
        let pattern = drawAlias(table, state);
        if (thin !== undefined) {
          const kept = thin.keep === undefined ? 0 : drawAlias(thin.keep, thinningState);
          pattern = at < skip ? 0 : thinned(pattern, codes[start + at]!, kept, thin);
        }
        if (at >= skip && pattern !== 0) faults.push(start + at, pattern);
        at += 1 + Math.floor(naturalLog(nextUniform(state)) / missLog);
      }
    }
    return faults.list();
  };
  return {
    drawFaults,
    drawPatterns(address, codes, out, firstWeight = 0) {
      checkOutput(codes, out);
      const { indices, patterns } = drawFaults(address, codes, firstWeight);
      out.fill(0);
      for (let i = 0; i < indices.length; i++) out[indices[i]!] = patterns[i]!;
    },
  };
}

function denseDraws({ often, thin, purpose }: Cells): Draws {
  const table = aliasTable(patternProbabilities(often));
  const drawPatterns: Draws["drawPatterns"] = (address, codes, out, firstWeight = 0) => {
    checkOutput(codes, out);
    const streams = addressedStreams(address, purpose);
    const thinningStreams = addressedStreams(address, purpose + thinningPurpose);
    const scratch = new Uint8Array(blockWeights);
    const kept = new Uint8Array(blockWeights);
    for (const { block, start, skip, length } of blocksOf(firstWeight, codes.length)) {
      const state = streams(block);
      if (skip === 0 && thin === undefined) {
        fillPatterns(table, state, out, start, start + length);
        continue;
      }
      fillPatterns(table, state, scratch, 0, length);
      if (thin !== undefined) {
        if (thin.keep !== undefined) fillPatterns(thin.keep, thinningStreams(block), kept, 0, length);
        for (let i = skip; i < length; i++)
          scratch[i] = thinned(scratch[i]!, codes[start + i]!, kept[i]!, thin);
      }
      out.set(scratch.subarray(skip, length), start + skip);
    }
  };
  return {
    drawPatterns,
    drawFaults(address, codes, firstWeight = 0) {
      const patterns = new Uint8Array(codes.length);
      drawPatterns(address, codes, patterns, firstWeight);
      return listOf(patterns);
    },
  };
}

/** The non-zero patterns, without a branch that would be mispredicted for most weights. */
function listOf(all: Uint8Array): FaultList {
  let count = 0;
  for (let i = 0; i < all.length; i++) count += all[i] === 0 ? 0 : 1;
  const indices = new Uint32Array(count + 1);
  const patterns = new Uint8Array(count + 1);
  let at = 0;
  for (let i = 0; i < all.length; i++) {
    const pattern = all[i]!;
    indices[at] = i;
    patterns[at] = pattern;
    at += -pattern >>> 31;
  }
  return { indices: indices.subarray(0, count), patterns: patterns.subarray(0, count) };
}

const thinningPurpose = 2 ** 31;

/** [2^B] probability of each XOR pattern when bit k flips with probability often[k]: row 0 of that channel. */
const patternProbabilities = (often: Float64Array): Float64Array =>
  channelMatrix({ p01: often, p10: often }).slice(0, 2 ** often.length);

function checkOutput(codes: Uint8Array, out: Uint8Array): void {
  if (out.length !== codes.length) throw new RangeError(`${out.length} outputs for ${codes.length} codes`);
}

/** `drawAlias` for a run of weights, with the generator of `nextUint32` held in registers. */
function fillPatterns(table: AliasTable, state: Int32Array, out: Uint8Array, from: number, to: number): void {
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

/** A fault list under construction. */
class GrowingList {
  private indices: Uint32Array;
  private patterns: Uint8Array;
  private count = 0;

  constructor(expected: number) {
    const capacity = Math.ceil(expected + 6 * Math.sqrt(expected)) + 16;
    this.indices = new Uint32Array(capacity);
    this.patterns = new Uint8Array(capacity);
  }

  push(index: number, pattern: number): void {
    if (this.count === this.indices.length) {
      const [indices, patterns] = [this.indices, this.patterns];
      this.indices = new Uint32Array(2 * this.count);
      this.patterns = new Uint8Array(2 * this.count);
      this.indices.set(indices);
      this.patterns.set(patterns);
    }
    this.indices[this.count] = index;
    this.patterns[this.count++] = pattern;
  }

  list(): FaultList {
    return { indices: this.indices.subarray(0, this.count), patterns: this.patterns.subarray(0, this.count) };
  }
}
