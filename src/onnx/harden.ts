/**
 * @file Writes the hardened model: each stored tensor as codes, decoded in the graph. What the memory holds is then
 * exactly what the file holds, and any ONNX runtime can run it.
 */
import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema, type NodeProto } from "onnx-buf";
import { gatherDecode, qdqDecode } from "./decode.ts";
import { dropUnusedInitialisers } from "./fold.ts";
import { cloneModel, opsetVersion, type OnnxModel } from "./model.ts";
import type { PreparedModel } from "./prepare.ts";
import { uniqueNames } from "./scopes.ts";
import type { DecodeSegment, StoredTensor } from "../stored/index.ts";

/**
 * How codes are decoded in the graph. `gather`: a table look-up, for every decoder; runtimes fold it when they load
 * the model. `qdq`: `DequantizeLinear`, what quantisation tools expect; only for the code types of ONNX and affine
 * decoders.
 */
export type DecodeForm = "gather" | "qdq";

/** Entries to add to the model's metadata. */
export type Metadata = Readonly<Record<string, string>>;

/** An initialiser of the hardened model that holds codes. */
export interface CodesInitialiser {
  readonly initialiser: string;
  /** `StoredTensor.name`. */
  readonly tensor: string;
  /** The tensor's weights that it holds, in C order. */
  readonly start: number;
  readonly count: number;
  /** Bits of a code. */
  readonly bits: number;
}

function sameTable(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return Array.from(a).every((value, code) => Object.is(value, b[code]));
}

/** Joins neighbouring segments that share a decode table. Segments must follow on each other and cover the tensor. */
function mergeSegments(tensor: StoredTensor, segments: readonly DecodeSegment[]): DecodeSegment[] {
  const merged: DecodeSegment[] = [];
  let covered = 0;
  for (const segment of segments) {
    if (segment.start !== covered) break;
    covered += segment.count;
    const last = merged.at(-1);
    if (last !== undefined && sameTable(last.table, segment.table)) {
      merged[merged.length - 1] = { ...last, count: last.count + segment.count };
    } else {
      merged.push(segment);
    }
  }
  if (covered !== tensor.count || merged.length === 0) {
    throw new Error(
      `Decode segments of tensor "${tensor.name}" cover ${covered} of its ${tensor.count} weights`,
    );
  }
  return merged;
}

/**
 * The prepared model with every stored tensor as codes and a decode in the graph.
 *
 * @param segmentsOf decode segments of each tensor by `StoredTensor.name`
 * @param metadata added to the model's `metadata_props`; an entry of the same key is replaced. A function is given the
 * initialisers that hold codes.
 */
export function hardenModel(
  prepared: PreparedModel,
  segmentsOf: ReadonlyMap<string, readonly DecodeSegment[]>,
  form: DecodeForm,
  metadata: Metadata | ((stored: readonly CodesInitialiser[]) => Metadata) = {},
): OnnxModel {
  const model = cloneModel(prepared.model);
  const graph = model.graph;
  const runtimeNames = new Set(prepared.tensors.map((t) => t.runtimeName));
  graph.initializer = graph.initializer.filter((t) => !runtimeNames.has(t.name));
  const names = uniqueNames(prepared.model);
  const opset = opsetVersion(model);
  const nodes: NodeProto[] = [];
  const stored: CodesInitialiser[] = [];
  for (const tensor of prepared.tensors) {
    const segments = segmentsOf.get(tensor.name);
    if (segments === undefined) throw new Error(`No decode segments for tensor "${tensor.name}"`);
    const merged = mergeSegments(tensor, segments);
    const decode = form === "gather" ? gatherDecode : qdqDecode;
    const part = decode(tensor, merged, tensor.runtimeName, names, opset);
    nodes.push(...part.nodes);
    graph.initializer.push(...part.initialisers);
    merged.forEach(({ start, count }, i) => {
      const initialiser = part.codes[i]!;
      stored.push({ initialiser, tensor: tensor.name, start, count, bits: tensor.format.bits });
    });
  }
  graph.node = [...nodes, ...graph.node];
  const added = typeof metadata === "function" ? metadata(stored) : metadata;
  model.metadataProps = [
    ...model.metadataProps.filter((entry) => !(entry.key in added)),
    ...Object.entries(added).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  ];
  dropUnusedInitialisers(model);
  return model;
}
