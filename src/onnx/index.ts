/**
 * @file The room of ONNX: read and write models, find and quantise the weights that live in the memory, and build
 * the hardened model.
 */
export type { Decoding } from "./adopt.ts";
export { biasPlaces, shiftBiases, type BiasPlace } from "./biases.ts";
export { codeFormat, packedTensor } from "./codes.ts";
export type { FloatSurvey, WeightStream } from "./counting.ts";
export { tensorFloats, type FloatStore, type FloatType } from "./floats.ts";
export {
  attribute,
  floatAttribute,
  indexGraph,
  intAttribute,
  intsAttribute,
  isStandardNode,
  makeNode,
  makeValueInfo,
  namesRead,
  stringAttribute,
  type AttributeValue,
  type GraphIndex,
} from "./graph.ts";
export { hardenModel, type CodesInitialiser, type DecodeForm, type Metadata } from "./harden.ts";
export { deferRawData, forEachTensor } from "./lazy.ts";
export { checkSelfContained } from "./external.ts";
export { cloneModel, opsetVersion, parseModel, serialiseModel, type OnnxModel } from "./model.ts";
export { modelFromBytes, openModel, type ModelFile } from "./open.ts";
export {
  planKey,
  prepareModel,
  type ChosenTensors,
  type PreparedModel,
  type StorageOptions,
} from "./prepare.ts";
export type { Granularity } from "./quantise.ts";
export type { ModelIndex, UniqueNames, ValueUse } from "./scopes.ts";
export {
  isSafetensorsFile,
  openSafetensors,
  surveySafetensors,
  type SafetensorsFile,
  type SafetensorsTensor,
  type SafetensorsType,
  type TensorChoice,
} from "./safetensors.ts";
export { roleWords, type Selection } from "./selection.ts";
export { surveyMemory, surveyOf, type ModelSurvey, type SurveyedTensor } from "./survey.ts";
export {
  DataType,
  dataTypeName,
  elementCount,
  floatData,
  floatTensor,
  int64Tensor,
  int8Tensor,
  integerData,
  isFloatTensor,
  tensorDims,
  uint8Tensor,
  type Dims,
} from "./tensor.ts";
export type { AbsentTensor, FoundTensor } from "./weights.ts";
export { modelFiles, type ModelFiles } from "./write.ts";
