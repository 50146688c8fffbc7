/** @file Puts the models of a gradient graph together from the nodes that the rules have written. */
import { create } from "@bufbuild/protobuf";
import { ModelProtoSchema, ValueInfoProtoSchema, type NodeProto } from "onnx-buf";
import { makeValueInfo, cloneModel, type OnnxModel, DataType, type Dims } from "../onnx/index.ts";
import { ADJOINT_OPSET, type AdjointBuilder } from "./builder.ts";
import type { ForwardReader } from "./forward.ts";

/** What the adjoint computes. */
export interface AdjointRequest {
  /** Its input for the cotangent. */
  readonly seed: string;
  readonly seedDims: Dims;
  /** Its outputs in order, with their shapes where these are known. */
  readonly outputs: ReadonlyMap<string, Dims | undefined>;
}

/** The models that follow the tape. */
export interface AdjointModels {
  readonly adjoint: OnnxModel;
  /** Computes `shared` from the taped values; undefined when nothing is shared. */
  readonly prelude: OnnxModel | undefined;
  /** Values handed from the prelude to the adjoint. */
  readonly shared: readonly string[];
  /** Values handed from the tape to the adjoint, and to the prelude. */
  readonly taped: readonly string[];
  readonly preludeTaped: readonly string[];
}

/** The nodes that the outputs need, and the names that these read; what is given needs no node. */
function needed(
  nodes: readonly NodeProto[],
  outputs: Iterable<string>,
  given: ReadonlySet<string> = new Set(),
): { kept: NodeProto[]; names: Set<string> } {
  const names = new Set(outputs);
  const kept: NodeProto[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.output.some((name) => names.has(name) && !given.has(name))) continue;
    kept.push(node);
    for (const name of node.input) names.add(name);
  }
  return { kept: kept.reverse(), names };
}

/** Values that vary with the seed. */
function varying(nodes: readonly NodeProto[], seed: string): Set<string> {
  const found = new Set([seed]);
  for (const node of nodes) {
    if (node.input.some((name) => found.has(name))) for (const name of node.output) found.add(name);
  }
  return found;
}

/** Splits the nodes into the adjoint and what several cotangents share, and drops what nothing needs. */
export function assembleAdjoint(
  b: AdjointBuilder,
  forward: ForwardReader,
  request: AdjointRequest,
): AdjointModels {
  const all = needed(b.nodes, request.outputs.keys());
  const seeded = varying(all.kept, request.seed);
  const candidates = [...b.shared].filter((name) => all.names.has(name) && !seeded.has(name));
  const main = needed(b.nodes, request.outputs.keys(), new Set(candidates));
  const shared = candidates.filter((name) => main.names.has(name));
  const before = needed(b.nodes, shared);
  const tapedOf = (names: ReadonlySet<string>): string[] =>
    [...forward.taped.keys()].filter((name) => names.has(name));
  const [taped, preludeTaped] = [tapedOf(main.names), tapedOf(before.names)];

  const model = (
    name: string,
    part: { readonly kept: NodeProto[]; readonly names: ReadonlySet<string> },
    inputs: ReadonlyMap<string, Dims | undefined>,
    values: readonly string[],
    outputs: ReadonlyMap<string, Dims | undefined>,
  ): OnnxModel => {
    const info = ([value, dims]: readonly [string, Dims | undefined]) =>
      makeValueInfo(value, DataType.FLOAT, dims);
    return create(ModelProtoSchema, {
      irVersion: 9n,
      producerName: "qtaml",
      opsetImport: [{ domain: "", version: BigInt(ADJOINT_OPSET) }],
      graph: {
        name,
        node: part.kept,
        initializer: [...b.initialisers].flatMap(([n, tensor]) => (part.names.has(n) ? [tensor] : [])),
        input: [...[...inputs].map(info), ...values.map((v) => forward.valueInfo(v))],
        output: [...outputs].map(info),
      },
    }) as OnnxModel;
  };
  const unknown = new Map(shared.map((name) => [name, undefined]));
  return {
    adjoint: model(
      "adjoint",
      main,
      new Map([[request.seed, request.seedDims] as const, ...unknown]),
      taped,
      request.outputs,
    ),
    prelude: shared.length === 0 ? undefined : model("prelude", before, new Map(), preludeTaped, unknown),
    shared,
    taped,
    preludeTaped,
  };
}

/** The forward model that also outputs the judged value and those in `taped`. */
export function assembleTape(
  model: OnnxModel,
  output: string,
  forward: ForwardReader,
  taped: readonly string[],
): OnnxModel {
  const tape = cloneModel(model);
  const shown = new Set(tape.graph.output.map((o) => o.name));
  for (const name of [output, ...taped]) {
    if (shown.has(name)) continue;
    shown.add(name);
    tape.graph.output.push(create(ValueInfoProtoSchema, { name }));
    const node = forward.taped.get(name)?.node;
    if (node !== undefined) tape.graph.node.push(node);
  }
  return tape;
}
