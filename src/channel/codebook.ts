/**
 * @file Codes, ranges and decoders as one thing: a codebook, the table of what each received code is read as. The best
 * encoder follows from the table and the channel, and the best table from the encoder and the weights; taking turns is
 * channel-optimised scalar quantisation (Farvardin and Vaishampayan, "Optimal quantizer design for noisy channels",
 * IEEE Trans. Inf. Theory 33, 1987).
 */

import { conditionalMoments, receivedWeights } from "./butterfly.ts";
import { codeArray, type Codes } from "./codes.ts";
import type { FlipProbabilities } from "./flips.ts";

/** Weights as point masses, in ascending order of their values. */
export interface WeightDistribution {
  /** [n] values, in units of the scale. */
  readonly values: Float64Array;
  /** [n] how many weights, or which share of them, each stands for. */
  readonly masses: Float64Array;
}

/** Which code stores a weight: neighbouring intervals of the real line. */
export interface CodeRanges {
  /** [k - 1] ascending; a weight that equals a limit belongs to the interval above it. */
  readonly limits: Float64Array;
  /** [k] the code of each interval. */
  readonly codes: Codes;
}

/** A table, the ranges that suit it, and what is left of the weights behind a channel. */
export interface Codebook {
  /** [2^B] what each received code is read as, in units of the scale. */
  readonly table: Float64Array;
  /** Which weights are stored as which code. */
  readonly ranges: CodeRanges;
  /** Mean squared error of a weight, quantisation and clipping included, in squared units of the scale. */
  readonly distortion: number;
}

/** A codebook's table moved and stretched: received codes are read as `gain * table + offset`. */
export interface Reading {
  readonly gain: number;
  /** In units of the scale. */
  readonly offset: number;
  /** Mean squared error of a weight that is read so, in squared units of the scale. */
  readonly distortion: number;
}

/**
 * The encoder that a table deserves: each weight x gets the code c with the least expected squared error
 * `(x - m_c)^2 + v_c`, m and v the mean and the variance of what c is read as. That is the lower envelope of lines in
 * x, so codes own intervals in ascending order of their means, and a code whose neighbours do better everywhere owns
 * none.
 *
 * @param table [2^B] finite
 * @throws RangeError if the table does not fit the channel
 */
export function channelRanges(table: Float64Array, flips: FlipProbabilities): CodeRanges {
  const { mean, variance } = conditionalMoments(table, flips);
  const order = Array.from(mean.keys()).sort((a, b) => mean[a]! - mean[b]! || variance[a]! - variance[b]!);
  const kept: number[] = [];
  const limits: number[] = [];
  /** Where code b begins to be better than code a, of a lower mean. */
  const crossing = (a: number, b: number) =>
    (mean[b]! + mean[a]!) / 2 + (variance[b]! - variance[a]!) / (2 * (mean[b]! - mean[a]!));
  for (const code of order) {
    let limit = -Infinity;
    for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
      if (mean[code] === mean[last]) {
        limit = Infinity;
        break;
      }
      limit = crossing(last, code);
      if (kept.length === 1 || limit > limits.at(-1)!) break;
      kept.pop();
      limits.pop();
      limit = -Infinity;
    }
    if (limit === Infinity) continue;
    if (kept.length > 0) limits.push(limit);
    kept.push(code);
  }
  const codes = codeArray(flips.p01.length, kept.length);
  codes.set(kept);
  return { limits: Float64Array.from(limits), codes };
}

/** Equal cells of the range that limits are looked up by. */
const cells = 1024;

/**
 * A function from a weight, in units of the scale, to its code: a table over equal cells, and a few comparisons from
 * there.
 *
 * @param ranges limits between the ranges, and the code of each range
 */
export function rangeEncoder({ limits, codes }: CodeRanges): (x: number) => number {
  const last = limits.length - 1;
  if (last < 0) return () => codes[0]!;
  const low = limits[0]!;
  const high = limits[last]!;
  const pitch = (high - low) / cells;
  const first = new Uint16Array(cells + 1);
  for (let cell = 0, at = 0; cell <= cells; cell++) {
    while (at < last && limits[at]! < low + (cell - 1) * pitch) at++;
    first[cell] = at;
  }
  return (x) => {
    if (x < low) return codes[0]!;
    if (!(x < high)) return codes[last + 1]!;
    let at = first[Math.min(cells, Math.floor((x - low) / pitch))]!;
    while (limits[at]! <= x) at++;
    return codes[at]!;
  };
}

/** Mass and first moment of the weights that each code stores: each [2^B]. */
interface StoredMoments {
  readonly mass: Float64Array;
  readonly sum: Float64Array;
}

function storedMoments(
  { values, masses }: WeightDistribution,
  ranges: CodeRanges,
  bits: number,
): StoredMoments {
  const mass = new Float64Array(2 ** bits);
  const sum = new Float64Array(2 ** bits);
  const { limits, codes } = ranges;
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    while (at < limits.length && limits[at]! <= values[i]!) at++;
    const code = codes[at]!;
    mass[code]! += masses[i]!;
    sum[code]! += masses[i]! * values[i]!;
  }
  return { mass, sum };
}

