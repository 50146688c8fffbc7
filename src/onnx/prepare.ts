/**
 * @file From a user's model to the two things everything else works on: what the memory holds, and a float32 model
 * whose weights can be overwritten.
 */
import type { NodeProto } from "onnx-buf";
import { numberFormat, type NumberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { dropUnusedInitialisers, foldBatchNormalization, hoistConstants } from "./fold.ts";
import { constantOf, indexGraph, intAttribute, makeNode, type GraphIndex } from "./graph.ts";
import { cloneModel, type OnnxModel } from "./model.ts";
import {
  adoptQuantised,
  cleanWeights,
  quantiseTensor,
  type Granularity,
  type StoredTensor,
} from "./stored.ts";
import { DataType, floatTensor } from "./tensor.ts";
import { findWeights, type WeightTensor } from "./weights.ts";

/** A model split into the memory's content and the network around it. */
export interface PreparedModel {
  /** The network with every stored tensor as a float32 initialiser `runtimeName`, decoded from its clean codes. */
  readonly model: OnnxModel;
  /** What the memory holds, in the order of first use. */
  readonly tensors: readonly StoredTensor[];
  /** How many batch normalisations were folded into weights. */
  readonly foldedNormalizations: number;
}

/** How float weights are stored. */
export interface StorageOptions {
  /** A name of `numberFormat`; "int8" by default. */
  readonly format?: string;
  /** One quantisation step a tensor (default) or an output channel. */
  readonly granularity?: Granularity;
}

/** A copy of a model with its constants as initialisers and its normalisations folded into weights. */
export function foldedModel(source: OnnxModel): { model: OnnxModel; foldedNormalizations: number } {
  const model = cloneModel(source);
  hoistConstants(model);
  dropUnusedInitialisers(model);
  return { model, foldedNormalizations: foldBatchNormalization(model) };
}

/** @throws QtamlError `unsupported-model` when there are no weights */
export function checkHasWeights(weights: readonly WeightTensor[]): void {
  if (weights.length === 0) {
    throw new QtamlError(
      "unsupported-model",
      "The model has no weights in the memory: no Conv, ConvTranspose, Gemm or MatMul has a constant operand; give a trained network.",
    );
  }
}

/**
 * Folds normalisations, finds the weights and quantises them. The given model is left as it was.
 *
 * @throws QtamlError `unsupported-model` when the model has no weights, `non-finite` when one is NaN or infinite
 */
export function prepareModel(source: OnnxModel, options: StorageOptions = {}): PreparedModel {
  const format = numberFormat(options.format ?? "int8");
  const { model, foldedNormalizations } = foldedModel(source);
  const tensors = storeWeights(model, format, options.granularity ?? "tensor");
  dropUnusedInitialisers(model);
  return { model, tensors, foldedNormalizations };
}

function storeWeights(model: OnnxModel, format: NumberFormat, granularity: Granularity): StoredTensor[] {
  const graph = model.graph;
  const index = indexGraph(graph);
  const weights = findWeights(index);
  checkHasWeights(weights);
  const int8 = numberFormat("int8");
  return weights.map((weight) => {
    const stored =
      weight.dequantise === undefined
        ? quantiseTensor(weight, format, granularity)
        : adoptQuantised(weight, index, int8);
    const { dequantise, dequantisers } = weight;
    // The name that the network reads the weights by, and the type it reads them in.
    const value = stored.runtimeName;
    const elementType = dequantise === undefined ? weight.tensor.dataType : decodedType(dequantise, index);
    const runtimeName = elementType === DataType.FLOAT ? value : `${value}.float32`;
    const decoded = floatTensor(runtimeName, stored.dims, cleanWeights(stored));
    if (dequantise === undefined) {
      graph.initializer[graph.initializer.indexOf(weight.tensor)] = decoded;
    } else {
      graph.initializer.push(decoded);
      const replaced = new Set(dequantisers);
      graph.node = graph.node
        .filter((node) => node !== dequantise)
        .map((node) => (replaced.has(node) ? makeNode("Identity", [value], [node.output[0]!]) : node));
    }
    if (elementType !== DataType.FLOAT) {
      graph.node.unshift(makeNode("Cast", [runtimeName], [value], { to: elementType }));
    }
    return { ...stored, runtimeName };
  });
}

/** Element type that a `DequantizeLinear` puts out: that of its scale, unless it says otherwise. */
function decodedType(node: NodeProto, index: GraphIndex): DataType {
  const stated = intAttribute(node, "output_dtype", 0);
  return stated === 0 ? constantOf(index, node.input[1] ?? "")!.dataType : stated;
}
