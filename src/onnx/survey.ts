/**
 * @file What the memory holds of a model, counted but not kept: enough for the error law of every tensor, in the memory
 * of one piece of a tensor.
 */
import { numberFormat, type NumberFormat } from "../channel/index.ts";
import { surveyFloats } from "./counting.ts";
import { tensorFloats } from "./floats.ts";
import { indexGraph } from "./graph.ts";
import type { OnnxModel } from "./model.ts";
import { checkHasWeights, foldedModel, type StorageOptions } from "./prepare.ts";
import {
  adoptQuantised,
  describeWeight,
  storedHistogram,
  type Granularity,
  type StoredTensor,
} from "./stored.ts";
import { findWeights, type WeightTensor } from "./weights.ts";

/** A tensor as the memory stores it, with its codes counted instead of kept. */
export interface SurveyedTensor extends Omit<StoredTensor, "codes" | "runtimeName"> {
  /** [2^B] how many weights hold each code. */
  readonly histogram: Float64Array;
}

/**
 * What `quantiseTensor` gives, without the codes.
 *
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function surveyTensor(
  weight: WeightTensor,
  format: NumberFormat,
  granularity: Granularity,
): SurveyedTensor {
  const channelAxis = granularity === "channel" ? weight.channelAxis : undefined;
  const pieces = () => tensorFloats(weight.tensor);
  return {
    ...describeWeight(weight),
    format,
    channelAxis,
    blockSize: undefined,
    zeroPoints: undefined,
    ...surveyFloats({ name: weight.name, dims: weight.dims, channelAxis, pieces }, format),
  };
}

/** A stored tensor without its codes. */
export function surveyOf(stored: StoredTensor): SurveyedTensor {
  const { codes: _codes, runtimeName: _runtimeName, ...rest } = stored;
  return { ...rest, histogram: storedHistogram(stored) };
}

/**
 * What `prepareModel` stores, tensor by tensor, without keeping a code: each tensor is read, counted and dropped.
 *
 * @throws QtamlError as `prepareModel`
 */
export function surveyModel(source: OnnxModel, options: StorageOptions = {}): SurveyedTensor[] {
  const format = numberFormat(options.format ?? "int8");
  const { model } = foldedModel(source);
  const index = indexGraph(model.graph);
  const weights = findWeights(index);
  checkHasWeights(weights);
  const int8 = numberFormat("int8");
  return weights.map((weight) =>
    weight.dequantise === undefined
      ? surveyTensor(weight, format, options.granularity ?? "tensor")
      : surveyOf(adoptQuantised(weight, index, int8)),
  );
}
