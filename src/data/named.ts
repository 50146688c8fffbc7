/**
 * @file Words of the command line that name an input and what it gets: `NAME=PATH` and `NAME=VALUE`.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { splitArchive } from "./npz.ts";

/** An input and its file; undefined names the model's only input. */
export interface NamedPath {
  readonly name: string | undefined;
  readonly path: string;
}

/**
 * Splits `NAME=PATH`, where the path may go on as `:ARRAY`; a path that exists is not split.
 *
 * @param folder what relative paths start from
 */
export function splitNamed(text: string, folder = "."): NamedPath {
  const at = text.indexOf("=");
  if (at <= 0 || existsSync(splitArchive(resolve(folder, text)).file)) return { name: undefined, path: text };
  return { name: text.slice(0, at), path: text.slice(at + 1) };
}

/** `PATH` or `NAME=PATH` as it can be given from any folder. @param folder what relative paths start from */
export function absoluteData(text: string, folder = "."): string {
  const { name, path } = splitNamed(text, folder);
  const absolute = resolve(folder, path);
  return name === undefined ? absolute : `${name}=${absolute}`;
}
