/**
 * @file Integer products (`MatMulInteger`, `ConvInteger`) and what dynamic quantisation writes around them. Sums of
 * products of 8-bit integers are exact in float32 up to 2^24; beyond, they are rounded.
 */
import type { NodeProto } from "onnx-buf";
import { attribute, intAttribute, type AttributeValue } from "../graph.ts";
import { constantBehind } from "../scopes.ts";
import { DataType, elementCount, floatTensor, tensorDims } from "../tensor.ts";
import { NodeWriter, type RewriteContext, type RewriteRule } from "./rewrite.ts";

const integerProducts: ReadonlySet<string> = new Set(["MatMulInteger", "ConvInteger"]);
const convolutionAttributes = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

const isNumber = ({ index }: RewriteContext, name: string) => {
  const tensor = constantBehind(index, name);
  return tensor !== undefined && elementCount(tensorDims(tensor)) === 1;
};

/** Whether a zero point of activations is a single number: a constant, or that of `DynamicQuantizeLinear`. */
function isOneZero(context: RewriteContext, name: string): boolean {
  const producer = context.index.producer.get(name);
  return (
    name === "" ||
    isNumber(context, name) ||
    (producer?.opType === "DynamicQuantizeLinear" && producer.output[2] === name)
  );
}

/** The axis attribute for the constant codes at an input, decoded with a constant scale and zero point. */
function codesAxis(
  context: RewriteContext,
  product: NodeProto,
  parameter: string,
): Readonly<Record<string, AttributeValue>> | undefined {
  const codes = constantBehind(context.index, product.input[1] ?? "");
  if (codes === undefined) return undefined;
  if (parameter === "" || isNumber(context, parameter)) return {};
  const tensor = constantBehind(context.index, parameter);
  if (tensor?.dims.length !== 1 || context.opset < 13) return undefined;
  return { axis: product.opType === "ConvInteger" ? 0 : codes.dims.length - 1 };
}

/** The float product of two decoded operands. */
function product(writer: NodeWriter, node: NodeProto, operands: readonly string[], output?: string): string {
  const isConvolution = node.opType === "ConvInteger";
  const result = writer.add(isConvolution ? "Conv" : "MatMul", operands, {}, output);
  for (const name of isConvolution ? convolutionAttributes : []) {
    const found = attribute(node, name);
    if (found !== undefined) writer.nodes.at(-1)!.attribute.push(found);
  }
  return result;
}

const present = (...names: readonly string[]) => names.filter((name) => name !== "");

/** Whether a value is read in float alone, so that it need not become an integer in between. */
function isReadAsFloat({ index }: RewriteContext, name: string): boolean {
  const uses = index.uses.get(name) ?? [];
  return (
    !index.outputs.has(name) &&
    uses.every(({ node }) => node.opType === "Cast" && intAttribute(node, "to", 0) === DataType.FLOAT)
  );
}

/** An integer product by itself: in units of the codes, less the zero points. */
const integerProduct: RewriteRule = (node, context) => {
  const [a = "", b = "", aZero = "", bZero = ""] = node.input;
  const axis = codesAxis(context, node, bZero);
  if (axis === undefined || !isOneZero(context, aZero)) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const ones = (dims: readonly number[]): string => {
    const name = context.names.fresh(`${b}.one`);
    context.addConstant(floatTensor(name, dims, new Float32Array(elementCount(dims)).fill(1)));
    return name;
  };
  const left = writer.add("DequantizeLinear", present(a, ones([]), aZero));
  const zero = constantBehind(context.index, bZero);
  const dims = "axis" in axis ? tensorDims(zero!) : [];
  const right = writer.add("DequantizeLinear", present(b, ones(dims), bZero), axis);
  if (isReadAsFloat(context, node.output[0]!)) {
    product(writer, node, [left, right], node.output[0]);
  } else {
    const result = product(writer, node, [left, right]);
    writer.add("Cast", [result], { to: DataType.INT32 }, node.output[0]);
  }
  return writer.nodes;
};

/** The two inputs of a `Mul` in both orders. */
const bothWays = (node: NodeProto): [string, string][] => [
  [node.input[0]!, node.input[1]!],
  [node.input[1]!, node.input[0]!],
];

/**
 * Dynamic quantisation: `Mul(Cast(product of codes), Mul(scale of the activations, scale of the codes))` becomes the
 * product of the decoded operands.
 */
