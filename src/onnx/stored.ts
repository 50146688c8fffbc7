/**
 * @file What the memory holds for each weight tensor: one code a weight, and how a code becomes a weight again.
 */
import type { NodeProto } from "onnx-buf";
import {
  codeArray,
  codeHistogram,
  encodeInto,
  integerFormat,
  quantisationStep,
  type Codes,
  type NumberFormat,
} from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { constantOf, intAttribute, nodeLabel, type GraphIndex } from "./graph.ts";
import { channelLayout, forEachStepRow, type ChannelLayout } from "./steps.ts";
import { dataTypeName, DataType, elementCount, floatData, integerData, tensorDims } from "./tensor.ts";
import type { WeightTensor } from "./weights.ts";

/**
 * What a stored tensor is to the network. `weight`: an operand of a product; `embedding`: a table that rows are taken
 * from; `bias`: added; `normalisation`: a factor, mean or variance for each channel; `scale` and `zero-point`: of
 * quantised values; `integer`: shapes, axes and indices.
 */
export const tensorRoles = [
  "weight",
  "embedding",
  "bias",
  "normalisation",
  "scale",
  "zero-point",
  "integer",
] as const;

/** One of `tensorRoles`. */
export type TensorRole = (typeof tensorRoles)[number];

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

/** Infinity norm of each channel. @throws QtamlError `non-finite` when a weight is NaN or infinite */
function infinityNorms(name: string, weights: Float32Array, layout: ChannelLayout): Float64Array {
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

/**
 * Quantises a float tensor symmetrically: `step = infinity norm / largest`, per tensor or per output channel (a
 * tensor whose output axis is not known gets one step).
 */
export function quantiseTensor(
  weight: WeightTensor,
  format: NumberFormat,
  granularity: Granularity,
): StoredTensor {
  const channelAxis = granularity === "channel" ? weight.channelAxis : undefined;
  const layout = channelLayout(weight.dims, channelAxis);
  const weights = floatData(weight.tensor);
  const norms = infinityNorms(weight.name, weights, layout);
  const steps = Float32Array.from(norms, (norm) => quantisationStep(format, norm));
  const codes = codeArray(format.bits, weights.length);
  if (layout.channels === 1) {
    encodeInto(format, weights, steps[0]!, codes);
  } else {
    for (let i = 0, row = 0; i < weights.length; i += layout.inner, row++) {
      const end = i + layout.inner;
      encodeInto(format, weights.subarray(i, end), steps[row % layout.channels]!, codes.subarray(i, end));
    }
  }
  return {
    ...describeWeight(weight),
    runtimeName: weight.name,
    format,
    codes,
    channelAxis,
    blockSize: undefined,
    steps,
    zeroPoints: undefined,
    infinityNorm: norms.reduce((a, b) => Math.max(a, b), 0),
  };
}

/** What is known of a weight tensor before it is stored. */
export function describeWeight(weight: WeightTensor) {
  return {
    name: weight.name,
    role: "weight" as const,
    dims: weight.dims,
    count: elementCount(weight.dims),
    outputAxis: weight.channelAxis,
    operators: [...new Set(weight.uses.map((use) => use.node.opType))],
  };
}

/**
 * Takes over the codes of a tensor that the model stores already quantised (`DequantizeLinear` of int8 or uint8,
 * per tensor or per channel).
 *
 * @throws QtamlError `unsupported-model` for other element types, blocked scales, scales that are not constant, or
 *   uses that decode the same codes differently; `non-finite` when a weight is NaN or infinite
 */
export function adoptQuantised(weight: WeightTensor, index: GraphIndex, int8: NumberFormat): StoredTensor {
  const node = weight.dequantise!;
  const signed = weight.tensor.dataType === DataType.INT8;
  if (!signed && weight.tensor.dataType !== DataType.UINT8) {
    throw new QtamlError(
      "unsupported-model",
      `Tensor "${weight.name}" stores ${dataTypeName(weight.tensor.dataType)} codes, and only int8 and uint8 are supported; quantise the model to 8 bits or give the float model.`,
    );
  }
  const decoding = decodingOf(node, weight.dims, index);
  for (const other of weight.dequantisers) {
    if (JSON.stringify(decodingOf(other, weight.dims, index)) !== JSON.stringify(decoding)) {
      throw new QtamlError(
        "unsupported-model",
        `${nodeLabel(node)} and ${nodeLabel(other)} decode the same codes "${weight.name}" with different scales; quantise the model with one scale a tensor.`,
      );
    }
  }
  const { steps, zeroPoints, channelAxis } = decoding;
  const codes = Uint8Array.from(integerData(weight.tensor), (q) => q & 255);
  const stored = {
    ...describeWeight(weight),
    runtimeName: node.output[0]!,
    format: signed ? int8 : integerFormat(8, false),
    codes,
    channelAxis,
    blockSize: undefined,
    steps,
    zeroPoints,
  };
  const values = cleanWeights(stored);
  const [infinityNorm] = infinityNorms(weight.name, values, channelLayout(weight.dims, undefined));
  return { ...stored, infinityNorm: infinityNorm! };
}

/** Steps, zero points and axis of a `DequantizeLinear` over codes of these dimensions. */
function decodingOf(
  node: NodeProto,
  dims: readonly number[],
  index: GraphIndex,
): Pick<StoredTensor, "steps" | "zeroPoints" | "channelAxis"> {
  const scale = constantOf(index, node.input[1] ?? "");
  const zeroName = node.input[2] ?? "";
  const zero = constantOf(index, zeroName);
  if (scale === undefined || (zeroName !== "" && zero === undefined)) {
    throw new QtamlError(
      "unsupported-model",
      `${nodeLabel(node)} has a scale or zero point that is computed while the model runs; export it with constant ones.`,
    );
  }
  const steps = Float32Array.from(floatData(scale));
  const zeroPoints = zero === undefined ? undefined : Float32Array.from(integerData(zero));
  const axis = intAttribute(node, "axis", 1);
  const channelAxis = steps.length === 1 ? undefined : axis < 0 ? axis + dims.length : axis;
  const isPerChannel =
    scale.dims.length === 1 && channelAxis !== undefined && dims[channelAxis] === steps.length;
  if (
    (steps.length !== 1 && !isPerChannel) ||
    (zeroPoints !== undefined && zeroPoints.length !== steps.length)
  ) {
    throw new QtamlError(
      "unsupported-model",
      `${nodeLabel(node)} has scales of shape [${tensorDims(scale).join(", ")}] for codes of shape [${dims.join(", ")}]; only one scale and zero point a tensor or a channel is supported.`,
    );
  }
  return { steps, zeroPoints: zeroPoints?.some((z) => z !== 0) ? zeroPoints : undefined, channelAxis };
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
  for (const segment of segments) {
    const table = scaledTable(tensor, segment.table);
    const end = segment.start + segment.count;
    for (let i = segment.start; i < end; i++) out[i] = table[codes[i]!]!;
  }
  if (tensor.channelAxis === undefined && tensor.zeroPoints === undefined) return;
  const { steps } = tensor;
  const zeros = tensor.zeroPoints ?? new Float32Array(steps.length);
  forEachStepRow(tensor, (start, count, step, stride) => {
    const end = start + count;
    for (let i = start, s = step; i < end; i++, s += stride)
      out[i] = Math.fround(out[i]! - zeros[s]!) * steps[s]!;
  });
}

/** How many weights of the tensor hold each code: [2^B]. */
export function storedHistogram(tensor: StoredTensor): Float64Array {
  return codeHistogram(tensor.codes, tensor.format.bits);
}
