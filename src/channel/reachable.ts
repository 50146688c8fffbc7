/**
 * @file Stored codes and what they can turn into. Trained weights use few of the exponents of a 16-bit float: once the
 * upper bits cannot flip, most codes are never met, and no table over codes needs them.
 */
import type { FlipProbabilities } from "./flips.ts";

/** The codes that stored ones can turn into, in runs that differ in the open bits alone. */
export interface ReachableCodes {
  /** [runs * 2^B'] the codes, run after run; bit `i` of a place within a run is the `i`-th open bit of the code. */
  readonly codes: Uint16Array;
  /** [2^B] where a code stands in `codes`; 0 for codes that are not among them. */
  readonly place: Uint16Array;
  /** [B'] what can happen to the open bits: the channel of tables over `codes`. */
  readonly flips: FlipProbabilities;
}

/**
 * The codes that those of some histograms can turn into.
 *
 * @param histograms each [2^B]: codes counted 0 times in all of them are not stored
 * @param flips what can happen to the bits that are open; the others do not flip
 * @param open ascending; the bits with a flip probability unless told
 * @throws RangeError if a histogram has not one count for each code
 */
export function reachableCodes(
  histograms: readonly Float64Array[],
  flips: FlipProbabilities,
  open: readonly number[] = flippingBits(flips),
): ReachableCodes {
  const size = 2 ** flips.p01.length;
  const openMask = open.reduce((mask, k) => mask | (1 << k), 0);
  const startsRun = new Uint8Array(size);
  for (const histogram of histograms) {
    if (histogram.length !== size)
      throw new RangeError(`A histogram of ${histogram.length} codes does not fit ${flips.p01.length} bits`);
    for (let c = 0; c < size; c++) if (histogram[c]! > 0) startsRun[c & ~openMask] = 1;
  }
  const run = new Uint16Array(2 ** open.length);
  open.forEach((k, j) => {
    for (let i = 0; i < 2 ** j; i++) run[i + 2 ** j] = run[i]! | (1 << k);
  });
  const codes = new Uint16Array(run.length * startsRun.reduce((sum, starts) => sum + starts, 0));
  const place = new Uint16Array(size);
  let at = 0;
  for (let start = 0; start < size; start++) {
    if (startsRun[start] === 0) continue;
    for (let i = 0; i < run.length; i++, at++) {
      const code = start | run[i]!;
      codes[at] = code;
      place[code] = at;
    }
  }
  const pick = (all: Float64Array) => Float64Array.from(open, (k) => all[k]!);
  return { codes, place, flips: { p01: pick(flips.p01), p10: pick(flips.p10) } };
}

function flippingBits({ p01, p10 }: FlipProbabilities): number[] {
  return Array.from(p01.keys()).filter((k) => p01[k] !== 0 || p10[k] !== 0);
}

/** The entries of a table over all codes that belong to some of them. */
export function tableOver(codes: Uint16Array, table: Float64Array): Float64Array {
  const entries = new Float64Array(codes.length);
  for (let at = 0; at < codes.length; at++) entries[at] = table[codes[at]!]!;
  return entries;
}
