/**
 * @file Folders out: written beside their place and renamed, so that nobody meets half of one.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QtamlError } from "../errors.ts";
import { checkOutput, outputProblem, writeWhole } from "./files.ts";

/**
 * Refuses a place where a folder may not be put: a file, or a folder that holds something else.
 *
 * @param owned whether a folder that is not empty is one of ours, to be replaced
 * @throws QtamlError `file-access`
 */
export function checkFolder(path: string, owned: (path: string) => boolean): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    checkOutput(join(path, "file"), path);
    return;
  }
  if (!stats.isDirectory()) {
    throw new QtamlError("file-access", `${path} is a file; give a folder to write to.`);
  }
  checkOutput(join(path, "file"), path);
  if (readdirSync(path).length > 0 && !owned(path)) {
    throw new QtamlError(
      "file-access",
      `${path} holds other files; give a folder that is new, empty, or one that qtaml wrote for the same purpose.`,
    );
  }
}

/**
 * Writes a folder and puts it in its place; what was there before is removed when the new one is whole.
 *
 * @param files contents by path within the folder
 * @throws QtamlError `file-access`
 */
export function writeFolder(path: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  const place = resolve(path);
  const beside = (what: string) =>
    join(dirname(place), `.${basename(place)}.${randomBytes(4).toString("hex")}.${what}`);
  const partial = beside("partial");
  const former = beside("former");
  try {
    for (const [name, content] of files) writeWhole(join(partial, name), content);
    mkdirSync(dirname(place), { recursive: true });
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
