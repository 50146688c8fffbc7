import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema } from "onnx-buf";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  gradientGraph,
  gradientsOf,
  modelOf,
  runOnce,
  Tensor,
  type Feeds,
} from "../../test/support/gradients.ts";
import { makeNode, makeValueInfo } from "../onnx/graph.ts";
import { serialiseModel, type OnnxModel } from "../onnx/model.ts";
import { DataType, floatTensor, int64Tensor } from "../onnx/tensor.ts";
import { buildGradientGraph } from "./gradient.ts";
import { probedValues, probeModel } from "./probe.ts";

const x = [0.5, -1, 2, 0.25, 1.5, -0.75];
const input = makeValueInfo("x", DataType.FLOAT, [2, 3]);
const feeds: Feeds = { x: new Tensor("float32", Float32Array.from(x), [2, 3]) };
const w = floatTensor("w", [3, 2], Float32Array.of(1, -2, 0.5, 3, -1, 0.25));
const ones = (): number => 1;

/** `d sum(x W) / dW`: the column sums of `x`, once for each column of W. */
const columnSums = [0.75, 0.75, 0.5, 0.5, 1.25, 1.25];

async function gradientsOfSum(model: OnnxModel, tensors: readonly string[]) {
  return gradientsOf(model, feeds, tensors, ones);
}

