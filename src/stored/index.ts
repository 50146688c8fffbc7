/**
 * @file The room of stored tensors: codes, the steps of their weights, and decoding. Pure: models are read and written
 * in `onnx`, memory images in `image`.
 */
export {
  cleanSegments,
  cleanWeights,
  decodeInto,
  scaledTable,
  singleDecoder,
  storedHistogram,
} from "./decode.ts";
export {
  channelLayout,
  forEachStepRow,
  meanSquareSteps,
  stepCount,
  stepDims,
  stepOf,
  type ChannelLayout,
  type StepLayout,
} from "./steps.ts";
export {
  elementCount,
  tensorRoles,
  type DecodeSegment,
  type StoredTensor,
  type TensorRole,
} from "./tensor.ts";
