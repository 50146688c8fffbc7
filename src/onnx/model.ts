/**
 * @file Reads ONNX models. Large tensors are held once: parsed from bytes they are views into them
 * (overwriting a view overwrites the file image), opened from a file they stay there until they are asked for.
 */
import { createHash } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type GraphProto, type ModelProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { checkGraph } from "./check.ts";
import { copyMessage, deferRawData, forEachTensor } from "./lazy.ts";
import { totalLength, type ByteSource } from "../bytes/index.ts";
import { cutPayloads, joinRanges, makeTokens } from "./wire.ts";
import { largestMessage, smallestPayload } from "./write.ts";

export { serialiseModel } from "./write.ts";

/** An ONNX model that is known to have a graph. */
export type OnnxModel = ModelProto & { graph: GraphProto };

/**
 * Parses the bytes of an ONNX file.
 *
 * @param bytes the whole file; the tensors of the result are views into it
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` when the bytes are not an ONNX model
 */
export function parseModel(bytes: Uint8Array, name = "the model"): OnnxModel {
  if (bytes.byteLength === 0) {
    throw new QtamlError("invalid-file", `${name} is empty; give an ONNX file.`);
  }
  return checkModel(() => {
    // A plain view: `slice` of a Node Buffer would share memory where that of a Uint8Array copies.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return fromBinary(ModelProtoSchema, plain);
  }, name);
}

function checkModel(read: () => ModelProto, name: string): OnnxModel {
  let model: ModelProto;
  try {
    model = read();
  } catch (cause) {
    if (cause instanceof QtamlError) throw cause;
    throw new QtamlError(
      "invalid-file",
      `${name} is not an ONNX model or is cut short; export or copy it again.`,
      { cause },
    );
  }
  if (model.graph === undefined || model.graph.node.length === 0) {
    throw new QtamlError("invalid-file", `${name} is not an ONNX model: it has no graph; export it again.`);
  }
  if (model.irVersion < 1n || (model.irVersion >= 3n && model.opsetImport.length === 0)) {
    throw new QtamlError(
      "invalid-file",
      `${name} states no ${model.irVersion < 1n ? "IR version" : "operator set"} and may be cut short; export or copy it again.`,
    );
  }
  checkGraph(model.graph, name);
  return model as OnnxModel;
}

/**
 * Reads a model of any size: large `rawData` stay in the source until they are asked for. External data are not
 * looked for (see `openModel`).
 *
 * @param name what to call the source in an error
 * @param smallest least number of bytes of `rawData` that stay there
 * @throws QtamlError `invalid-file` when the bytes are not an ONNX model
 */
export function scanModel(source: ByteSource, name = "the model", smallest = smallestPayload): OnnxModel {
  if (source.byteLength === 0) {
    throw new QtamlError("invalid-file", `${name} is empty; give an ONNX file.`);
  }
  const tokens = makeTokens();
  const model = checkModel(() => {
    const ranges = cutPayloads(source, smallest, tokens);
    if (totalLength(ranges) > largestMessage) {
      throw new QtamlError(
        "unsupported-model",
        `${name} holds more than 2 GB besides the raw data of its tensors; export it with its weights in raw_data.`,
      );
    }
    return fromBinary(ModelProtoSchema, joinRanges(ranges));
  }, name);
  forEachTensor(model, (tensor) => {
    const range = tokens.resolve(tensor.rawData);
    if (range !== undefined) deferRawData(tensor, range);
  });
  return model;
}

/**
 * A copy whose graph can be edited without touching the original. Tensors share their data with it, so that a large
 * model is held once: replace a tensor or its `rawData`, do not write into them.
 */
export function cloneModel(model: OnnxModel): OnnxModel {
  return copyMessage(model);
}

/** SHA-256 of some bytes in hexadecimal: what plans and campaigns call a file by. */
export function contentHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Version of the default operator set the model imports; 1 when it names none. */
export function opsetVersion(model: ModelProto): number {
  const entry = model.opsetImport.find((o) => o.domain === "" || o.domain === "ai.onnx");
  return entry === undefined ? 1 : Number(entry.version);
}
