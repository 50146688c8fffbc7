/**
 * @file Looking around in an ONNX graph: who makes a value, who reads it, which values are constant; and making
 * nodes.
 */
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  type TensorProto_DataType,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { QtamlError } from "../errors.ts";

/** Links of a graph by value name. Built once; stale after the graph's nodes or initialisers are edited. */
export interface GraphIndex {
  readonly graph: GraphProto;
  /** The node that computes a value. */
  readonly producer: ReadonlyMap<string, NodeProto>;
  /**
   * The nodes of this graph that read a value, themselves or in a subgraph of theirs, in order (a node that reads it
   * twice is listed once).
   */
  readonly consumers: ReadonlyMap<string, readonly NodeProto[]>;
  /** Constant tensors: initialisers and the outputs of `Constant` nodes with a tensor value. */
  readonly constants: ReadonlyMap<string, TensorProto>;
}

/** Indexes a graph. @throws QtamlError `invalid-file` when a value is computed twice */
export function indexGraph(graph: GraphProto): GraphIndex {
  const producer = new Map<string, NodeProto>();
  const consumers = new Map<string, NodeProto[]>();
  const constants = new Map<string, TensorProto>();
  for (const tensor of graph.initializer) constants.set(tensor.name, tensor);
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (producer.has(name) || constants.has(name)) {
        throw new QtamlError(
          "invalid-file",
          `The model computes the value "${name}" twice; export it again.`,
        );
      }
      producer.set(name, node);
    }
    for (const name of new Set(namesRead(node))) {
      if (name === "") continue;
      const readers = consumers.get(name);
      if (readers === undefined) consumers.set(name, [node]);
      else readers.push(node);
    }
    const constant = node.opType === "Constant" ? attribute(node, "value")?.t : undefined;
    if (constant !== undefined && node.output[0] !== undefined) constants.set(node.output[0], constant);
  }
  return { graph, producer, consumers, constants };
}

/** The graphs inside a node: branches and bodies. */
export function nestedGraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap((a) => (a.g === undefined ? a.graphs : [a.g, ...a.graphs]));
}

/** Names that a node reads, its subgraphs included (with the names that a subgraph computes for itself). */
export function namesRead(node: NodeProto): string[] {
  const nested = nestedGraphs(node);
  if (nested.length === 0) return node.input;
  return [
    ...node.input,
    ...nested.flatMap((g) => [...g.node.flatMap(namesRead), ...g.output.map((o) => o.name)]),
  ];
}

/** Whether a node is of the default operator set: `Conv` of another domain is another operator. */
export function isStandardNode(node: NodeProto): boolean {
  return node.domain === "" || node.domain === "ai.onnx";
}

/** The attribute of that name, if the node has it. */
export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((a) => a.name === name);
}

/** An integer attribute, or the operator's default. */
export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const found = attribute(node, name);
  return found === undefined ? fallback : Number(found.i);
}

/** A float attribute, or the operator's default. */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return attribute(node, name)?.f ?? fallback;
}

/** A list of integers, or undefined when the node does not state it. */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return attribute(node, name)?.ints.map(Number);
}

/** A string attribute, or the operator's default. */
export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const found = attribute(node, name);
  return found === undefined ? fallback : new TextDecoder().decode(found.s);
}

/** How a node is called in messages: its operator and its name, or its first output when it has none. */
export function nodeLabel(node: NodeProto): string {
  return `${node.opType} "${node.name === "" ? (node.output[0] ?? "") : node.name}"`;
}

/** Attribute values `makeNode` takes; whole numbers become integers, `{ float }` forces a float. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number } | TensorProto;

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "string") {
    return create(AttributeProtoSchema, {
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    });
  }
  if (typeof value === "number") {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if ("float" in value)
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  if ("dataType" in value)
    return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: value });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

/** A node of the default operator set. */
export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    name: output[0] ?? "",
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([name, value]) => makeAttribute(name, value)),
  });
}

/**
 * A graph input or output of a given element type.
 *
 * @param dims sizes; `undefined` leaves the rank open, a string is a symbolic size
 */
export function makeValueInfo(
  name: string,
  elemType: TensorProto_DataType,
  dims?: readonly (number | string)[],
): ValueInfoProto {
  const shape =
    dims === undefined
      ? {}
      : {
          shape: {
            dim: dims.map((d) => ({
              value:
                typeof d === "number"
                  ? { case: "dimValue" as const, value: BigInt(d) }
                  : { case: "dimParam" as const, value: d },
            })),
          },
        };
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: { elemType, ...shape } } }),
  });
}