/** A table for weights that are stored by some ranges. */
export type TableFit = (stored: StoredMoments, flips: FlipProbabilities) => Float64Array;

/** The table of the least squared error: the mean weight behind each received code. */
export const bayesFit: TableFit = ({ mass, sum }, flips) => {
  const received = receivedWeights(mass, flips);
  const moment = receivedWeights(sum, flips);
  return moment.map((m, r) => (received[r]! > 0 ? m / received[r]! : 0));
};

/**
 * The best table that is a straight line over the values of a linear code: it folds into scale and zero point.
 * @param values [2^B] of the code
 */
export function affineFit(values: Float64Array): TableFit {
  return ({ mass, sum }, flips) => {
    const received = receivedWeights(mass, flips);
    const moment = receivedWeights(sum, flips);
    let [total, v, vv, w, wv] = [0, 0, 0, 0, 0];
    for (let r = 0; r < values.length; r++) {
      total += received[r]!;
      v += received[r]! * values[r]!;
      vv += received[r]! * values[r]! ** 2;
      w += moment[r]!;
      wv += moment[r]! * values[r]!;
    }
    const spread = vv / total - (v / total) ** 2;
    const slope = spread > 0 ? (wv / total - (w / total) * (v / total)) / spread : 0;
    const offset = w / total - slope * (v / total);
    return values.map((value) => slope * value + offset);
  };
}

/** A codebook is done when a turn lowers the error by less than this share of it. */
const enoughChange = 1e-4;

/**
 * The codebook of a table: its ranges, and the error it leaves.
 *
 * @param table [2^B] finite
 */
export function codebookOf(
  table: Float64Array,
  source: WeightDistribution,
  flips: FlipProbabilities,
): Codebook {
  const ranges = channelRanges(table, flips);
  const { mean, variance } = conditionalMoments(table, flips);
  let [total, error] = [0, 0];
  forEachMean(source, ranges, mean, (mass, x, m, code) => {
    total += mass;
    error += mass * ((x - m) ** 2 + variance[code]!);
  });
  return { table, ranges, distortion: error / total };
}

/** Visits the weights with the code that stores each and the mean of what that is read as. */
function forEachMean(
  { values, masses }: WeightDistribution,
  { limits, codes }: CodeRanges,
  mean: Float64Array,
  visit: (mass: number, x: number, m: number, code: number) => void,
): void {
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    while (at < limits.length && limits[at]! <= x) at++;
    const code = codes[at]!;
    visit(masses[i]!, x, mean[code]!, code);
  }
}

/**
 * How a codebook is read without the shrinking that the least squared error asks for. What is read has the mean of the
 * weights, and its deviations from it are stretched by `E[x^2] / (E[x^2] - (1 - s) Var(x))`, s the least-squares slope of
 * what the table says on what was stored. For weights of mean 0 that is 1/s, which leaves nothing coherent in a layer's
 * sums; for weights that are nearly all alike it is nearly 1, as their deviations would be noise more than weights.
 *
 * @param book the codebook
 * @param source the weights, in units of their scale
 * @param flips the channel that it was made for
 * @param shrinking 0 not to shrink at all, 1 to leave the deviations as the table has them
 */
export function unshrunkReading(
  { table, ranges }: Codebook,
  source: WeightDistribution,
  flips: FlipProbabilities,
  shrinking = 0,
): Reading {
  const { mean, variance } = conditionalMoments(table, flips);
  let [total, sum, read] = [0, 0, 0];
  forEachMean(source, ranges, mean, (mass, x, m) => {
    total += mass;
    sum += mass * x;
    read += mass * m;
  });
  const [centre, readCentre] = [sum / total, read / total];
  let [square, product] = [0, 0];
  forEachMean(source, ranges, mean, (mass, x, m) => {
    square += mass * x * x;
    product += mass * x * (m - readCentre + centre);
  });
  const gain = product > 0 ? (square / product) ** (1 - shrinking) : 1;
  const offset = centre - gain * readCentre;
  let error = 0;
  forEachMean(source, ranges, mean, (mass, x, m, code) => {
    error += mass * ((gain * m + offset - x) ** 2 + gain ** 2 * variance[code]!);
  });
  return { gain, offset, distortion: error / total };
}

/**
 * Improves a table: ranges for the table, a table for the ranges, in turns. The error falls with every turn.
 *
 * @param start [2^B] finite
 * @param turns at most so many
 */
export function refineCodebook(
  start: Float64Array,
  source: WeightDistribution,
  flips: FlipProbabilities,
  fit: TableFit = bayesFit,
  turns = 200,
): Codebook {
  let book = codebookOf(start, source, flips);
  for (let turn = 0; turn < turns; turn++) {
    const table = fit(storedMoments(source, book.ranges, flips.p01.length), flips);
    const next = codebookOf(table, source, flips);
    const isDone = !(next.distortion < book.distortion * (1 - enoughChange));
    if (next.distortion < book.distortion) book = next;
    if (isDone) break;
  }
  return book;
}
