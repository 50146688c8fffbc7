import type { NodeProto, TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, floats, relativeDifference, runModel } from "../../test/build-model.ts";
import { wave } from "../../test/quantised-parts.ts";
import { codeArray, encodeInto, numberFormat, type Codes } from "../channel/index.ts";
import { makeNode } from "./graph.ts";
import { hardenModel } from "./harden.ts";
import { cloneModel, type OnnxModel } from "./model.ts";
import { prepareModel, type PreparedModel, type StorageOptions } from "./prepare.ts";
import { cleanSegments, decodeInto, type StoredTensor } from "../stored/index.ts";
import {
  DataType,
  doubleTensor,
  elementCount,
  floatTensor,
  halfTensor,
  int64Tensor,
  int8Tensor,
} from "./tensor.ts";

const float = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, wave(elementCount(dims), name.length));

/** The numbers of an array as a tensor of some type. */
function typed(name: string, dims: readonly number[], dataType: DataType, values: Float32Array): TensorProto {
  if (dataType === DataType.FLOAT) return floatTensor(name, dims, values);
  if (dataType === DataType.DOUBLE) return doubleTensor(name, dims, Float64Array.from(values));
  if (dataType === DataType.INT64) return int64Tensor(name, dims, Array.from(values));
  if (dataType === DataType.INT8) return int8Tensor(name, dims, Int8Array.from(values));
  const bits = codeArray(16, values.length);
  encodeInto(numberFormat(dataType === DataType.FLOAT16 ? "fp16" : "bf16"), values, 1, bits);
  return halfTensor(name, dims, dataType, bits);
}

interface Form {
  readonly nodes: readonly NodeProto[];
  readonly initialisers: readonly TensorProto[];
  readonly input: readonly number[];
  readonly options?: StorageOptions;
  /** What the memory is to hold, with formats. */
  readonly stored: readonly (readonly [string, string])[];
  /** Relative difference that rounding may make; none unless given. */
  readonly tolerance?: number;
}

const cast = (input: string, output: string, to: DataType) => makeNode("Cast", [input], [output], { to });

const forms: Readonly<Record<string, Form>> = {
  "float16 weights": {
    nodes: [
      cast("x", "h", DataType.FLOAT16),
      makeNode("MatMul", ["h", "w"], ["m"]),
      cast("m", "y", DataType.FLOAT),
    ],
    initialisers: [typed("w", [4, 6], DataType.FLOAT16, wave(24))],
    input: [3, 4],
    stored: [["w", "fp16"]],
  },
  "bfloat16 weights behind a cast": {
    nodes: [cast("w", "v", DataType.FLOAT), makeNode("MatMul", ["x", "v"], ["y"])],
    initialisers: [typed("w", [4, 6], DataType.BFLOAT16, wave(24))],
    input: [3, 4],
    stored: [["w", "bf16"]],
  },
  "float16 weights in a format of one's own": {
    nodes: [cast("w", "v", DataType.FLOAT), makeNode("MatMul", ["x", "v"], ["y"])],
    initialisers: [typed("w", [4, 6], DataType.FLOAT16, wave(24))],
    input: [3, 4],
    options: { format: "int8", granularity: "channel" },
    stored: [["w", "int8"]],
  },
  "double weights": {
    nodes: [
      cast("x", "h", DataType.DOUBLE),
      makeNode("Gemm", ["h", "w", "b"], ["m"], { transB: 1 }),
      cast("m", "y", DataType.FLOAT),
    ],
    initialisers: [typed("w", [6, 4], DataType.DOUBLE, wave(24)), typed("b", [6], DataType.DOUBLE, wave(6))],
    input: [3, 4],
    options: { roles: ["bias"], parameterFormat: "fp16" },
    stored: [
      ["w", "int8"],
      ["b", "fp16"],
    ],
  },
  "embeddings tied to a product": {
    nodes: [
      cast("x", "ids", DataType.INT64),
      makeNode("Gather", ["table", "ids"], ["e"]),
      makeNode("Transpose", ["table"], ["t"]),
      makeNode("MatMul", ["e", "t"], ["y"]),
    ],
    initialisers: [float("table", 5, 6)],
    input: [3, 2],
    options: { granularity: "channel" },
    stored: [["table", "int8"]],
  },
  "recurrent weights and their biases": {
    nodes: [makeNode("LSTM", ["x", "W", "R", "B"], ["seq", "y"], { hidden_size: 3 })],
    initialisers: [float("W", 1, 12, 4), float("R", 1, 12, 3), float("B", 1, 24)],
    input: [5, 2, 4],
    options: { roles: ["bias"] },
    stored: [
      ["W", "int8"],
      ["R", "int8"],
      ["B", "bf16"],
    ],
  },
  "Einsum, vectors and constant arithmetic": {
    nodes: [
      makeNode("Einsum", ["x", "e"], ["h"], { equation: "ij,jk->ik" }),
      makeNode("Mul", ["g", "v"], ["scaled"]),
      makeNode("MatMul", ["h", "scaled"], ["m"]),
      makeNode("MatMul", ["m", "vector"], ["y"]),
    ],
    initialisers: [float("e", 4, 5), float("g", 5, 1), float("v", 5, 6), float("vector", 6)],
    input: [3, 4],
    stored: [
      ["e", "int8"],
      ["g", "int8"],
      ["v", "int8"],
      ["vector", "int8"],
    ],
    // The runtime may add the products of a constant expression in another order.
    tolerance: 16 * 2 ** -24,
  },
  "normalisation parameters, shapes and indices": {
    nodes: [
      makeNode("LayerNormalization", ["x", "gamma", "beta"], ["n"]),
      makeNode("Reshape", ["n", "shape"], ["r"]),
      makeNode("Gather", ["r", "which"], ["g"], { axis: 1 }),
      makeNode("MatMul", ["g", "w"], ["y"]),
    ],
    initialisers: [
      float("gamma", 6),
      float("beta", 6),
      int64Tensor("shape", [2], [-1, 9]),
      int64Tensor("which", [4], [0, 2, 3, 7]),
      float("w", 4, 5),
    ],
    input: [3, 6],
    options: { roles: ["normalisation", "integer"] },
    stored: [
      ["gamma", "bf16"],
      ["beta", "bf16"],
      ["w", "int8"],
      ["shape", "int16"],
      ["which", "int16"],
    ],
  },
  "scales and zero points": {
    nodes: [
      makeNode("QuantizeLinear", ["x", "s", "z"], ["q"]),
      makeNode("DequantizeLinear", ["q", "s", "z"], ["d"]),
      makeNode("DequantizeLinear", ["w", "ws", "wz"], ["v"], { axis: 1 }),
      makeNode("MatMul", ["d", "v"], ["y"]),
    ],
    initialisers: [
      floatTensor("s", [], Float32Array.of(0.03125)),
      int8Tensor("z", [], Int8Array.of(3)),
      int8Tensor(
        "w",
        [4, 6],
        Int8Array.from(wave(24), (v) => 100 * v),
      ),
      typed("ws", [6], DataType.FLOAT, Float32Array.of(0.5, 0.25, 1, 2, 0.125, 1)),
      int8Tensor("wz", [6], Int8Array.of(1, 2, 3, -4, 5, 0)),
    ],
    input: [3, 4],
    options: { roles: ["scale", "zero-point"] },
    stored: [
      ["s", "bf16"],
      ["z", "int8"],
      ["ws", "bf16"],
      ["wz", "int8"],
      ["w", "int8"],
    ],
    tolerance: 8 * 2 ** -24,
  },
};

