/**
 * @file Files in and out: one clear sentence when one cannot be read, and nothing half-written.
 */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseStructured } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import { parseDevice, type Device } from "../physics/index.ts";
import { streamRange, type ByteRange } from "../bytes/index.ts";
import {
  isSafetensorsFile,
  openModel,
  openSafetensors,
  type ModelFile,
  type SafetensorsFile,
} from "../onnx/index.ts";
import { parsePlan, type Plan } from "../protect/index.ts";

/** What went wrong with a file, as one sentence. */
export function fileProblem(path: string, what: string, cause: unknown): QtamlError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "does not exist; check the path",
    EISDIR: "is a folder; give a file",
    EACCES: "may not be read or written; check its permissions",
    ENOSPC: "does not fit: the disk is full",
    ENOTDIR: "lies below something that is not a folder; check the path",
    ELOOP: "is a link that leads to itself; check the path",
    ENAMETOOLONG: "has a name that is too long; choose a shorter one",
    EEXIST: "lies below something that is not a folder; check the path",
    EROFS: "is on a read-only disk; choose another place",
    EPERM: "may not be read or written; check its permissions",
  };
  const reason = reasons[code ?? ""] ?? `cannot be read or written (${code ?? String(cause)})`;
  return new QtamlError("file-access", `${what} ${path} ${reason}.`, { cause });
}

/** What went wrong with a place to write to, as one sentence. */
export function outputProblem(path: string, cause: unknown, folder = dirname(path)): QtamlError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT") {
    return new QtamlError("file-access", `Output ${path} cannot be made there; choose another place.`, {
      cause,
    });
  }
  if (code !== "EACCES" && code !== "EPERM") return fileProblem(path, "Output", cause);
  const remedy = `check the permissions of ${folder}, or choose another place`;
  return new QtamlError("file-access", `Output ${path} may not be written; ${remedy}.`, { cause });
}

/** Reads a whole file. @param what what to call it in an error, for instance "Model" */
export function readBytes(path: string, what: string): Uint8Array {
  try {
    if (statSync(path).isDirectory()) throw Object.assign(new Error("folder"), { code: "EISDIR" });
    return readFileSync(path);
  } catch (cause) {
    throw fileProblem(path, what, cause);
  }
}

/** What a file is made of: text, bytes, or stretches of other files and of memory. */
type Content = string | Uint8Array | readonly ByteRange[];

function writeContent(path: string, content: Content): void {
  if (typeof content === "string" || content instanceof Uint8Array) {
    writeFileSync(path, content);
    return;
  }
  const file = openSync(path, "w");
  try {
    for (const range of content) {
      for (const piece of streamRange(range)) {
        for (let done = 0; done < piece.byteLength;) done += writeSync(file, piece, done);
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Whether a path leads to a device or a pipe, which is written to where it is. */
function isSpecial(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}

/** The absolute path of a place without links in it, whether there is something or not. */
export function realPlace(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch {
    const above = dirname(full);
    return above === full ? full : join(realPlace(above), basename(full));
  }
}

/** Where a path leads when links are followed, also to what is not there yet; the path itself where it is no link. */
export function destination(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") return path;
  }
  try {
    return destination(resolve(dirname(path), readlinkSync(path)));
  } catch {
    return path;
  }
}

/** A place of a name of its own beside others; short, since the names beside it may be as long as a name can be. */
export const temporaryPlace = (folder: string) => join(folder, `.${randomBytes(6).toString("hex")}.partial`);

/** Removes what a run made for itself; what cannot be removed must not hide why the run failed. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays.
  }
}

/** Makes a folder and those above it. Node's own way goes round for ever where there is no making folders. */
export function makeFolders(folder: string): void {
  if (existsSync(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolders(above);
  try {
    mkdirSync(folder);
  } catch (cause) {
    if (!existsSync(folder)) throw cause;
  }
}

/** Makes a file in a folder and removes it: who may do all things is told of permissions that do not count. */
function tryFolder(folder: string): void {
  const probe = temporaryPlace(folder);
  closeSync(openSync(probe, "wx"));
  rmSync(probe);
}

/** Refuses a place that the same command has another file in. @throws QtamlError `file-access` */
function refuseTaken(path: string, others: readonly string[]): void {
  const place = realPlace(destination(path));
  const other = others.find((file) => realPlace(destination(file)) === place);
  if (other === undefined || isSpecial(path)) return;
  throw new QtamlError(
    "file-access",
    `Output ${path} would take the place of another file of this command, ${other}; give the output another name.`,
  );
}

/**
 * Refuses a place where no file can be written, or which is that of another file of the command, before any work is
 * done for it.
 *
 * @param others paths that the command reads or writes as well
 * @param named what the user gave, where that is a folder for the file
 * @throws QtamlError `file-access`
 */
export function checkOutput(path: string, others: readonly string[], named = path): void {
  const place = destination(path);
  let folder = dirname(place);
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw Object.assign(new Error("folder"), { code: "EISDIR" });
    }
    if (isSpecial(path)) accessSync(path, constants.W_OK);
    else {
      while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
      if (!statSync(folder).isDirectory()) throw Object.assign(new Error("no folder"), { code: "ENOTDIR" });
      tryFolder(folder);
    }
  } catch (cause) {
    throw outputProblem(named, cause, folder);
  }
  refuseTaken(path, others);
}

/**
 * Writes files beside their places and renames them, so that an interrupted run leaves no half of one. A link stays
 * and its file is written; devices and pipes are written to.
 */
export function writeWhole(path: string, content: Content): void {
  const place = destination(path);
  const partial = temporaryPlace(dirname(place));
  try {
    if (isSpecial(path)) {
      writeContent(path, content);
      return;
    }
    makeFolders(dirname(place));
    writeContent(partial, content);
    renameSync(partial, place);
  } catch (cause) {
    discard(partial);
    throw cause instanceof QtamlError ? cause : outputProblem(path, cause);
  }
}

/** Opens a model file; its large tensors stay there until they are asked for. */
export function readModel(path: string): ModelFile {
  return openModel(path);
}

/** Opens a model file, or a file of weights without a graph. */
export function readModelOrWeights(path: string): ModelFile | SafetensorsFile {
  return isSafetensorsFile(path) ? openSafetensors(path) : openModel(path);
}

/** Reads JSON or YAML, whose shape the caller checks. @param what what to call it in an error */
export function readStructured(path: string, what: string): unknown {
  const text = new TextDecoder().decode(readBytes(path, what));
  return parseStructured(text, `${what} ${path}`, path.endsWith(".json") ? "json" : "yaml");
}

/** Reads a device file. @throws QtamlError that names the file */
export function readDevice(path: string): Device {
  try {
    return parseDevice(readStructured(path, "Device file"));
  } catch (error) {
    if (!(error instanceof QtamlError) || error.code !== "invalid-schema") throw error;
    const message = error.message.replace(/^Device file:/, `Device file ${path}:`);
    throw new QtamlError(error.code, message, { cause: error });
  }
}

/** Reads a plan. */
export function readPlan(path: string): Plan {
  return parsePlan(readStructured(path, "Plan"), basename(path));
}

/** JSON as qtaml writes it. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
