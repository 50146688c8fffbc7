import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { gradientsOf, modelOf, probe, runOnce, Tensor } from "../../../test/support/gradients.ts";
import { makeNode, makeValueInfo } from "../../onnx/graph.ts";
import { DataType, floatTensor, int64Tensor } from "../../onnx/tensor.ts";
import { lowerModel } from "./lower.ts";

const input = makeValueInfo("x", DataType.FLOAT, [2, 3]);
const x = { x: new Tensor("float32", Float32Array.of(0.5, -1, 2, 0.25, 1.5, -0.75), [2, 3]) };
const w = floatTensor("w", [3, 2], Float32Array.of(1, -2, 0.5, 3, -1, 0.25));

function branch(name: string, nodes: NodeProto[], output: string, factor?: number) {
  return create(AttributeProtoSchema, {
    name,
    type: AttributeProto_AttributeType.GRAPH,
    g: create(GraphProtoSchema, {
      name,
      node: nodes,
      initializer: factor === undefined ? [] : [floatTensor("factor", [], Float32Array.of(factor))],
      output: [makeValueInfo(output, DataType.FLOAT, [2, 2])],
    }),
  });
}

/** `h = x W`; then twice or three times `h`, by a condition. */
function branching(condition: NodeProto[]) {
  const choice = makeNode("If", ["c"], ["y"]);
  choice.attribute = [2, 3].map((factor, i) =>
    branch(i === 0 ? "then_branch" : "else_branch", [makeNode("Mul", ["h", "factor"], ["m"])], "m", factor),
  );
  return modelOf(
    17,
    [makeNode("MatMul", ["x", "w"], ["h"]), ...condition, choice],
    [input],
    [
      w,
      int64Tensor("two", [1], [2]),
      int64Tensor("axis", [1], [0]),
      floatTensor("zero", [], Float32Array.of(0)),
    ],
    "y",
  );
}

describe("lowerModel", () => {
  const byShape = [
    makeNode("Shape", ["h"], ["s"]),
    makeNode("Gather", ["s", "axis"], ["n"]),
    makeNode("Equal", ["n", "two"], ["e"]),
    makeNode("Squeeze", ["e"], ["c"]),
  ];

  it("puts the branch in place of an If whose condition only shapes decide", async () => {
    const model = branching(byShape);
    const lowered = lowerModel(model, await probe(model, x));
    expect(lowered.graph.node.map((n) => n.opType)).not.toContain("If");
    expect((await runOnce(lowered, x))["y"]!.data).toEqual((await runOnce(model, x))["y"]!.data);
    const { graph, gradients } = await gradientsOf(model, x, ["w"], () => 1);
    expect(graph.uncovered).toEqual([]);
    // Twice the column sums of x, once for each column of W.
    expect([...gradients.get("w")!]).toEqual([1.5, 1.5, 1, 1, 2.5, 2.5]);
  });

  it("follows conditions through branches inside branches, and inputs that never change", async () => {
    const inner = makeNode("If", ["c2"], ["k"]);
    inner.attribute = [2, 3].map((factor, i) =>
      branch(i === 0 ? "then_branch" : "else_branch", [makeNode("Mul", ["u", "f"], ["m"])], "m"),
    );
    for (const [i, a] of inner.attribute.entries())
      a.g!.initializer = [floatTensor("f", [], Float32Array.of(i === 0 ? 2 : 3))];
    const outer = makeNode("If", ["c1"], ["y"]);
    outer.attribute = [
      branch("then_branch", [makeNode("Neg", ["h"], ["u"]), inner], "k"),
      branch("else_branch", [makeNode("Identity", ["h"], ["v"])], "v"),
    ];
    const model = modelOf(
      17,
      [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("Cast", ["rate"], ["c1"], { to: DataType.BOOL }),
        makeNode("Not", ["c1"], ["c2"]),
        outer,
      ],
      [input, makeValueInfo("rate", DataType.INT64, [])],
      [w],
      "y",
    );
    const feeds = { ...x, rate: new Tensor("int64", BigInt64Array.of(16000n), []) };
    const probed = await probe(model, feeds);
    expect(lowerModel(model, probed)).toBe(model);
    const once = lowerModel(model, probed, ["rate"]);
    const twice = lowerModel(once, await probe(once, feeds), ["rate"]);
    expect([once, twice].map((m) => m.graph.node.filter((n) => n.opType === "If").length)).toEqual([1, 0]);
    expect((await runOnce(twice, feeds))["y"]!.data).toEqual((await runOnce(model, feeds))["y"]!.data);
  });

  it("leaves an If that the data decide", async () => {
    const byData = [
      makeNode("ReduceMax", ["h"], ["top"], { keepdims: 0 }),
      makeNode("Greater", ["top", "zero"], ["c"]),
    ];
    const model = branching(byData);
    expect(lowerModel(model, await probe(model, x))).toBe(model);
    const { graph } = await gradientsOf(model, x, ["w"], () => 1);
    expect(graph.uncovered).toEqual([{ tensor: "w", operator: "If" }]);
  });

  it("leaves forms that it does not know, and models without compound operators", async () => {
    const recurrent = modelOf(
      14,
      [
        makeNode("Unsqueeze", ["x", "axis"], ["sequence"]),
        makeNode("RNN", ["sequence", "a", "r"], ["y"], { hidden_size: 1, clip: { float: 0.5 } }),
      ],
      [input],
      [
        floatTensor("a", [1, 1, 3], Float32Array.of(1, 2, 3)),
        floatTensor("r", [1, 1, 1], Float32Array.of(1)),
        int64Tensor("axis", [1], [0]),
      ],
      "y",
    );
    const { graph } = await gradientsOf(recurrent, x, ["a"], () => 1);
    expect(graph.uncovered).toEqual([{ tensor: "a", operator: "RNN" }]);
    const plain = modelOf(17, [makeNode("MatMul", ["x", "w"], ["y"])], [input], [w], "y");
    expect(lowerModel(plain, await probe(plain, x))).toBe(plain);
  });

  it("computes what the runtime's recurrences compute, in any number of steps", async () => {
    const values = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i));
    const model = modelOf(
      14,
      [makeNode("LSTM", ["seq", "a", "r", "b"], ["y"], { hidden_size: 3, direction: "bidirectional" })],
      [makeValueInfo("seq", DataType.FLOAT, [60, 1, 2])],
      [
        floatTensor("a", [2, 12, 2], values(48)),
        floatTensor("r", [2, 12, 3], values(72)),
        floatTensor("b", [2, 24], values(48)),
      ],
      "y",
    );
    const feeds = { seq: new Tensor("float32", values(120), [60, 1, 2]) };
    const lowered = lowerModel(model, await probe(model, feeds));
    expect(lowered.graph.node.map((n) => n.opType)).not.toContain("LSTM");
    const [theirs, ours] = [await runOnce(model, feeds), await runOnce(lowered, feeds)].map(
      (r) => r["y"]!.data as Float32Array,
    );
    // The runtime's sigmoid and tanh are rational approximations, good to some 1e-6.
    ours!.forEach((v, i) => expect(Math.abs(v - theirs![i]!)).toBeLessThan(1e-4));
  });
});
