/**
 * @file Folds `BatchNormalization` at inference into the convolution or matrix product before it, so that the
 * stored weights are the ones a deployed network has.
 */
import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { codeArray, encodeInto, numberFormat } from "../channel/index.ts";
import {
  floatAttribute,
  indexGraph,
  intAttribute,
  isStandardNode,
  namesRead,
  nestedGraphs,
  type GraphIndex,
} from "./graph.ts";
import type { OnnxModel } from "./model.ts";
import { deferRawData, rawLength, rawRange } from "./lazy.ts";
import { constantBehind, uniqueNames } from "./scopes.ts";
import type { ByteSource } from "../bytes/index.ts";
import {
  damagedTensor,
  DataType,
  doubleTensor,
  floatData,
  floatTensor,
  halfTensor,
  isFloatTensor,
  storedByteLength,
  tensorDims,
} from "./tensor.ts";

/** Factor and shift of a normalisation at inference: `y = factor * x + shift` per channel. */
function affineOf(
  index: GraphIndex,
  node: NodeProto,
): { factor: Float64Array; shift: Float64Array } | undefined {
  if (intAttribute(node, "training_mode", 0) !== 0 || node.output.slice(1).some((name) => name !== "")) {
    return undefined;
  }
  const parameters = node.input.slice(1, 5).map((name) => constantBehind(index, name));
  const [scale, bias, mean, variance] = parameters.map((t) => (t === undefined ? undefined : floatData(t)));
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined)
    return undefined;
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const factor = Float64Array.from(scale, (s, c) => s / Math.sqrt(variance[c]! + epsilon));
  return { factor, shift: Float64Array.from(bias, (b, c) => b - factor[c]! * mean[c]!) };
}

/** Bias of each channel, or undefined when it is not one number a channel (`Gemm` may add a whole matrix). */
function channelBias(bias: TensorProto | undefined, channels: number): Float32Array | undefined {
  if (bias === undefined) return new Float32Array(channels);
  const data = floatData(bias);
  if (data.length === 1) return new Float32Array(channels).fill(data[0]!);
  return data.length === channels && tensorDims(bias).at(-1) === channels ? data : undefined;
}

/** The elements of a float tensor without rounding doubles, in an array of their own. */
function doubles(tensor: TensorProto): Float64Array {
  const values = Float64Array.from(floatData(tensor));
  if (tensor.dataType !== DataType.DOUBLE) return values;
  const raw = tensor.rawData;
  if (raw.byteLength === 0) return Float64Array.from(tensor.doubleData);
  return new Float64Array(new Uint8Array(raw).buffer);
}

/** A tensor of one of the float types. */
function typedTensor(
  name: string,
  dims: readonly number[],
  dataType: DataType,
  values: Float64Array,
): TensorProto {
  if (dataType === DataType.DOUBLE) return doubleTensor(name, dims, values);
  const singles = Float32Array.from(values);
  if (dataType === DataType.FLOAT) return floatTensor(name, dims, singles);
  const bits = codeArray(16, singles.length);
  encodeInto(numberFormat(dataType === DataType.FLOAT16 ? "fp16" : "bf16"), singles, 1, bits);
  return halfTensor(name, dims, dataType, bits);
}

/** Axis of the weight tensor that runs over output channels, where folding along it is safe. */
function foldableAxis(node: NodeProto): number | undefined {
  if (node.opType === "Conv") return 0;
  if (node.opType === "ConvTranspose") return intAttribute(node, "group", 1) === 1 ? 1 : undefined;
  if (
    node.opType === "Gemm" &&
    floatAttribute(node, "alpha", 1) === 1 &&
    floatAttribute(node, "beta", 1) === 1
  ) {
    return 1 - intAttribute(node, "transB", 0);
  }
  return undefined;
}

/**
 * A weight tensor with its channels scaled. In float32 it is worked out where and when it is read: folding a large
 * model holds no second copy of it.
 *
 * @param factor [channels] in double precision; each product is rounded once to the tensor's type
 * @param inner neighbours that share a channel
 */
