/**
 * @file What must hold of a graph before anything walks it: nodes have operators and outputs, every value has one
 * origin and is there when it is read, nothing depends on itself. Damaged files fail here with a sentence of ours and
 * not in the middle of a runtime.
 */
import type { GraphProto, NodeProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { nestedGraphs, nodeLabel } from "./graph.ts";

/** Subgraphs inside subgraphs that are followed; exporters stay far below. */
const deepestSubgraph = 64;

/**
 * Checks a graph and its subgraphs.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` that names the node or the value
 */
export function checkGraph(graph: GraphProto, name: string): void {
  checkLevel(graph, name, new Set(), 0);
}

/** Checks one graph. @param outer values that the graphs around it provide */
function checkLevel(graph: GraphProto, name: string, outer: ReadonlySet<string>, depth: number): void {
  if (depth > deepestSubgraph) {
    throw new QtamlError(
      "invalid-file",
      `${name} nests subgraphs more than ${deepestSubgraph} deep at "${graph.name}"; export it again.`,
    );
  }
  const own = new Set([
    ...graph.input.map((v) => v.name),
    ...graph.initializer.map((t) => t.name),
    ...graph.sparseInitializer.map((t) => t.values?.name ?? ""),
  ]);
  const producer = new Map<string, NodeProto>();
  for (const node of graph.node) {
    if (node.opType === "" || node.output.every((o) => o === "")) {
      const what = node.opType === "" ? "no operator" : "no output";
      throw new QtamlError(
        "invalid-file",
        `${name} has a node with ${what} (${nodeLabel(node)}); export it again.`,
      );
    }
    for (const output of node.output) if (output !== "") producer.set(output, node);
  }
  const known = new Set([...outer, ...own, ...producer.keys()]);
  for (const output of graph.output) {
    if (!known.has(output.name)) {
      throw new QtamlError(
        "invalid-file",
        `${name} has the output "${output.name}", which no node computes; export it again.`,
      );
    }
  }
  for (const node of graph.node) {
    for (const input of node.input) {
      if (input !== "" && !known.has(input)) {
        throw new QtamlError(
          "invalid-file",
          `${name} has ${nodeLabel(node)}, which reads the value "${input}" that nothing computes; export it again.`,
        );
      }
    }
    for (const inner of nestedGraphs(node)) checkLevel(inner, name, known, depth + 1);
  }
  checkAcyclic(graph, producer, name);
}

/** Values that a node depends on: its inputs, and what its subgraphs read from outside them. */
function dependencies(node: NodeProto): string[] {
  const nested = nestedGraphs(node);
  if (nested.length === 0) return node.input;
  return [...node.input, ...nested.flatMap(outsideOf)];
}

/** Names that a graph reads and does not provide itself. */
function outsideOf(graph: GraphProto): string[] {
  const own = new Set([
    ...graph.input.map((v) => v.name),
    ...graph.initializer.map((t) => t.name),
    ...graph.node.flatMap((n) => n.output),
  ]);
  return [...graph.node.flatMap(dependencies), ...graph.output.map((o) => o.name)].filter((n) => !own.has(n));
}

/** Takes away nodes whose values are all there until none is left; what remains waits for itself. */
function checkAcyclic(graph: GraphProto, producer: ReadonlyMap<string, NodeProto>, name: string): void {
  const waitsFor = new Map<NodeProto, number>();
  const readers = new Map<NodeProto, NodeProto[]>();
  const ready: NodeProto[] = [];
  for (const node of graph.node) {
    const before = new Set(dependencies(node).flatMap((value) => producer.get(value) ?? []));
    waitsFor.set(node, before.size);
    if (before.size === 0) ready.push(node);
    for (const earlier of before) {
      const list = readers.get(earlier);
      if (list === undefined) readers.set(earlier, [node]);
      else list.push(node);
    }
  }
  let done = 0;
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    done++;
    for (const reader of readers.get(node) ?? []) {
      const left = waitsFor.get(reader)! - 1;
      waitsFor.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  if (done < graph.node.length) {
    const stuck = graph.node.find((node) => waitsFor.get(node)! > 0)!;
    throw new QtamlError(
      "invalid-file",
      `${name} has a cycle: ${nodeLabel(stuck)} depends on its own output; export it again.`,
    );
  }
}
