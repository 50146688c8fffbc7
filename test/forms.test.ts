/**
 * @file Forms in which models come, end to end: inspected with their Jacobian, planned, hardened and run. Clean, the
 * hardened model computes what the quantised one does.
 */
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  type GraphProto,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { assess, inspect } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { hardenByPlan } from "../src/simulation/index.ts";
import { singleInput } from "../src/data/index.ts";
import {
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  makeValueInfo,
  parseModel,
  serialiseModel,
  type OnnxModel,
} from "../src/onnx/index.ts";
import { uniformStream } from "../src/stats/random.ts";
import { buildModel, floats, relativeDifference, runModel } from "./build-model.ts";

const uniform = uniformStream(4);
const draw = (n: number) => Float32Array.from({ length: n }, () => uniform() - 0.5);
const x = { dims: [3, 4], data: draw(12) };
const flips = (bits: number) => symmetricFlips(0.05, bits);

/** What a user does with a model of one input `x` of shape [N, 4]. */
async function endToEnd(model: OnnxModel) {
  const bytes = serialiseModel(model);
  const calibration = singleInput(3, [4], x.data);
  const assessment = await assess(
    { name: "m.onnx", bytes },
    { flips, calibration, jacobian: { samples: 3, seed: 0 } },
  );
  const plan = await makePlan(assessment, { policy: "magnitude", overhead: 0.2 });
  const outputs = async (file: OnnxModel) => floats((await runModel(file, { x }))["y"]);
  const published = await outputs(parseModel(bytes));
  const quantised = await outputs(assessment.prepared.model);
  expect(await outputs(parseModel(serialiseModel(hardenByPlan(assessment, plan))))).toEqual(quantised);
  const { tensors } = assessment.prepared;
  return { tensors, rows: inspect(assessment), published, quantised };
}

const withGraph = (node: NodeProto, attributes: Readonly<Record<string, GraphProto>>) => {
  node.attribute.push(
    ...Object.entries(attributes).map(([name, g]) =>
      create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g }),
    ),
  );
  return node;
};

const value = (name: string, dims: (number | string)[], type = DataType.FLOAT) =>
  makeValueInfo(name, type, dims);

describe("subgraphs", () => {
  it("Loop: one tensor of the body, used in every turn", async () => {
    const body = create(GraphProtoSchema, {
      name: "body",
      input: [value("turn", [], DataType.INT64), value("going", [], DataType.BOOL), value("state", ["N", 4])],
      initializer: [floatTensor("w", [4, 4], draw(16))],
      node: [
        makeNode("MatMul", ["state", "w"], ["product"]),
        makeNode("Tanh", ["product"], ["next"]),
        makeNode("Identity", ["going"], ["goes"]),
      ],
      output: [value("goes", [], DataType.BOOL), value("next", ["N", 4])],
    });
    const { tensors, rows, published, quantised } = await endToEnd(
      buildModel({
        nodes: [withGraph(makeNode("Loop", ["times", "", "x"], ["y"]), { body })],
        inputs: { x: ["N", 4] },
        initialisers: [int64Tensor("times", [], [3])],
        outputs: ["y"],
      }),
    );
    expect(tensors.map((t) => t.count)).toEqual([16]);
    expect(rows[0]!.jacobianMeanSquare).toBeGreaterThan(0);
    expect(relativeDifference(quantised, published)).toBeLessThan(0.05);
  });

  it("Scan: a recurrent layer over the rows", async () => {
    const body = create(GraphProtoSchema, {
      name: "body",
      input: [value("state", [4]), value("row", [4])],
      initializer: [floatTensor("w", [4, 4], draw(16)), floatTensor("u", [4, 4], draw(16))],
      node: [
        makeNode("MatMul", ["row", "w"], ["fresh"]),
        makeNode("MatMul", ["state", "u"], ["kept"]),
        makeNode("Add", ["fresh", "kept"], ["sum"]),
        makeNode("Tanh", ["sum"], ["next"]),
        makeNode("Identity", ["next"], ["row_out"]),
      ],
      output: [value("next", [4]), value("row_out", [4])],
    });
    const { tensors, rows, published, quantised } = await endToEnd(
      buildModel({
        nodes: [withGraph(makeNode("Scan", ["start", "x"], ["last", "y"], { num_scan_inputs: 1 }), { body })],
        inputs: { x: ["N", 4] },
        initialisers: [floatTensor("start", [4], Float32Array.of(1, -1, 2, 0.5))],
        outputs: ["y"],
      }),
    );
    expect(tensors.map((t) => t.count)).toEqual([16, 16]);
    for (const row of rows) expect(row.jacobianMeanSquare).toBeGreaterThan(0);
    expect(relativeDifference(quantised, published)).toBeLessThan(0.05);
  });

  it("If inside If: names that branches share are tensors of their own", async () => {
    const branch = (name: string, node: NodeProto, weights?: Float32Array) =>
      create(GraphProtoSchema, {
        name,
        node: [node],
        initializer: weights === undefined ? [] : [floatTensor("w", [4, 2], weights)],
        output: [value("z", ["N", 2])],
      });
    const product = () => makeNode("MatMul", ["x", "w"], ["z"]);
    const inner = withGraph(create(NodeProtoSchema, { opType: "If", input: ["no"], output: ["z"] }), {
      then_branch: branch("a", product(), draw(8)),
      else_branch: branch("b", product(), draw(8)),
    });
    const { tensors, rows } = await endToEnd(
      buildModel({
        nodes: [
          withGraph(create(NodeProtoSchema, { opType: "If", input: ["yes"], output: ["y"] }), {
            then_branch: branch("c", inner),
            else_branch: branch("d", product(), draw(8)),
          }),
        ],
        inputs: { x: ["N", 4] },
        initialisers: ["yes", "no"].map((name) =>
          create(TensorProtoSchema, {
            name,
            dataType: DataType.BOOL,
            rawData: Uint8Array.of(name === "yes" ? 1 : 0),
          }),
        ),
        outputs: ["y"],
      }),
    );
    expect(new Set(tensors.map((t) => t.name)).size).toBe(3);
    // Only the branch that is taken matters.
    expect(rows.filter((r) => r.jacobianMeanSquare! > 0)).toHaveLength(1);
  });
});