function scaledChannels(weight: TensorProto, factor: Float64Array, inner: number): TensorProto {
  const dims = tensorDims(weight);
  const scale = (values: Float32Array | Float64Array, first: number) => {
    let channel = Math.floor(first / inner) % factor.length;
    for (let i = 0, k = first % inner; i < values.length; i++) {
      values[i] = values[i]! * factor[channel]!;
      if (++k < inner) continue;
      k = 0;
      channel = (channel + 1) % factor.length;
    }
  };
  if (weight.dataType !== DataType.FLOAT) {
    const values = doubles(weight);
    scale(values, 0);
    return typedTensor(weight.name, dims, weight.dataType, values);
  }
  if (rawLength(weight) === 0) {
    const data = floatData(weight);
    scale(data, 0);
    return floatTensor(weight.name, dims, data);
  }
  const { source, offset: start, length } = rawRange(weight);
  if (length !== storedByteLength(weight)) throw damagedTensor(weight, `${length} bytes`);
  const scaled: ByteSource = {
    byteLength: length,
    readInto(offset, target) {
      if (offset % 4 !== 0 || target.byteLength % 4 !== 0) throw new RangeError("a piece of a float32");
      const values = new Float32Array(target.byteLength / 4);
      const bytes = new Uint8Array(values.buffer);
      source.readInto(start + offset, bytes);
      scale(values, offset / 4);
      target.set(bytes);
    },
  };
  const tensor = floatTensor(weight.name, dims, new Float32Array(0));
  deferRawData(tensor, { source: scaled, offset: 0, length });
  return tensor;
}

/**
 * Folds every `BatchNormalization` that directly follows a `Conv`, `ConvTranspose` or `Gemm` with constant weights
 * of its own (weights shared with another node are left alone). Edits the model; returns how many were folded.
 *
 * `W' = factor W`, `b' = factor b + shift`, computed in double precision and rounded to the type of the weights.
 */
export function foldBatchNormalization(model: OnnxModel): number {
  const graph = model.graph;
  const index = indexGraph(graph);
  const names = uniqueNames(model);
  const outputs = new Set(graph.output.map((o) => o.name));
  const removed = new Set<NodeProto>();
  for (const normalise of graph.node) {
    if (normalise.opType !== "BatchNormalization" || !isStandardNode(normalise)) continue;
    const source = normalise.input[0] ?? "";
    const node = index.producer.get(source);
    if (node === undefined || removed.has(node) || !isStandardNode(node)) continue;
    const axis = foldableAxis(node);
    const weightName = node.input[1] ?? "";
    const biasName = node.input[2] ?? "";
    const weight = index.constants.get(weightName);
    const bias = constantBehind(index, biasName);
    if (axis === undefined || weight === undefined || (biasName !== "" && bias === undefined)) continue;
    if (!isFloatTensor(weight) || outputs.has(weightName)) continue;
    if (outputs.has(source) || index.consumers.get(source)?.length !== 1) continue;
    if (index.consumers.get(weightName)?.length !== 1 || !graph.initializer.includes(weight)) continue;
    const affine = affineOf(index, normalise);
    if (affine === undefined) continue;

    const dims = tensorDims(weight);
    const channels = dims[axis]!;
    const oldBias = channelBias(bias, channels);
    if (affine.factor.length !== channels || oldBias === undefined) continue;
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const newBias = Float64Array.from(affine.shift, (shift, c) => shift + affine.factor[c]! * oldBias[c]!);
    const foldedBias = names.fresh(`${normalise.output[0] ?? weightName}.folded_bias`);
    graph.initializer[graph.initializer.indexOf(weight)] = scaledChannels(weight, affine.factor, inner);
    graph.initializer.push(typedTensor(foldedBias, [channels], weight.dataType, newBias));
    node.input[2] = foldedBias;
    node.output[0] = normalise.output[0]!;
    removed.add(normalise);
  }
  if (removed.size > 0) graph.node = graph.node.filter((node) => !removed.has(node));
  return removed.size;
}

/** Removes nodes of the main graph and of subgraphs whose outputs nothing reads. Edits the model. */
export function dropUnusedNodes(model: OnnxModel): void {
  const dropIn = (graph: GraphProto, read: Set<string>) => {
    for (const { name } of graph.output) read.add(name);
    const kept: NodeProto[] = [];
    // A node comes after those whose outputs it reads.
    for (const node of graph.node.toReversed()) {
      if (node.output.some((name) => name !== "") && !node.output.some((name) => read.has(name))) continue;
      for (const nested of nestedGraphs(node)) dropIn(nested, read);
      for (const name of node.input) read.add(name);
      kept.push(node);
    }
    graph.node = kept.reverse();
  };
  dropIn(model.graph, new Set());
}

/** Removes initialisers that nothing reads and graph inputs that only repeat an initialiser (IR version 3). */
export function dropUnusedInitialisers(model: OnnxModel): void {
  const graph = model.graph;
  const used = new Set([...graph.node.flatMap(namesRead), ...graph.output.map((o) => o.name)]);
  graph.initializer = graph.initializer.filter((t) => used.has(t.name));
  const constant = new Set(graph.initializer.map((t) => t.name));
  graph.input = graph.input.filter((i) => !constant.has(i.name));
  // Before IR version 4 every initialiser had to be a graph input as well.
  if (model.irVersion < 4n) model.irVersion = 4n;
}
