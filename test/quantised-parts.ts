/**
 * @file What the quantised models of tests are made from.
 */
import { create } from "@bufbuild/protobuf";
import { OperatorSetIdProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import type { Codes } from "../src/channel/index.ts";
import {
  codeFormat,
  DataType,
  floatTensor,
  int64Tensor,
  makeValueInfo,
  packedTensor,
  type OnnxModel,
} from "../src/onnx/index.ts";
import { buildModel } from "./build-model.ts";

/** A quantised model as a function of the codes of one of its tensors. */
export interface QuantisedModel {
  /** Name of the tensor of codes. */
  readonly tensor: string;
  readonly dims: readonly number[];
  readonly dataType: DataType;
  /** Dimensions of the input "x". */
  readonly input: readonly number[];
  /** How far the output "y" may be off: steps of an output quantisation, else rounding. */
  readonly tolerance: number;
  /** Whether the model quantises its activations, so that a last-bit difference may move one code further on. */
  build(codes: Codes): OnnxModel;
}

/** Numbers between -1 and 1 without a pattern that products could hide behind. */
export const wave = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * i));

/** Some codes of a type. */
export function someCodes(dataType: DataType, count: number): Codes {
  const { bits, values } = codeFormat(dataType);
  const codes = bits > 8 ? new Uint16Array(count) : new Uint8Array(count);
  for (let i = 0, c = 3; i < count; i++, c = (c * 37 + 11) % 2 ** bits)
    codes[i] = Number.isFinite(values[c]) ? c : 1;
  return codes;
}

/** A float32 tensor. */
export const float = (name: string, dims: readonly number[], values: readonly number[] | Float32Array) =>
  floatTensor(name, dims, Float32Array.from(values));
/** A float32 scalar. */
export const number = (name: string, value: number) => float(name, [], [value]);
/** A tensor of codes. */
export const codesOf = (
  name: string,
  dims: readonly number[],
  dataType: DataType,
  codes: ArrayLike<number>,
) =>
  packedTensor(
    name,
    dims,
    dataType,
    codeFormat(dataType).bits > 8 ? Uint16Array.from(codes) : Uint8Array.from(codes),
  );
/** An operator of the runtime's own domain. */
export const own = (node: NodeProto): NodeProto => Object.assign(node, { domain: "com.microsoft" });

/** What a quantised model consists of; its output is "y". */
export interface Parts {
  readonly nodes: readonly NodeProto[];
  readonly initialisers: readonly TensorProto[];
  readonly input: readonly number[];
  readonly opset?: number;
}

/** A model with the float32 input "x". */
export function modelOf({ nodes, initialisers, input, opset = 21 }: Parts): OnnxModel {
  const model = buildModel({
    nodes,
    initialisers,
    inputs: [makeValueInfo("x", DataType.FLOAT, input)],
    outputs: ["y"],
    opset,
    irVersion: 10,
  });
  if (nodes.some((node) => node.domain === "com.microsoft"))
    model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n }));
  return model;
}

/** An int32 tensor with one axis. */
export function codesInt32(name: string, values: readonly number[]): TensorProto {
  const tensor = int64Tensor(name, [values.length], values);
  tensor.dataType = DataType.INT32;
  tensor.rawData = new Uint8Array(Int32Array.from(values).buffer);
  return tensor;
}
