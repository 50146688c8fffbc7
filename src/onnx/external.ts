/**
 * @file External data: tensors whose bytes lie in other files of the model's folder. The paths come from the model
 * file, so nothing outside that folder is ever opened.
 */
import { realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, sep, win32 } from "node:path";
import { clearField } from "@bufbuild/protobuf";
import { TensorProtoSchema, type ModelProto, type TensorProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { deferRawData, forEachTensor } from "./lazy.ts";
import { fileSource, type ByteSource } from "../bytes/index.ts";
import { checkPresent, isExternal, storedByteLength } from "./tensor.ts";

/** Where a tensor says its bytes are. */
interface Place {
  readonly location: string;
  readonly offset: number;
  /** Undefined when the model leaves it to the dimensions. */
  readonly length: number | undefined;
}

const damaged = (tensor: TensorProto, what: string) =>
  new QtamlError(
    "invalid-file",
    `Tensor "${tensor.name}" has external data ${what}; export the model again.`,
  );

function whole(tensor: TensorProto, key: string, text: string): number {
  const value = /^\d{1,16}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw damaged(tensor, `with ${key} "${text.slice(0, 40)}"`);
  return value;
}

function placeOf(tensor: TensorProto): Place {
  const entries = new Map(tensor.externalData.map((e) => [e.key, e.value]));
  const location = entries.get("location") ?? "";
  if (location === "") throw damaged(tensor, "without a location");
  const length = entries.get("length");
  return {
    location,
    offset: whole(tensor, "offset", entries.get("offset") ?? "0"),
    length: length === undefined ? undefined : whole(tensor, "length", length),
  };
}

/** Opens a file that a model names. @throws QtamlError `unsupported-model` when it leaves the model's folder */
function openLocation(location: string, modelPath: string): ByteSource {
  const folder = dirname(modelPath);
  const leaves = (why: string) =>
    new QtamlError(
      "unsupported-model",
      `${modelPath} names external data "${location}", which ${why}; put the file into the model's folder and export the model with its plain name.`,
    );
  if (isAbsolute(location) || win32.isAbsolute(location) || /^[a-z]:/i.test(location)) {
    throw leaves("is an absolute path");
  }
  if (location.split(/[\\/]/).includes("..")) throw leaves('climbs out of the folder by ".."');
  if (location.includes("\0")) throw leaves("is not a file's name");
  const path = join(folder, location);
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    // The error of `fileSource` says what is wrong with it.
    return fileSource(path, "External data file");
  }
  const inside = relative(realpathSync(folder), real);
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw leaves("is a link that leads out of the folder");
  }
  return fileSource(real, "External data file");
}

/** Refuses a model that names other files. @throws QtamlError `unsupported-model` where a tensor's data are in one */
export function checkSelfContained(model: ModelProto): void {
  forEachTensor(model, checkPresent);
}

/** An external data file of a model. */
export interface ExternalFile {
  /** As the model names it, relative to the model's folder. */
  readonly location: string;
  readonly source: ByteSource;
}

/**
 * Makes every external tensor of a model an ordinary one whose `rawData` are read from its file when asked for.
 * Checksums are not looked at. Edits the model.
 *
 * @param path the model's file
 * @returns the files, by name
 * @throws QtamlError `file-access` when a file is missing, `invalid-file` when an offset or a length does not agree
 *   with the file or the dimensions, `unsupported-model` when a path leaves the model's folder
 */
export function attachExternalData(model: ModelProto, path: string): ExternalFile[] {
  const files = new Map<string, ByteSource>();
  forEachTensor(model, (tensor) => {
    if (!isExternal(tensor)) return;
    const { location, offset, length } = placeOf(tensor);
    let source = files.get(location);
    if (source === undefined) files.set(location, (source = openLocation(location, path)));
    const expected = storedByteLength(tensor);
    if (expected === undefined) throw damaged(tensor, "but elements that have none (strings)");
    if (length !== undefined && length !== expected) {
      throw damaged(tensor, `of ${length} bytes where its dimensions ask for ${expected}`);
    }
    if (offset + expected > source.byteLength) {
      throw damaged(
        tensor,
        `from byte ${offset} to ${offset + expected} of ${location}, which has ${source.byteLength} bytes`,
      );
    }
    deferRawData(tensor, { source, offset, length: expected });
    clearField(tensor, TensorProtoSchema.field.dataLocation);
    tensor.externalData = [];
  });
  return Array.from(files, ([location, source]) => ({ location, source })).sort((a, b) =>
    a.location < b.location ? -1 : 1,
  );
}
