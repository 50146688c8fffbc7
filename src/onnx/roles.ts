/**
 * @file What a constant is to the node that reads it: weights, embeddings, biases, normalisation parameters, and the
 * parameters of quantisation.
 */
import type { NodeProto } from "onnx-buf";
import type { TensorRole } from "../stored/index.ts";
import { intAttribute, isStandardNode, stringAttribute } from "./graph.ts";

type InputRoles = Readonly<Record<number, TensorRole>>;

const product: InputRoles = { 0: "weight", 1: "weight", 2: "bias" };
const convolution: InputRoles = { 1: "weight", 2: "bias" };
const recurrent: InputRoles = { 1: "weight", 2: "weight", 3: "bias" };
const normalisation: InputRoles = { 1: "normalisation", 2: "normalisation" };
const quantisation: InputRoles = { 1: "scale", 2: "zero-point" };

/** Inputs of operators of the default domain that take parameters. */
const standard: Readonly<Record<string, InputRoles>> = {
  Conv: convolution,
  ConvTranspose: convolution,
  DeformConv: { 1: "weight", 3: "bias" },
  Gemm: product,
  MatMul: { 0: "weight", 1: "weight" },
  LSTM: { ...recurrent, 7: "bias" },
  GRU: recurrent,
  RNN: recurrent,
  Gather: { 0: "embedding" },
  BatchNormalization: { ...normalisation, 3: "normalisation", 4: "normalisation" },
  LayerNormalization: normalisation,
  InstanceNormalization: normalisation,
  GroupNormalization: normalisation,
  RMSNormalization: { 1: "normalisation" },
  PRelu: { 1: "normalisation" },
  QuantizeLinear: quantisation,
  DequantizeLinear: quantisation,
};

/** The same for the runtime's own operators. */
const microsoft: Readonly<Record<string, InputRoles>> = {
  FusedMatMul: { 0: "weight", 1: "weight" },
  TransposeMatMul: { 0: "weight", 1: "weight" },
  FusedGemm: product,
  FusedConv: convolution,
  Attention: convolution,
  MultiHeadAttention: { 3: "bias" },
  BiasGelu: { 1: "bias" },
  FastGelu: { 1: "bias" },
  EmbedLayerNormalization: {
    2: "embedding",
    3: "embedding",
    4: "embedding",
    5: "normalisation",
    6: "normalisation",
  },
  SkipLayerNormalization: { 2: "normalisation", 3: "normalisation", 4: "bias" },
  SkipSimplifiedLayerNormalization: { 2: "normalisation", 3: "bias" },
  SimplifiedLayerNormalization: { 1: "normalisation" },
  QuantizeLinear: quantisation,
  DequantizeLinear: quantisation,
};

/** Role of a float constant at an input of a node; undefined when it is no parameter that is learnt. */
export function roleAt(node: NodeProto, input: number): TensorRole | undefined {
  const own = isStandardNode(node)
    ? standard[node.opType]
    : node.domain === "com.microsoft"
      ? microsoft[node.opType]
      : undefined;
  if (own !== undefined) return own[input];
  if (!isStandardNode(node)) return undefined;
  if (node.opType === "Einsum") return "weight";
  return elementwiseRole(node);
}

/** Parameters of networks whose biases and normalisations are written as arithmetic. */
function elementwiseRole(node: NodeProto): TensorRole | undefined {
  if (["Add", "Sub", "Sum"].includes(node.opType)) return "bias";
  if (["Mul", "Div"].includes(node.opType)) return "normalisation";
  return undefined;
}

/** Whether a node only computes with the parameter as arithmetic: a single number there is a setting. */
export function isElementwise(node: NodeProto): boolean {
  return isStandardNode(node) && elementwiseRole(node) !== undefined;
}

/** The axis of a weight operand that runs over output channels; undefined when there is none. */
export function outputChannelAxis(
  node: NodeProto,
  input: number,
  dims: readonly number[],
): number | undefined {
  const rank = dims.length;
  switch (node.opType) {
    case "Conv":
    case "FusedConv":
    case "DeformConv":
      return 0;
    case "ConvTranspose": {
      // With groups the second axis counts the channels of one group only.
      const groups = intAttribute(node, "group", 1);
      if (groups === 1) return 1;
      return dims[1] === 1 && dims[0] === groups ? 0 : undefined;
    }
    case "Gemm":
    case "FusedGemm":
      return input === 1 ? 1 - intAttribute(node, "transB", 0) : intAttribute(node, "transA", 0);
    case "LSTM":
    case "GRU":
    case "RNN":
    case "Attention":
      return 1;
    case "Gather": {
      const axis = intAttribute(node, "axis", 0);
      return axis < 0 ? axis + rank : axis;
    }
    case "EmbedLayerNormalization":
      return 0;
    case "Einsum":
      return einsumAxis(node, input);
    case "MatMul":
    case "FusedMatMul":
    case "TransposeMatMul": {
      if (rank < 2) return undefined;
      const isSwapped = intAttribute(node, input === 1 ? "transB" : "transA", 0) === 1;
      return (input === 1) !== isSwapped ? rank - 1 : rank - 2;
    }
    default:
      return undefined;
  }
}

/** The last axis of the operand that is an axis of the output and of no other operand. */
function einsumAxis(node: NodeProto, input: number): number | undefined {
  const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
  const [operands = "", output] = equation.split("->");
  const terms = operands.split(",");
  const own = terms[input];
  if (own === undefined || output === undefined || equation.includes("...")) return undefined;
  const axis = Array.from(own).findLastIndex(
    (letter) => output.includes(letter) && !terms.some((term, i) => i !== input && term.includes(letter)),
  );
  return axis < 0 ? undefined : axis;
}
