/**
 * @file Labels in a file of their own.
 */
import { basename } from "node:path";
import { fileSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { labelsOf } from "./dataset.ts";
import { idxFormat, isIdx } from "./idx.ts";
import { isNpy, npyFormat } from "./npy.ts";
import { readNpz, splitArchive } from "./npz.ts";
import { contentStart, isZip, readArray, readRows } from "./stream.ts";
import { labelsOfWords, type NamedLabels } from "./table.ts";

/** No folder of images has more. */
const mostImages = 2 ** 23;

/** The rows of a table of labels; undefined where the file is an array. @throws QtamlError `invalid-file` */
export async function labelTable(path: string): Promise<string[][] | undefined> {
  const source = fileSource(splitArchive(path).file, "Labels");
  const head = await contentStart(source, basename(path));
  if (isNpy(head) || isIdx(head) || isZip(head)) return undefined;
  const rows: string[][] = [];
  for await (const { cells } of readRows(source, basename(path))) {
    rows.push(cells);
    if (rows.length > mostImages) {
      throw new QtamlError(
        "invalid-file",
        `${basename(path)} has more than ${mostImages} lines; give the labels of a folder.`,
      );
    }
  }
  return rows;
}

/** What a file of labels is read by. */
export interface LabelOptions {
  /** Column of labels in a table: its name, or its number from 0; the last unless given. */
  readonly labelColumn?: string | undefined;
  /** Samples to take from the start; all unless given. */
  readonly limit?: number | undefined;
  /** Names of the classes in order. */
  readonly classes?: readonly string[] | undefined;
}

/**
 * Labels of so many samples from a file of their own: an array, or a table with a row a sample.
 *
 * @throws QtamlError `invalid-file`, or `data-mismatch` when there is not one a sample
 */
export async function readLabels(path: string, count: number, options: LabelOptions): Promise<NamedLabels> {
  const { file, array: wanted } = splitArchive(path);
  const name = basename(file);
  const source = fileSource(file, "Labels");
  const head = await contentStart(source, name);
  const { limit } = options;
  if (isZip(head)) {
    const arrays = await readNpz(source, name, limit, wanted);
    const array = arrays.get(wanted ?? "y") ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined);
    if (array === undefined) {
      throw new QtamlError(
        "data-mismatch",
        `${name} has several arrays and none is "y"; give the labels as "y".`,
      );
    }
    return { labels: labelsOf(array, count, name) };
  }
  if (isNpy(head) || isIdx(head)) {
    const array = await readArray(source, name, isNpy(head) ? npyFormat : idxFormat, limit);
    return { labels: labelsOf(array, count, name) };
  }
  const words: string[] = [];
  let column: number | undefined;
  let isFirst = true;
  for await (const { cells, line } of readRows(source, name)) {
    if (isFirst) {
      isFirst = false;
      const wanted = options.labelColumn;
      const named = wanted === undefined ? -1 : cells.indexOf(wanted);
      const index = wanted === undefined ? cells.length - 1 : Number(wanted);
      column = named >= 0 ? named : index < 0 ? index + cells.length : index;
      if (named >= 0 || isLabelHeader(cells[column])) continue;
    }
    if (words.length === limit) break;
    const word = cells[column!];
    if (word === undefined || word === "") {
      throw new QtamlError("invalid-file", `Line ${line} of ${name} lacks a label; give one a sample.`);
    }
    words.push(word);
    if (words.length > count) break;
  }
  if (words.length !== count) {
    throw new QtamlError(
      "data-mismatch",
      `There are ${count} samples, but ${name} has ${words.length > count ? "more" : words.length} labels; give one a sample.`,
    );
  }
  return labelsOfWords(words, name, options.classes);
}

/** Whether the first cell of a column of labels is its title. */
const isLabelHeader = (cell: string | undefined) =>
  /^(labels?|class(es)?|targets?|y|category)$/i.test(cell ?? "");