describe("tied weights", () => {
  it("are one tensor with one set of faults, and the Jacobian adds its uses", async () => {
    const { tensors, rows } = await endToEnd(
      buildModel({
        nodes: [
          makeNode("MatMul", ["x", "w"], ["h"]),
          makeNode("Transpose", ["w"], ["wt"], { perm: [1, 0] }),
          makeNode("MatMul", ["h", "wt"], ["y"]),
        ],
        inputs: { x: ["N", 4] },
        initialisers: [floatTensor("w", [4, 5], draw(20))],
        outputs: ["y"],
      }),
    );
    expect(tensors.map((t) => [t.name, t.count])).toEqual([["w", 20]]);
    expect(rows[0]!.method).toBe("gradient");
  });
});

describe("weights of 16 bits", () => {
  /** The upper half of a float32's bits. */
  const bfloat16 = (v: number) => new Uint32Array(Float32Array.of(v).buffer)[0]! >>> 16;
  const bits = Uint16Array.from(draw(8), bfloat16);

  it.each([
    ["bf16", DataType.BFLOAT16, bits],
    [
      "fp16",
      DataType.FLOAT16,
      Uint16Array.of(0x3c00, 0xb800, 0x0001, 0x8000, 0x3555, 0x2e66, 0xc000, 0x6400),
    ],
  ] as const)(
    "%s: the memory holds the file's own bits, and clean it computes what the file does",
    async (format, dataType, codes) => {
      const { tensors, published, quantised } = await endToEnd(
        buildModel({
          nodes: [
            makeNode("Cast", ["w"], ["wide"], { to: DataType.FLOAT }),
            makeNode("MatMul", ["x", "wide"], ["y"]),
          ],
          inputs: { x: ["N", 4] },
          initialisers: [
            create(TensorProtoSchema, {
              name: "w",
              dims: [4n, 2n],
              dataType,
              rawData: new Uint8Array(codes.buffer.slice(0)),
            }),
          ],
          outputs: ["y"],
        }),
      );
      expect(tensors.map((t) => t.format.name)).toEqual([format]);
      expect([...tensors[0]!.codes]).toEqual([...codes]);
      expect(quantised).toEqual(published);
    },
  );
});
