/**
 * @file How stored codes become weights in the graph: by a table look-up, or by `DequantizeLinear`.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { codeArray, type Codes } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { broadcastSteps, type GraphPart } from "./arithmetic.ts";
import { codeFormat, codeTypeOf, packedTensor } from "./codes.ts";
import { makeNode, type AttributeValue } from "./graph.ts";
import type { UniqueNames } from "./scopes.ts";
import { stepDims, scaledTable, type DecodeSegment, type StoredTensor } from "../stored/index.ts";
import { codesTensor, DataType, floatTensor, halfTensor, int64Tensor } from "./tensor.ts";

/** The decode of one tensor. */
export interface DecodePart extends GraphPart {
  /** Names of the initialisers that hold the codes, one a segment. */
  readonly codes: readonly string[];
}

/** Writes the decode of one tensor; everything new is named after it. */
class DecodeWriter implements DecodePart {
  readonly nodes: NodeProto[] = [];
  readonly initialisers: TensorProto[] = [];
  readonly codes: string[] = [];
  readonly names: UniqueNames;
  readonly #base: string;

  constructor(names: UniqueNames, base: string) {
    this.names = names;
    this.#base = base;
  }

  constant(what: string, make: (name: string) => TensorProto): string {
    const name = this.names.fresh(`${this.#base}.${what}`);
    this.initialisers.push(make(name));
    return name;
  }

  /** The codes of a segment. */
  codesConstant(suffix: string, make: (name: string) => TensorProto): string {
    const name = this.constant(`codes${suffix}`, make);
    this.codes.push(name);
    return name;
  }

  /** @param output the name to compute, or what to call it */
  node(
    opType: string,
    inputs: readonly string[],
    output: string | { readonly what: string },
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const name = typeof output === "string" ? output : this.names.fresh(`${this.#base}.${output.what}`);
    this.nodes.push(makeNode(opType, inputs, [name], attributes));
    return name;
  }

  floats(what: string, dims: readonly number[], data: Float32Array): string {
    return this.constant(what, (name) => floatTensor(name, dims, data));
  }
}

/** Whether step and zero point are applied after the codes are decoded, rather than inside the decode. */
const isScaledApart = (tensor: StoredTensor) =>
  tensor.channelAxis !== undefined || tensor.zeroPoints !== undefined;

/** Values for each step so that they broadcast against the tensor. */
function broadcast(writer: DecodeWriter, tensor: StoredTensor, what: string, values: Float32Array): string {
  if (tensor.channelAxis === undefined) return writer.floats(what, [], values);
  const name = writer.floats(what, stepDims(tensor), values);
  return tensor.blockSize === undefined ? name : broadcastSteps(writer, writer.names, tensor, name);
}

/** Puts decoded segments together again and applies steps and zero points that were left out of their decode. */
function joinParts(
  writer: DecodeWriter,
  tensor: StoredTensor,
  parts: readonly string[],
  output: string,
): void {
  const isApart = isScaledApart(tensor);
  let value = parts[0]!;
  if (parts.length > 1) {
    const shape = writer.constant("shape", (name) => int64Tensor(name, [tensor.dims.length], tensor.dims));
    const flat = writer.node("Concat", parts, { what: "flat" }, { axis: 0 });
    value = writer.node("Reshape", [flat, shape], isApart ? { what: "decoded" } : output);
  }
  if (!isApart) return;
  if (tensor.zeroPoints !== undefined) {
    const zero = broadcast(writer, tensor, "zero_point", tensor.zeroPoints);
    value = writer.node("Sub", [value, zero], { what: "centred" });
  }
  writer.node("Mul", [value, broadcast(writer, tensor, "step", tensor.steps)], output);
}

/** Whether codes are read as what the format says; of two zeros either will do. */
const isIdentity = ({ format }: StoredTensor, { table }: DecodeSegment) =>
  format.values.every((value, code) => value === table[code] || Object.is(value, table[code]));

/** The runtime's own type of 16-bit floats, where the codes are such. */
function halfType({ format }: StoredTensor, opset: number): DataType | undefined {
  if (format.name === "fp16") return DataType.FLOAT16;
  return format.name === "bf16" && opset >= 13 ? DataType.BFLOAT16 : undefined;
}

const segmentCodes = (tensor: StoredTensor, { start, count }: DecodeSegment): Codes =>
  tensor.codes.slice(start, start + count);

const suffixOf = (segments: readonly DecodeSegment[], i: number) => (segments.length === 1 ? "" : `.${i}`);

/**
 * Decodes by table look-up: the same numbers as `decodeInto`, bit for bit. Codes that are the runtime's own 16-bit
 * floats and are read as they are need only a cast.
 *
 * @param output the value to compute
 */
