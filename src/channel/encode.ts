/**
 * @file From weights to stored codes, and the histogram of codes, which is all that the error law needs of a tensor.
 */

import { QtamlError } from "../errors.ts";
import type { NumberFormat } from "./format.ts";

/**
 * The quantisation step that maps a tensor's (or a channel's) infinity norm to the format's largest value, rounded to
 * float32, as files hold it. A tensor of zeros gets step 1.
 * @throws QtamlError non-finite if the norm is NaN or infinite.
 */
export function quantisationStep(format: NumberFormat, infinityNorm: number): number {
  if (!Number.isFinite(infinityNorm)) {
    throw new QtamlError(
      "non-finite",
      `The largest weight is ${infinityNorm}: replace NaN and infinite weights by finite ones.`,
    );
  }
  if (infinityNorm === 0) return 1;
  return Math.max(Math.fround(Math.abs(infinityNorm) / format.largest), 2 ** -149);
}

/**
 * The code nearest to x, which is in units of the step and taken as float32; values beyond +-largest saturate. On a
 * tie an integer format takes the even integer and another format the even code; of two zeros the one without a sign
 * is taken.
 * @throws QtamlError non-finite if x is NaN.
 */
export function encode(format: NumberFormat, x: number): number {
  const codes = new Uint8Array(1);
  encodeInto(format, Float32Array.of(x), 1, codes);
  return codes[0]!;
}

/**
 * Encodes a tensor: `codes[i]` is the code nearest to `weights[i] / step` (see `encode`). For integer formats this is
 * ONNX QuantizeLinear in float32, bit for bit, except that the range is +-largest.
 * @param weights [n]
 * @param step positive; taken as the nearest float32.
 * @param codes [n] output
 * @throws QtamlError non-finite if a weight is NaN, invalid-argument if the step is not positive.
 */
export function encodeInto(
  format: NumberFormat,
  weights: Float32Array,
  step: number,
  codes: Uint8Array,
): void {
  const scale = Math.fround(step);
  if (!(scale > 0 && scale < Infinity)) {
    throw new QtamlError("invalid-argument", `Quantisation step ${step} is not a positive float32 number.`);
  }
  if (codes.length !== weights.length) {
    throw new RangeError(`${weights.length} weights cannot be encoded into ${codes.length} codes`);
  }
  if (format.integerCodes === undefined) encodeByTable(format, weights, scale, codes);
  else encodeIntegers(format.integerCodes, format.largest, weights, scale, codes);
}

function encodeIntegers(
  integerCodes: Uint8Array,
  largest: number,
  weights: Float32Array,
  scale: number,
  codes: Uint8Array,
): void {
  // Adding 1.5 * 2^52 rounds to the nearest integer, ties to even: doubles of that size are whole numbers.
  const rounder = 1.5 * 2 ** 52;
  let nans = 0;
  for (let i = 0; i < codes.length; i++) {
    // A double quotient of two float32 numbers rounded to float32 is their float32 quotient: 53 >= 2 * 24 + 2.
    const x = Math.fround(weights[i]! / scale);
    nans += x === x ? 0 : 1;
    const clipped = Math.min(largest, Math.max(-largest, x));
    codes[i] = integerCodes[(clipped + rounder - rounder + largest) | 0]!;
  }
  if (nans > 0) throw notANumber(weights.findIndex(Number.isNaN));
}

type Encoder = (weights: Float32Array, scale: number, codes: Uint8Array) => void;

const encoders = new WeakMap<NumberFormat, Encoder>();

function encodeByTable(format: NumberFormat, weights: Float32Array, scale: number, codes: Uint8Array): void {
  let encoder = encoders.get(format);
  if (encoder === undefined) encoders.set(format, (encoder = tableEncoder(format)));
  encoder(weights, scale, codes);
}

function tableEncoder(format: NumberFormat): Encoder {
  const { values, largest } = format;
  const sorted = Array.from(values.keys())
    .filter((code) => Math.abs(values[code]!) <= largest)
    .sort((a, b) => values[a]! - values[b]! || a - b)
    .filter((code, i, all) => i === 0 || values[code]! !== values[all[i - 1]!]!);
  const last = sorted.length - 1;
  const limits = new Float64Array(last);
  for (let i = 0; i < last; i++) limits[i] = (values[sorted[i]!]! + values[sorted[i + 1]!]!) / 2;
  const nearest = (x: number, from: number, to: number): number => {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >> 1;
      const limit = limits[middle]!;
      if (x > limit || (x === limit && (sorted[middle]! & 1) === 1)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  // Sign, exponent and three bits of the mantissa of a float32 leave few codes to search among.
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  const edge = (bits: number) => {
    word[0] = bits;
    return nearest(float[0]!, 0, last);
  };
  const buckets = Array.from({ length: 4096 }, (_, b) => [edge(b << 20), edge((b << 20) | 0xfffff)] as const);
  const isNaNBucket = (b: number) => ((b >> 3) & 255) === 255;
  const lowest = Uint8Array.from(buckets, ([a, z], b) => (isNaNBucket(b) ? 0 : Math.min(a, z)));
  const highest = Uint8Array.from(buckets, ([a, z], b) => (isNaNBucket(b) ? last : Math.max(a, z)));
  const codeOf = Uint8Array.from(sorted);
  return (weights, scale, codes) => {
    for (let i = 0; i < codes.length; i++) {
      float[0] = weights[i]! / scale;
      const x = float[0];
      if (x !== x) throw notANumber(i);
      const bucket = word[0]! >>> 20;
      codes[i] = codeOf[nearest(x, lowest[bucket]!, highest[bucket]!)]!;
    }
  };
}

const notANumber = (index: number) =>
  new QtamlError("non-finite", `Weight ${index} is NaN: replace NaN weights by finite ones.`);

/**
 * How many weights hold each code, [2^B].
 * @param codes [n] stored codes
 * @throws RangeError if a code does not fit the given number of bits.
 */
export function codeHistogram(codes: Uint8Array, bits: number): Float64Array {
  const counts = new Float64Array(256);
  for (let i = 0; i < codes.length; i++) counts[codes[i]!]! += 1;
  const beyond = counts.findIndex((count, code) => count > 0 && code >= 2 ** bits);
  if (beyond >= 0) throw new RangeError(`Code ${beyond} does not fit ${bits} bits`);
  return counts.slice(0, 2 ** bits);
}