describe("buildGradientGraph", () => {
  it("gives vector-Jacobian products in the stored layout", async () => {
    const model = modelOf(17, [makeNode("MatMul", ["x", "w"], ["y"])], [input], [w], "y");
    const { graph, gradients } = await gradientsOfSum(model, ["w"]);
    expect([...gradients.get("w")!]).toEqual(columnSums);
    expect(graph.taped).toEqual(["x"]);
    expect(graph.uncovered).toEqual([]);
  });

  it("sums what tied weights receive, also through Transpose, Reshape and Identity", async () => {
    const nodes = [
      makeNode("Identity", ["w"], ["w1"]),
      makeNode("MatMul", ["x", "w1"], ["h"]),
      makeNode("Transpose", ["w"], ["wt"]),
      makeNode("MatMul", ["h", "wt"], ["z"]),
      makeNode("Reshape", ["w", "shape"], ["flat"]),
      makeNode("Add", ["z", "flat"], ["y"]),
    ];
    const model = modelOf(17, nodes, [input], [w, int64Tensor("shape", [2], [2, 3])], "y");
    const { graph, gradients } = await gradientsOfSum(model, ["w"]);
    // sum(x W W^T) + sum(W): with s the column sums of x, dW = s 1^T W + 1 (s^T W) + 1.
    const stored = [1, -2, 0.5, 3, -1, 0.25];
    const s = [0.75, 0.5, 1.25];
    const columns = [0, 1].map((j) => stored[j]! + stored[2 + j]! + stored[4 + j]!);
    const weighted = [0, 1].map((j) => s[0]! * stored[j]! + s[1]! * stored[2 + j]! + s[2]! * stored[4 + j]!);
    const expected = stored.map((_, i) => s[i >> 1]! * columns[i & 1]! + weighted[i & 1]! + 1);
    // A handful of float32 operations on numbers of order 1.
    gradients.get("w")!.forEach((g, i) => expect(g).toBeCloseTo(expected[i]!, 5));
    // The transposed weight is a constant of the adjoint, not a value that is handed over.
    expect([...graph.taped].sort()).toEqual(["h", "x"]);
  });

  it("hands over only values that the requested gradients need", async () => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Exp", ["h"], ["e"]),
      makeNode("Mul", ["e", "gain"], ["y"]),
    ];
    const gain = floatTensor("gain", [2], Float32Array.of(2, 3));
    const model = modelOf(17, nodes, [input], [w, gain], "y");
    expect((await gradientGraph(model, feeds, ["gain"])).taped).toEqual(["e"]);
    expect([...(await gradientGraph(model, feeds, ["w"])).taped].sort()).toEqual(["e", "x"]);
    const again = await gradientGraph(model, feeds, ["gain", "gain"]);
    expect([...again.gradients.keys()]).toEqual(["gain"]);
  });

  it("leaves the model as it was, and the tape's outputs begin with the model's", async () => {
    const nodes = [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("Tanh", ["h"], ["y"])];
    const model = modelOf(17, nodes, [input], [w], "y");
    const before = serialiseModel(model);
    const graph = await gradientGraph(model, feeds, ["w"]);
    expect(serialiseModel(model)).toEqual(before);
    expect(graph.tape.graph.output.map((o) => o.name)).toEqual(["y", "x"]);
  });

  it("judges an inner value when asked to", async () => {
    const nodes = [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("Exp", ["h"], ["y"])];
    const graph = await gradientGraph(modelOf(17, nodes, [input], [w], "y"), feeds, ["w"], "h");
    expect(graph.tape.graph.output.map((o) => o.name)).toContain("h");
    const seed = new Tensor("float32", Float32Array.of(1, 1, 1, 1), [2, 2]);
    const result = await runOnce(graph.adjoint, { x: feeds["x"]!, [graph.seed]: seed });
    expect([...(result[graph.gradients.get("w")!]!.data as Float32Array)]).toEqual(columnSums);
  });

  it("gives zeros where no path leads to the output, and only there", async () => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("ArgMax", ["h"], ["i"], { axis: 1 }),
      makeNode("Cast", ["i"], ["f"], { to: DataType.FLOAT }),
      makeNode("Shape", ["sized"], ["s"]),
      makeNode("Cast", ["s"], ["size"], { to: DataType.FLOAT }),
      makeNode("Sum", ["f", "bias", "size"], ["y"]),
    ];
    const tensors = [
      w,
      floatTensor("bias", [1], Float32Array.of(1)),
      floatTensor("idle", [2], Float32Array.of(1, 2)),
      floatTensor("sized", [2], Float32Array.of(1, 2)),
    ];
    const model = modelOf(17, nodes, [input], tensors, "y");
    const { graph, gradients } = await gradientsOfSum(model, ["w", "bias", "idle", "sized"]);
    // What only an integer depends on may still decide the output.
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "ArgMax" }]);
    expect([...gradients.get("idle")!]).toEqual([0, 0]);
    expect([...gradients.get("sized")!]).toEqual([0, 0]);
    expect([...gradients.get("bias")!]).toEqual([2]);
  });

  it.each([
    ["a cast that rounds", [makeNode("Cast", ["h2"], ["i"], { to: DataType.INT32 })], "Cast"],
    ["a comparison", [makeNode("Greater", ["h2", "h"], ["i"])], "Greater"],
    ["a cast to bool of a product", [makeNode("Cast", ["h"], ["i"], { to: DataType.BOOL })], "Cast"],
  ])("does not take %s for no influence", async (_, inner, operator) => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Add", ["h", "h"], ["h2"]),
      ...inner,
      makeNode("Cast", ["i"], ["y"], { to: DataType.FLOAT }),
    ];
    const { graph } = await gradientsOfSum(modelOf(17, nodes, [input], [w], "y"), ["w"]);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator }]);
  });

  it("passes through integer arithmetic on an integer product", async () => {
    const whole = floatTensor("w", [3, 2], Float32Array.of(3, -1, 4, 1, -5, 9));
    const codes = new Tensor("float32", Float32Array.of(1, 2, 3, 4, -5, 6), [2, 3]);
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Cast", ["h"], ["i"], { to: DataType.INT32 }),
      makeNode("Add", ["i", "bias"], ["j"]),
      makeNode("Mul", ["j", "factor"], ["k"]),
      makeNode("Cast", ["k"], ["l"], { to: DataType.INT64 }),
      makeNode("Cast", ["l"], ["y"], { to: DataType.FLOAT }),
    ];
    const int32 = (name: string, ...values: number[]) =>
      Object.assign(int64Tensor(name, [values.length], []), {
        dataType: DataType.INT32,
        rawData: new Uint8Array(Int32Array.from(values).buffer),
      });
    const model = modelOf(17, nodes, [input], [whole, int32("bias", 100, -7), int32("factor", 1, 3)], "y");
    const { graph, gradients } = await gradientsOf(model, { x: codes }, ["w"], () => 1);
    expect(graph.uncovered).toEqual([]);
    // Column sums of x, times the factor of the column.
    expect([...gradients.get("w")!]).toEqual([5, 15, -3, -9, 9, 27]);
  });

  it("takes indices that the model computes, of any integer type", async () => {
    const nodes = [
      makeNode("ArgMax", ["x"], ["i"], { axis: 1, keepdims: 0 }),
      makeNode("Cast", ["i"], ["j"], { to: DataType.INT32 }),
      makeNode("Gather", ["w", "j"], ["y"]),
    ];
    const { gradients } = await gradientsOfSum(modelOf(17, nodes, [input], [w], "y"), ["w"]);
    // The largest of [0.5, -1, 2] is at 2, of [0.25, 1.5, -0.75] at 1.
    expect([...gradients.get("w")!]).toEqual([0, 0, 1, 1, 1, 1]);
  });
});

