/**
 * @file What the memory holds of a model, counted but not kept: enough for the error law of every tensor, in the memory
 * of one piece of a tensor.
 */
import type { NumberFormat } from "../channel/index.ts";
import { adoptCodes, adoptIntegers, directDecoding } from "./adopt.ts";
import { isCodeType } from "./codes.ts";
import { surveyFloats, surveyHalves } from "./counting.ts";
import { streamHalves, tensorFloats } from "./floats.ts";
import { rawLength, rawRange } from "./lazy.ts";
import type { OnnxModel } from "./model.ts";
import { chooseTensors } from "./prepare.ts";
import { floatStorage, type StorageOptions } from "./store.ts";
import { describeTensor, keepsBits, quantiseTensor, stepAxis, type Granularity } from "./quantise.ts";
import { isFloatTensor, storedByteLength } from "./tensor.ts";
import type { AbsentTensor, FoundTensor } from "./weights.ts";
import { storedHistogram, type StoredTensor } from "../stored/index.ts";

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
  found: FoundTensor,
  format: NumberFormat,
  granularity: Granularity,
): SurveyedTensor {
  const keepsRaw = keepsBits(found, format) && rawLength(found.tensor) === storedByteLength(found.tensor);
  if (keepsBits(found, format) && !keepsRaw) return surveyOf(quantiseTensor(found, format, granularity));
  const channelAxis = stepAxis(found, format, granularity);
  const pieces = () => tensorFloats(found.tensor);
  const { runtimeName: _runtimeName, ...described } = describeTensor(found);
  return {
    ...described,
    format,
    channelAxis,
    blockSize: undefined,
    zeroPoints: undefined,
    ...(keepsRaw
      ? surveyHalves(found.name, format, () => streamHalves(rawRange(found.tensor)))
      : surveyFloats({ name: found.name, dims: found.dims, channelAxis, pieces }, format)),
  };
}

/** A stored tensor without its codes. */
export function surveyOf(stored: StoredTensor): SurveyedTensor {
  const { codes: _codes, runtimeName: _runtimeName, ...rest } = stored;
  return { ...rest, histogram: storedHistogram(stored) };
}

/** What a survey of a model gives. */
export interface ModelSurvey {
  readonly tensors: readonly SurveyedTensor[];
  /** Constants of the model that the memory does not hold. */
  readonly absent: readonly AbsentTensor[];
}

/**
 * What `prepareModel` stores, tensor by tensor, without keeping a code: each tensor is read, counted and dropped.
 *
 * @throws QtamlError as `prepareModel`
 */
export function surveyMemory(source: OnnxModel, options: StorageOptions = {}): ModelSurvey {
  const { index, chosen, absent } = chooseTensors(source, options);
  const tensors = chosen.map((found) => {
    if (isFloatTensor(found.tensor)) {
      const { format, granularity } = floatStorage(found, options);
      return surveyTensor(found, format, granularity);
    }
    if (!isCodeType(found.tensor.dataType)) return surveyOf(adoptIntegers(found));
    return surveyOf(adoptCodes(found, directDecoding(found, index, chosen)));
  });
  return { tensors, absent };
}

/** The tensors of `surveyMemory`. */
export function surveyModel(source: OnnxModel, options: StorageOptions = {}): SurveyedTensor[] {
  return [...surveyMemory(source, options).tensors];
}
