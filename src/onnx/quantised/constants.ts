/**
 * @file Quantisation of constants: weights that are quantised when the model is loaded get the codes that
 * `QuantizeLinear` gives them, and codes that are rearranged before they are decoded are decoded first.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { codeArray, type Codes } from "../../channel/index.ts";
import { codeFormat, isCodeType, packedTensor, tensorCodes } from "../codes.ts";
import { intAttribute, intsAttribute, type AttributeValue } from "../graph.ts";
import { copyMessage } from "../lazy.ts";
import { constantBehind } from "../scopes.ts";
import { forEachStepRow, stepCount } from "../../stored/index.ts";
import { DataType, elementCount, floatData, isFloatTensor, tensorDims } from "../tensor.ts";
import { stepLayoutOf } from "./layout.ts";
import { NodeWriter, type RewriteContext, type RewriteRule } from "./rewrite.ts";

/** The integer nearest to a float32, ties to even. */
function roundToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/** `QuantizeLinear` of a constant: its codes, or undefined where it does not make integers. */
const quantiseConstant: RewriteRule = (node, context) => {
  const { index } = context;
  const [value, scale, zero] = [0, 1, 2].map((i) => constantBehind(index, node.input[i] ?? ""));
  if (value === undefined || scale === undefined || !isFloatTensor(value) || !isFloatTensor(scale))
    return undefined;
  if (zero === undefined && (node.input[2] ?? "") !== "") return undefined;
  const dataType = zero?.dataType ?? intAttribute(node, "output_dtype", DataType.UINT8);
  const layout = stepLayoutOf(node, tensorDims(value), tensorDims(scale));
  if (!isCodeType(dataType) || layout === undefined) return undefined;
  const format = codeFormat(dataType);
  if (format.placeValues === undefined) return undefined;
  const steps = floatData(scale);
  const zeros = zero === undefined ? new Float64Array(stepCount(layout)) : valuesOf(zero);
  if (steps.length !== zeros.length) return undefined;
  const weights = floatData(value);
  const codes = codeArray(format.bits, weights.length);
  const low = format.values.reduce((a, b) => Math.min(a, b));
  const mask = 2 ** format.bits - 1;
  forEachStepRow(layout, (start, count, step, stride) => {
    for (let k = 0, s = step; k < count; k++, s += stride) {
      const q = roundToEven(Math.fround(weights[start + k]! / steps[s]!)) + zeros[s]!;
      codes[start + k] = Math.min(format.largest, Math.max(low, q)) & mask;
    }
  });
  return quantisedConstant(node, context, value, packedNamed(value, dataType, codes));
};

const packedNamed = (value: TensorProto, dataType: DataType, codes: Codes) => (name: string) =>
  packedTensor(name, tensorDims(value), dataType, codes);

/** The codes under the constant's own name where nothing else reads it. */
function quantisedConstant(
  node: NodeProto,
  context: RewriteContext,
  value: TensorProto,
  make: (name: string) => TensorProto,
): NodeProto[] {
  const isOwn = context.index.uses.get(value.name)?.length === 1 && node.input[0] === value.name;
  const name = isOwn ? value.name : context.names.fresh(`${value.name}.codes`);
  context.addConstant(make(name));
  const writer = new NodeWriter(context.names, name);
  writer.add("Identity", [name], {}, node.output[0]);
  return writer.nodes;
}

/** The values of the codes of a zero point. */
function valuesOf(tensor: TensorProto): Float64Array {
  const { values } = codeFormat(tensor.dataType);
  return Float64Array.from(tensorCodes(tensor), (code) => values[code]!);
}

/** Operators that rearrange codes and floats alike. */
const rearranging: ReadonlySet<string> = new Set([
  "Identity",
  "Transpose",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Gather",
  "Slice",
]);

/** `DequantizeLinear` of rearranged codes: the codes are decoded first and rearranged afterwards. */
const decodeFirst: RewriteRule = (node, { index, names }) => {
  const chain: NodeProto[] = [];
  let value = node.input[0] ?? "";
  for (let p = index.producer.get(value); p !== undefined; p = index.producer.get(value)) {
    if (!rearranging.has(p.opType) || chain.length > index.nodes.length) return undefined;
    chain.push(p);
    value = p.input[0] ?? "";
  }
  const codes = index.constants.get(value);
  const scale = constantBehind(index, node.input[1] ?? "");
  if (codes === undefined || !isCodeType(codes.dataType) || scale === undefined) return undefined;
  if (chain.every((p) => p.opType === "Identity")) return undefined;
  const attributes: Record<string, AttributeValue> = {};
  if (elementCount(tensorDims(scale)) !== 1) {
    const axis = channelThrough(chain, codes.dims.length, intAttribute(node, "axis", 1));
    if (axis === undefined || intAttribute(node, "block_size", 0) !== 0) return undefined;
    attributes["axis"] = axis;
  }
  const type = intAttribute(node, "output_dtype", 0);
  if (type !== 0) attributes["output_dtype"] = type;
  const writer = new NodeWriter(names, node.output[0]!);
  let decoded = writer.add("DequantizeLinear", [value, ...node.input.slice(1)], attributes);
  for (const [i, p] of chain.toReversed().entries()) {
    const output = i === chain.length - 1 ? node.output[0]! : names.fresh(`${p.output[0]!}.decoded`);
    const moved = copyMessage(p);
    moved.input = [decoded, ...p.input.slice(1)];
    moved.output = [output];
    writer.nodes.push(moved);
    decoded = output;
  }
  return writer.nodes;
};

/** The axis before a chain of transpositions, given from the last back; undefined through anything else. */
function channelThrough(chain: readonly NodeProto[], rank: number, axis: number): number | undefined {
  let own = axis < 0 ? axis + rank : axis;
  for (const node of chain) {
    if (node.opType === "Identity") continue;
    if (node.opType !== "Transpose") return undefined;
    own = intsAttribute(node, "perm")?.[own] ?? rank - 1 - own;
  }
  return own;
}

/** Rules for `QuantizeLinear` of constants. */
export const constantRules: readonly (readonly [string, RewriteRule])[] = [
  ["QuantizeLinear", quantiseConstant],
];

/** Rules for the order of decoding and rearranging. */
export const orderRules: readonly (readonly [string, RewriteRule])[] = [["DequantizeLinear", decodeFirst]];
