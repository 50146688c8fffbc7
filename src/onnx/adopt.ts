/**
 * @file Takes over tensors that a model stores as integers: quantised weights with their own codes, zero points,
 * shapes and indices. Faults then hit the stored integers, exactly those.
 */
import type { NodeProto } from "onnx-buf";
import { codeArray } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { codeFormat, tensorCodes } from "./codes.ts";
import { intAttribute, nodeLabel } from "./graph.ts";
import { stepLayoutOf } from "./quantised/index.ts";
import { constantBehind, type ModelIndex } from "./scopes.ts";
import {
  channelLayout,
  forEachStepRow,
  cleanWeights,
  scaledTable,
  type StoredTensor,
} from "../stored/index.ts";
import { describeTensor, infinityNorms } from "./quantise.ts";
import { DataType, dataTypeName, floatData, integerData, tensorDims } from "./tensor.ts";
import type { FoundTensor } from "./weights.ts";

/** How codes become numbers. */
export type Decoding = Pick<StoredTensor, "steps" | "zeroPoints" | "channelAxis" | "blockSize">;

/** The codes themselves as numbers. */
const unitDecoding: Decoding = {
  steps: Float32Array.of(1),
  zeroPoints: undefined,
  channelAxis: undefined,
  blockSize: undefined,
};

/**
 * Steps and zero points of a `DequantizeLinear` over codes of these dimensions.
 *
 * @returns undefined when they are computed while the model runs
 * @throws QtamlError `unsupported-model` when they do not fit the codes
 */
export function decodingOf(
  node: NodeProto,
  dims: readonly number[],
  index: ModelIndex,
): Decoding | undefined {
  const scale = constantBehind(index, node.input[1] ?? "");
  const zeroName = node.input[2] ?? "";
  const zero = constantBehind(index, zeroName);
  if (scale === undefined || (zeroName !== "" && zero === undefined)) return undefined;
  const steps = Float32Array.from(floatData(scale));
  const layout = stepLayoutOf(node, dims, tensorDims(scale));
  const zeroPoints =
    zero === undefined
      ? undefined
      : Float32Array.from(tensorCodes(zero), (code) => codeFormat(zero.dataType).values[code]!);
  if (layout === undefined || (zeroPoints !== undefined && zeroPoints.length !== steps.length)) {
    throw new QtamlError(
      "unsupported-model",
      `${nodeLabel(node)} has scales of shape [${tensorDims(scale).join(", ")}] for codes of shape [${dims.join(", ")}]; one scale and zero point a tensor, a channel or a block is needed.`,
    );
  }
  const { channelAxis, blockSize } = layout;
  return {
    steps,
    zeroPoints: zeroPoints?.some((z) => z !== 0) ? zeroPoints : undefined,
    channelAxis,
    blockSize,
  };
}

/**
 * The one decoding of a tensor's codes that all its `DequantizeLinear` share.
 *
 * @returns undefined when they differ, or are computed while the model runs
 */
export function sharedDecoding(found: FoundTensor, index: ModelIndex): Decoding | undefined {
  const decodings = found.dequantisers.map((node) => decodingOf(node, found.dims, index));
  const [first] = decodings;
  return decodings.every((decoding) => isSameDecoding(decoding, first)) ? first : undefined;
}

/**
 * The decoding that a tensor's codes are stored with, when nothing but `DequantizeLinear` with constant parameters
 * outside the memory reads them.
 *
 * @param stored what the memory holds
 */
export function directDecoding(
  found: FoundTensor,
  index: ModelIndex,
  stored: readonly FoundTensor[],
): Decoding | undefined {
  const decoding = found.dequantisers.length === 0 ? undefined : sharedDecoding(found, index);
  const isStored = (value: string) => {
    const parameter = constantBehind(index, value)?.name;
    return stored.some(({ name }) => name === parameter);
  };
  return hasOtherUses(index, found) || found.dequantisers.some((node) => node.input.slice(1).some(isStored))
    ? undefined
    : decoding;
}

