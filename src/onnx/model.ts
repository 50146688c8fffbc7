/**
 * @file Reads and writes ONNX model files. Parsed tensors are views into the file's bytes: a large model is held
 * once, and overwriting a view overwrites the file image.
 */
import { createHash } from "node:crypto";
import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type GraphProto, type ModelProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";

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
  let model: ModelProto;
  try {
    // A plain view: `slice` of a Node Buffer would share memory where that of a Uint8Array copies.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    model = fromBinary(ModelProtoSchema, plain);
  } catch (cause) {
    throw new QtamlError(
      "invalid-file",
      `${name} is not an ONNX model or is cut short; export or copy it again.`,
      { cause },
    );
  }
  if (model.graph === undefined || model.graph.node.length === 0) {
    throw new QtamlError("invalid-file", `${name} is not an ONNX model: it has no graph; export it again.`);
  }
  return model as OnnxModel;
}

/** Serialises a model. The result shares no memory with it. */
export function serialiseModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}

/** A deep copy whose graph can be edited without touching the original (tensor bytes are shared until replaced). */
export function cloneModel(model: OnnxModel): OnnxModel {
  return clone(ModelProtoSchema, model) as OnnxModel;
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
