/** @file Small valid files of every kind, for the mutators to start from. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type NodeProto,
} from "onnx-buf";
import { formatNpy, formatNpz } from "../../src/data/index.ts";
import {
  DataType,
  floatTensor,
  int64Tensor,
  int8Tensor,
  makeNode,
  makeValueInfo,
  serialiseModel,
  uint8Tensor,
} from "../../src/onnx/index.ts";
import { buildModel } from "../build-model.ts";

const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => ((i * 37) % 19) / 19 - 0.5);

function subgraph(name: string, nodes: NodeProto[], weight: string) {
  return create(AttributeProtoSchema, {
    name,
    type: AttributeType.GRAPH,
    g: create(GraphProtoSchema, {
      name,
      node: nodes,
      initializer: [floatTensor(weight, [4, 3], ramp(12))],
      output: [makeValueInfo("z", DataType.FLOAT)],
    }),
  });
}

/** Convolution, batch normalisation, a `Constant` weight, and a classifier behind `Transpose`. */
function convolutional() {
  return buildModel({
    nodes: [
      makeNode("Conv", ["x", "w", "b"], ["c"], { pads: [1, 1, 1, 1] }),
      makeNode("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]),
      makeNode("Relu", ["n"], ["r"]),
      makeNode("GlobalAveragePool", ["r"], ["p"]),
      makeNode("Flatten", ["p"], ["f"]),
      makeNode("Constant", [], ["v"], { value: floatTensor("", [3, 2], ramp(6)) }),
      makeNode("Transpose", ["v"], ["t"], { perm: [1, 0] }),
      makeNode("MatMul", ["f", "t"], ["y"]),
    ],
    inputs: { x: ["N", 1, 4, 4] },
    initialisers: [
      floatTensor("w", [2, 1, 3, 3], ramp(18)),
      floatTensor("b", [2], ramp(2)),
      floatTensor("scale", [2], Float32Array.of(1, 2)),
      floatTensor("shift", [2], Float32Array.of(0, 1)),
      floatTensor("mean", [2], Float32Array.of(0, 1)),
      floatTensor("var", [2], Float32Array.of(1, 1)),
    ],
    outputs: ["y"],
  });
}

/** Quantised codes with a scale a channel and a zero point, and `Gemm` on reshaped weights. */
function quantised() {
  return buildModel({
    nodes: [
      makeNode("DequantizeLinear", ["q", "s", "z"], ["w"], { axis: 1 }),
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Reshape", ["v", "shape"], ["u"]),
      makeNode("Gemm", ["h", "u", "b"], ["y"], { transB: 1 }),
    ],
    inputs: { x: ["N", 4] },
    initialisers: [
      uint8Tensor(
        "q",
        [4, 3],
        Uint8Array.from({ length: 12 }, (_, i) => i * 21),
      ),
      floatTensor("s", [3], Float32Array.of(0.1, 0.2, 0.3)),
      uint8Tensor("z", [3], Uint8Array.of(128, 120, 0)),
      floatTensor("v", [6], ramp(6)),
      int64Tensor("shape", [2], [2, 3]),
      floatTensor("b", [2], ramp(2)),
    ],
    outputs: ["y"],
  });
}

/** Typed fields, float16 and double weights, a tied tensor, two inputs, and a branch with weights of its own. */
function mixed() {
  return buildModel({
    nodes: [
      makeNode("MatMul", ["x", "typed"], ["a"]),
      makeNode("MatMul", ["a", "typed"], ["b"]),
      makeNode("Cast", ["half"], ["half32"], { to: DataType.FLOAT }),
      makeNode("Add", ["b", "half32"], ["c"]),
      Object.assign(makeNode("If", ["which"], ["y"]), {
        attribute: [
          subgraph("then_branch", [makeNode("MatMul", ["c", "w"], ["z"])], "w"),
          subgraph("else_branch", [makeNode("MatMul", ["c", "w"], ["z"])], "w"),
        ],
      }),
    ],
    inputs: [makeValueInfo("x", DataType.FLOAT, ["N", 4]), makeValueInfo("which", DataType.BOOL, [])],
    initialisers: [
      create(TensorProtoSchema, {
        name: "typed",
        dims: [4n, 4n],
        dataType: DataType.FLOAT,
        floatData: Array.from(ramp(16)),
      }),
      create(TensorProtoSchema, {
        name: "half",
        dims: [1n, 4n],
        dataType: DataType.FLOAT16,
        int32Data: [0x3c00, 0xbc00, 0x0001, 0x7bff],
      }),
    ],
    outputs: ["y"],
  });
}

/** Integer products on stored codes and an embedding. */
function integer() {
  return buildModel({
    nodes: [
      makeNode("Gather", ["table", "x"], ["e"]),
      makeNode("DynamicQuantizeLinear", ["e"], ["q", "s", "z"]),
      makeNode("MatMulInteger", ["q", "codes", "z"], ["i"]),
      makeNode("Cast", ["i"], ["y"], { to: DataType.FLOAT }),
    ],
    inputs: [makeValueInfo("x", DataType.INT64, ["N"])],
    initialisers: [
      floatTensor("table", [5, 4], ramp(20)),
      int8Tensor(
        "codes",
        [4, 2],
        Int8Array.from({ length: 8 }, (_, i) => i - 4),
      ),
    ],
    outputs: ["y"],
  });
}

/** Weights in a file beside the model. */
function external() {
  const place = { location: "weights.bin", offset: "16", length: "48" };
  return buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    inputs: { x: ["N", 4] },
    initialisers: [
      create(TensorProtoSchema, {
        name: "w",
        dims: [4n, 3n],
        dataType: DataType.FLOAT,
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries(place).map(([key, value]) => ({ key, value })),
      }),
    ],
    outputs: ["y"],
  });
}

