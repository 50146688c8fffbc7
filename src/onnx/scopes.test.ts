import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, floats, runModel, type ModelParts } from "../../test/build-model.ts";
import { attribute, makeNode, makeValueInfo } from "./graph.ts";
import type { OnnxModel } from "./model.ts";
import { hardenModel } from "./harden.ts";
import { prepareModel } from "./prepare.ts";
import { hoistConstants, indexModel, nestedGraphs } from "./scopes.ts";
import { cleanSegments, cleanWeights } from "../stored/index.ts";
import { DataType, elementCount, floatData, floatTensor, int64Tensor } from "./tensor.ts";

const wave = (name: string, ...dims: number[]) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(name.length + i * i)),
  );

/** A node that holds graphs. */
function holding(node: NodeProto, graphs: Readonly<Record<string, ModelParts>>): NodeProto {
  for (const [name, parts] of Object.entries(graphs)) {
    const g = buildModel(parts).graph;
    node.attribute.push(create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g }));
  }
  return node;
}

const product = (weights: string, output: string) => makeNode("MatMul", ["x", weights], [output]);

/** Both branches name their weights "w", as the main graph does; one of them names a result like the main graph's. */
const conditional = (isThen: boolean) =>
  buildModel({
    nodes: [
      product("w", "h"),
      makeNode("Constant", [], ["positive"], { value: int64Tensor("", [1], [isThen ? 1 : 0]) }),
      makeNode("Cast", ["positive"], ["condition"], { to: DataType.BOOL }),
      holding(makeNode("If", ["condition"], ["z"]), {
        then_branch: {
          nodes: [
            makeNode("Constant", [], ["c"], { value: wave("", 4, 4) }),
            makeNode("MatMul", ["x", "w"], ["inner"]),
            makeNode("MatMul", ["inner", "c"], ["a"]),
          ],
          initialisers: [wave("w", 4, 4)],
          outputs: ["a"],
        },
        else_branch: {
          nodes: [makeNode("MatMul", ["h", "w"], ["a"])],
          initialisers: [
            floatTensor(
              "w",
              [4, 4],
              Float32Array.from({ length: 16 }, (_, i) => i / 16),
            ),
          ],
          outputs: ["a"],
        },
      }),
      makeNode("Add", ["z", "h"], ["y"]),
    ],
    initialisers: [wave("w", 4, 4)],
    inputs: { x: [2, 4] },
    outputs: ["y"],
  });

const x = { dims: [2, 4], data: Float32Array.from({ length: 8 }, (_, i) => (i % 5) - 2) };
const run = async (model: OnnxModel) => floats((await runModel(model, { x }))["y"]);