/** Whether anything but the tensor's `DequantizeLinear` reads its codes. */
export function hasOtherUses(index: ModelIndex, { name, dequantisers }: FoundTensor): boolean {
  const values = [name];
  for (const value of values) {
    if (index.outputs.has(value)) return true;
    for (const { node, input } of index.uses.get(value) ?? []) {
      if (input === 0 && dequantisers.includes(node)) continue;
      if (node.opType !== "Identity") return true;
      values.push(node.output[0]!);
    }
  }
  return false;
}

function isSameDecoding(a: Decoding | undefined, b: Decoding | undefined): boolean {
  if (a === b) return true;
  const isSame = (x: Float32Array | undefined, y: Float32Array | undefined) =>
    x?.length === y?.length && (x?.every((value, i) => Object.is(value, y![i])) ?? true);
  return (
    a !== undefined &&
    b !== undefined &&
    a.channelAxis === b.channelAxis &&
    a.blockSize === b.blockSize &&
    isSame(a.steps, b.steps) &&
    isSame(a.zeroPoints, b.zeroPoints)
  );
}

/** Element type that a `DequantizeLinear` puts out: that of its scale, unless it says otherwise. */
export function decodedType(node: NodeProto, index: ModelIndex): DataType {
  const stated = intAttribute(node, "output_dtype", 0);
  if (stated !== 0) return stated;
  return constantBehind(index, node.input[1] ?? "")?.dataType ?? DataType.FLOAT;
}

/**
 * A tensor of codes as the memory stores it.
 *
 * @param decoding what the network reads the codes as; the codes themselves unless given
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function adoptCodes(found: FoundTensor, decoding: Decoding = unitDecoding): StoredTensor {
  const stored = {
    ...describeTensor(found),
    format: codeFormat(found.tensor.dataType),
    codes: tensorCodes(found.tensor),
    ...decoding,
  };
  return { ...stored, infinityNorm: decodedNorm(stored) };
}

/** Largest magnitude of the weights that codes stand for, worked out without holding the weights. */
function decodedNorm(stored: Omit<StoredTensor, "infinityNorm">): number {
  const { codes, steps, zeroPoints } = stored;
  const table = scaledTable(stored, stored.format.values);
  const isScaledApart = stored.channelAxis !== undefined || zeroPoints !== undefined;
  let norm = 0;
  let isFinite = true;
  forEachStepRow(stored, (start, count, step, stride) => {
    for (let i = start, s = step; i < start + count; i++, s += stride) {
      const value = table[codes[i]!]!;
      const weight = isScaledApart
        ? Math.fround(Math.fround(value - (zeroPoints?.[s] ?? 0)) * steps[s]!)
        : value;
      const magnitude = Math.abs(weight);
      if (magnitude > norm) norm = magnitude;
      if (!(magnitude < Infinity)) isFinite = false;
    }
  });
  // Names the weight that is not.
  if (!isFinite) infinityNorms(stored.name, cleanWeights(stored), channelLayout(stored.dims, undefined));
  return norm;
}

/**
 * Shapes, axes and indices as the memory stores them: 16 bits in two's complement.
 *
 * @throws QtamlError `unsupported-model` when one does not fit
 */
export function adoptIntegers(found: FoundTensor): StoredTensor {
  const values = integerData(found.tensor);
  const codes = codeArray(16, values.length);
  values.forEach((value, i) => {
    if (value < -32768 || value > 32767) {
      throw new QtamlError(
        "unsupported-model",
        `Tensor "${found.name}" (${dataTypeName(found.tensor.dataType)}) holds ${value}, which 16 bits cannot hold; leave it out with --exclude.`,
      );
    }
    codes[i] = value & 0xffff;
  });
  return {
    ...describeTensor(found),
    format: codeFormat(DataType.INT16),
    codes,
    ...unitDecoding,
    infinityNorm: values.reduce((norm, value) => Math.max(norm, Math.abs(value)), 0),
  };
}