export function gatherDecode(
  tensor: StoredTensor,
  segments: readonly DecodeSegment[],
  output: string,
  names: UniqueNames,
  opset: number,
): DecodePart {
  const writer = new DecodeWriter(names, tensor.name);
  const half = halfType(tensor, opset);
  const parts = segments.map((segment, i) => {
    const suffix = suffixOf(segments, i);
    const dims = segments.length === 1 ? tensor.dims : [segment.count];
    const codes = segmentCodes(tensor, segment);
    const isLast = segments.length === 1 && !isScaledApart(tensor);
    const part = isLast ? output : { what: `decoded${suffix}` };
    if (half !== undefined && isIdentity(tensor, segment)) {
      const stored = writer.codesConstant(suffix, (name) => halfTensor(name, dims, half, codes));
      return writer.node("Cast", [stored], part, { to: DataType.FLOAT });
    }
    const stored = writer.codesConstant(suffix, (name) => codesTensor(name, dims, codes));
    const values = scaledTable(tensor, segment.table);
    const table = writer.floats(`table${suffix}`, [values.length], values);
    const index = writer.node("Cast", [stored], { what: `codes${suffix}.index` }, { to: DataType.INT32 });
    return writer.node("Gather", [table, index], part, { axis: 0 });
  });
  joinParts(writer, tensor, parts, output);
  return writer;
}

/** A decode table as a straight line over the format's values. */
interface Line {
  readonly slope: number;
  readonly offset: number;
}

/** Slope and offset of a decode table that is affine in the format's values, or undefined. */
function affineOfTable(table: ArrayLike<number>, values: Float64Array): Line | undefined {
  const finite = Array.from(values.keys()).filter((code) => Number.isFinite(values[code]));
  const by = (better: (a: number, b: number) => boolean) =>
    finite.reduce((best, code) => (better(values[code]!, values[best]!) ? code : best), finite[0]!);
  // The outermost values: between neighbours the rounding of the table would be taken for slope.
  const low = by((a, b) => a < b);
  const high = by((a, b) => a > b);
  const slope = (table[high]! - table[low]!) / (values[high]! - values[low]!);
  const offset = table[low]! - slope * values[low]!;
  const largest = finite.reduce((m, code) => Math.max(m, Math.abs(slope * values[code]!)), 0);
  // The table was computed in double precision: a few roundings of numbers up to the largest.
  const tolerance = 16 * 2 ** -52 * (largest + Math.abs(offset));
  const isAffine = values.every((v, code) =>
    Number.isFinite(v)
      ? Math.abs(slope * v + offset - table[code]!) <= tolerance
      : Object.is(slope < 0 ? -v : v, table[code]),
  );
  return isAffine ? { slope, offset } : undefined;
}

/** Least operator set in which `DequantizeLinear` takes codes of a type. */
function neededOpset({ channelAxis, blockSize }: StoredTensor, dataType: DataType): number {
  const { name, bits } = codeFormat(dataType);
  if (bits === 2) return 25;
  if (name === "fp4-e2m1") return 23;
  if (bits !== 8 || blockSize !== undefined) return 21;
  if (name.startsWith("fp8")) return 19;
  return channelAxis === undefined ? 10 : 13;
}

function cannotExpress(tensor: StoredTensor): QtamlError {
  return new QtamlError(
    "invalid-argument",
    `Tensor "${tensor.name}" (${tensor.format.name}) has a decoder that DequantizeLinear cannot express; use --form gather.`,
  );
}

/**
 * Decodes by `DequantizeLinear` (16-bit floats by `Cast`, `Mul` and `Add`): the same numbers as `decodeInto` up to
 * rounding.
 *
 * @throws QtamlError `invalid-argument` where it cannot express the decode
 */
export function qdqDecode(
  tensor: StoredTensor,
  segments: readonly DecodeSegment[],
  output: string,
  names: UniqueNames,
  opset: number,
): DecodePart {
  const lines = segments.map((segment) => affineOfTable(segment.table, tensor.format.values));
  const half = halfType(tensor, opset);
  const dataType = half ?? codeTypeOf(tensor.format.name);
  const affine = lines.filter((line) => line !== undefined);
  if (affine.length < lines.length || dataType === undefined) throw cannotExpress(tensor);
  const needed = half === undefined ? neededOpset(tensor, dataType) : 0;
  if (opset < needed) {
    throw new QtamlError(
      "invalid-argument",
      `The model imports operator set ${opset}, but DequantizeLinear needs ${needed} for tensor "${tensor.name}"; use --form gather.`,
    );
  }
  const writer = new DecodeWriter(names, tensor.name);
  if (segments.length === 1 && half === undefined) {
    qdqWhole(writer, tensor, dataType, affine[0]!, output);
    return writer;
  }
  const step = isScaledApart(tensor) ? 1 : tensor.steps[0]!;
  const parts = segments.map((segment, i) => {
    const suffix = suffixOf(segments, i);
    const dims = segments.length === 1 ? tensor.dims : [segment.count];
    const codes = segmentCodes(tensor, segment);
    const isLast = segments.length === 1 && !isScaledApart(tensor);
    const place = isLast ? output : { what: `decoded${suffix}` };
    const { slope, offset } = affine[i]!;
    return half === undefined
      ? qdqPart(writer, { dims, codes, dataType, suffix }, slope * step, offset * step, place)
      : halfPart(writer, { dims, codes, dataType: half, suffix }, slope * step, offset * step, place);
  });
  joinParts(writer, tensor, parts, output);
  return writer;
}

