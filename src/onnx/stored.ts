/**
 * @file What the memory holds for each weight tensor: one code a weight, and how a code becomes a weight again.
 */
import {
  codeArray,
  codeHistogram,
  encodeInto,
  quantisationStep,
  type Codes,
  type NumberFormat,
} from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import type { TensorRole } from "./roles.ts";
import { channelLayout, forEachStepRow, stepOf, type ChannelLayout } from "./steps.ts";
import { DataType, elementCount, floatBits, floatData } from "./tensor.ts";
import type { FoundTensor } from "./weights.ts";

/** A tensor as the memory stores it. Weight `i` decodes to `(table[code i] - zero) * step`, both those of its place. */
export interface StoredTensor {
  /** Name of the initialiser in the user's model. */
  readonly name: string;
  readonly role: TensorRole;
  /** Name of the float32 initialiser in the prepared model that trials overwrite. */
  readonly runtimeName: string;
  readonly dims: readonly number[];
  /** Number of weights. */
  readonly count: number;
  /** Operators that use the tensor, without repetition. */
  readonly operators: readonly string[];
  readonly format: NumberFormat;
  /** [count] codes in C order, in the low `format.bits` bits. */
  readonly codes: Codes;
  /** Axis that runs over output channels, where it is known. */
  readonly outputAxis: number | undefined;
  /** Axis along which the quantisation step changes; undefined when the tensor has one step. */
  readonly channelAxis: number | undefined;
  /** Weights along `channelAxis` that share a step; undefined: see `StepLayout`. */
  readonly blockSize: number | undefined;
  /** Quantisation steps in C order of `stepDims`. */
  readonly steps: Float32Array;
  /** As many values, subtracted before scaling; undefined when they are all zero. */
  readonly zeroPoints: Float32Array | undefined;
  /** Largest magnitude of the weights before quantisation. */
  readonly infinityNorm: number;
}

/** A run of weights, in C order, that is decoded by one table. */
export interface DecodeSegment {
  readonly start: number;
  readonly count: number;
  /** [2^B] decoded value of each code in units of the quantisation step. */
  readonly table: ArrayLike<number>;
}

/** Whether one step serves the whole tensor or each output channel has its own. */
export type Granularity = "tensor" | "channel";

/**
 * Infinity norm of each channel.
 *
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function infinityNorms(name: string, weights: Float32Array, layout: ChannelLayout): Float64Array {
  const norms = new Float64Array(layout.channels);
  let i = 0;
  for (let o = 0; o < layout.outer; o++) {
    for (let c = 0; c < layout.channels; c++) {
      let norm = norms[c]!;
      for (let k = 0; k < layout.inner; k++, i++) {
        const magnitude = Math.abs(weights[i]!);
        if (!(magnitude < Infinity)) {
          throw new QtamlError(
            "non-finite",
            `Weight ${i} of tensor "${name}" is ${weights[i]}: replace NaN and infinite weights before storing them.`,
          );
        }
        if (magnitude > norm) norm = magnitude;
      }
      norms[c] = norm;
    }
  }
  return norms;
}

/** Formats that hold the numbers of an element type as they are. */
const sameAs: Readonly<Partial<Record<number, string>>> = {
  [DataType.FLOAT16]: "fp16",
  [DataType.BFLOAT16]: "bf16",
};

/** Whether a format holds a tensor's numbers as they are, so that their bits are the codes. */
export function keepsBits(found: FoundTensor, format: NumberFormat): boolean {
  return sameAs[found.tensor.dataType] === format.name;
}

/** The axis along which a tensor's steps change. */
export function stepAxis(
  found: FoundTensor,
  format: NumberFormat,
  granularity: Granularity,
): number | undefined {
  return granularity === "channel" && format.unscaled !== true ? found.channelAxis : undefined;
}

/**
 * Quantises a float tensor symmetrically: `step = infinity norm / largest`, per tensor or per output channel (a
 * tensor whose output axis is not known gets one step). Numbers that the format holds as they are keep their bits.
 */
export function quantiseTensor(
  found: FoundTensor,
  format: NumberFormat,
  granularity: Granularity,
): StoredTensor {
  const channelAxis = stepAxis(found, format, granularity);
  const layout = channelLayout(found.dims, channelAxis);
  const weights = floatData(found.tensor);
  const norms = infinityNorms(found.name, weights, layout);
  const steps = Float32Array.from(norms, (norm) => quantisationStep(format, norm));
  const stored = {
    ...describeTensor(found),
    format,
    channelAxis,
    blockSize: undefined,
    steps,
    zeroPoints: undefined,
    infinityNorm: norms.reduce((a, b) => Math.max(a, b), 0),
  };
  if (keepsBits(found, format)) return { ...stored, codes: floatBits(found.tensor) };
  const codes = codeArray(format.bits, weights.length);
  if (layout.channels === 1) {
    encodeInto(format, weights, steps[0]!, codes);
  } else {
    for (let i = 0, row = 0; i < weights.length; i += layout.inner, row++) {
      const end = i + layout.inner;
      encodeInto(format, weights.subarray(i, end), steps[row % layout.channels]!, codes.subarray(i, end));
    }
  }
  return { ...stored, codes };
}

/** What a stored tensor has from the model. */
export function describeTensor(
  found: FoundTensor,
): Pick<StoredTensor, "name" | "runtimeName" | "role" | "dims" | "count" | "outputAxis" | "operators"> {
  return {
    name: found.name,
    runtimeName: found.name,
    role: found.role,
    dims: found.dims,
    count: elementCount(found.dims),
    outputAxis: found.channelAxis,
    operators: [...new Set(found.uses.map((use) => use.node.opType))],
  };
}

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
