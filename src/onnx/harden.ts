/**
 * @file Writes the hardened model: each stored tensor as uint8 or uint16 codes, decoded in the graph. What the memory holds
 * is then exactly what the file holds, and any ONNX runtime can run it.
 */
import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { dropUnusedInitialisers } from "./fold.ts";
import { makeNode } from "./graph.ts";
import { cloneModel, opsetVersion, type OnnxModel } from "./model.ts";
import type { PreparedModel } from "./prepare.ts";
import { scaledTable, type DecodeSegment, type StoredTensor } from "./stored.ts";
import { codesTensor, DataType, floatTensor, int64Tensor, int8Tensor, uint8Tensor } from "./tensor.ts";

/**
 * How codes are decoded in the graph. `gather`: a table look-up, for every decoder; runtimes fold it when they load
 * the model. `qdq`: `DequantizeLinear`, what quantisation tools expect; only for two's complement int8 and affine
 * decoders.
 */
export type DecodeForm = "gather" | "qdq";

/** Entries to add to the model's metadata. */
export type Metadata = Readonly<Record<string, string>>;

interface Decode {
  readonly nodes: NodeProto[];
  readonly initialisers: TensorProto[];
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

/** Per-channel values broadcast against the tensor. */
function channelShape(tensor: StoredTensor): number[] {
  return tensor.dims.map((d, axis) => (axis === tensor.channelAxis ? d : 1));
}

/** Whether step and zero point are applied after the codes are decoded, rather than inside the decode. */
function isScaledApart(tensor: StoredTensor): boolean {
  return tensor.channelAxis !== undefined || tensor.zeroPoints !== undefined;
}

/** Puts decoded segments together again and applies steps and zero points that were left out of their decode. */
function joinParts(
  tensor: StoredTensor,
  parts: readonly string[],
  output: string,
  { nodes, initialisers }: Decode,
): void {
  const base = tensor.name;
  const scaled = isScaledApart(tensor);
  const joined = scaled ? `${base}.decoded` : output;
  if (parts.length > 1) {
    initialisers.push(int64Tensor(`${base}.shape`, [tensor.dims.length], tensor.dims));
    nodes.push(
      makeNode("Concat", parts, [`${base}.flat`], { axis: 0 }),
      makeNode("Reshape", [`${base}.flat`, `${base}.shape`], [joined]),
    );
  }
  if (scaled) {
    let value = joined;
    const shape = channelShape(tensor);
    if (tensor.zeroPoints !== undefined) {
      const zeroShape = tensor.zeroPoints.length === 1 ? [] : shape;
      initialisers.push(floatTensor(`${base}.zero_point`, zeroShape, tensor.zeroPoints));
      nodes.push(makeNode("Sub", [value, `${base}.zero_point`], [`${base}.centred`]));
      value = `${base}.centred`;
    }
    initialisers.push(
      floatTensor(`${base}.step`, tensor.channelAxis === undefined ? [] : shape, tensor.steps),
    );
    nodes.push(makeNode("Mul", [value, `${base}.step`], [output]));
  }
}

/** Collects the nodes that turn codes into the values named `output`. */
function gatherDecode(tensor: StoredTensor, segments: readonly DecodeSegment[], output: string): Decode {
  const nodes: NodeProto[] = [];
  const initialisers: TensorProto[] = [];
  const base = tensor.name;
  const gathered = isScaledApart(tensor) ? `${base}.decoded` : output;
  const parts = segments.map((segment, i) => {
    const suffix = segments.length === 1 ? "" : `.${i}`;
    const codes = `${base}.codes${suffix}`;
    const dims = segments.length === 1 ? tensor.dims : [segment.count];
    const part = segments.length === 1 ? gathered : `${base}.decoded.${i}`;
    initialisers.push(
      codesTensor(codes, dims, tensor.codes.slice(segment.start, segment.start + segment.count)),
      floatTensor(`${base}.table${suffix}`, [segment.table.length], scaledTable(tensor, segment.table)),
    );
    nodes.push(
      makeNode("Cast", [codes], [`${codes}.index`], { to: DataType.INT32 }),
      makeNode("Gather", [`${base}.table${suffix}`, `${codes}.index`], [part], { axis: 0 }),
    );
    return part;
  });
  joinParts(tensor, parts, output, { nodes, initialisers });
  return { nodes, initialisers };
}

/** Slope and offset of a decode table that is affine in the format's values, or undefined. */
function affineOfTable(
  table: ArrayLike<number>,
  values: Float64Array,
): { slope: number; offset: number } | undefined {
  // The outermost values: between neighbours the rounding of the table would be taken for slope.
  const low = values.indexOf(values.reduce((a, b) => Math.min(a, b)));
  const high = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  const slope = (table[high]! - table[low]!) / (values[high]! - values[low]!);
  const offset = table[0]! - slope * values[0]!;
  const size = values.reduce((m, v) => Math.max(m, Math.abs(slope * v)), 0) + Math.abs(offset);
  // The table was computed in double precision: a few roundings of numbers up to `size`.
  const isAffine = values.every(
    (v, code) => Math.abs(slope * v + offset - table[code]!) <= 16 * 2 ** -52 * size,
  );
  return isAffine ? { slope, offset } : undefined;
}

function qdqDecode(
  tensor: StoredTensor,
  segments: readonly DecodeSegment[],
  output: string,
  opset: number,
): Decode {
  const lines = segments.map((segment) => affineOfTable(segment.table, tensor.format.values));
  const unsigned = tensor.format.name === "uint8";
  const affines = lines.filter((line) => line !== undefined);
  if (affines.length < lines.length || (tensor.format.name !== "int8" && !unsigned)) {
    throw new QtamlError(
      "invalid-argument",
      `Tensor "${tensor.name}" (${tensor.format.name}) has a decoder that DequantizeLinear cannot express; use --form gather.`,
    );
  }
  const needed = tensor.channelAxis === undefined ? 10 : 13;
  if (opset < needed) {
    throw new QtamlError(
      "invalid-argument",
      `The model imports operator set ${opset}, but DequantizeLinear needs ${needed} here; use --form gather.`,
    );
  }
  if (segments.length > 1) return qdqSplit(tensor, segments, affines, output);
  const affine = affines[0]!;
  const base = tensor.name;
  const channels = tensor.channelAxis === undefined ? [] : [tensor.steps.length];
  const shift = tensor.zeroPoints;
  const steps = Float32Array.from(tensor.steps, (step) => step * affine.slope);
  const inputs = [`${base}.codes`, `${base}.step`];
  const initialisers = [
    unsigned
      ? codesTensor(`${base}.codes`, tensor.dims, tensor.codes.slice())
      : int8Tensor(`${base}.codes`, tensor.dims, new Int8Array(tensor.codes)),
    floatTensor(`${base}.step`, channels, steps),
  ];
  // (slope v + offset - zero) step = slope step (v - zero) + (offset + (slope - 1) zero) step
  const offsets = Float32Array.from(tensor.steps, (step, c) => {
    const zero = shift?.[shift.length === 1 ? 0 : c] ?? 0;
    return (affine.offset + (affine.slope - 1) * zero) * step;
  });
  if (shift !== undefined) {
    const zeros = Float32Array.from(tensor.steps, (_, c) => shift[shift.length === 1 ? 0 : c]!);
    inputs.push(`${base}.zero_point`);
    initialisers.push(
      unsigned
        ? uint8Tensor(`${base}.zero_point`, channels, Uint8Array.from(zeros))
        : int8Tensor(`${base}.zero_point`, channels, Int8Array.from(zeros)),
    );
  }
  const hasOffset = offsets.some((o) => o !== 0);
  const decoded = hasOffset ? `${base}.decoded` : output;
  const attributes = tensor.channelAxis === undefined ? {} : { axis: tensor.channelAxis };
  const nodes = [makeNode("DequantizeLinear", inputs, [decoded], attributes)];
  if (hasOffset) {
    const shape = tensor.channelAxis === undefined ? [] : channelShape(tensor);
    initialisers.push(floatTensor(`${base}.offset`, shape, offsets));
    nodes.push(makeNode("Add", [decoded, `${base}.offset`], [output]));
  }
  return { nodes, initialisers };
}

/** Segments with decoders of their own: one `DequantizeLinear` each, put together afterwards. */
function qdqSplit(
  tensor: StoredTensor,
  segments: readonly DecodeSegment[],
  affines: readonly { slope: number; offset: number }[],
  output: string,
): Decode {
  const decode: Decode = { nodes: [], initialisers: [] };
  const base = tensor.name;
  const step = isScaledApart(tensor) ? 1 : tensor.steps[0]!;
  const parts = segments.map(({ start, count }, i) => {
    const { slope, offset } = affines[i]!;
    const codes = tensor.codes.slice(start, start + count);
    const names = { codes: `${base}.codes.${i}`, step: `${base}.step.${i}`, offset: `${base}.offset.${i}` };
    const part = `${base}.decoded.${i}`;
    decode.initialisers.push(
      tensor.format.name === "uint8"
        ? codesTensor(names.codes, [count], codes)
        : int8Tensor(names.codes, [count], new Int8Array(codes)),
      floatTensor(names.step, [], Float32Array.of(slope * step)),
    );
    if (offset === 0) {
      decode.nodes.push(makeNode("DequantizeLinear", [names.codes, names.step], [part]));
      return part;
    }
    decode.initialisers.push(floatTensor(names.offset, [], Float32Array.of(offset * step)));
    decode.nodes.push(
      makeNode("DequantizeLinear", [names.codes, names.step], [`${part}.scaled`]),
      makeNode("Add", [`${part}.scaled`, names.offset], [part]),
    );
    return part;
  });
  joinParts(tensor, parts, output, decode);
  return decode;
}

/**
 * The prepared model with every stored tensor as codes and a decode in the graph.
 *
 * @param segmentsOf decode segments of each tensor by `StoredTensor.name`
 * @param metadata added to the model's `metadata_props`; an entry of the same key is replaced
 */
export function hardenModel(
  prepared: PreparedModel,
  segmentsOf: ReadonlyMap<string, readonly DecodeSegment[]>,
  form: DecodeForm,
  metadata: Metadata = {},
): OnnxModel {
  const model = cloneModel(prepared.model);
  const graph = model.graph;
  const runtimeNames = new Set(prepared.tensors.map((t) => t.runtimeName));
  graph.initializer = graph.initializer.filter((t) => !runtimeNames.has(t.name));
  const nodes: NodeProto[] = [];
  for (const tensor of prepared.tensors) {
    const segments = segmentsOf.get(tensor.name);
    if (segments === undefined) throw new Error(`No decode segments for tensor "${tensor.name}"`);
    const merged = mergeSegments(tensor, segments);
    const decode =
      form === "gather"
        ? gatherDecode(tensor, merged, tensor.runtimeName)
        : qdqDecode(tensor, merged, tensor.runtimeName, opsetVersion(model));
    nodes.push(...decode.nodes);
    graph.initializer.push(...decode.initialisers);
  }
  graph.node = [...nodes, ...graph.node];
  model.metadataProps = [
    ...model.metadataProps.filter((entry) => !(entry.key in metadata)),
    ...Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  ];
  dropUnusedInitialisers(model);
  return model;
}
