/**
 * @file Number formats of 2 to 16 bits: what value each stored code stands for. A format is a table of 2^B values, so
 * two's complement, offset binary, sign-magnitude, Gray, floats and NF4 are all the same kind of thing; a linear code
 * (value = offset + sum of the place values of its set bits) says so, because closed forms exist for it.
 */

import { QtamlError } from "../errors.ts";
import { codeArray, mostBits, type Codes } from "./codes.ts";

/** How a floating-point code is laid out: the sign on top, then the exponent, the mantissa in the lowest bits. */
export interface FloatLayout {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

/** A stored number format. Values are in units of the quantisation step: weight = step * value. */
export interface NumberFormat {
  /** For instance "int8", "int4-gray", "fp8-e4m3", "bf16". */
  readonly name: string;
  /** Bits per code, B, from 2 to 16. */
  readonly bits: number;
  /** [2^B] the value that each code stands for; NaN and infinities are possible (floats). */
  readonly values: Float64Array;
  /**
   * The magnitude that the tensor's infinity norm is mapped to: 2^(B-1)-1 for integers, 448, 57344, 1. The largest
   * finite value of an unscaled format.
   */
  readonly largest: number;
  /** Linear codes only: [B] signed place values, least significant bit first. */
  readonly placeValues?: Float64Array;
  /** Linear codes only: the value of the code whose bits are all zero. */
  readonly offset?: number;
  /** Integer formats only: [2*largest+1] the code of each integer q, at index q + largest. */
  readonly integerCodes?: Codes;
  /** Floating-point formats only. */
  readonly floatLayout?: FloatLayout;
  /** Values are the weights themselves: the quantisation step is 1 whatever the tensor holds (fp16, bf16). */
  readonly unscaled?: true;
}

/** A format whose value is `offset + sum placeValues[k] * bit k`. */
export interface LinearFormat extends NumberFormat {
  readonly placeValues: Float64Array;
  readonly offset: number;
}

/** Whether a format is a linear code (two's complement, offset binary), for which the closed forms hold. */
export function isLinear(format: NumberFormat): format is LinearFormat {
  return format.placeValues !== undefined && format.offset !== undefined;
}

const integerCodings = {
  "": (q: number, bits: number) => q & (2 ** bits - 1),
  "-offset": (q: number, bits: number) => q + 2 ** (bits - 1),
  "-sign-magnitude": (q: number, bits: number) => (q < 0 ? 2 ** (bits - 1) - q : q),
  "-gray": (q: number, bits: number) => {
    const ordinal = q + 2 ** (bits - 1);
    return ordinal ^ (ordinal >> 1);
  },
} as const;

type IntegerCoding = keyof typeof integerCodings;

/** The NF4 quantiles of Dettmers et al., "QLoRA" (2023), appendix E. */
const nf4Values = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

const tableNames = ["fp8-e4m3", "fp8-e5m2", "nf4", "fp16", "bf16"];

/**
 * The names that `numberFormat` knows, those in which float weights can be stored: `int2` to `int8` and `int16`
 * (two's complement), each also with `-offset`, `-sign-magnitude` and `-gray`, then `fp8-e4m3`, `fp8-e5m2`, `nf4`,
 * `fp16` and `bf16`.
 */
export const formatNames: readonly string[] = [
  ...[2, 3, 4, 5, 6, 7, 8, 16].flatMap((bits) =>
    Object.keys(integerCodings).map((coding) => `int${bits}${coding}`),
  ),
  ...tableNames,
];

/**
 * The format of that name (see `formatNames`).
 * `int*-gray` is the reflected Gray code of the offset-binary ordinal q + 2^(B-1), so neighbours differ in one bit.
 * `fp8-e4m3` is OCP's E4M3 (ONNX FLOAT8E4M3FN: no infinities, NaN at 0x7f and 0xff); `fp8-e5m2` has both.
 * `fp16` is IEEE 754 binary16 (5 bits of exponent, 10 of mantissa), `bf16` the upper half of binary32 (8 and 7); both
 * are unscaled: they hold the weights themselves. A name's tables are made once, and are not to be written to.
 * @throws QtamlError invalid-argument for another name.
 */
export function numberFormat(name: string): NumberFormat {
  const format = namedFormats.get(name) ?? makeFormat(name);
  namedFormats.set(name, format);
  return format;
}

const namedFormats = new Map<string, NumberFormat>();

function makeFormat(name: string): NumberFormat {
  const integer = /^int([2-8]|16)(|-offset|-sign-magnitude|-gray)$/.exec(name);
  if (integer !== null) return codedIntegers(name, Number(integer[1]), integer[2] as IntegerCoding);
  if (name === "fp8-e4m3") return floatFormat(name, 4, 3, false);
  if (name === "fp8-e5m2") return floatFormat(name, 5, 2, true);
  if (name === "fp16") return { ...floatFormat(name, 5, 10, true), unscaled: true };
  if (name === "bf16") return { ...floatFormat(name, 8, 7, true), unscaled: true };
  if (name === "nf4") return tableFormat("nf4", nf4Values, 1);
  throw new QtamlError(
    "invalid-argument",
    `Unknown number format "${name}": use int2 to int8 or int16, optionally with -offset, -sign-magnitude or -gray, or ${tableNames.join(", ")}.`,
  );
}

/**
 * A format given by its table of values, one a code; 4, 8, ..., 65536 of them.
 * @param largest what the tensor's infinity norm is mapped to; the largest finite magnitude unless told.
 * @throws QtamlError invalid-argument if the count is not a power of two from 4 to 65536, or nothing is finite and non-zero.
 */
export function tableFormat(name: string, values: ArrayLike<number>, largest?: number): NumberFormat {
  const bits = Math.log2(values.length);
  if (!Number.isInteger(bits) || bits < 2 || bits > mostBits) {
    throw new QtamlError(
      "invalid-argument",
      `Format "${name}" has ${values.length} values: give one value for each code, a power of two from 4 to ${2 ** mostBits} of them.`,
    );
  }
  const table = Float64Array.from(values);
  const magnitude = largest ?? table.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
  if (!(magnitude > 0 && Number.isFinite(magnitude)) || !table.some((v) => Math.abs(v) <= magnitude)) {
    throw new QtamlError(
      "invalid-argument",
      `Format "${name}" has no finite value up to its largest magnitude ${magnitude}: give a positive largest value and a table that reaches it.`,
    );
  }
  return { name, bits, values: table, largest: magnitude };
}

/**
 * A linear code: value = offset + sum of placeValues[k] over the set bits (an unsigned integer with a zero point z
 * has place values 1, 2, 4, ... and offset -z).
 * @param placeValues 2 to 16 of them, least significant bit first.
 * @throws QtamlError invalid-argument as `tableFormat`.
 */
export function linearFormat(
  name: string,
  placeValues: ArrayLike<number>,
  offset: number,
  largest?: number,
): LinearFormat {
  const places = Float64Array.from(placeValues);
  const values = Float64Array.from({ length: 2 ** places.length }, (_, code) =>
    places.reduce((sum, place, k) => sum + ((code >> k) & 1) * place, offset),
  );
  return { ...tableFormat(name, values, largest), placeValues: places, offset };
}

/**
 * The integers as a model stores them: `int2` to `int16` in two's complement, `uint2` to `uint16` whose value is the
 * code. Zero points and scales are the tensor's own business.
 * @param bits 2 to 16
 * @throws QtamlError invalid-argument for another width.
 */
export function integerFormat(bits: number, signed: boolean): LinearFormat {
  const places = Array.from({ length: bits }, (_, k) => (signed && k === bits - 1 ? -(2 ** k) : 2 ** k));
  const largest = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return linearFormat(`${signed ? "" : "u"}int${bits}`, places, 0, largest);
}

function codedIntegers(name: string, bits: number, coding: IntegerCoding): NumberFormat {
  const half = 2 ** (bits - 1);
  const largest = half - 1;
  const codeOf = integerCodings[coding];
  const integerCodes = codeArray(bits, 2 * largest + 1);
  for (let q = -largest; q <= largest; q++) integerCodes[q + largest] = codeOf(q, bits);
  if (coding === "") return { ...integerFormat(bits, true), integerCodes };
  if (coding === "-offset") {
    const places = Array.from({ length: bits }, (_, k) => 2 ** k);
    return { ...linearFormat(name, places, -half, largest), integerCodes };
  }
  // Sign-magnitude has a second zero at `half`, and no code for -half.
  const values = new Float64Array(2 * half);
  for (let q = coding === "-gray" ? -half : -largest; q <= largest; q++) values[codeOf(q, bits)] = q;
  return { ...tableFormat(name, values, largest), integerCodes };
}

/** IEEE-like floats: sign, exponent, mantissa; the top exponent is either all special or only its last code. */
function floatFormat(
  name: string,
  exponentBits: number,
  mantissaBits: number,
  infinities: boolean,
): NumberFormat {
  const bias = 2 ** (exponentBits - 1) - 1;
  const topExponent = 2 ** exponentBits - 1;
  const mantissas = 2 ** mantissaBits;
  const magnitude = (code: number): number => {
    const exponent = code >> mantissaBits;
    const mantissa = code & (mantissas - 1);
    if (exponent === topExponent && infinities) return mantissa === 0 ? Infinity : NaN;
    if (exponent === topExponent && mantissa === mantissas - 1) return NaN;
    return exponent === 0
      ? (mantissa / mantissas) * 2 ** (1 - bias)
      : (1 + mantissa / mantissas) * 2 ** (exponent - bias);
  };
  const half = 2 ** (exponentBits + mantissaBits);
  const values = new Float64Array(2 * half);
  for (let code = 0; code < half; code++) {
    values[code] = magnitude(code);
    values[code + half] = -values[code]!;
  }
  return { ...tableFormat(name, values), floatLayout: { exponentBits, mantissaBits } };
}
