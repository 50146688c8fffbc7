/**
 * @file Takes quantised operators apart into `DequantizeLinear`, the float operator and `QuantizeLinear`, so that one
 * form of quantised model serves trials, gradients and hardening. The stored codes stay what they are.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { isStandardNode, makeNode, type AttributeValue } from "../graph.ts";
import type { OnnxModel } from "../model.ts";
import { indexModel, replaceNodes, uniqueNames, type ModelIndex, type UniqueNames } from "../scopes.ts";

/** What a rule may use to rewrite a node. */
export interface RewriteContext {
  readonly index: ModelIndex;
  readonly names: UniqueNames;
  /** Whether the memory holds the tensor of this name. */
  readonly isSelected: (name: string) => boolean;
  /** Version of the default operator set. */
  readonly opset: number;
  /** Adds an initialiser to the main graph, in place of one of the same name. */
  addConstant(tensor: TensorProto): void;
}

/** The nodes that take the place of one; undefined where the rule does not apply. */
export type RewriteRule = (node: NodeProto, context: RewriteContext) => readonly NodeProto[] | undefined;

/** Collects the nodes of a rewrite. */
export class NodeWriter {
  readonly nodes: NodeProto[] = [];
  readonly #names: UniqueNames;
  readonly #base: string;

  /** @param base what the new values are named after */
  constructor(names: UniqueNames, base: string) {
    this.#names = names;
    this.#base = base;
  }

  /** Adds a node and returns the name of its output. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    output = this.#names.fresh(`${this.#base}.${opType}`),
  ): string {
    this.nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }
}

/**
 * Applies rules to all nodes of a model, by operator type. Edits the model; returns how many nodes were rewritten.
 */
export function rewriteNodes(
  model: OnnxModel,
  opset: number,
  rules: ReadonlyMap<string, RewriteRule>,
  isSelected: (name: string) => boolean,
): number {
  const added = new Map<string, TensorProto>();
  const context: RewriteContext = {
    index: indexModel(model),
    names: uniqueNames(model),
    isSelected,
    opset,
    addConstant: (tensor) => added.set(tensor.name, tensor),
  };
  let count = 0;
  replaceNodes(model.graph, (node) => {
    const isKnown = isStandardNode(node) || node.domain === "com.microsoft";
    const nodes = isKnown ? rules.get(node.opType)?.(node, context) : undefined;
    if (nodes !== undefined) count += 1;
    return nodes;
  });
  const { graph } = model;
  graph.initializer = [...graph.initializer.filter((t) => !added.has(t.name)), ...added.values()];
  return count;
}
