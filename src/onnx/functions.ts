/**
 * @file Functions that a model defines for itself (`ModelProto.functions`, from IR version 8 on): every call is
 * replaced by the function's nodes, so that weights and gradients inside are found like all others. Constants of a
 * function are stored once in the file, and stay one tensor however often the function is called.
 */
import { create } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { checkGraph } from "./check.ts";
import { isStandardNode, makeNode } from "./graph.ts";
import { copyMessage } from "./lazy.ts";
import type { OnnxModel } from "./model.ts";
import { uniteOperatorSets } from "./operator-sets.ts";
import { allNodes, constantValue, nestedGraphs, uniqueNames, type UniqueNames } from "./scopes.ts";

/** Calls inside calls that are followed; exporters write one for each module around a module. */
const deepestCall = 100;

/** Most values and attributes that nodes copied out of functions may have: some hundred thousand nodes. */
const mostValues = 600_000;

const isDefault = (domain: string) => domain === "" || domain === "ai.onnx";

/** What a function is called by. */
const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domain, name, overload]);

/** The names of one call, or of a graph inside it, with those around it. */
interface Scope {
  readonly caller: FunctionProto;
  readonly names: Map<string, string>;
  readonly outer: Scope | undefined;
  /** Attributes of the call, or their defaults. */
  readonly attributes: ReadonlyMap<string, AttributeProto>;
}

function damaged({ name }: FunctionProto, what: string): QtamlError {
  return new QtamlError("invalid-file", `The model's function "${name}" ${what}; export the model again.`);
}

/** The value of the model that a name of a function stands for. */
function resolve(scope: Scope, name: string): string {
  if (name === "") return "";
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const found = at.names.get(name);
    if (found !== undefined) return found;
  }
  throw damaged(scope.caller, `reads the value "${name}", which nothing in it computes`);
}

/** A message whose fields can be replaced without touching the original. */
function shallowCopy<T extends object>(message: T): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as T, message);
}

class Inlining {
  readonly functions = new Map<string, FunctionProto>();
  /** The functions that are called. */
  readonly called = new Set<FunctionProto>();
  /** Constants out of functions, for the main graph. */
  readonly constants: TensorProto[] = [];
  readonly #names: UniqueNames;
  /** The name of a constant in the main graph, by the node or tensor that holds it. */
  readonly #constantNames = new Map<NodeProto | TensorProto, string>();
  readonly #stack: FunctionProto[] = [];
  #values = 0;

  constructor(model: OnnxModel) {
    this.#names = uniqueNames(model);
    for (const definition of model.functions) {
      // The runtime has operators of its own by these names, and takes those.
      if (isDefault(definition.domain)) continue;
      const key = keyOf(definition.domain, definition.name, definition.overload);
      if (this.functions.has(key)) throw damaged(definition, "is defined twice");
      this.functions.set(key, definition);
    }
  }

  /** Replaces the calls among nodes of the model itself. */
  replaceCalls(graph: GraphProto): void {
    graph.node = graph.node.flatMap((node) => {
      for (const nested of nestedGraphs(node)) this.replaceCalls(nested);
      return this.#expand(node);
    });
  }

