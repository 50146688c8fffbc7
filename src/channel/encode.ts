/**
 * @file From weights to stored codes, and the histogram of codes, which is all that the error law needs of a tensor.
 */

import { QtamlError } from "../errors.ts";
import { codeArray, type Codes } from "./codes.ts";
import type { FloatLayout, NumberFormat } from "./format.ts";

/**
 * The quantisation step that maps a tensor's (or a channel's) infinity norm to the format's largest value, rounded to
 * float32, as files hold it. A tensor of zeros gets step 1, and so does every tensor in an unscaled format.
 * @throws QtamlError non-finite if the norm is NaN or infinite, or if it would round to infinity in an unscaled format.
 */
export function quantisationStep(format: NumberFormat, infinityNorm: number): number {
  if (!Number.isFinite(infinityNorm)) {
    throw new QtamlError(
      "non-finite",
      `The largest weight is ${infinityNorm}: replace NaN and infinite weights by finite ones.`,
    );
  }
  if (format.unscaled) {
    if (Math.abs(infinityNorm) >= overflowLimit(format)) {
      throw new QtamlError(
        "non-finite",
        `The largest weight is ${infinityNorm}, and ${format.name} ends at ${format.largest}: store the weights in a format that scales them (int8, int16, fp8-e4m3) or has a wider range.`,
      );
    }
    return 1;
  }
  if (infinityNorm === 0) return 1;
  return Math.max(Math.fround(Math.abs(infinityNorm) / format.largest), 2 ** -149);
}

/** The least magnitude that IEEE 754 rounds to infinity: half a unit in the last place above the largest value. */
function overflowLimit({ values, largest }: NumberFormat): number {
  const below = values[values.indexOf(largest) - 1]!;
  return largest + (largest - below) / 2;
}

/**
 * The code nearest to x, which is in units of the step and taken as float32; values beyond +-largest saturate, also
 * in unscaled formats (where `quantisationStep` refuses them). On a tie an integer format takes the even integer and
 * another format the even code; of two zeros the one without a sign is taken, but unscaled formats keep the sign, as
 * IEEE 754 does.
 * @throws QtamlError non-finite if x is NaN.
 */
export function encode(format: NumberFormat, x: number): number {
  const codes = codeArray(format.bits, 1);
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
export function encodeInto(format: NumberFormat, weights: Float32Array, step: number, codes: Codes): void {
  const scale = Math.fround(step);
  if (!(scale > 0 && scale < Infinity)) {
    throw new QtamlError("invalid-argument", `Quantisation step ${step} is not a positive float32 number.`);
  }
  if (codes.length !== weights.length) {
    throw new RangeError(`${weights.length} weights cannot be encoded into ${codes.length} codes`);
  }
  if (format.integerCodes !== undefined)
    encodeIntegers(format.integerCodes, format.largest, weights, scale, codes);
  else if (format.unscaled && format.floatLayout !== undefined)
    encodeFloats(format, format.floatLayout, weights, scale, codes);
  else encodeByTable(format, weights, scale, codes);
}

function encodeIntegers(
  integerCodes: Codes,
  largest: number,
  weights: Float32Array,
  scale: number,
  codes: Codes,
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

/** Float32 to a narrower float of the IEEE kind, from the bits: round to nearest, ties to even. */
function encodeFloats(
  { values, largest }: NumberFormat,
  { exponentBits, mantissaBits }: FloatLayout,
  weights: Float32Array,
  scale: number,
  codes: Codes,
): void {
  const bias = 2 ** (exponentBits - 1) - 1;
  const dropped = 23 - mantissaBits;
  const rebias = (127 - bias) << mantissaBits;
  const smallestNormal = 2 ** (1 - bias);
  const unit = 2 ** (bias - 1 + mantissaBits);
  const most = values.indexOf(largest);
  const rounder = 1.5 * 2 ** 52;
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  for (let i = 0; i < codes.length; i++) {
    const x = Math.fround(weights[i]! / scale);
    if (x !== x) throw notANumber(i);
    float[0] = x;
    const sign = (word[0]! >>> 31) << (exponentBits + mantissaBits);
    const magnitude = Math.abs(x);
    let code: number;
    if (magnitude < smallestNormal) code = magnitude * unit + rounder - rounder;
    else {
      const bits = word[0]! & 0x7fffffff;
      const rounded = bits + (2 ** (dropped - 1) - 1) + ((bits >>> dropped) & 1);
      code = Math.min((rounded >>> dropped) - rebias, most);
    }
    codes[i] = sign | code;
  }
}

type Encoder = (weights: Float32Array, scale: number, codes: Codes) => void;

const encoders = new WeakMap<NumberFormat, Encoder>();

function encodeByTable(format: NumberFormat, weights: Float32Array, scale: number, codes: Codes): void {
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
  const lowest = Uint16Array.from(buckets, ([a, z], b) => (isNaNBucket(b) ? 0 : Math.min(a, z)));
  const highest = Uint16Array.from(buckets, ([a, z], b) => (isNaNBucket(b) ? last : Math.max(a, z)));
  const codeOf = Uint16Array.from(sorted);
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
export function codeHistogram(codes: Codes, bits: number): Float64Array {
  const counts = new Float64Array(2 ** (8 * codes.BYTES_PER_ELEMENT));
  for (let i = 0; i < codes.length; i++) counts[codes[i]!]! += 1;
  const beyond = counts.findIndex((count, code) => count > 0 && code >= 2 ** bits);
  if (beyond >= 0) throw new RangeError(`Code ${beyond} does not fit ${bits} bits`);
  const histogram = new Float64Array(2 ** bits);
  histogram.set(counts.subarray(0, histogram.length));
  return histogram;
}