/** Input of whole numbers from 0 to 4, so that it can be indices too. */
const feeds = ({ input }: Form) => ({
  x: { dims: input, data: Float32Array.from({ length: elementCount(input) }, (_, i) => (i * 3) % 5) },
});

const modelOf = ({ nodes, initialisers, input }: Form) =>
  buildModel({ nodes, initialisers, inputs: { x: input }, outputs: ["y"], opset: 21, irVersion: 10 });

function decoded(tensor: StoredTensor, codes: Codes): Float32Array {
  const weights = new Float32Array(tensor.count);
  decodeInto(tensor, cleanSegments(tensor), codes, weights);
  return weights;
}

/** The user's model with one of its constants overwritten. */
function edited(model: OnnxModel, name: string, values: Float32Array): OnnxModel {
  const copy = cloneModel(model);
  const place = copy.graph.initializer.findIndex((t) => t.name === name);
  const { dims, dataType } = copy.graph.initializer[place]!;
  copy.graph.initializer[place] = typed(name, dims.map(Number), dataType, values);
  return copy;
}

function loaded(prepared: PreparedModel, tensor: StoredTensor, values: Float32Array): OnnxModel {
  const copy = cloneModel(prepared.model);
  const place = copy.graph.initializer.findIndex((t) => t.name === tensor.runtimeName);
  copy.graph.initializer[place] = floatTensor(tensor.runtimeName, tensor.dims, values);
  return copy;
}

