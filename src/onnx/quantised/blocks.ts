/**
 * @file Weights of 2, 4 and 8 bits in blocks: `MatMulNBits` and `GatherBlockQuantized` of the runtime's own domain
 * become `DequantizeLinear` with blocks in front of the float operator.
 */
import type { TensorProto } from "onnx-buf";
import { codeArray, type Codes } from "../../channel/index.ts";
import { codeBytes, isCodeType, packedTensor, unpackInto } from "../codes.ts";
import { intAttribute, type AttributeValue } from "../graph.ts";
import { copyMessage } from "../lazy.ts";
import { constantBehind } from "../scopes.ts";
import { DataType, elementCount, isFloatTensor, tensorDims } from "../tensor.ts";
import { NodeWriter, type RewriteContext, type RewriteRule } from "./rewrite.ts";

const unsignedTypes: Readonly<Record<number, DataType>> = {
  2: DataType.UINT2,
  4: DataType.UINT4,
  8: DataType.UINT8,
};

/** Rows of packed codes, each padded to whole bytes, without their padding. */
function unpackRows(bytes: Uint8Array, rows: number, columns: number, bits: number): Codes {
  const codes = codeArray(bits, rows * columns);
  const width = bytes.length / rows;
  for (let r = 0; r < rows; r++) {
    const row = codes.subarray(r * columns, (r + 1) * columns);
    unpackInto(bytes.subarray(r * width, (r + 1) * width), bits, row);
  }
  return codes;
}

/** Blocked decoding needs operator set 21 unless the memory takes the codes over. */
const isAllowed = ({ opset, isSelected }: RewriteContext, name: string) => opset >= 21 || isSelected(name);

/** Adds the codes of a packed tensor under its own name where nothing else reads it in another way. */
function addUnpacked(
  context: RewriteContext,
  name: string,
  opType: string,
  make: (name: string) => TensorProto,
): string {
  const own = (context.index.uses.get(name) ?? []).every(({ node }) => node.opType === opType);
  const made = make(own ? name : context.names.fresh(`${name}.codes`));
  context.addConstant(made);
  return made.name;
}

const matrixProduct: RewriteRule = (node, context) => {
  const [a = "", b = "", scale = "", zero = "", order = "", bias = ""] = node.input;
  const [codes, steps, zeros] = [b, scale, zero].map((name) => constantBehind(context.index, name));
  const bits = intAttribute(node, "bits", 4);
  const dataType = unsignedTypes[bits];
  const [rows, columns] = [intAttribute(node, "N", 0), intAttribute(node, "K", 0)];
  const blockSize = intAttribute(node, "block_size", 32);
  const blocks = Math.ceil(columns / blockSize);
  if (codes?.dataType !== DataType.UINT8 || steps === undefined || dataType === undefined || order !== "")
    return undefined;
  if (zero !== "" && zeros?.dataType !== DataType.UINT8) return undefined;
  if (zeros !== undefined && codeBytes(zeros).length !== rows * Math.ceil((blocks * bits) / 8))
    return undefined;
  if (elementCount(tensorDims(codes)) !== rows * blocks * ((blockSize * bits) / 8)) return undefined;
  if (elementCount(tensorDims(steps)) !== rows * blocks || !isAllowed(context, codes.name)) return undefined;
  const unpacked = addUnpacked(context, codes.name, node.opType, (name) =>
    packedTensor(name, [rows, columns], dataType, unpackRows(codeBytes(codes), rows, columns, bits)),
  );
  const stepName = context.names.fresh(`${steps.name}.blocks`);
  context.addConstant(withDims(steps, stepName, [rows, blocks]));
  const zeroCodes =
    zeros === undefined
      ? codeArray(bits, rows * blocks).fill(2 ** (bits - 1))
      : unpackRows(codeBytes(zeros), rows, blocks, bits);
  const zeroName = context.names.fresh(`${zeros?.name ?? codes.name}.zero_points`);
  context.addConstant(packedTensor(zeroName, [rows, blocks], dataType, zeroCodes));
  const writer = new NodeWriter(context.names, node.output[0]!);
  const attributes = { axis: 1, block_size: blockSize };
  const decoded = writer.add("DequantizeLinear", [unpacked, stepName, zeroName], attributes);
  const operands = [a, writer.add("Transpose", [decoded], { perm: [1, 0] })];
  if (bias === "") writer.add("MatMul", operands, {}, node.output[0]);
  else writer.add("Add", [writer.add("MatMul", operands), bias], {}, node.output[0]);
  return writer.nodes;
};

/** The same data under another name and shape. */
function withDims(tensor: TensorProto, name: string, dims: readonly number[]): TensorProto {
  const copy = copyMessage(tensor);
  copy.name = name;
  copy.dims = dims.map(BigInt);
  return copy;
}

const embedding: RewriteRule = (node, context) => {
  const [data = "", indices = "", scale = "", zero = ""] = node.input;
  const [codes, steps] = [data, scale].map((name) => constantBehind(context.index, name));
  if (codes === undefined || steps === undefined || !isFloatTensor(steps)) return undefined;
  const isPacked = codes.dataType === DataType.UINT8 && intAttribute(node, "bits", 4) !== 8;
  if (!isCodeType(codes.dataType) || isPacked || !isAllowed(context, codes.name)) return undefined;
  const inputs = [data, scale];
  if (zero !== "") {
    inputs.push(zero);
  } else if (codes.dataType === DataType.UINT8) {
    const dims = tensorDims(steps);
    const name = context.names.fresh(`${data}.zero_points`);
    context.addConstant(
      packedTensor(name, dims, DataType.UINT8, new Uint8Array(elementCount(dims)).fill(128)),
    );
    inputs.push(name);
  }
  const writer = new NodeWriter(context.names, node.output[0]!);
  const attributes: Record<string, AttributeValue> = {
    axis: intAttribute(node, "quantize_axis", 1),
    block_size: intAttribute(node, "block_size", 128),
  };
  const table = writer.add("DequantizeLinear", inputs, attributes);
  writer.add("Gather", [table, indices], { axis: intAttribute(node, "gather_axis", 0) }, node.output[0]);
  return writer.nodes;
};

/** Rules for weights in blocks. */
export const blockRules: readonly (readonly [string, RewriteRule])[] = [
  ["MatMulNBits", matrixProduct],
  ["GatherBlockQuantized", embedding],
];
