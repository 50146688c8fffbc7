/** @file Which values vary with the requested tensors, where gradients end, and what depends on them all the same. */
import type { GraphProto, NodeProto } from "onnx-buf";
import { intAttribute, isStandardNode, DataType } from "../onnx/index.ts";
import { gradientStops } from "./operators.ts";
import type { ForwardValues } from "./rule.ts";

const floatTypes = new Set<number>([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);
const stops = new Set(gradientStops);

/** Operators whose result depends on no element of what they read. */
const shapeOnly = new Set("Shape Size EyeLike RandomNormalLike RandomUniformLike".split(" "));

/** Operators whose further outputs are positions, or count as constant. */
const withOneValue = new Set(["DynamicQuantizeLinear", "MaxPool", "TopK"]);

/** Operators that give whole numbers where their operands are whole, as those of an integer product are. */
const products = new Set(["MatMul", "Conv"]);

const notNumbers = new Set<number>([DataType.BOOL, DataType.STRING, DataType.UNDEFINED]);

/** Values a node reads, those that its inner graphs capture included. */
export function reads(node: NodeProto): string[] {
  const inner = node.attribute.flatMap((a) => [...(a.g === undefined ? [] : [a.g]), ...a.graphs]);
  const captured = (graph: GraphProto): string[] => [
    ...graph.node.flatMap(reads),
    ...graph.output.map((o) => o.name),
  ];
  return [...node.input.filter((name) => name !== ""), ...inner.flatMap(captured)];
}

/** How values of a graph vary with some of its tensors. */
export interface Activity {
  /** Whether a value varies with a requested tensor in a way that has a derivative. */
  readonly isActive: (name: string) => boolean;
  /** Whether nothing behind the node varies in such a way with what it reads. */
  readonly isStop: (node: NodeProto) => boolean;
}

/**
 * Follows tensors forwards. A cast to integers ends the gradient, unless it does not round: of an integer product that
 * was computed in float, of an integer, or of a stored integer, which is fed as a float.
 */
export function activity(
  graph: GraphProto,
  tensors: readonly string[],
  forward: Pick<ForwardValues, "type" | "producer">,
): Activity {
  const active = new Set(tensors);
  const stored = new Set(tensors);
  const isStop = (node: NodeProto): boolean => {
    if (!isStandardNode(node)) return false;
    if (node.opType !== "Cast") return stops.has(node.opType);
    const to = intAttribute(node, "to", DataType.FLOAT);
    const [source = ""] = node.input;
    if (floatTypes.has(to) || stored.has(source)) return false;
    if (notNumbers.has(to)) return true;
    const from = forward.type(source);
    return !products.has(forward.producer(source) ?? "") && (floatTypes.has(from) || notNumbers.has(from));
  };
  for (const node of graph.node) {
    if (isStop(node) || !reads(node).some((name) => active.has(name))) continue;
    const values = withOneValue.has(node.opType) ? node.output.slice(0, 1) : node.output;
    for (const name of values) if (name !== "") active.add(name);
  }
  return { isStop, isActive: (name) => active.has(name) };
}

/**
 * Values whose elements the output depends on by any path, each with the operator nearest to it at which a gradient
 * ends on the way, or else the operator that reads it.
 */
export function influences(
  graph: GraphProto,
  output: string,
  isStop: (node: NodeProto) => boolean,
): Map<string, string> {
  const found = new Map([[output, ""]]);
  for (const node of graph.node.toReversed()) {
    const behind = node.output.flatMap((name) => found.get(name) ?? []);
    if (behind.length === 0 || (isStandardNode(node) && shapeOnly.has(node.opType))) continue;
    const operator = isStop(node) ? node.opType : (behind.find((o) => o !== "") ?? "");
    for (const name of reads(node)) found.set(name, found.get(name) || operator);
  }
  for (const node of graph.node) {
    for (const name of reads(node)) if (found.get(name) === "") found.set(name, node.opType);
  }
  return found;
}
