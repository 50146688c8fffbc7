/** @file Code of the user's own that a command runs (`--measure ./mine.mjs`): what it throws is the user's to mend. */
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { QtamlError } from "../errors.ts";

const files = new Set<string>();

/** Remembers a file that runs. @param path absolute */
export function rememberCode(path: string): void {
  files.add(path);
}

/** An error as a sentence for the user where such a file threw it, as from a timer; others as they are. */
export function blamingCode(error: unknown): unknown {
  if (error instanceof QtamlError || !(error instanceof Error)) return error;
  const thrower = error.stack?.split("\n").find((line) => /^\s+at /.test(line)) ?? "";
  for (const file of files) {
    if (!thrower.includes(pathToFileURL(file).href)) continue;
    const words = `${basename(file)} threw an error outside its measure (${error.message}); mend it.`;
    return new QtamlError("invalid-file", words, { cause: error });
  }
  return error;
}
