/**
 * @file Quantises weights and counts their codes without keeping them: histogram, steps and norm are all that the
 * error law needs. The weights are gone through twice, piece by piece, so that a tensor may be larger than memory.
 */
import { codeArray, encodeInto, quantisationStep, type NumberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { channelLayout, type ChannelLayout } from "../stored/index.ts";

/** Weights that can be gone through more than once. */
export interface WeightStream {
  readonly name: string;
  readonly dims: readonly number[];
  /** Axis along which the step changes; undefined for one step. */
  readonly channelAxis: number | undefined;
  /** The weights in C order; pieces may share one buffer. */
  pieces(): Iterable<Float32Array>;
}

/** What quantising a tensor gives, but for the codes. */
export interface FloatSurvey {
  /** [1] or [channels]. */
  readonly steps: Float32Array;
  /** [2^B] how many weights get each code. */
  readonly histogram: Float64Array;
  readonly infinityNorm: number;
}

const notFinite = (name: string, index: number, value: number) =>
  new QtamlError(
    "non-finite",
    `Weight ${index} of tensor "${name}" is ${value}: replace NaN and infinite weights before storing them.`,
  );

/** The bit patterns of float32 magnitudes are ordered as the magnitudes; from this one on they are no numbers. */
const infinityBits = 0x7f800000;

/** Largest magnitude of some weights, as its bits. */
function largestBits(words: Int32Array, from: number, to: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const w = words[i]! & 0x7fffffff;
    const x = words[i + 1]! & 0x7fffffff;
    const y = words[i + 2]! & 0x7fffffff;
    const z = words[i + 3]! & 0x7fffffff;
    a = w > a ? w : a;
    b = x > b ? x : b;
    c = y > c ? y : c;
    d = z > d ? z : d;
  }
  for (; i < to; i++) {
    const w = words[i]! & 0x7fffffff;
    a = w > a ? w : a;
  }
  return Math.max(a, b, c, d);
}

/** Calls `visit` for each stretch of a piece that lies in one channel. */
function forEachRow(
  { channels, inner }: ChannelLayout,
  start: number,
  length: number,
  visit: (channel: number, from: number, to: number) => void,
): void {
  let row = Math.floor(start / inner);
  let left = inner - (start - row * inner);
  for (let from = 0; from < length; row++, left = inner) {
    const to = Math.min(length, from + left);
    visit(row % channels, from, to);
    from = to;
  }
}

/** Raises the norms of channels that take turns, weight by weight. @param first the channel of the first weight */
function raiseNorms(words: Int32Array, first: number, norms: Int32Array): void {
  for (let i = 0, c = first; i < words.length; c = 0) {
    for (const end = Math.min(words.length, i + norms.length - c); i < end; i++, c++) {
      const word = words[i]! & 0x7fffffff;
      if (word > norms[c]!) norms[c] = word;
    }
  }
}

/** Infinity norm of each channel. */
function channelNorms(weights: WeightStream, layout: ChannelLayout): Float64Array {
  const { channels, inner } = layout;
  const norms = new Int32Array(channels);
  let start = 0;
  for (const piece of weights.pieces()) {
    const words = new Int32Array(piece.buffer, piece.byteOffset, piece.length);
    let largest = 0;
    if (channels > 1 && inner === 1) {
      raiseNorms(words, start % channels, norms);
      largest = norms.reduce((a, b) => Math.max(a, b), 0);
    } else {
      forEachRow(layout, start, piece.length, (channel, from, to) => {
        const found = largestBits(words, from, to);
        if (found > norms[channel]!) norms[channel] = found;
        if (found > largest) largest = found;
      });
    }
    if (largest >= infinityBits) {
      const bad = piece.findIndex((w) => !Number.isFinite(w));
      throw notFinite(weights.name, start + bad, piece[bad]!);
    }
    start += piece.length;
  }
  return Float64Array.from(new Float32Array(norms.buffer));
}

/** Counts codes of weights that share a step. */
type Counter = (weights: Float32Array, from: number, to: number, step: number) => void;

/** Four doubles and their words, the low one of each first. */
const rounded = new Float64Array(4);
const words = new Int32Array(rounded.buffer);

