/**
 * @file What goes with the data: preprocessing, and inputs that are the same for every sample.
 */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
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

/** A constant from `zeros`, `ones`, a number, or numbers separated by commas; undefined for another word. */
function writtenConstant(value: string): Constant | undefined {
  const words: Readonly<Record<string, number>> = { zeros: 0, false: 0, ones: 1, true: 1 };
  const fill = words[value.toLowerCase()];
  if (fill !== undefined) return { fill };
  const cells = value.split(",").map((cell) => cell.trim());
  const numbers = cells.map((cell) => (cell === "" ? Number.NaN : Number(cell)));
  if (!numbers.every((v) => Number.isFinite(v))) return undefined;
  return numbers.length === 1
    ? { fill: numbers[0]! }
    : { dims: [numbers.length], data: Float64Array.from(numbers) };
}

/** A constant that is written out, or in an `.npy` file. */
async function readConstant(name: string, value: string): Promise<Constant> {
  const written = writtenConstant(value);
  if (written !== undefined) return written;
  if (!existsSync(value)) {
    throw new QtamlError(
      "invalid-argument",
      `--feed ${name}=${value} is neither a number, nor zeros or ones, nor an .npy file that exists.`,
    );
  }
  return readArray(fileSource(value, "Constant"), basename(value), npyFormat, undefined);
}

/** Splits the `NAME=VALUE` of a constant. @throws QtamlError `invalid-argument` when it is none */
function splitFeed(feed: string): { readonly name: string; readonly value: string } {
  const at = feed.indexOf("=");
  if (at > 0) return { name: feed.slice(0, at), value: feed.slice(at + 1) };
  throw new QtamlError(
    "invalid-argument",
    `--feed ${feed} is not NAME=VALUE; give for instance state=zeros.`,
  );
}

/** The `NAME=VALUE` of a constant as it can be given from any folder. @throws QtamlError `invalid-argument` */
export function absoluteFeed(feed: string): string {
  const { name, value } = splitFeed(feed);
  return writtenConstant(value) === undefined ? `${name}=${resolve(value)}` : feed;
}

/** Constants by name. @throws QtamlError `invalid-argument` when one is not NAME=VALUE, or a name comes twice */
export async function readConstants(feeds: readonly string[]): Promise<ReadonlyMap<string, Constant>> {
  const constants = new Map<string, Constant>();
  for (const feed of feeds) {
    const { name, value } = splitFeed(feed);
    if (constants.has(name)) {
      throw new QtamlError(
        "invalid-argument",
        `The input "${name}" is given twice with --feed; leave one out.`,
      );
    }
    constants.set(name, await readConstant(name, value));
  }
  return constants;
}