  #definition(node: NodeProto): FunctionProto | undefined {
    return this.functions.get(keyOf(node.domain, node.opType, node.overload));
  }

  #expand(node: NodeProto): NodeProto[] {
    const definition = this.#definition(node);
    if (definition === undefined) return [node];
    if (this.#stack.includes(definition)) {
      throw damaged(definition, `calls itself through "${this.#stack.at(-1)!.name}"`);
    }
    if (this.#stack.length >= deepestCall) {
      throw damaged(definition, `is called ${deepestCall} functions deep`);
    }
    this.called.add(definition);
    this.#stack.push(definition);
    const nodes = this.#body(node, definition);
    this.#stack.pop();
    return nodes;
  }

  /** The nodes that take the place of a call. */
  #body(call: NodeProto, definition: FunctionProto): NodeProto[] {
    const { input, output, node: nodes, attributeProto } = definition;
    for (const [words, given, taken] of [
      ["inputs", call.input.length, input.length],
      ["outputs", call.output.length, output.length],
    ] as const) {
      if (given > taken) throw damaged(definition, `has ${taken} ${words} and is called with ${given}`);
    }
    const names = new Map(input.map((name, i) => [name, call.input[i] ?? ""]));
    const attributes = new Map([...attributeProto, ...call.attribute].map((a) => [a.name, a]));
    const scope: Scope = { caller: definition, names, outer: undefined, attributes };
    const results = new Map(output.map((name, i) => [name, call.output[i] ?? ""]));
    const body = this.#define(scope, nodes, (name) => {
      const result = results.get(name) ?? "";
      return result === "" ? this.#fresh(definition, name) : result;
    });
    const copies = body.flatMap((node) => this.#copy(node, scope));
    output.forEach((name, i) => {
      const result = call.output[i] ?? "";
      if (result === "") return;
      const value = resolve(scope, name);
      // An input, a constant, or a value that is an output twice.
      if (value === result) return;
      const identity = makeNode("Identity", [value], [result]);
      identity.name = "";
      copies.push(identity);
    });
    return copies;
  }

  #fresh({ name: definition }: FunctionProto, name: string): string {
    const fresh = this.#names.fresh(`${definition}.${name}`);
    this.#count(fresh.length / 64);
    return fresh;
  }

  /** Names what nodes compute; returns them without those that are constants of the main graph from here on. */
  #define(scope: Scope, nodes: readonly NodeProto[], nameOf: (name: string) => string): NodeProto[] {
    return nodes.filter((node) => {
      const constant = this.#constant(scope, node);
      for (const name of node.output) {
        // A name that is taken stays what it is: that a value is computed twice is found later.
        if (name !== "" && !scope.names.has(name)) scope.names.set(name, constant ?? nameOf(name));
      }
      return constant === undefined;
    });
  }

  /** The name in the main graph of what a `Constant` node holds, unless an attribute of the call decides. */
  #constant({ caller }: Scope, node: NodeProto): string | undefined {
    if (node.opType !== "Constant" || !isStandardNode(node) || this.#definition(node) !== undefined)
      return undefined;
    if (node.output.length !== 1 || node.attribute.some((a) => a.refAttrName !== "")) return undefined;
    const tensor = this.#constantNames.has(node) ? undefined : constantValue(node);
    if (tensor !== undefined) this.#store(caller, node, tensor, node.output[0]!);
    return this.#constantNames.get(node);
  }

  #store(caller: FunctionProto, holder: NodeProto | TensorProto, tensor: TensorProto, name: string): void {
    const copy = copyMessage(tensor);
    copy.name = this.#fresh(caller, name);
    this.constants.push(copy);
    this.#constantNames.set(holder, copy.name);
  }

  /** A node of a function under the names of the model; the nodes of the callee where it is a call. */
  #copy(node: NodeProto, scope: Scope): NodeProto[] {
    this.#count(1 + node.input.length + node.output.length);
    const copy = shallowCopy(node);
    // Runtimes take nodes without a name, but no name twice.
    copy.name = "";
    copy.input = node.input.map((name) => resolve(scope, name));
    copy.output = node.output.map((name) => resolve(scope, name));
    copy.attribute = node.attribute.flatMap((a) => this.#attribute(a, scope));
    return this.#expand(copy);
  }

  #attribute(attribute: AttributeProto, scope: Scope): AttributeProto[] {
    this.#count(1);
    const isReference = attribute.refAttrName !== "";
    const source = isReference ? scope.attributes.get(attribute.refAttrName) : attribute;
    if (source === undefined) return [];
    this.#count(source.ints.length + source.floats.length + source.strings.length);
    const { g, graphs } = source;
    if (isReference) {
      // Graphs that a caller hands over are in the caller's names, their calls replaced.
      for (const graph of g === undefined ? graphs : [g, ...graphs]) this.#countGraph(graph);
      const copy = copyMessage(source);
      copy.name = attribute.name;
      return [copy];
    }
    if (g === undefined && graphs.length === 0) return [copyMessage(attribute)];
    const copy = shallowCopy(attribute);
    if (g !== undefined) copy.g = this.#graph(g, scope);
    copy.graphs = graphs.map((graph) => this.#graph(graph, scope));
    return [copy];
  }

  /** A graph inside a node of a function. */
  #graph(graph: GraphProto, outer: Scope): GraphProto {
    const { caller, attributes } = outer;
    const names = new Map<string, string>();
    const scope: Scope = { caller, names, outer, attributes };
    const input = copyMessage(graph.input);
    for (const value of input) {
      names.set(value.name, this.#fresh(caller, value.name));
      value.name = names.get(value.name)!;
    }
    const initializer: TensorProto[] = [];
    for (const tensor of graph.initializer) {
      if (names.has(tensor.name)) {
        // Only the default of an input.
        const copy = copyMessage(tensor);
        copy.name = names.get(tensor.name)!;
        initializer.push(copy);
        continue;
      }
      if (!this.#constantNames.has(tensor)) this.#store(caller, tensor, tensor, tensor.name);
      names.set(tensor.name, this.#constantNames.get(tensor)!);
    }
    const sparseInitializer = copyMessage(graph.sparseInitializer);
    for (const { values } of sparseInitializer) {
      if (values === undefined) continue;
      const fresh = this.#fresh(caller, values.name);
      names.set(values.name, fresh);
      values.name = fresh;
    }
    const body = this.#define(scope, graph.node, (name) => this.#fresh(caller, name));
    const node = body.flatMap((inner) => this.#copy(inner, scope));
    const output = copyMessage(graph.output);
    for (const value of output) value.name = resolve(scope, value.name);
    return create(GraphProtoSchema, {
      name: graph.name,
      input,
      output,
      node,
      initializer,
      sparseInitializer,
    });
  }

  #countGraph(graph: GraphProto): void {
    for (const node of graph.node) {
      this.#count(1 + node.input.length + node.output.length + node.attribute.length);
      for (const nested of nestedGraphs(node)) this.#countGraph(nested);
    }
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values <= mostValues) return;
    throw new QtamlError(
      "unsupported-model",
      `The model's functions call each other so often that written out they have hundreds of thousands of nodes (seen in "${this.#stack[0]?.name ?? ""}"); export the model without functions.`,
    );
  }
}

/**
 * Replaces every call of a function that the model defines by the function's nodes, in subgraphs and in other functions
 * too, and drops the functions. One in the default domain stands for an operator that the runtime has, and is not used.
 * Afterwards the model imports the newest of the operator sets that it and its functions are written for. Edits the
 * model.
 *
 * @throws QtamlError `invalid-file` for a function that calls itself or reads what nothing computes,
 *   `unsupported-model` when its operators mean something else in the model's operator set, or when there are too many
 */
export function inlineFunctions(model: OnnxModel): void {
  if (model.functions.length === 0) return;
  const { graph } = model;
  const before = allNodes(graph);
  const inlining = new Inlining(model);
  inlining.replaceCalls(graph);
  graph.initializer.push(...inlining.constants);
  uniteOperatorSets(model, before, inlining.called);
  model.functions = [];
  checkGraph(graph, "The model with its functions written out");
}