/**
 * Counts `q + middle` of weights, q their integers, in one of four tables of `2 middle`, so that equal neighbours do not
 * wait for each other.
 *
 * The integer is that of `encodeInto`, which divides in float32 and rounds to nearest, ties to even:
 * - The product with the reciprocal, rounded to float32, is that quotient. It is off the exact quotient by less than
 *   2^-51 of it, and so close to the middle m of two float32 numbers no quotient w / step can be: m has 25 bits, and
 *   `w - m step`, a multiple of the last place of a product of 25 and 24 bits, is not zero because w has 24 bits.
 * - A double from 2^52 to 2^53 is a whole number whose low word counts up from that of 1.5 * 2^52, which is 0; adding
 *   that, and an even number, rounds ties to even.
 *
 * @param middle even, larger than every magnitude of an integer
 * @param counts [4 * 2 middle]
 */
function countIntegers(
  weights: Float32Array,
  from: number,
  to: number,
  step: number,
  middle: number,
  counts: Uint32Array,
): void {
  const reciprocal = 1 / step;
  const first = 1.5 * 2 ** 52 + middle;
  const second = first + 2 * middle;
  const third = second + 2 * middle;
  const fourth = third + 2 * middle;
  let i = from;
  for (; i + 4 <= to; i += 4) {
    rounded[0] = Math.fround(weights[i]! * reciprocal) + first;
    rounded[1] = Math.fround(weights[i + 1]! * reciprocal) + second;
    rounded[2] = Math.fround(weights[i + 2]! * reciprocal) + third;
    rounded[3] = Math.fround(weights[i + 3]! * reciprocal) + fourth;
    counts[words[0]!]!++;
    counts[words[2]!]!++;
    counts[words[4]!]!++;
    counts[words[6]!]!++;
  }
  for (; i < to; i++) {
    rounded[0] = Math.fround(weights[i]! * reciprocal) + first;
    counts[words[0]!]!++;
  }
}

/**
 * The same of weights whose channels take turns: each has a step of its own.
 *
 * @param reciprocals [channels] of the steps
 * @param first the channel of the first weight
 */
function countAcross(
  weights: Float32Array,
  reciprocals: Float64Array,
  first: number,
  middle: number,
  counts: Uint32Array,
): void {
  const channels = reciprocals.length;
  const one = 1.5 * 2 ** 52 + middle;
  const two = one + 2 * middle;
  const three = two + 2 * middle;
  const four = three + 2 * middle;
  for (let i = 0, c = first; i < weights.length; c = 0) {
    const end = Math.min(weights.length, i + channels - c);
    for (; i + 4 <= end; i += 4, c += 4) {
      rounded[0] = Math.fround(weights[i]! * reciprocals[c]!) + one;
      rounded[1] = Math.fround(weights[i + 1]! * reciprocals[c + 1]!) + two;
      rounded[2] = Math.fround(weights[i + 2]! * reciprocals[c + 2]!) + three;
      rounded[3] = Math.fround(weights[i + 3]! * reciprocals[c + 3]!) + four;
      counts[words[0]!]!++;
      counts[words[2]!]!++;
      counts[words[4]!]!++;
      counts[words[6]!]!++;
    }
    for (; i < end; i++, c++) {
      rounded[0] = Math.fround(weights[i]! * reciprocals[c]!) + one;
      counts[words[0]!]!++;
    }
  }
}

/** Counts integer codes without making them. */
function integerCounter(format: NumberFormat, integerCodes: ArrayLike<number>, histogram: Float64Array) {
  const { largest } = format;
  const middle = 2 * Math.floor(largest / 2) + 2;
  const counts = new Uint32Array(8 * middle);
  const count: Counter = (weights, from, to, step) => countIntegers(weights, from, to, step, middle, counts);
  const across = (weights: Float32Array, reciprocals: Float64Array, first: number) =>
    countAcross(weights, reciprocals, first, middle, counts);
  const flush = () => {
    for (let i = 0; i < counts.length; i++) {
      if (counts[i]! > 0) histogram[integerCodes[(i % (2 * middle)) - middle + largest]!]! += counts[i]!;
    }
    counts.fill(0);
  };
  return { count, across, flush };
}

/** Counts codes of any format by making them, a piece at a time. */
function codeCounter(format: NumberFormat, histogram: Float64Array) {
  let codes = codeArray(format.bits, 0);
  const count: Counter = (weights, from, to, step) => {
    if (codes.length < to - from) codes = codeArray(format.bits, to - from);
    const own = codes.subarray(0, to - from);
    encodeInto(format, weights.subarray(from, to), step, own);
    for (let i = 0; i < own.length; i++) histogram[own[i]!]! += 1;
  };
  return { count, across: undefined, flush: () => undefined };
}

