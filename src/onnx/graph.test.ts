import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type NodeProto,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { QtamlError } from "../errors.ts";
import {
  attribute,
  floatAttribute,
  indexGraph,
  intAttribute,
  intsAttribute,
  isStandardNode,
  makeNode,
  makeValueInfo,
  namesRead,
  nodeLabel,
  stringAttribute,
} from "./graph.ts";
import { constantBehind } from "./scopes.ts";
import { DataType, floatTensor } from "./tensor.ts";

const one = (name: string) => floatTensor(name, [1], Float32Array.of(1));

/** An `If` whose branch reads a value of the graph around it. */
function ifReading(outer: string, output: string): NodeProto {
  const branch = create(GraphProtoSchema, {
    name: "branch",
    node: [makeNode("Relu", [outer], ["inside"])],
    output: [makeValueInfo("inside", DataType.FLOAT)],
  });
  const node = makeNode("If", ["condition"], [output]);
  node.attribute.push(
    create(AttributeProtoSchema, {
      name: "then_branch",
      type: AttributeProto_AttributeType.GRAPH,
      g: branch,
    }),
  );
  return node;
}

describe("indexGraph", () => {
  it("links values to the nodes that make and read them", () => {
    const add = makeNode("Add", ["x", "x"], ["twice"]);
    const mul = makeNode("Mul", ["twice", "w", ""], ["y", ""]);
    const branch = ifReading("twice", "z");
    const index = indexGraph(
      buildModel({ nodes: [add, mul, branch], initialisers: [one("w")], outputs: ["y"] }).graph,
    );
    expect(index.producer.get("twice")).toBe(add);
    expect(index.producer.has("x")).toBe(false);
    expect(index.producer.has("")).toBe(false);
    expect(index.consumers.get("x")).toEqual([add]);
    expect(index.consumers.get("twice")).toEqual([mul, branch]);
    expect(index.consumers.has("")).toBe(false);
    expect([...index.constants.keys()]).toEqual(["w"]);
  });

  it("knows Constant nodes with a tensor, and constants behind Identity", () => {
    const nodes = [
      makeNode("Constant", [], ["c"], { value: one("") }),
      makeNode("Constant", [], ["n"], { value_int: 3 }),
      makeNode("Identity", ["c"], ["i"]),
      makeNode("Identity", ["i"], ["j"]),
      makeNode("Relu", ["j"], ["k"]),
    ];
    const index = indexGraph(buildModel({ nodes, outputs: ["k"] }).graph);
    expect([...index.constants.keys()]).toEqual(["c"]);
    expect(constantBehind(index, "j")).toBe(index.constants.get("c"));
    expect(constantBehind(index, "k")).toBeUndefined();
    expect(constantBehind(index, "")).toBeUndefined();
    const loop = [makeNode("Identity", ["a"], ["b"]), makeNode("Identity", ["b"], ["a"])];
    expect(constantBehind(indexGraph(buildModel({ nodes: loop, outputs: [] }).graph), "a")).toBeUndefined();
  });

  it("refuses values that are defined twice", () => {
    const twice = [makeNode("Relu", ["x"], ["y"]), makeNode("Relu", ["x"], ["y"])];
    expect(() => indexGraph(buildModel({ nodes: twice, outputs: ["y"] }).graph)).toThrow(QtamlError);
    const both = buildModel({
      nodes: [makeNode("Relu", ["x"], ["w"])],
      initialisers: [one("w")],
      outputs: ["w"],
    });
    expect(() => indexGraph(both.graph)).toThrow('computes the value "w" twice');
  });
});

describe("nodes", () => {
  it("keep their attributes", () => {
    const node = makeNode("Any", ["a"], ["b"], {
      i: -3,
      f: { float: 0.5 },
      s: "valid",
      l: [1, -2],
      t: one("t"),
    });
    expect(intAttribute(node, "i", 0)).toBe(-3);
    expect(intAttribute(node, "missing", 7)).toBe(7);
    expect(floatAttribute(node, "f", 1)).toBe(0.5);
    expect(floatAttribute(node, "missing", 1.5)).toBe(1.5);
    expect(stringAttribute(node, "s", "")).toBe("valid");
    expect(stringAttribute(node, "missing", "none")).toBe("none");
    expect(intsAttribute(node, "l")).toEqual([1, -2]);
    expect(intsAttribute(node, "missing")).toBeUndefined();
    expect(attribute(node, "t")!.t!.name).toBe("t");
    expect(nodeLabel(node)).toBe('Any "b"');
    node.name = "n";
    expect(nodeLabel(node)).toBe('Any "n"');
  });

  it("read what their subgraphs read", () => {
    expect(namesRead(ifReading("outer", "z"))).toEqual(expect.arrayContaining(["condition", "outer"]));
    expect(namesRead(makeNode("Relu", ["x"], ["y"]))).toEqual(["x"]);
  });

  it("are told from those of other domains", () => {
    const node = makeNode("Conv", ["x", "w"], ["y"]);
    expect(isStandardNode(node)).toBe(true);
    node.domain = "ai.onnx";
    expect(isStandardNode(node)).toBe(true);
    node.domain = "com.microsoft.nchwc";
    expect(isStandardNode(node)).toBe(false);
  });
});

describe("value infos", () => {
  it("have fixed, symbolic or no dimensions", () => {
    const shape = (dims?: readonly (number | string)[]) => {
      const { type } = makeValueInfo("v", DataType.FLOAT, dims);
      if (type?.value.case !== "tensorType") throw new Error("not a tensor type");
      return type.value.value.shape?.dim.map((d) => d.value.value);
    };
    expect(shape(["N", 3])).toEqual(["N", 3n]);
    expect(shape([])).toEqual([]);
    expect(shape()).toBeUndefined();
  });
});