interface Part {
  readonly dims: readonly number[];
  readonly codes: Codes;
  readonly dataType: DataType;
  readonly suffix: string;
}

type Place = string | { readonly what: string };

function addOffset(
  writer: DecodeWriter,
  value: string,
  offset: number,
  suffix: string,
  place: Place,
): string {
  return writer.node("Add", [value, writer.floats(`offset${suffix}`, [], Float32Array.of(offset))], place);
}

/** One segment with a decoder of its own. */
function qdqPart(writer: DecodeWriter, part: Part, slope: number, offset: number, place: Place): string {
  const { dims, codes, dataType, suffix } = part;
  const stored = writer.codesConstant(suffix, (name) => packedTensor(name, dims, dataType, codes));
  const step = writer.floats(`step${suffix}`, [], Float32Array.of(slope));
  const inner = { what: `scaled${suffix}` };
  const decoded = writer.node("DequantizeLinear", [stored, step], offset === 0 ? place : inner);
  return offset === 0 ? decoded : addOffset(writer, decoded, offset, suffix, place);
}

/** Codes that are 16-bit floats: cast, then the straight line. */
function halfPart(writer: DecodeWriter, part: Part, slope: number, offset: number, place: Place): string {
  const { dims, codes, dataType, suffix } = part;
  const stored = writer.codesConstant(suffix, (name) => halfTensor(name, dims, dataType, codes));
  const steps: ((value: string, to: Place) => string)[] = [
    (value, to) => writer.node("Cast", [value], to, { to: DataType.FLOAT }),
  ];
  if (slope !== 1)
    steps.push((value, to) =>
      writer.node("Mul", [value, writer.floats(`step${suffix}`, [], Float32Array.of(slope))], to),
    );
  if (offset !== 0) steps.push((value, to) => addOffset(writer, value, offset, suffix, to));
  return steps.reduce(
    (value, step, i) => step(value, i === steps.length - 1 ? place : { what: `scaled${suffix}` }),
    stored,
  );
}

/** The whole tensor by one `DequantizeLinear`, with what is left of the offset added. */
function qdqWhole(
  writer: DecodeWriter,
  tensor: StoredTensor,
  dataType: DataType,
  { slope, offset }: Line,
  output: string,
): void {
  const { channelAxis, blockSize, zeroPoints, steps } = tensor;
  const dims = channelAxis === undefined ? [] : blockSize === undefined ? [steps.length] : stepDims(tensor);
  const inputs = [
    writer.codesConstant("", (name) => packedTensor(name, tensor.dims, dataType, tensor.codes.slice())),
    writer.floats(
      "step",
      dims,
      steps.map((step) => step * slope),
    ),
  ];
  // (slope v + offset - zero) step = slope step (v - zero) + (offset + (slope - 1) zero) step
  const offsets = steps.map((step, s) => (offset + (slope - 1) * (zeroPoints?.[s] ?? 0)) * step);
  if (zeroPoints !== undefined) {
    const mask = 2 ** tensor.format.bits - 1;
    const zeros = codeArray(tensor.format.bits, zeroPoints.length);
    zeroPoints.forEach((zero, s) => (zeros[s] = zero & mask));
    inputs.push(writer.constant("zero_point", (name) => packedTensor(name, dims, dataType, zeros)));
  }
  const hasOffset = offsets.some((o) => o !== 0);
  const attributes = {
    ...(channelAxis === undefined ? {} : { axis: channelAxis }),
    ...(blockSize === undefined ? {} : { block_size: blockSize }),
  };
  const decoded = writer.node(
    "DequantizeLinear",
    inputs,
    hasOffset ? { what: "decoded" } : output,
    attributes,
  );
  if (hasOffset) writer.node("Add", [decoded, broadcast(writer, tensor, "offset", offsets)], output);
}
