/**
 * @file Folders out: written beside their place and renamed, so that nobody meets half of one.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { QtamlError } from "../errors.ts";
import { checkOutput, outputProblem, realPlace, writeWhole } from "./files.ts";

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
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    checkOutput(join(path, "file"), path);
    return;
  }
  if (!stats.isDirectory()) {
    throw new QtamlError("file-access", `${path} is a file; give a folder to write to.`);
  }
  checkOutput(join(path, "file"), path);
  let found: string | undefined;
  try {
    found = stranger(path, owned(path));
  } catch (cause) {
    throw outputProblem(path, cause, path);
  }
  if (found !== undefined) {
    throw new QtamlError(
      "file-access",
      `${path} holds ${found}, which qtaml did not write there; give a folder that is new, empty, or holds nothing but what qtaml wrote for the same purpose.`,
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

/**
 * Writes a folder and puts it in its place; what was there before is removed when the new one is whole.
 *
 * @param files contents by path within the folder
 * @param owned asked once more, so that nothing is removed that came while the files were made
 * @throws QtamlError `file-access`
 */
export function writeFolder(
  path: string,
  files: ReadonlyMap<string, string | Uint8Array>,
  owned: Owned,
): void {
  const place = resolve(path);
  const beside = (what: string) =>
    join(dirname(place), `.${basename(place)}.${randomBytes(4).toString("hex")}.${what}`);
  const partial = beside("partial");
  const former = beside("former");
  try {
    for (const [name, content] of files) writeWhole(join(partial, name), content);
    mkdirSync(dirname(place), { recursive: true });
    checkFolder(path, owned);
    if (existsSync(place)) renameSync(place, former);
    renameSync(partial, place);
  } catch (cause) {
    if (!existsSync(place) && existsSync(former)) renameSync(former, place);
    throw cause instanceof QtamlError ? cause : outputProblem(path, cause);
  } finally {
    rmSync(partial, { recursive: true, force: true });
    if (existsSync(place)) rmSync(former, { recursive: true, force: true });
  }
}