describe.each(Object.keys(forms))("%s", (name) => {
  const form = forms[name]!;
  const prepared = prepareModel(modelOf(form), form.options);
  // Codes of weights that arithmetic on stored scales decodes count in units of their own.
  const byHand = prepared.tensors.reduce(
    (model, tensor) => edited(model, tensor.name, decoded(tensor, tensor.codes)),
    modelOf(form),
  );
  // A hit shape leaves a model that does not run.
  const faulted = form.stored.map(([tensor]) => tensor).filter((tensor) => tensor !== "shape");
  const run = async (model: OnnxModel) => floats((await runModel(model, feeds(form), "disabled"))["y"]);
  const expectClose = (a: Float32Array, b: Float32Array) =>
    expect(relativeDifference(a, b)).toBeLessThanOrEqual(form.tolerance ?? 0);

  it("is held as it should be, and runs as the model with the stored values in its file", async () => {
    expect(prepared.tensors.map((t) => [t.name, t.format.name])).toEqual(form.stored);
    expectClose(await run(prepared.model), await run(byHand));
  });

  it.each(faulted)("a fault in %s is the same edit in the file", async (which) => {
    const tensor = prepared.tensors.find((t) => t.name === which)!;
    const hit = tensor.codes.slice();
    // A low bit: shapes and indices stay within bounds.
    hit[tensor.role === "integer" ? tensor.count - 1 : 0]! ^= tensor.role === "integer" ? 1 : 16;
    const values = decoded(tensor, hit);
    const clean = await run(byHand);
    const found = await run(loaded(prepared, tensor, values));
    expectClose(found, await run(edited(byHand, which, values)));
    expect(relativeDifference(found, clean)).toBeGreaterThan(1e-5);
  });

  it.each(["gather", "qdq"] as const)("hardened (%s), it still is", async (decode) => {
    const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    const found = await run(hardenModel(prepared, segments, decode));
    expect(relativeDifference(found, await run(byHand))).toBeLessThanOrEqual(form.tolerance ?? 0);
  });
});

describe("hardened files", () => {
  it("hold float16 weights as float16, the user's own bits", () => {
    const form = forms["float16 weights"]!;
    const prepared = prepareModel(modelOf(form));
    const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    const hardened = hardenModel(prepared, segments, "gather");
    const stored = hardened.graph.initializer.find((t) => t.dataType === DataType.FLOAT16)!;
    expect(stored.rawData).toEqual(form.initialisers[0]!.rawData);
    expect(hardened.graph.initializer).toHaveLength(1);
  });

  it("with tables hold codes that are no numbers, and do not pass for a network to store", () => {
    const prepared = prepareModel(modelOf({ ...forms["double weights"]!, options: {} }));
    const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    expect(() => prepareModel(hardenModel(prepared, segments, "gather"))).toThrow(/has no weights/);
    expect(prepareModel(hardenModel(prepared, segments, "qdq")).tensors[0]!.codes).toEqual(
      prepared.tensors[0]!.codes,
    );
  });

  it("give new values names that the model does not use", async () => {
    const names = [
      "w.codes",
      "w.codes.index",
      "w.table",
      "w.decoded",
      "w.step",
      "w.zero_point",
      "w.flat",
      "w.shape",
    ];
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      ...names.map((n, i) => makeNode("Relu", [i === 0 ? "h" : names[i - 1]!], [n])),
      makeNode("Add", [names.at(-1)!, "w.float32"], ["y"]),
    ];
    const model = buildModel({
      nodes,
      initialisers: [float("w", 4, 6), float("w.float32", 6)],
      inputs: { x: [3, 4] },
      outputs: ["y"],
    });
    const x = { dims: [3, 4], data: wave(12, 9) };
    const prepared = prepareModel(model, { granularity: "channel" });
    const plain = floats((await runModel(prepared.model, { x }))["y"]);
    const halves = (t: StoredTensor) => [
      { start: 0, count: 5, table: t.format.values },
      { start: 5, count: t.count - 5, table: t.format.values.map((v) => v * 2) },
    ];
    for (const segments of [cleanSegments, halves]) {
      for (const form of ["gather", "qdq"] as const) {
        const of = new Map(prepared.tensors.map((t) => [t.name, segments(t)]));
        const found = floats((await runModel(hardenModel(prepared, of, form), { x }))["y"]);
        expect(found).toHaveLength(plain.length);
        expect(relativeDifference(found, plain) < 1e-6).toBe(segments === cleanSegments);
      }
    }
  });
});

describe("what is not in the memory", () => {
  it("is listed with the reason", () => {
    const model = buildModel({
      nodes: [
        makeNode("Conv", ["x", "w", "b"], ["h"]),
        makeNode("Pad", ["h", "pads", "value"], ["p"]),
        makeNode("Clip", ["p", "low"], ["c"]),
        makeNode("Conv", ["c", "other"], ["y"]),
      ],
      initialisers: [
        float("w", 4, 3, 3, 3),
        float("b", 4),
        int64Tensor("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1]),
        floatTensor("value", [], Float32Array.of(0)),
        floatTensor("low", [], Float32Array.of(0)),
        float("other", 2, 4, 1, 1),
      ],
      inputs: { x: [1, 3, 6, 6] },
      outputs: ["y"],
    });
    const { absent } = prepareModel(model, { exclude: ["oth*"] });
    expect(absent!.map(({ name, count, role, reason }) => [name, count, role, reason])).toEqual([
      ["b", 4, "bias", "biases"],
      ["pads", 8, "integer", "shapes, axes and indices"],
      ["value", 1, undefined, "constant operand of Pad"],
      ["low", 1, undefined, "constant operand of Clip"],
      ["other", 8, "weight", "not chosen by name"],
    ]);
    expect(() => prepareModel(model, { include: ["w"], exclude: ["w"] })).toThrow(
      "The patterns leave no tensor in the memory",
    );
  });
});