const scaledProduct: RewriteRule = (node, context) => {
  const { index } = context;
  for (const [value, scale] of bothWays(node)) {
    const cast = index.producer.get(value);
    const source = cast?.opType === "Cast" ? index.producer.get(cast.input[0] ?? "") : undefined;
    const scales = index.producer.get(scale);
    if (source === undefined || !integerProducts.has(source.opType) || scales?.opType !== "Mul") continue;
    if (index.uses.get(source.output[0]!)?.length !== 1) continue;
    const dynamic = index.producer.get(source.input[0] ?? "");
    if (dynamic?.opType !== "DynamicQuantizeLinear" || dynamic.output[2] !== (source.input[2] ?? ""))
      continue;
    for (const [aScale, bScale] of bothWays(scales)) {
      if (aScale !== dynamic.output[1]) continue;
      const axis = codesAxis(context, source, bScale);
      const bZero = source.input[3] ?? "";
      const zeroAxis = codesAxis(context, source, bZero);
      if (axis === undefined || zeroAxis === undefined || "axis" in axis !== "axis" in zeroAxis) continue;
      // A scale for each channel of a convolution does not broadcast along the last axis.
      if ("axis" in axis && source.opType === "ConvInteger") continue;
      const writer = new NodeWriter(context.names, node.output[0]!);
      const left = writer.add("DequantizeLinear", present(source.input[0]!, aScale, source.input[2] ?? ""));
      const right = writer.add("DequantizeLinear", present(source.input[1]!, bScale, bZero), axis);
      product(writer, source, [left, right], node.output[0]);
      return writer.nodes;
    }
  }
  return undefined;
};

/** The product of decoded operands, and a bias where there is one. */
function floatProduct(writer: NodeWriter, node: NodeProto, left: string, right: string, bias: string): void {
  if (bias === "") writer.add("MatMul", [left, right], {}, node.output[0]);
  else writer.add("Add", [writer.add("MatMul", [left, right]), bias], {}, node.output[0]);
}

const productToFloat: RewriteRule = (node, context) => {
  const [a = "", b = "", aScale = "", bScale = "", aZero = "", bZero = "", bias = ""] = node.input;
  const axis = codesAxis(context, node, bScale);
  if (axis === undefined || !isOneZero(context, aZero)) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const left = writer.add("DequantizeLinear", present(a, aScale, aZero));
  floatProduct(writer, node, left, writer.add("DequantizeLinear", present(b, bScale, bZero), axis), bias);
  return writer.nodes;
};

const dynamicProduct: RewriteRule = (node, context) => {
  const [a = "", b = "", bScale = "", bZero = "", bias = ""] = node.input;
  const axis = codesAxis(context, node, bScale);
  if (axis === undefined) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const quantised = writer.add("DynamicQuantizeLinear", [a]);
  const [scale, zero] = [context.names.fresh(`${quantised}.scale`), context.names.fresh(`${quantised}.zero`)];
  writer.nodes.at(-1)!.output.push(scale, zero);
  const left = writer.add("DequantizeLinear", [quantised, scale, zero]);
  floatProduct(writer, node, left, writer.add("DequantizeLinear", present(b, bScale, bZero), axis), bias);
  return writer.nodes;
};

const attentionAttributes: ReadonlySet<string> = new Set([
  "do_rotary",
  "mask_filter_value",
  "num_heads",
  "past_present_share_buffer",
  "rotary_embedding_dim",
  "scale",
  "unidirectional",
]);

/** `QAttention`: the runtime's `Attention` of decoded operands. */
const attention: RewriteRule = (node, context) => {
  const [x = "", w = "", bias = "", xScale = "", wScale = "", mask = "", xZero = "", wZero = "", past = ""] =
    node.input;
  const axis = codesAxis(context, node, wScale);
  const zeroAxis = codesAxis(context, node, wZero);
  const isZeroAlike =
    wZero === "" || (zeroAxis !== undefined && axis !== undefined && "axis" in axis === "axis" in zeroAxis);
  if (axis === undefined || !isZeroAlike || !isOneZero(context, xZero)) return undefined;
  const writer = new NodeWriter(context.names, node.output[0]!);
  const left = writer.add("DequantizeLinear", present(x, xScale, xZero));
  const right = writer.add("DequantizeLinear", present(w, wScale, wZero), axis);
  const inputs = [left, right, bias, mask, past];
  while (inputs.at(-1) === "") inputs.pop();
  writer.add("Attention", inputs, {}, node.output[0]);
  const made = writer.nodes.at(-1)!;
  made.domain = "com.microsoft";
  made.output.push(...node.output.slice(1));
  made.attribute.push(...node.attribute.filter(({ name }) => attentionAttributes.has(name)));
  return writer.nodes;
};

/** What is taken apart first: products with their scales behind them. */
export const scaledRules: readonly (readonly [string, RewriteRule])[] = [["Mul", scaledProduct]];

/** Rules for integer products by themselves. */
export const integerRules: readonly (readonly [string, RewriteRule])[] = [
  ["MatMulInteger", integerProduct],
  ["ConvInteger", integerProduct],
  ["MatMulIntegerToFloat", productToFloat],
  ["DynamicQuantizeMatMul", dynamicProduct],
  ["QAttention", attention],
];
