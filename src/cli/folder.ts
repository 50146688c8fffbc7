/**
 * @file Folders out: whole before they are in their place, and nothing removed that is not ours.
 */
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, statSync, type Stats } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { QtamlError } from "../errors.ts";
import {
  checkOutput,
  destination,
  discard,
  makeFolders,
  outputProblem,
  realPlace,
  temporaryPlace,
  writeWhole,
} from "./files.ts";

/** Which files of a folder are ours, to be replaced: their paths within it, with slashes. */
export type Owned = (folder: string) => ReadonlySet<string>;

/** The first thing in a folder that is not one of its own files. @param below path within the folder */
function stranger(folder: string, own: ReadonlySet<string>, below = ""): string | undefined {
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const name = `${below}${entry.name}`;
    if (!entry.isDirectory()) {
      if (entry.isFile() && own.has(name)) continue;
      return name;
    }
    const isOurs = [...own].some((file) => file.startsWith(`${name}/`));
    const found = isOurs ? stranger(folder, own, `${name}/`) : name;
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Refuses a place where a folder may not be put: a file, or a folder that holds anything but files of ours.
 *
 * @throws QtamlError `file-access`
 */
export function checkFolder(path: string, owned: Owned): void {
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw outputProblem(path, cause);
  }
  if (stats?.isDirectory() === false) {
    throw new QtamlError("file-access", `${path} is a file; give a folder to write to.`);
  }
  checkOutput(join(destination(path), "file"), [], path);
  if (stats === undefined) return;
  let found: string | undefined;
  try {
    found = stranger(path, owned(path));
  } catch (cause) {
    throw outputProblem(path, cause, path);
  }
  if (found !== undefined) {
    throw new QtamlError(
      "file-access",
      `${path} holds ${found}, and nothing there says that qtaml wrote it; give a folder that is new, empty, or holds nothing but what qtaml wrote for the same purpose.`,
    );
  }
}

/**
 * Refuses files that lie in a folder which is to be replaced.
 *
 * @param files paths by what to call them
 * @throws QtamlError `file-access`
 */
export function checkOutside(folder: string, files: Readonly<Record<string, string>>): void {
  const inside = `${realPlace(folder)}${sep}`;
  const lost = Object.entries(files).find(([, path]) => realPlace(path).startsWith(inside));
  if (lost === undefined) return;
  const [what, path] = lost;
  throw new QtamlError(
    "file-access",
    `${what} ${path} lies in ${folder}, which is replaced as a whole; give another folder, or keep the file elsewhere.`,
  );
}

/** Removes files of a folder, and the folders within it that are empty without them. @param names with slashes */
function removeFiles(folder: string, names: Iterable<string>): void {
  const within = new Set<string>();
  for (const name of names) {
    rmSync(join(folder, name), { force: true });
    for (let above = dirname(name); above !== "."; above = dirname(above)) within.add(above);
  }
  for (const name of [...within].toSorted((a, b) => b.length - a.length)) {
    if (existsSync(join(folder, name))) rmdirSync(join(folder, name));
  }
}

/**
 * Writes a folder. A new one is written beside its place and renamed. In one that is there, which may be a link or a
 * place that cannot be renamed, new files are written whole before those of ours that were there are removed; the first
 * file goes first and comes last, so that a folder that has it is whole.
 *
 * @param files contents by path within the folder, with slashes
 * @param owned asked once more, so that nothing is replaced that came while the files were made
 * @throws QtamlError `file-access`
 */
export function writeFolder(
  path: string,
  files: ReadonlyMap<string, string | Uint8Array>,
  owned: Owned,
): void {
  checkFolder(path, owned);
  const place = destination(resolve(path));
  const isThere = existsSync(place);
  const partial = temporaryPlace(isThere ? place : dirname(place));
  try {
    for (const [name, content] of files) writeWhole(join(partial, name), content);
    if (!isThere) {
      renameSync(partial, place);
      return;
    }
    const [first, ...rest] = files.keys();
    if (first === undefined) return;
    const former = owned(place);
    removeFiles(place, [first]);
    removeFiles(place, former);
    for (const name of [...rest, first]) {
      makeFolders(dirname(join(place, name)));
      renameSync(join(partial, name), join(place, name));
    }
  } catch (cause) {
    throw cause instanceof QtamlError ? cause : outputProblem(path, cause);
  } finally {
    discard(partial);
  }
}
