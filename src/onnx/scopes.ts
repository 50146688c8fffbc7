/**
 * @file The subgraphs of If, Loop and Scan: their constants brought to the top, every value under a name of its own,
 * so that what follows can look at all nodes of a model as at one list.
 */
import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { attribute, makeNode, nestedGraphs, type GraphIndex } from "./graph.ts";
import type { OnnxModel } from "./model.ts";
import { floatTensor, int64Tensor } from "./tensor.ts";

export { nestedGraphs };

/** Gives names that no value of a model has yet. */
export interface UniqueNames {
  /** The base itself where it is free, else with the first number that makes it so. The name is then taken. */
  fresh(base: string): string;
}

/** All nodes of a graph in order, those of subgraphs right before the node that holds them. */
export function allNodes(graph: GraphProto): NodeProto[] {
  const nodes: NodeProto[] = [];
  const visit = (g: GraphProto) => {
    for (const node of g.node) {
      for (const nested of nestedGraphs(node)) visit(nested);
      nodes.push(node);
    }
  };
  visit(graph);
  return nodes;
}

/**
 * Replaces nodes, in subgraphs too. Edits the graph.
 *
 * @param edit the nodes to put in place of one; undefined leaves it
 */
export function replaceNodes(
  graph: GraphProto,
  edit: (node: NodeProto) => readonly NodeProto[] | undefined,
): void {
  for (const node of graph.node) for (const nested of nestedGraphs(node)) replaceNodes(nested, edit);
  graph.node = graph.node.flatMap((node) => edit(node) ?? [node]);
}

/** Names that a graph gives to values, without its subgraphs. */
function definedNames(graph: GraphProto): string[] {
  return [
    ...graph.input.map((i) => i.name),
    ...graph.initializer.map((t) => t.name),
    ...graph.sparseInitializer.map((t) => t.values?.name ?? ""),
    ...graph.node.flatMap((node) => node.output),
  ].filter((name) => name !== "");
}

/** Names for new values of a model, whatever its graphs use already. */
export function uniqueNames(model: OnnxModel): UniqueNames {
  const taken = new Set<string>();
  const visit = (graph: GraphProto) => {
    for (const name of definedNames(graph)) taken.add(name);
    for (const node of graph.node) for (const nested of nestedGraphs(node)) visit(nested);
  };
  visit(model.graph);
  return namesBeside(taken);
}

function namesBeside(taken: Set<string>): UniqueNames {
  const counts = new Map<string, number>();
  return {
    fresh(base) {
      let name = base;
      let count = counts.get(base) ?? 0;
      while (taken.has(name)) name = `${base}.${++count}`;
      counts.set(base, count);
      taken.add(name);
      return name;
    },
  };
}

/** The tensor that a `Constant` node holds, in whichever attribute; undefined for strings and sparse tensors. */
export function constantValue(node: NodeProto): TensorProto | undefined {
  const tensor = attribute(node, "value")?.t;
  if (tensor !== undefined) return tensor;
  const name = node.output[0] ?? "";
  const float = attribute(node, "value_float");
  if (float !== undefined) return floatTensor(name, [], Float32Array.of(float.f));
  const floats = attribute(node, "value_floats")?.floats;
  if (floats !== undefined) return floatTensor(name, [floats.length], Float32Array.from(floats));
  const int = attribute(node, "value_int");
  if (int !== undefined) return int64Tensor(name, [], [Number(int.i)]);
  const ints = attribute(node, "value_ints")?.ints;
  if (ints !== undefined) return int64Tensor(name, [ints.length], ints.map(Number));
  return undefined;
}

/** Takes the `Constant` nodes with a tensor out of a graph. */
function takeConstants(graph: GraphProto): TensorProto[] {
  const taken: TensorProto[] = [];
  graph.node = graph.node.filter((node) => {
    const tensor = node.opType === "Constant" ? constantValue(node) : undefined;
    const name = node.output[0];
    if (tensor === undefined || name === undefined) return true;
    tensor.name = name;
    taken.push(tensor);
    return false;
  });
  return taken;
}

/**
 * Turns `Constant` nodes into initialisers of the same name, moves the constants of subgraphs to the main graph, and
 * renames values of subgraphs that share their name with another value, so that a constant is always found in one
 * place and a name means one value. Edits the model.
 */
