/**
 * @file Reads and writes ONNX model files. Parsed tensors are views into the file's bytes: a large model is held
 * once, and overwriting a view overwrites the file image.
 */
import { createHash } from "node:crypto";
import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type GraphProto, type ModelProto, type TensorProto } from "onnx-buf";
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
  if (model.irVersion < 1n || (model.irVersion >= 3n && model.opsetImport.length === 0)) {
    throw new QtamlError(
      "invalid-file",
      `${name} states no ${model.irVersion < 1n ? "IR version" : "operator set"} and may be cut short; export or copy it again.`,
    );
  }
  return model as OnnxModel;
}

/** Serialises a model. The result shares no memory with it. */
export function serialiseModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}

/**
 * A copy whose graph can be edited without touching the original. Initialisers share their data with it, so that a
 * large model is held once: replace a tensor or its `rawData`, do not write into them.
 */
export function cloneModel(model: OnnxModel): OnnxModel {
  const { initializer } = model.graph;
  let copy: OnnxModel;
  try {
    // `clone` would copy the bytes of every tensor.
    model.graph.initializer = [];
    copy = clone(ModelProtoSchema, model) as OnnxModel;
  } finally {
    model.graph.initializer = initializer;
  }
  copy.graph.initializer = initializer.map(shallowCopy);
  return copy;
}

/** The same fields, including which of them are unset: those come from the prototype. */
function shallowCopy(tensor: TensorProto): TensorProto {
  return Object.assign(Object.create(Object.getPrototypeOf(tensor) as object) as TensorProto, tensor);
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
