import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, floats, runModel } from "../../test/build-model.ts";
import { makeNode } from "./graph.ts";
import { parseModel, serialiseModel } from "./model.ts";
import { prepareModel } from "./prepare.ts";
import { surveyMemory, surveyModel } from "./survey.ts";
import { DataType, floatTensor, int64Tensor } from "./tensor.ts";

/** Weights that float16 and bfloat16 hold, and whose int8 steps of 1/64 hold exactly: a norm of 127/64. */
const weights = Float32Array.from({ length: 12 }, (_, i) => (i === 0 ? 127 : ((i * 37) % 64) - 32) / 64);
const x = { dims: [2, 4], data: Float32Array.from({ length: 8 }, (_, i) => Math.sin(i)) };

const form = (
  dataType: DataType,
  fields: Partial<Pick<TensorProto, "floatData" | "doubleData" | "int32Data">>,
) => create(TensorProtoSchema, { name: "w", dims: [4n, 3n], dataType, ...fields });
const bfloat16 = (v: number) => new Uint32Array(Float32Array.of(v).buffer)[0]! >>> 16;
const float16 = (v: number) => {
  if (v === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(v)));
  return (
    (v < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.round((Math.abs(v) / 2 ** exponent - 1) * 1024)
  );
};
const numbers = Array.from(weights);

/** y = x w, where w is brought to float32 and its shape whatever it is. */
const product = (tensor: TensorProto | undefined, constant?: NodeProto) =>
  buildModel({
    nodes: [
      ...(constant === undefined ? [] : [constant]),
      makeNode("Cast", ["w"], ["c"], { to: DataType.FLOAT }),
      makeNode("Reshape", ["c", "shape"], ["m"]),
      makeNode("MatMul", ["x", "m"], ["y"]),
    ],
    initialisers: [int64Tensor("shape", [2], [4, 3]), ...(tensor === undefined ? [] : [tensor])],
    inputs: { x: ["N", 4] },
    outputs: ["y"],
  });

const constantNode = (attribute: Omit<Partial<AttributeProto>, "$typeName" | "$unknown">) =>
  create(NodeProtoSchema, {
    opType: "Constant",
    output: ["w"],
    attribute: [create(AttributeProtoSchema, attribute)],
  });

describe("weights", () => {
  it.each([
    ["raw data", product(floatTensor("w", [4, 3], weights))],
    ["float_data", product(form(DataType.FLOAT, { floatData: numbers }))],
    ["double_data", product(form(DataType.DOUBLE, { doubleData: numbers }))],
    ["float16 in int32_data", product(form(DataType.FLOAT16, { int32Data: numbers.map(float16) }))],
    ["bfloat16 in int32_data", product(form(DataType.BFLOAT16, { int32Data: numbers.map(bfloat16) }))],
    [
      "a Constant's value",
      product(
        undefined,
        constantNode({ name: "value", type: AttributeType.TENSOR, t: floatTensor("", [4, 3], weights) }),
      ),
    ],
    [
      "a Constant's value_floats",
      product(undefined, constantNode({ name: "value_floats", type: AttributeType.FLOATS, floats: numbers })),
    ],
  ])("in %s are found, and computed with as the runtime does", async (_, built) => {
    const bytes = serialiseModel(built);
    const model = parseModel(bytes);
    expect(Buffer.compare(serialiseModel(model), bytes)).toBe(0);
    const { tensors, model: prepared } = prepareModel(model, { format: "int8" });
    expect(tensors.map((t) => [t.name, t.count])).toEqual([["w", 12]]);
    expect(tensors[0]!.infinityNorm).toBe(127 / 64);
    expect(surveyModel(model, { format: "int8" })[0]!.steps).toEqual(Float32Array.of(1 / 64));
    const run = async (of: typeof model) => Array.from(floats((await runModel(of, { x }))["y"]));
    expect(await run(prepared)).toEqual(await run(model));
  });

  it("that have no elements are kept, run and listed, but not in the memory", async () => {
    const model = buildModel({
      nodes: [
        makeNode("MatMul", ["x", "e"], ["none"]),
        makeNode("MatMul", ["x", "w"], ["some"]),
        makeNode("Concat", ["none", "some"], ["y"], { axis: 1 }),
      ],
      initialisers: [floatTensor("e", [4, 0], new Float32Array(0)), floatTensor("w", [4, 3], weights)],
      inputs: { x: ["N", 4] },
      outputs: ["y"],
    });
    const { model: prepared, tensors, absent } = prepareModel(model);
    expect(tensors.map((t) => t.name)).toEqual(["w"]);
    expect(absent!.map(({ name, count, reason }) => [name, count, reason])).toEqual([
      ["e", 0, "no elements"],
    ]);
    const run = async (of: typeof model) => Array.from(floats((await runModel(of, { x }))["y"]));
    expect(await run(prepared)).toHaveLength(3 * (x.data.length / 4));
  });

  it("that are stored sparsely are kept, run and listed, but not in the memory", async () => {
    const sparse = create(SparseTensorProtoSchema, {
      values: floatTensor("s", [2], Float32Array.of(3, -2)),
      indices: int64Tensor("", [2], [1, 5]),
      dims: [3n, 2n],
    });
    const built = buildModel({
      nodes: [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("MatMul", ["h", "s"], ["y"])],
      initialisers: [floatTensor("w", [4, 3], weights)],
      inputs: { x: ["N", 4] },
      outputs: ["y"],
    });
    built.graph.sparseInitializer.push(sparse);
    const model = parseModel(serialiseModel(built));
    const { tensors, absent } = surveyMemory(model);
    expect(tensors.map((t) => t.name)).toEqual(["w"]);
    expect(absent.find((t) => t.name === "s")?.reason).toBe("stored sparsely");
    const { model: prepared } = prepareModel(model);
    expect(prepared.graph.sparseInitializer).toHaveLength(1);
    const run = async (of: typeof model) => Array.from(floats((await runModel(of, { x }))["y"]));
    expect(await run(prepared)).toEqual(await run(model));
  });
});
