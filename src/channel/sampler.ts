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

import { codeArray, type Codes } from "./codes.ts";
import type { FaultList } from "./faults.ts";
import type { FlipProbabilities } from "./flips.ts";
import { logComplement, naturalLog } from "./logarithm.ts";
import {
  blockFiller,
  blockWeights,
  drawPattern,
  hitDrawer,
  hitProbability,
  patternTables,
  type PatternTables,
} from "./patterns.ts";
import { addressedStreams, nextUniform, type FlipAddress } from "./stream.ts";

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
   * @param out [n] output, elements as wide as a code
   * @param firstWeight 0 unless told; any split of a tensor into ranges gives the same patterns.
   * @throws QtamlError invalid-argument if the address is out of range.
   */
  drawPatterns(address: FlipAddress, codes: Codes, out: Codes, firstWeight?: number): void;
  /** The same draw as a list of the weights that are hit; with the sparse method its time is that of the hits. */
  drawFaults(address: FlipAddress, codes: Codes, firstWeight?: number): FaultList;
}

/** Settings of `flipSampler` that are seldom needed. */
export interface SamplerOptions {
  /** Forces a method. */
  readonly method?: "sparse" | "dense";
  /** 0 to 2^30 - 1: samplers of different purposes draw independently at the same address (0 unless told). */
  readonly purpose?: number;
}

/** A sampler of the faults of cells with these flip probabilities. */
export function flipSampler(flips: FlipProbabilities, options: SamplerOptions = {}): FlipSampler {
  const often = flips.p01.map((p, k) => Math.max(p, flips.p10[k]!));
  const hit = hitProbability(often);
  const method = options.method ?? (hit < sparseLimit ? "sparse" : "dense");
  const cells: Cells = { often, hit, thin: thinning(flips), purpose: options.purpose ?? 0 };
  return {
    flips,
    method,
    hitProbability: hit,
    ...(method === "sparse" ? sparseDraws(cells) : denseDraws(cells)),
  };
}

interface Cells {
  readonly often: Float64Array;
  readonly hit: number;
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
  readonly keep: PatternTables | undefined;
}

/** Undefined where every bit flips alike from 0 and from 1. */
function thinning({ p01, p10 }: FlipProbabilities): Thinning | undefined {
  const maskOf = (holds: (k: number) => boolean) =>
    p01.reduce((mask, _, k) => (holds(k) ? mask | (1 << k) : mask), 0);
  const unequal = maskOf((k) => p01[k] !== p10[k]);
  if (unequal === 0) return undefined;
  const ratio = p01.map((p, k) => (p === p10[k] ? 0 : Math.min(p, p10[k]!) / Math.max(p, p10[k]!)));
  const keep = ratio.some((r) => r > 0) ? patternTables(ratio) : undefined;
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

function sparseDraws({ often, hit, thin, purpose }: Cells): Draws {
  const bits = often.length;
  if (hit === 0) {
    return {
      drawPatterns: (_address, _codes, out) => void out.fill(0),
      drawFaults: () => ({ indices: new Uint32Array(0), patterns: codeArray(bits, 0) }),
    };
  }
  const drawHit = hitDrawer(often);
  const missLog = logComplement(hit);

  const drawFaults = (address: FlipAddress, codes: Codes, firstWeight = 0): FaultList => {
    const streams = addressedStreams(address, purpose);
    const thinningStreams = addressedStreams(address, purpose + thinningPurpose);
    const faults = new GrowingList(bits, codes.length * hit);
    for (const { block, start, skip, length } of blocksOf(firstWeight, codes.length)) {
      const state = streams(block);
      const thinningState = thin === undefined ? state : thinningStreams(block);
      // In (0, 1], u <= (1-h)^n with probability (1-h)^n: the number of misses before the next hit.
      let at = Math.floor(naturalLog(nextUniform(state)) / missLog);
      while (at < length) {
        let pattern = drawHit(state);
        if (thin !== undefined) {
          const kept = thin.keep === undefined ? 0 : drawPattern(thin.keep, thinningState);
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
      checkOutput(bits, codes, out);
      const { indices, patterns } = drawFaults(address, codes, firstWeight);
      out.fill(0);
      for (let i = 0; i < indices.length; i++) out[indices[i]!] = patterns[i]!;
    },
  };
}

function denseDraws({ often, thin, purpose }: Cells): Draws {
  const bits = often.length;
  const tables = patternTables(often);
  const drawPatterns: Draws["drawPatterns"] = (address, codes, out, firstWeight = 0) => {
    checkOutput(bits, codes, out);
    const fill = blockFiller(tables, address, purpose);
    const fillKept =
      thin?.keep === undefined ? undefined : blockFiller(thin.keep, address, purpose + thinningPurpose);
    const scratch = codeArray(bits, blockWeights);
    const kept = codeArray(bits, blockWeights);
    for (const { block, start, skip, length } of blocksOf(firstWeight, codes.length)) {
      if (skip === 0 && thin === undefined) {
        fill(block, out, start, start + length);
        continue;
      }
      fill(block, scratch, 0, length);
      if (thin !== undefined) {
        fillKept?.(block, kept, 0, length);
        for (let i = skip; i < length; i++)
          scratch[i] = thinned(scratch[i]!, codes[start + i]!, kept[i]!, thin);
      }
      out.set(scratch.subarray(skip, length), start + skip);
    }
  };
  return {
    drawPatterns,
    drawFaults(address, codes, firstWeight = 0) {
      const patterns = codeArray(bits, codes.length);
      drawPatterns(address, codes, patterns, firstWeight);
      return listOf(bits, patterns);
    },
  };
}

/** The non-zero patterns, without a branch that would be mispredicted for most weights. */
function listOf(bits: number, all: Codes): FaultList {
  let count = 0;
  for (let i = 0; i < all.length; i++) count += all[i] === 0 ? 0 : 1;
  const indices = new Uint32Array(count + 1);
  const patterns = codeArray(bits, count + 1);
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

function checkOutput(bits: number, codes: Codes, out: Codes): void {
  if (8 * out.BYTES_PER_ELEMENT < bits)
    throw new RangeError(`Outputs of ${8 * out.BYTES_PER_ELEMENT} bits for codes of ${bits} bits`);
  if (out.length !== codes.length) throw new RangeError(`${out.length} outputs for ${codes.length} codes`);
}

/** A fault list under construction. */
class GrowingList {
  private indices: Uint32Array;
  private patterns: Codes;
  private count = 0;
  private readonly bits: number;

  constructor(bits: number, expected: number) {
    const capacity = Math.ceil(expected + 6 * Math.sqrt(expected)) + 16;
    this.bits = bits;
    this.indices = new Uint32Array(capacity);
    this.patterns = codeArray(bits, capacity);
  }

  push(index: number, pattern: number): void {
    if (this.count === this.indices.length) {
      const [indices, patterns] = [this.indices, this.patterns];
      this.indices = new Uint32Array(2 * this.count);
      this.patterns = codeArray(this.bits, 2 * this.count);
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