describe("what has no rule", () => {
  const blocked = [
    makeNode("MatMul", ["x", "w"], ["h"]),
    makeNode("Floor", ["h"], ["f"]),
    makeNode("Add", ["f", "bias"], ["y"]),
  ];
  const bias = floatTensor("bias", [2], Float32Array.of(1, 2));

  it("makes the tensors behind it uncovered, and only those", async () => {
    const { graph, gradients } = await gradientsOfSum(modelOf(17, blocked, [input], [w, bias], "y"), [
      "w",
      "bias",
    ]);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "Floor" }]);
    expect([...gradients.get("bias")!]).toEqual([2, 2]);
  });

  it("makes a tensor uncovered that has another path as well", async () => {
    const nodes = [...blocked.slice(0, 2), makeNode("Add", ["f", "h"], ["y"])];
    const graph = await gradientGraph(modelOf(17, nodes, [input], [w], "y"), feeds, ["w"]);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "Floor" }]);
    expect(graph.gradients.size).toBe(0);
    expect(graph.taped).toEqual([]);
  });

  it("includes forms that a rule does not cover", async () => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Einsum", ["h"], ["y"], { equation: "ii->i" }),
    ];
    const graph = await gradientGraph(modelOf(17, nodes, [input], [w], "y"), feeds, ["w"]);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "Einsum" }]);
  });

  it("includes branches that read a weight from outside", async () => {
    const branch = (name: string) =>
      create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.GRAPH,
        g: create(GraphProtoSchema, {
          name,
          node: [makeNode("MatMul", ["x", "w"], [`${name}.h`])],
          output: [makeValueInfo(`${name}.h`, DataType.FLOAT, [2, 2])],
        }),
      });
    const node = makeNode("If", ["c"], ["y"]);
    node.attribute = [branch("then_branch"), branch("else_branch")];
    const condition = [
      makeNode("ReduceMax", ["x"], ["top"], { keepdims: 0 }),
      makeNode("Cast", ["top"], ["c"], { to: DataType.BOOL }),
    ];
    const graph = await gradientGraph(modelOf(17, [...condition, node], [input], [w], "y"), feeds, ["w"]);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "If" }]);
  });

  it("includes operators of other domains, by their full name", () => {
    const node = makeNode("Relu", ["h"], ["y"]);
    node.domain = "org.example";
    const model = modelOf(17, [makeNode("MatMul", ["x", "w"], ["h"]), node], [input], [w], "y");
    const dims = { dims: [2, 2] };
    const probed = new Map([
      ["x", { dims: [2, 3] }],
      ["h", dims],
      ["y", dims],
    ]);
    const graph = buildGradientGraph(model, { output: "y", tensors: ["w"], probed });
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "org.example.Relu" }]);
  });
});

describe("bad requests", () => {
  const model = modelOf(
    17,
    [makeNode("MatMul", ["x", "w"], ["y"])],
    [input],
    [w, int64Tensor("n", [1], [3])],
    "y",
  );
  const probed = new Map([
    ["x", { dims: [2, 3] }],
    ["y", { dims: [2, 2] }],
  ]);
  it.each([
    ["z", ["w"], /computes no value "z"; name one of its outputs \("y"\)/],
    ["y", ["v"], /stores no tensor "v"/],
    ["y", ["n"], /"n" holds int64/],
  ])("output %s, tensors %j", (output, tensors, message) => {
    expect(() => buildGradientGraph(model, { output, tensors, probed })).toThrow(message);
  });
});

describe("probeModel", () => {
  it("shows inputs and every intermediate value, and keeps small integers", async () => {
    const nodes = [
      makeNode("Shape", ["x"], ["s"]),
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Dropout", ["h"], ["y", ""]),
    ];
    const model = modelOf(17, nodes, [input], [w], "y");
    const probed = probedValues(await runOnce(probeModel(model), feeds));
    expect(Object.fromEntries(probed)).toEqual({
      x: { dims: [2, 3] },
      s: { dims: [2], type: "int64", integers: [2, 3] },
      h: { dims: [2, 2] },
      y: { dims: [2, 2] },
    });
    expect(model.graph.output).toHaveLength(1);
  });

  it("does not keep long lists", () => {
    const data = new BigInt64Array(1000);
    expect(probedValues({ a: { type: "int64", dims: [1000], data } }).get("a")).toEqual({
      dims: [1000],
      type: "int64",
    });
    expect(probedValues({ a: { type: "float32", dims: [1], data: [1] } }).get("a")).toEqual({ dims: [1] });
    expect(probedValues({ a: { type: "bool", dims: [1], data: [1] } }).get("a")?.integers).toEqual([1]);
  });
});
