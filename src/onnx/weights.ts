/**
 * @file Finds the weights that live in the memory: the constant operands of convolutions and matrix products,
 * traced through the operators that only rearrange or scale them. Biases, shapes and indices are not weights.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { intAttribute, intsAttribute, isStandardNode, nodeLabel, type GraphIndex } from "./graph.ts";
import { isFloatTensor, tensorDims } from "./tensor.ts";

/** One place where a weight tensor is used. */
export interface WeightUse {
  readonly node: NodeProto;
  /** Which input of the node the weights arrive at. */
  readonly input: number;
}

/** A constant tensor that the memory holds. */
export interface WeightTensor {
  /** Name of the initialiser, or of the output of the `Constant` node. */
  readonly name: string;
  readonly tensor: TensorProto;
  readonly dims: readonly number[];
  /** Uses in graph order; tied weights have several and share one set of faults. */
  readonly uses: readonly WeightUse[];
  /** Axis of the stored tensor that runs over output channels; undefined where the uses disagree or it is lost. */
  readonly channelAxis: number | undefined;
  /** The `DequantizeLinear` that decodes the tensor when the model is already quantised: the first of `dequantisers`. */
  readonly dequantise: NodeProto | undefined;
  /** Every `DequantizeLinear` that decodes the tensor: quantisation tools write one for each use. */
  readonly dequantisers: readonly NodeProto[];
}

/** For each operator with weights: the inputs they may arrive at, and the axis of output channels. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1],
  ConvTranspose: [1],
  Gemm: [0, 1],
  MatMul: [0, 1],
};

function outputChannelAxis(node: NodeProto, input: number, rank: number): number | undefined {
  switch (node.opType) {
    case "Conv":
      return 0;
    case "ConvTranspose":
      // With groups the second axis counts the channels of one group only.
      return intAttribute(node, "group", 1) === 1 ? 1 : undefined;
    case "Gemm":
      return input === 1 ? 1 - intAttribute(node, "transB", 0) : intAttribute(node, "transA", 0);
    default:
      if (rank < 2) return undefined;
      return input === 1 ? rank - 1 : rank - 2;
  }
}

interface Traced {
  readonly name: string;
  readonly tensor: TensorProto;
  readonly channelAxis: number | undefined;
  readonly dequantise: NodeProto | undefined;
  readonly isReshaped: boolean;
}

/** Follows a value back to the constant it is a rearrangement of. */
function trace(
  index: GraphIndex,
  value: string,
  rankAxis: (rank: number) => number | undefined,
): Traced | undefined {
  const steps: NodeProto[] = [];
  let name = value;
  for (;;) {
    const tensor = index.constants.get(name);
    if (tensor !== undefined) {
      let axis = rankAxis(tensor.dims.length);
      let dequantise: NodeProto | undefined;
      for (const node of steps) {
        if (dequantise !== undefined && node.opType !== "Identity") {
          throw new QtamlError(
            "unsupported-model",
            `${nodeLabel(node)} comes between the stored codes "${name}" and their ${nodeLabel(dequantise)}; fold constants when exporting the model.`,
          );
        }
        if (node.opType === "Transpose" && axis !== undefined) {
          const perm = intsAttribute(node, "perm");
          axis = perm === undefined ? tensor.dims.length - 1 - axis : perm[axis];
        } else if (node.opType === "Reshape") {
          axis = undefined;
        } else if (node.opType === "DequantizeLinear") {
          dequantise = node;
        }
      }
      const isReshaped = steps.some((node) => node.opType === "Reshape");
      return { name, tensor, channelAxis: axis, dequantise, isReshaped };
    }
    const node = index.producer.get(name);
    const isRearranging =
      node !== undefined && ["Identity", "Transpose", "Reshape", "DequantizeLinear"].includes(node.opType);
    if (!isRearranging || steps.length > index.graph.node.length) return undefined;
    steps.push(node);
    name = node.input[0] ?? "";
  }
}

/**
 * The weight tensors of a graph, in the order of their first use.
 *
 * Weights are the constants with at least two axes (or given them by `Reshape`) that reach `Conv` (input 1),
 * `ConvTranspose` (1), `Gemm` (0, 1) or `MatMul` (0, 1), directly or through `Identity`, `Transpose`, `Reshape` and
 * `DequantizeLinear`.
 *
 * @throws QtamlError `unsupported-model` when quantised codes are rearranged before they are decoded
 */
export function findWeights(index: GraphIndex): WeightTensor[] {
  const found = new Map<string, { traced: Traced; uses: WeightUse[]; channelAxis: number | undefined }>();
  for (const node of index.graph.node) {
    if (!isStandardNode(node)) continue;
    for (const input of weightInputs[node.opType] ?? []) {
      const value = node.input[input];
      if (value === undefined || value === "") continue;
      const traced = trace(index, value, (rank) => outputChannelAxis(node, input, rank));
      if (traced === undefined || (traced.tensor.dims.length < 2 && !traced.isReshaped)) continue;
      if (!isFloatTensor(traced.tensor) && traced.dequantise === undefined) continue;
      const known = found.get(traced.name);
      if (known === undefined) {
        found.set(traced.name, { traced, uses: [{ node, input }], channelAxis: traced.channelAxis });
      } else {
        known.uses.push({ node, input });
        if (known.channelAxis !== traced.channelAxis) known.channelAxis = undefined;
      }
    }
  }
  return Array.from(found.values(), ({ traced, uses, channelAxis }) => ({
    name: traced.name,
    tensor: traced.tensor,
    dims: tensorDims(traced.tensor),
    uses,
    channelAxis,
    ...decodersOf(index, traced),
  }));
}

function decodersOf(index: GraphIndex, traced: Traced): Pick<WeightTensor, "dequantise" | "dequantisers"> {
  const dequantisers = traced.dequantise === undefined ? [] : dequantisersOf(index, traced.name);
  return { dequantise: dequantisers[0], dequantisers };
}

/** The `DequantizeLinear` nodes that decode a constant, directly or through `Identity`, in graph order. */
function dequantisersOf(index: GraphIndex, name: string): NodeProto[] {
  const names = new Set([name]);
  return index.graph.node.filter((node) => {
    if (!names.has(node.input[0] ?? "")) return false;
    if (node.opType === "Identity" && node.output[0] !== undefined) names.add(node.output[0]);
    return node.opType === "DequantizeLinear";
  });
}
