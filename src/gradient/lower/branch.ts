/** @file A branch whose condition is the same for all data of one shape, put in place of its `If`. */
import { clone } from "@bufbuild/protobuf";
import { NodeProtoSchema, type NodeProto } from "onnx-buf";
import { NotLowered, type LoweringRule } from "./context.ts";

/** Renames what a branch computes, also inside nested graphs. */
function renamed(node: NodeProto, names: ReadonlyMap<string, string>): NodeProto {
  const copy = clone(NodeProtoSchema, node);
  const rename = (name: string): string => names.get(name) ?? name;
  const walk = (n: NodeProto): void => {
    n.input = n.input.map(rename);
    for (const a of n.attribute) {
      for (const g of [...(a.g === undefined ? [] : [a.g]), ...a.graphs]) {
        g.node.forEach(walk);
        for (const output of g.output) output.name = rename(output.name);
      }
    }
  };
  walk(copy);
  copy.output = copy.output.map(rename);
  return copy;
}

/**
 * Exporters write such branches for shapes that turn out fixed, and for settings that are fed as constants. A branch
 * inside the branch is lowered in another pass.
 */
export const branch: LoweringRule = (l) => {
  const condition = l.integers(0)?.[0];
  if (condition === undefined) throw new NotLowered("a condition that depends on the data");
  const name = condition === 0 ? "else_branch" : "then_branch";
  const graph = l.node.attribute.find((a) => a.name === name)?.g;
  if (graph === undefined) throw new NotLowered("no such branch");
  const names = new Map<string, string>();
  for (const node of graph.node) {
    for (const output of node.output) if (output !== "") names.set(output, l.fresh());
  }
  for (const tensor of graph.initializer) names.set(tensor.name, l.copied(tensor));
  for (const node of graph.node) l.nodes.push(renamed(node, names));
  graph.output.forEach((output, i) => l.bind(i, names.get(output.name) ?? output.name));
};
