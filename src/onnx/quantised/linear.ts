/**
 * @file `QLinearConv`, `QLinearMatMul`, `QGemm` and the runtime's other operators between quantised values: decode the
 * operands, compute in float, quantise the result. The result may differ by one code where the float result lies
 * within rounding of the middle between two.
 */
import type { NodeProto } from "onnx-buf";
import { attribute, floatAttribute, intAttribute, type AttributeValue } from "../graph.ts";
import { constantBehind } from "../scopes.ts";
import { DataType, elementCount, tensorDims } from "../tensor.ts";
import { NodeWriter, type RewriteContext, type RewriteRule } from "./rewrite.ts";

/** Keeps attributes of the float operator under their names. */
function keepAttributes(writer: NodeWriter, node: NodeProto, names: readonly string[]): void {
  const target = writer.nodes.at(-1)!;
  for (const name of names) {
    const found = attribute(node, name);
    if (found !== undefined) target.attribute.push(found);
  }
}

/** Input `at` of a node with its scale and zero point behind it, decoded. */
function decoded(
  writer: NodeWriter,
  node: NodeProto,
  at: number,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): string {
  const [value = "", scale = "", zero = ""] = node.input.slice(at, at + 3);
  return writer.add("DequantizeLinear", zero === "" ? [value, scale] : [value, scale, zero], attributes);
}

function quantise(writer: NodeWriter, value: string, node: NodeProto, at: number): void {
  const [scale = "", zero = ""] = node.input.slice(at, at + 2);
  writer.add("QuantizeLinear", zero === "" ? [value, scale] : [value, scale, zero], {}, node.output[0]);
}

/** The axis attribute of a decoder whose scale may be one a channel; undefined when that cannot be said here. */
function scaleAxis(
  { index, opset }: RewriteContext,
  scale: string,
  axis: number,
): Readonly<Record<string, AttributeValue>> | undefined {
  const tensor = constantBehind(index, scale);
  if (tensor === undefined) return undefined;
  if (elementCount(tensorDims(tensor)) === 1) return tensor.dims.length === 0 || opset >= 13 ? {} : undefined;
  return opset >= 13 && tensor.dims.length === 1 ? { axis } : undefined;
}

/** An int32 bias in units of the product of two scales, as float. */
function bias(writer: NodeWriter, value: string, scales: readonly string[]): string {
  const step = writer.add("Mul", scales);
  return writer.add("Mul", [writer.add("Cast", [value], { to: DataType.FLOAT }), step]);
}

const convolutionAttributes = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

const convolution: RewriteRule = (node, context) => {
  const axis = scaleAxis(context, node.input[4] ?? "", 0);
  if (axis === undefined || intAttribute(node, "channels_last", 0) !== 0) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const operands = [decoded(writer, node, 0), decoded(writer, node, 3, axis)];
  const [, xScale = "", , , wScale = ""] = node.input;
  const b = node.input[8] ?? "";
  if (b !== "") operands.push(bias(writer, b, [xScale, wScale]));
  const result = writer.add("Conv", operands);
  keepAttributes(writer, node, convolutionAttributes);
  quantise(writer, result, node, 6);
  return writer.nodes;
};

const matrixProduct: RewriteRule = (node, context) => {
  const dims = constantBehind(context.index, node.input[3] ?? "")?.dims;
  const axis = scaleAxis(context, node.input[4] ?? "", (dims?.length ?? 0) - 1);
  if (axis === undefined || scaleAxis(context, node.input[1] ?? "", 0)?.["axis"] !== undefined)
    return undefined;
  if ("axis" in axis && dims === undefined) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const operands = [decoded(writer, node, 0), decoded(writer, node, 3, axis)];
  quantise(writer, writer.add("MatMul", operands), node, 6);
  return writer.nodes;
};

const gemm: RewriteRule = (node, context) => {
  const isTransposed = intAttribute(node, "transB", 0) === 1;
  const axis = scaleAxis(context, node.input[4] ?? "", isTransposed ? 0 : 1);
  if (axis === undefined) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const operands = [decoded(writer, node, 0), decoded(writer, node, 3, axis)];
  const [, aScale = "", , , bScale = "", , c = "", yScale = ""] = node.input;
  const alpha = floatAttribute(node, "alpha", 1);
  if (c !== "") {
    // Its unit is alpha times both scales; Gemm scales the product alone.
    const value = bias(writer, c, [aScale, bScale]);
    operands.push(value);
  }
  const attributes = { beta: { float: alpha } };
  if (yScale === "") {
    writer.add("Gemm", operands, attributes, node.output[0]);
    keepAttributes(writer, node, ["alpha", "transA", "transB"]);
    return writer.nodes;
  }
  const result = writer.add("Gemm", operands, attributes);
  keepAttributes(writer, node, ["alpha", "transA", "transB"]);
  quantise(writer, result, node, 7);
  return writer.nodes;
};

/** An operator on `operands` quantised values, with the scale and zero point of its result behind them. */
const between =
  (opType: string, operands: number, kept: readonly string[] = []): RewriteRule =>
  (node, { names }) => {
    if (intAttribute(node, "channels_last", 0) !== 0) return undefined;
    const writer = new NodeWriter(names, node.output[0]!);
    const inputs = Array.from({ length: operands }, (_, i) => decoded(writer, node, 3 * i));
    const result = writer.add(opType, inputs);
    keepAttributes(writer, node, kept);
    quantise(writer, result, node, 3 * operands);
    return writer.nodes;
  };

const concatenation: RewriteRule = (node, { names }) => {
  const writer = new NodeWriter(names, node.output[0]!);
  const count = Math.floor((node.input.length - 2) / 3);
  const inputs = Array.from({ length: count }, (_, i) => decoded(writer, node, 2 + 3 * i));
  const result = writer.add("Concat", inputs);
  keepAttributes(writer, node, ["axis"]);
  quantise(writer, result, node, 0);
  return writer.nodes;
};

const poolAttributes = ["auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"];

/** Rules for operators between quantised values. */
export const linearRules: readonly (readonly [string, RewriteRule])[] = [
  ["QLinearConv", convolution],
  ["QLinearMatMul", matrixProduct],
  ["QGemm", gemm],
  ["QLinearAdd", between("Add", 2)],
  ["QLinearMul", between("Mul", 2)],
  ["QLinearSigmoid", between("Sigmoid", 1)],
  ["QLinearLeakyRelu", between("LeakyRelu", 1, ["alpha"])],
  ["QLinearAveragePool", between("AveragePool", 1, poolAttributes)],
  ["QLinearGlobalAveragePool", between("GlobalAveragePool", 1)],
  ["QLinearConcat", concatenation],
];
