/**
 * @file Models on their way to files: one file that stands alone, or, above what one file can hold, a file for the graph
 * and one for the weights.
 */
import { clearField, create, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProtoSchema,
  type ModelProto,
} from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { copyMessage, forEachTensor, rawLength, rawRange } from "./lazy.ts";
import { memorySource, totalLength, wholeSource, type ByteRange } from "../bytes/index.ts";
import { joinRanges, makeTokens, splicePayloads } from "./wire.ts";

/** The most bytes a protobuf message can have, and with it an ONNX file. */
export const largestMessage = 2 ** 31 - 1;

/** Payloads of this size and more are not copied together with the graph, and may go to a file of their own. */
export const smallestPayload = 4096;

/** Where data in a file of their own begin: at a page, so that a runtime can map them. */
const pageSize = 4096;

/** The bytes of a model's file, of whatever length. */
function rangesOf(model: ModelProto): ByteRange[] {
  const tokens = makeTokens();
  const skeleton = copyMessage(model);
  forEachTensor(skeleton, (tensor) => {
    if (rawLength(tensor) >= smallestPayload) tensor.rawData = tokens.make(rawRange(tensor));
  });
  return splicePayloads(toBinary(ModelProtoSchema, skeleton), tokens);
}

/**
 * Serialises a model; deferred data are read. The result shares no memory with it.
 *
 * @throws QtamlError `unsupported-model` above 2 GB, which no protobuf reader takes
 */
export function serialiseModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  const ranges = rangesOf(model);
  const length = totalLength(ranges);
  if (length > largestMessage) {
    throw new QtamlError(
      "unsupported-model",
      `The model has ${(length / 1e9).toFixed(1)} GB, and the runtime takes at most 2 GB at once; inspect it and plan a budget without --data, or give a smaller network.`,
    );
  }
  return joinRanges(ranges);
}

/** The bytes of a model's files, as stretches that follow on each other. */
export interface ModelFiles {
  readonly model: readonly ByteRange[];
  /** Weights in a file beside the model's; undefined when the model stands alone. */
  readonly data: readonly ByteRange[] | undefined;
}

/**
 * A model as files. One that fits stands alone; a larger one has its large tensors as external data.
 *
 * @param dataName name of the file for external data, in the folder of the model's
 * @param largest most bytes of a model that stands alone
 * @throws QtamlError `unsupported-model` when the graph alone is above 2 GB
 */
export function modelFiles(model: ModelProto, dataName: string, largest = largestMessage): ModelFiles {
  const whole = rangesOf(model);
  if (totalLength(whole) <= largest) return { model: whole, data: undefined };
  const padding = memorySource(new Uint8Array(pageSize));
  const graph = copyMessage(model);
  const data: ByteRange[] = [];
  let end = 0;
  forEachTensor(graph, (tensor) => {
    const range = rawRange(tensor);
    if (range.length < smallestPayload) return;
    const gap = (pageSize - (end % pageSize)) % pageSize;
    if (gap > 0) data.push({ source: padding, offset: 0, length: gap });
    const offset = end + gap;
    data.push(range);
    end = offset + range.length;
    clearField(tensor, TensorProtoSchema.field.rawData);
    tensor.dataLocation = DataLocation.EXTERNAL;
    tensor.externalData = Object.entries({ location: dataName, offset, length: range.length }).map(
      ([key, value]) => create(StringStringEntryProtoSchema, { key, value: String(value) }),
    );
  });
  return { model: [wholeSource(memorySource(serialiseModel(graph)))], data };
}