/**
 * Divides weights by the steps of their channels, as `encodeInto` does (see `countIntegers` for why the product is the
 * quotient; below 2^-126, where it may not be, every format has its zero).
 *
 * @param start place of the first weight in the tensor
 */
function scaleRows(
  weights: Float32Array,
  start: number,
  { channels, inner }: ChannelLayout,
  reciprocals: Float64Array,
  out: Float32Array,
): void {
  const row = Math.floor(start / inner);
  if (inner === 1) {
    for (let i = 0, c = row % channels; i < weights.length; c = 0) {
      for (const end = Math.min(weights.length, i + channels - c); i < end; i++, c++) {
        out[i] = weights[i]! * reciprocals[c]!;
      }
    }
    return;
  }
  for (let i = 0, k = start - row * inner, c = row % channels; i < weights.length; i++) {
    out[i] = weights[i]! * reciprocals[c]!;
    if (++k < inner) continue;
    k = 0;
    if (++c === channels) c = 0;
  }
}

/**
 * Quantises float weights as `quantiseTensor` does, and counts the codes instead of keeping them.
 *
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function surveyFloats(weights: WeightStream, format: NumberFormat): FloatSurvey {
  const layout = channelLayout(weights.dims, weights.channelAxis);
  const { channels, inner } = layout;
  const norms = channelNorms(weights, layout);
  const steps = Float32Array.from(norms, (norm) => quantisationStep(format, norm));
  const histogram = new Float64Array(2 ** format.bits);
  const { integerCodes } = format;
  // A step too coarse for its norm, among the smallest numbers, leaves quotients beyond the largest code.
  const isSafe = norms.every((norm, c) => Math.fround(norm / steps[c]!) <= format.largest + 0.25);
  const { count, across, flush } =
    integerCodes !== undefined && isSafe
      ? integerCounter(format, integerCodes, histogram)
      : codeCounter(format, histogram);
  const reciprocals = Float64Array.from(steps, (step) => 1 / step);
  let start = 0;
  let unflushed = 0;
  let scaled = new Float32Array(0);
  for (const piece of weights.pieces()) {
    if (across !== undefined && inner === 1 && channels >= 16) {
      across(piece, reciprocals, start % channels);
    } else if (channels > 1 && inner < 16) {
      // Short rows: bring every weight into units of its step first.
      if (scaled.length < piece.length) scaled = new Float32Array(piece.length);
      scaleRows(piece, start, layout, reciprocals, scaled);
      count(scaled, 0, piece.length, 1);
    } else {
      forEachRow(layout, start, piece.length, (channel, from, to) => count(piece, from, to, steps[channel]!));
    }
    start += piece.length;
    unflushed += piece.length;
    // Counts are 32 bits wide.
    if (unflushed < 2 ** 31) continue;
    flush();
    unflushed = 0;
  }
  flush();
  return { steps, histogram, infinityNorm: norms.reduce((a, b) => Math.max(a, b), 0) };
}

/**
 * Counts the bit patterns of weights that a format of 16 bits holds as they are.
 *
 * @param pieces the patterns in order, anew at each call
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function surveyHalves(
  name: string,
  format: NumberFormat,
  pieces: () => Iterable<Uint16Array>,
): FloatSurvey {
  const histogram = new Float64Array(65536);
  for (const piece of pieces()) for (let i = 0; i < piece.length; i++) histogram[piece[i]!]! += 1;
  let infinityNorm = 0;
  histogram.forEach((count, code) => {
    if (count > 0) infinityNorm = Math.max(infinityNorm, Math.abs(format.values[code]!));
  });
  if (!(infinityNorm < Infinity)) throw firstNotFinite(name, format, pieces());
  return { steps: Float32Array.of(quantisationStep(format, infinityNorm)), histogram, infinityNorm };
}

function firstNotFinite(name: string, { values }: NumberFormat, pieces: Iterable<Uint16Array>): QtamlError {
  let start = 0;
  for (const piece of pieces) {
    const bad = piece.findIndex((bits) => !Number.isFinite(values[bits]));
    if (bad >= 0) return notFinite(name, start + bad, values[piece[bad]!]!);
    start += piece.length;
  }
  throw new Error("every weight is finite");
}
