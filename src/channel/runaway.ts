/**
 * @file What codes of wild magnitude are taken as. One flip in the exponent of a 16-bit float multiplies a weight by up
 * to 2^128 or makes it NaN. A mean over such outcomes says nothing of the usual weight, and a NaN has no square, so
 * two readings of the value table serve beside the values themselves.
 */

import type { NumberFormat } from "./format.ts";

/** A weight of an unscaled format is runaway when it is read as more than so many times the largest one stored. */
export const runawayFactor = 64;

const extended = new WeakMap<NumberFormat, Float64Array>();

/**
 * [2^B] values in which no code is NaN or infinite: a float's top exponent is taken for an ordinary one, so that it
 * stands for `+-2^(bias+1) (1 + m/2^M)`, beyond every finite value; in a table without that layout an infinity is
 * twice the largest value with its sign, and so is NaN. By these a flip to NaN is never a lesser error than a flip to
 * the largest number, which is what protection must assume.
 */
export function extendedValues(format: NumberFormat): Float64Array {
  const known = extended.get(format);
  if (known !== undefined) return known;
  const { values, largest, floatLayout } = format;
  let table = values;
  if (!values.every(Number.isFinite)) {
    table = values.map((v, code) => {
      if (Number.isFinite(v)) return v;
      if (floatLayout === undefined) return v < 0 ? -2 * largest : 2 * largest;
      const { exponentBits, mantissaBits } = floatLayout;
      const mantissas = 2 ** mantissaBits;
      const magnitude = 2 ** (2 ** (exponentBits - 1)) * (1 + (code % mantissas) / mantissas);
      return code >> (exponentBits + mantissaBits) ? -magnitude : magnitude;
    });
  }
  extended.set(format, table);
  return table;
}

/**
 * The largest magnitude that a weight of a tensor can be read as without being runaway: `runawayFactor` times the
 * largest stored one. Infinite for formats with a step of their own, whose values all lie near the stored ones.
 * @param histogram [2^B] how many weights hold each code
 */
export function runawayLimit(format: NumberFormat, histogram: Float64Array): number {
  if (!format.unscaled) return Infinity;
  const { values } = format;
  let norm = 0;
  for (let c = 0; c < values.length; c++)
    if (histogram[c]! > 0 && Math.abs(values[c]!) > norm) norm = Math.abs(values[c]!);
  return norm > 0 ? runawayFactor * norm : Infinity;
}

/** A decode table with NaN in place of every entry beyond a limit, so that moments leave runaway weights out. */
export function boundedTable(table: Float64Array, limit: number): Float64Array {
  return limit === Infinity ? table : table.map((v) => (Math.abs(v) <= limit ? v : NaN));
}
