/**
 * @file How a code becomes a weight again: by a table, the zero point and the step of its place.
 */
import { codeHistogram, type Codes } from "../channel/index.ts";
import { forEachStepRow, stepOf } from "./steps.ts";
import type { DecodeSegment, StoredTensor } from "./tensor.ts";

/** The whole tensor decoded by its format, without any correction. */
export function cleanSegments(tensor: Pick<StoredTensor, "count" | "format">): DecodeSegment[] {
  return [{ start: 0, count: tensor.count, table: tensor.format.values }];
}

/** [count] the weights that the stored codes stand for. */
export function cleanWeights(tensor: Omit<StoredTensor, "infinityNorm">): Float32Array<ArrayBuffer> {
  const weights = new Float32Array(tensor.count);
  decodeInto(tensor, cleanSegments(tensor), tensor.codes, weights);
  return weights;
}

/** The decode table in float32; where the tensor has one step and no zero point the step is multiplied in. */
export function scaledTable(
  tensor: Pick<StoredTensor, "steps" | "channelAxis" | "zeroPoints">,
  table: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const step = tensor.channelAxis === undefined && tensor.zeroPoints === undefined ? tensor.steps[0]! : 1;
  return Float32Array.from(table, (value) => value * step);
}

/**
 * Decodes codes to weights in float32, by the same operations in the same order as the hardened model does.
 *
 * @param segments decode tables; together they cover the tensor
 * @param codes [count] the codes as read
 * @param out [count] receives the weights
 */
export function decodeInto(
  tensor: Pick<StoredTensor, "dims" | "channelAxis" | "blockSize" | "steps" | "zeroPoints">,
  segments: readonly DecodeSegment[],
  codes: Codes,
  out: Float32Array,
): void {
  const parts = segments
    .map(({ start, count, table }) => ({ start, end: start + count, table: scaledTable(tensor, table) }))
    .sort((a, b) => a.start - b.start);
  if (tensor.channelAxis === undefined && tensor.zeroPoints === undefined) {
    for (const { start, end, table } of parts) {
      for (let i = start; i < end; i++) out[i] = table[codes[i]!]!;
    }
    return;
  }
  const { steps, zeroPoints } = tensor;
  let at = 0;
  forEachStepRow(tensor, (start, count, step, stride) => {
    const rowEnd = start + count;
    for (let from = start; from < rowEnd;) {
      while (parts[at]!.end <= from) at++;
      const { end, table } = parts[at]!;
      const to = Math.min(rowEnd, end);
      const first = step + (from - start) * stride;
      if (stride === 0) decodeRow(codes, table, steps[first]!, zeroPoints?.[first] ?? 0, out, from, to);
      else decodeAcross(codes, table, steps, zeroPoints, first, out, from, to);
      from = to;
    }
  });
}

/**
 * A function that decodes one weight, by the same operations as `decodeInto`.
 *
 * @param segments as for `decodeInto`, in ascending order
 */
export function singleDecoder(
  tensor: Pick<StoredTensor, "dims" | "channelAxis" | "blockSize" | "steps" | "zeroPoints">,
  segments: readonly DecodeSegment[],
): (weight: number, code: number) => number {
  const tables = segments.map(({ table }) => scaledTable(tensor, table));
  const ends = segments.map(({ start, count }) => start + count);
  const tableOf = (weight: number) => {
    let [low, high] = [0, ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! <= weight) low = middle + 1;
      else high = middle;
    }
    return tables[low]!;
  };
  if (tensor.channelAxis === undefined && tensor.zeroPoints === undefined) {
    return (weight, code) => tableOf(weight)[code]!;
  }
  const { steps, zeroPoints } = tensor;
  const step = stepOf(tensor);
  return (weight, code) => {
    const own = step(weight);
    return Math.fround(Math.fround(tableOf(weight)[code]! - (zeroPoints?.[own] ?? 0)) * steps[own]!);
  };
}

/** Decodes weights that share a step. Without a zero point it is 0, which changes no number. */
function decodeRow(
  codes: Codes,
  table: Float32Array,
  step: number,
  zero: number,
  out: Float32Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) out[i] = Math.fround(table[codes[i]!]! - zero) * step;
}

/** Decodes weights that have a step each, the first the one at `first`. */
function decodeAcross(
  codes: Codes,
  table: Float32Array,
  steps: Float32Array,
  zeros: Float32Array | undefined,
  first: number,
  out: Float32Array,
  from: number,
  to: number,
): void {
  if (zeros === undefined) {
    for (let i = from, s = first; i < to; i++, s++) out[i] = table[codes[i]!]! * steps[s]!;
  } else {
    for (let i = from, s = first; i < to; i++, s++) {
      out[i] = Math.fround(table[codes[i]!]! - zeros[s]!) * steps[s]!;
    }
  }
}

/** How many weights of the tensor hold each code: [2^B]. */
export function storedHistogram(tensor: StoredTensor): Float64Array {
  return codeHistogram(tensor.codes, tensor.format.bits);
}
