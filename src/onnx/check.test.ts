import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  type GraphProto,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { checkGraph } from "./check.ts";
import { makeNode, makeValueInfo } from "./graph.ts";
import { DataType, floatTensor } from "./tensor.ts";

const graph = (node: NodeProto[], output: string[] = ["y"]): GraphProto =>
  create(GraphProtoSchema, {
    name: "g",
    node,
    input: [makeValueInfo("x", DataType.FLOAT, [1])],
    initializer: [floatTensor("w", [1], Float32Array.of(1))],
    output: output.map((o) => makeValueInfo(o, DataType.FLOAT)),
  });

const branching = (inner: GraphProto): NodeProto =>
  create(NodeProtoSchema, {
    opType: "If",
    input: ["x"],
    output: ["y"],
    attribute: [create(AttributeProtoSchema, { name: "then_branch", type: AttributeType.GRAPH, g: inner })],
  });

const inner = (node: NodeProto[]) =>
  create(GraphProtoSchema, { name: "inner", node, output: [makeValueInfo("z", DataType.FLOAT)] });

const check = (g: GraphProto) => () => checkGraph(g, "m.onnx");

describe("a sound graph", () => {
  it("may list its nodes in any order, leave optional values out and read outer values in subgraphs", () => {
    expect(check(graph([makeNode("Relu", ["h"], ["y"]), makeNode("Add", ["x", "w"], ["h"])]))).not.toThrow();
    expect(check(graph([makeNode("Clip", ["x", "", "w"], ["y", ""])]))).not.toThrow();
    expect(
      check(graph([makeNode("Relu", ["x"], ["h"]), branching(inner([makeNode("Add", ["h", "w"], ["z"])]))])),
    ).not.toThrow();
  });
});

describe("a damaged graph", () => {
  it.each<[string, GraphProto, RegExp]>([
    ["no operator", graph([makeNode("", ["x"], ["y"])]), /node with no operator/],
    [
      "no output",
      graph([makeNode("Relu", ["x"], ["y"]), makeNode("Relu", ["x"], [])]),
      /node with no output/,
    ],
    [
      "a value from nowhere",
      graph([makeNode("Add", ["x", "v"], ["y"])]),
      /Add "y", which reads the value "v"/,
    ],
    ["an output from nowhere", graph([makeNode("Relu", ["x"], ["h"])]), /output "y", which no node computes/],
    ["a node that reads itself", graph([makeNode("Add", ["x", "y"], ["y"])]), /cycle: Add "y"/],
    [
      "a ring",
      graph([
        makeNode("Add", ["x", "b"], ["a"]),
        makeNode("Relu", ["a"], ["b"]),
        makeNode("Relu", ["b"], ["y"]),
      ]),
      /cycle: Add "a"/,
    ],
    [
      "a ring through a subgraph",
      graph([makeNode("Relu", ["y"], ["h"]), branching(inner([makeNode("Relu", ["h"], ["z"])]))]),
      /cycle: Relu "h"/,
    ],
    [
      "a value from nowhere in a subgraph",
      graph([branching(inner([makeNode("Relu", ["v"], ["z"])]))]),
      /"v" that nothing/,
    ],
  ])("%s", (_, g, sentence) => {
    expect(check(g)).toThrow(sentence);
    expect(check(g)).toThrow(/^m\.onnx has /);
  });

  it("subgraphs nested without end", () => {
    let deep = inner([makeNode("Relu", ["x"], ["z"])]);
    for (let k = 0; k < 200; k++) {
      deep = inner([Object.assign(branching(deep), { output: ["z"] })]);
    }
    expect(check(graph([branching(deep)]))).toThrow(/more than 64 deep/);
  });
});
