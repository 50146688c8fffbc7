/**
 * @file From a user's model to the two things everything else works on: what the memory holds, and a float32 model
 * whose weights can be overwritten.
 */
import { numberFormat, type NumberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { dropUnusedInitialisers, foldBatchNormalization, hoistConstants } from "./fold.ts";
import { indexGraph, makeNode } from "./graph.ts";
import { cloneModel, type OnnxModel } from "./model.ts";
import {
  adoptQuantised,
  cleanSegments,
  decodeInto,
  quantiseTensor,
  type Granularity,
  type StoredTensor,
} from "./stored.ts";
import { DataType, floatTensor } from "./tensor.ts";
import { findWeights } from "./weights.ts";

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

/**
 * Folds normalisations, finds the weights and quantises them. The given model is left as it was.
 *
 * @throws QtamlError `unsupported-model` when the model has no weights, `non-finite` when one is NaN or infinite
 */
export function prepareModel(source: OnnxModel, options: StorageOptions = {}): PreparedModel {
  const format = numberFormat(options.format ?? "int8");
  const model = cloneModel(source);
  hoistConstants(model);
  dropUnusedInitialisers(model);
  const foldedNormalizations = foldBatchNormalization(model);
  const tensors = storeWeights(model, format, options.granularity ?? "tensor");
  dropUnusedInitialisers(model);
  return { model, tensors, foldedNormalizations };
}

function storeWeights(model: OnnxModel, format: NumberFormat, granularity: Granularity): StoredTensor[] {
  const graph = model.graph;
  const index = indexGraph(graph);
  const weights = findWeights(index);
  if (weights.length === 0) {
    throw new QtamlError(
      "unsupported-model",
      "The model has no weights in the memory: no Conv, ConvTranspose, Gemm or MatMul has a constant operand; give a trained network.",
    );
  }
  const int8 = numberFormat("int8");
  return weights.map((weight) => {
    const stored =
      weight.dequantise === undefined
        ? quantiseTensor(weight, format, granularity)
        : adoptQuantised(weight, index, int8);
    const values = new Float32Array(stored.count);
    decodeInto(stored, cleanSegments(stored), stored.codes, values);
    const { dequantise, tensor } = weight;
    if (dequantise !== undefined) {
      graph.node = graph.node.filter((node) => node !== dequantise);
      graph.initializer.push(floatTensor(stored.runtimeName, stored.dims, values));
      return stored;
    }
    const place = graph.initializer.indexOf(tensor);
    if (tensor.dataType === DataType.FLOAT) {
      graph.initializer[place] = floatTensor(stored.runtimeName, stored.dims, values);
      return stored;
    }
    const runtimeName = `${stored.name}.float32`;
    graph.initializer[place] = floatTensor(runtimeName, stored.dims, values);
    graph.node.unshift(makeNode("Cast", [runtimeName], [stored.name], { to: tensor.dataType }));
    return { ...stored, runtimeName };
  });
}
