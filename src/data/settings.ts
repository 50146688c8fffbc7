/**
 * @file What goes with the data: preprocessing, and inputs that are the same for every sample.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileSource, readRange, wholeSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import type { Constant } from "./dataset.ts";
import { npyFormat } from "./npy.ts";
import { noPreprocessing, parsePreprocessing, type Preprocessing } from "./preprocessing.ts";
import { readArray } from "./stream.ts";
import { parseStructured } from "./structured.ts";

/** Preprocessing from a file or from settings in braces. @throws QtamlError `invalid-file` or `invalid-schema` */
export function readPreprocessing(text: string | undefined): Preprocessing {
  if (text === undefined) return noPreprocessing;
  const isInline = text.trimStart().startsWith("{");
  const name = isInline ? "--preprocessing" : `Preprocessing ${basename(text)}`;
  const source = isInline ? undefined : fileSource(text, "Preprocessing");
  if (source !== undefined && source.byteLength > 2 ** 20) {
    throw new QtamlError("invalid-file", `${name} is too long to be settings; give a YAML or JSON file.`);
  }
  const content = source === undefined ? text : new TextDecoder().decode(readRange(wholeSource(source)));
  return parsePreprocessing(parseStructured(content, name, "yaml"), name);
}

/** A constant from `zeros`, `ones`, a number, numbers separated by commas, or an `.npy` file. */
async function readConstant(name: string, value: string): Promise<Constant> {
  const words: Readonly<Record<string, number>> = { zeros: 0, false: 0, ones: 1, true: 1 };
  const fill = words[value.toLowerCase()];
  if (fill !== undefined) return { fill };
  const cells = value.split(",").map((cell) => cell.trim());
  const numbers = cells.map((cell) => (cell === "" ? Number.NaN : Number(cell)));
  if (numbers.every((v) => Number.isFinite(v))) {
    return numbers.length === 1
      ? { fill: numbers[0]! }
      : { dims: [numbers.length], data: Float64Array.from(numbers) };
  }
  if (!existsSync(value)) {
    throw new QtamlError(
      "invalid-argument",
      `--feed ${name}=${value} is neither a number, nor zeros or ones, nor an .npy file that exists.`,
    );
  }
  return readArray(fileSource(value, "Constant"), basename(value), npyFormat, undefined);
}

/** Constants by name. @throws QtamlError `invalid-argument` when one is not NAME=VALUE */
export async function readConstants(feeds: readonly string[]): Promise<ReadonlyMap<string, Constant>> {
  const constants = new Map<string, Constant>();
  for (const feed of feeds) {
    const at = feed.indexOf("=");
    if (at <= 0) {
      throw new QtamlError(
        "invalid-argument",
        `--feed ${feed} is not NAME=VALUE; give for instance state=zeros.`,
      );
    }
    const name = feed.slice(0, at);
    constants.set(name, await readConstant(name, feed.slice(at + 1)));
  }
  return constants;
}