export function hoistConstants(model: OnnxModel): void {
  const { graph } = model;
  graph.initializer.push(...takeConstants(graph));
  const taken = new Set(definedNames(graph));
  const names = namesBeside(taken);
  const hoisted: TensorProto[] = [];
  for (const node of graph.node) {
    for (const nested of nestedGraphs(node)) flatten(nested, new Map(), names, hoisted);
  }
  graph.initializer.push(...hoisted);
}

function flatten(
  graph: GraphProto,
  outer: ReadonlyMap<string, string>,
  names: UniqueNames,
  hoisted: TensorProto[],
): void {
  const constants = [...graph.initializer, ...takeConstants(graph)];
  const inputs = new Set(graph.input.map((i) => i.name));
  const own = new Map<string, string>();
  for (const name of [...definedNames(graph), ...constants.map((t) => t.name)]) {
    if (!own.has(name)) own.set(name, names.fresh(name));
  }
  const scope = new Map([...outer, ...own]);
  const renamed = (name: string) => scope.get(name) ?? name;
  graph.initializer = [];
  for (const tensor of constants) {
    // An initialiser that is an input too is only that input's default.
    if (inputs.has(tensor.name)) graph.initializer.push(tensor);
    else hoisted.push(tensor);
    tensor.name = renamed(tensor.name);
  }
  for (const input of graph.input) input.name = renamed(input.name);
  for (const info of graph.valueInfo) info.name = renamed(info.name);
  for (const sparse of graph.sparseInitializer)
    if (sparse.values !== undefined) sparse.values.name = renamed(sparse.values.name);
  for (const node of graph.node) {
    node.input = node.input.map(renamed);
    node.output = node.output.map(renamed);
    for (const nested of nestedGraphs(node)) flatten(nested, scope, names, hoisted);
  }
  const computed = new Set(graph.node.flatMap((node) => node.output));
  for (const output of graph.output) {
    const name = renamed(output.name);
    output.name = name;
    // The output of a subgraph has to be computed in it.
    if (computed.has(name) || graph.input.some((i) => i.name === name)) continue;
    output.name = names.fresh(name);
    graph.node.push(makeNode("Identity", [name], [output.name]));
    computed.add(output.name);
  }
}

/** A place where a value is read. */
export interface ValueUse {
  readonly node: NodeProto;
  /** Index among the node's inputs. */
  readonly input: number;
}

/** Links of a whole model by value name, subgraphs included. Needs `hoistConstants` first. */
export interface ModelIndex {
  /** Every node, in the order of `allNodes`. */
  readonly nodes: readonly NodeProto[];
  readonly producer: ReadonlyMap<string, NodeProto>;
  readonly uses: ReadonlyMap<string, readonly ValueUse[]>;
  readonly constants: ReadonlyMap<string, TensorProto>;
  /** Outputs of the model and of its subgraphs. */
  readonly outputs: ReadonlySet<string>;
  /** Nodes of the main graph: what they compute can be read everywhere. */
  readonly mainNodes: ReadonlySet<NodeProto>;
}

/** Indexes a model after `hoistConstants`. */
export function indexModel(model: OnnxModel): ModelIndex {
  const nodes = allNodes(model.graph);
  const producer = new Map<string, NodeProto>();
  const uses = new Map<string, ValueUse[]>();
  const outputs = new Set(model.graph.output.map((o) => o.name));
  for (const node of nodes) {
    for (const name of node.output) if (name !== "") producer.set(name, node);
    node.input.forEach((name, input) => {
      if (name === "") return;
      const known = uses.get(name);
      if (known === undefined) uses.set(name, [{ node, input }]);
      else known.push({ node, input });
    });
    for (const graph of nestedGraphs(node)) for (const output of graph.output) outputs.add(output.name);
  }
  return {
    nodes,
    producer,
    uses,
    constants: new Map(model.graph.initializer.map((t) => [t.name, t])),
    outputs,
    mainNodes: new Set(model.graph.node),
  };
}

/** The constant behind a value, also through `Identity` (exporters write one tensor for equal parameters). */
export function constantBehind(
  index: Pick<GraphIndex, "constants" | "producer">,
  name: string,
): TensorProto | undefined {
  const seen = new Set<string>();
  let value = name;
  for (;;) {
    const tensor = index.constants.get(value);
    const node = index.producer.get(value);
    if (tensor !== undefined || node?.opType !== "Identity" || seen.has(value)) return tensor;
    seen.add(value);
    value = node.input[0] ?? "";
  }
}
