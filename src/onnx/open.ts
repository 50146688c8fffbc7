/**
 * @file A model and the file it comes from.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { attachExternalData } from "./external.ts";
import { contentHash, parseModel, scanModel, type OnnxModel } from "./model.ts";
import { orNameKind } from "./kind.ts";
import { fileSource, sourceHash } from "../bytes/index.ts";

/** A model and the file it comes from. */
export interface ModelFile {
  /** The file's name, for messages and plans. */
  readonly name: string;
  readonly model: OnnxModel;
  /**
   * SHA-256 of the file in hexadecimal; worked out when it is first asked for. Where the model has external data:
   * SHA-256 of the lines `<sha256 of the model file>` and, ordered by location, `<sha256 of the file> <location>`, each
   * ended by a newline.
   */
  readonly sha256: string;
}

function modelFile(name: string, model: OnnxModel, hash: () => string): ModelFile {
  let known: string | undefined;
  return {
    name,
    model,
    get sha256() {
      return (known ??= hash());
    },
  };
}

/**
 * A model from the bytes of its file.
 *
 * @throws QtamlError `invalid-file` when they are not an ONNX model
 */
export function modelFromBytes(bytes: Uint8Array, name: string): ModelFile {
  const read = () => parseModel(bytes, name);
  const model = orNameKind(read, bytes.subarray(0, 512), bytes.byteLength, name);
  return modelFile(name, model, () => contentHash(bytes));
}

/**
 * Opens a model file of any size. Large tensors stay in the file, or in the external data files beside it, until they
 * are asked for.
 *
 * @throws QtamlError `file-access`, `invalid-file`, or `unsupported-model` when a path of external data leaves the
 *   model's folder
 */
export function openModel(path: string): ModelFile {
  const source = fileSource(path, "Model");
  const name = basename(path);
  const head = new Uint8Array(Math.min(512, source.byteLength));
  source.readInto(0, head);
  const model = orNameKind(() => scanModel(source, name), head, source.byteLength, name);
  const files = attachExternalData(model, path);
  return modelFile(name, model, () => {
    const own = sourceHash(source);
    if (files.length === 0) return own;
    const lines = files.map(({ location, source: data }) => `${sourceHash(data)} ${location}\n`);
    return createHash("sha256")
      .update([`${own}\n`, ...lines].join(""))
      .digest("hex");
  });
}