/** Models of a few kilobytes and one exported by PyTorch. */
export function modelSeeds(): Uint8Array[] {
  return [
    ...[convolutional(), quantised(), mixed(), integer(), external()].map(serialiseModel),
    new Uint8Array(readFileSync(new URL("../fixtures/lenet.onnx", import.meta.url))),
  ];
}

const pixels = { dims: [3, 1, 2, 2], data: Uint8Array.from({ length: 12 }, (_, i) => i) };
const labels = { dims: [3], data: BigInt64Array.of(0n, 1n, 2n) };

/** Arrays of several types. */
export function npySeeds(): Uint8Array[] {
  return [
    formatNpy({ dims: [2, 3], data: ramp(6) }),
    formatNpy(pixels),
    formatNpy(labels),
    formatNpy({ dims: [1, 1], data: Float64Array.of(1) }),
  ];
}

/** Archives as data sets. */
export function npzSeeds(): Uint8Array[] {
  return [
    formatNpz({ x: pixels, y: labels }),
    formatNpz({ x: { dims: [3, 2], data: ramp(6) } }),
    formatNpz({
      x: { dims: [4, 2, 2], data: Float64Array.from(ramp(16)) },
      y: { dims: [4], data: Int32Array.of(0, 1, 1, 0) },
    }),
  ];
}

/** An IDX file of bytes. */
const idx = (dims: readonly number[], type = 8, bytes = 1) => {
  const out = new Uint8Array(4 + 4 * dims.length + bytes * dims.reduce((a, b) => a * b, 1));
  out.set([0, 0, type, dims.length]);
  dims.forEach((d, i) => new DataView(out.buffer).setUint32(4 + 4 * i, d));
  return out.map((v, i) => (i < 4 + 4 * dims.length ? v : i % 251));
};

/** MNIST's images and labels, plain and compressed, and floats. */
export function idxSeeds(): Uint8Array[] {
  return [idx([3, 4, 4]), idx([5]), new Uint8Array(gzipSync(idx([3, 4, 4]))), idx([2, 3], 0x0d, 4)];
}

/** A safetensors file: eight bytes of length, a JSON header, the data. */
function safetensors(
  tensors: Readonly<Record<string, readonly [type: string, shape: readonly number[], bytes: number]>>,
) {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, [dtype, shape, bytes]]) => {
    const data_offsets = [at, (at += bytes)];
    return [name, { dtype, shape, data_offsets }];
  });
  const header = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  const padded = new TextEncoder().encode(header.padEnd(Math.ceil(header.length / 8) * 8));
  const out = new Uint8Array(8 + padded.byteLength + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded.byteLength), true);
  out.set(padded, 8);
  return out;
}

/** Weights without a graph. */
export function safetensorsSeeds(): Uint8Array[] {
  return [
    safetensors({ "a.weight": ["F32", [2, 3], 24], "a.bias": ["F32", [2], 8] }),
    safetensors({
      w: ["BF16", [4, 2], 16],
      v: ["F16", [3, 1], 6],
      i: ["I64", [2], 16],
      d: ["F64", [1, 2], 16],
    }),
  ];
}