describe("hoistConstants", () => {
  it("turns Constant nodes that hold numbers into initialisers and leaves others", () => {
    const model = buildModel({
      nodes: [
        makeNode("Constant", [], ["w"], { value: wave("", 2, 2) }),
        makeNode("Constant", [], ["n"], { value_int: 2 }),
        makeNode("Constant", [], ["l"], { value_ints: [2, 3] }),
        makeNode("Constant", [], ["f"], { value_float: { float: 0.5 } }),
        makeNode("Constant", [], ["t"], { value_string: "text" }),
        makeNode("MatMul", ["x", "w"], ["y"]),
      ],
      outputs: ["y"],
    });
    hoistConstants(model);
    expect(model.graph.node.map((n) => n.opType)).toEqual(["Constant", "MatMul"]);
    expect(model.graph.initializer.map((t) => [t.name, t.dims.map(Number)])).toEqual([
      ["w", [2, 2]],
      ["n", []],
      ["l", [2]],
      ["f", []],
    ]);
  });

  it.each([true, false])(
    "brings the constants of branches to the top, same outputs (condition %s)",
    async (is) => {
      const model = conditional(is);
      const before = await run(model);
      hoistConstants(model);
      const index = indexModel(model);
      expect([...index.constants.keys()].sort()).toEqual(["c", "positive", "w", "w.1", "w.2"]);
      const outputs = index.nodes.flatMap((node) => node.output);
      expect(new Set(outputs).size).toBe(outputs.length);
      expect(await run(model)).toEqual(before);
    },
  );

  it("keeps a branch that only passes a constant on", async () => {
    const model = buildModel({
      nodes: [
        makeNode("ReduceSum", ["x"], ["sum"], { keepdims: 0 }),
        makeNode("Greater", ["sum", "nought"], ["condition"]),
        holding(makeNode("If", ["condition"], ["v"]), {
          then_branch: { nodes: [], initialisers: [wave("w", 4, 4)], outputs: ["w"] },
          else_branch: { nodes: [makeNode("Neg", ["u"], ["n"])], outputs: ["n"] },
        }),
        makeNode("MatMul", ["x", "v"], ["y"]),
      ],
      initialisers: [floatTensor("nought", [], Float32Array.of(-1000)), wave("u", 4, 4)],
      inputs: { x: [2, 4] },
      outputs: ["y"],
    });
    const before = await run(model);
    hoistConstants(model);
    expect(await run(model)).toEqual(before);
  });

  it("follows names into the body of a loop and out of it", async () => {
    const body = {
      nodes: [
        makeNode("MatMul", ["state", "w"], ["next"]),
        makeNode("Tanh", ["next"], ["w2"]),
        makeNode("Identity", ["going"], ["still"]),
        makeNode("Identity", ["w2"], ["row"]),
      ],
      initialisers: [wave("unusedName", 1)],
      inputs: [
        makeValueInfo("i", DataType.INT64, []),
        makeValueInfo("going", DataType.BOOL, []),
        makeValueInfo("state", DataType.FLOAT, [2, 4]),
      ],
      outputs: [makeValueInfo("still", DataType.BOOL, []), "w2", "row"],
    };
    const model = buildModel({
      nodes: [
        makeNode("Relu", ["x"], ["state"]),
        holding(makeNode("Loop", ["times", "", "state"], ["last", "rows"]), { body }),
        makeNode("Add", ["last", "state"], ["y"]),
      ],
      initialisers: [wave("w", 4, 4), int64Tensor("times", [], [3])],
      inputs: { x: [2, 4] },
      outputs: ["y", "rows"],
    });
    const before = await run(model);
    hoistConstants(model);
    const [inner] = nestedGraphs(model.graph.node[1]!) as [GraphProto];
    // The outer "state" is another value than the body's.
    expect(inner.input.map((i) => i.name)).toEqual(["i", "going", "state.1"]);
    expect(await run(model)).toEqual(before);

    const prepared = prepareModel(model);
    expect(prepared.tensors.map((t) => [t.name, t.role, t.operators])).toEqual([["w", "weight", ["MatMul"]]]);
    const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    const hardened = hardenModel(prepared, segments, "gather");
    expect(await run(hardened)).toEqual(await run(prepared.model));
  });
});

describe("weights in branches", () => {
  it("are stored and faulted under names of their own", async () => {
    const prepared = prepareModel(conditional(true));
    expect(prepared.tensors.map((t) => t.name)).toEqual(["w", "w.1", "c", "w.2"]);
    // The same by hand: every weight of the file replaced by its 8-bit value.
    const byHand = conditional(true);
    const weights = new Map(prepared.tensors.map((t) => [t.name, cleanWeights(t)]));
    const branches = nestedGraphs(byHand.graph.node.find((n) => n.opType === "If")!);
    byHand.graph.initializer[0] = floatTensor("w", [4, 4], weights.get("w")!);
    branches[0]!.initializer[0] = floatTensor("w", [4, 4], weights.get("w.1")!);
    const constant = attribute(branches[0]!.node[0]!, "value")!;
    constant.t = floatTensor("", [4, 4], weights.get("c")!);
    expect(await run(prepared.model)).toEqual(await run(byHand));
    expect(floatData(prepared.model.graph.initializer.find((t) => t.name === "w.1")!)).toEqual(
      weights.get("w.1"),
    );
    const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
    for (const form of ["gather", "qdq"] as const)
      expect(await run(hardenModel(prepared, segments, form))).toEqual(await run(byHand));
  });
});
