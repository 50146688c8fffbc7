/**
 * @file Labels in a file of their own.
 */
import { basename } from "node:path";
import { fileSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { labelsOf } from "./dataset.ts";
import { idxFormat, isIdx } from "./idx.ts";
import { isLikeTitle, isNumber, isUsualTitle, LabelWords, type NamedLabels } from "./label-words.ts";
import { isNpy, npyFormat } from "./npy.ts";
import { readNpz, splitArchive } from "./npz.ts";
import { contentStart, isZip, readArray, readRows } from "./stream.ts";
import { columnOf } from "./table.ts";

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

/** Refuses a column of labels that are an array. @throws QtamlError `invalid-argument` */
function refuseColumn(labelColumn: string | undefined, name: string): void {
  if (labelColumn === undefined) return;
  throw new QtamlError(
    "invalid-argument",
    `${name} is an array, which has no column "${labelColumn}"; leave --label-column out, or give the labels as a table.`,
  );
}

/**
 * Labels of so many samples from a file of their own: an array, or a table with a row a sample.
 *
 * @throws QtamlError `invalid-file`, `invalid-argument` for a column that does not exist, or `data-mismatch` when there
 *   is not one a sample
 */
export async function readLabels(path: string, count: number, options: LabelOptions): Promise<NamedLabels> {
  const { file, array: wanted } = splitArchive(path);
  const name = basename(file);
  const source = fileSource(file, "Labels");
  const head = await contentStart(source, name);
  const { limit } = options;
  if (isZip(head)) {
    refuseColumn(options.labelColumn, name);
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
    refuseColumn(options.labelColumn, name);
    const array = await readArray(source, name, isNpy(head) ? npyFormat : idxFormat, limit);
    return { labels: labelsOf(array, count, name) };
  }
  return readLabelRows(readRows(source, name), name, count, options);
}

/** Labels of so many samples from the rows of a table. @throws QtamlError as `readLabels` does */
async function readLabelRows(
  rows: ReturnType<typeof readRows>,
  name: string,
  count: number,
  { labelColumn, limit, classes }: LabelOptions,
): Promise<NamedLabels> {
  // Where no sample is behind the limit, there are as many labels as samples; otherwise there may be more.
  const isWhole = limit === undefined || count < limit;
  const labels = new LabelWords(`The label column of ${name}`, classes);
  const mismatch = (found: number | "more") =>
    new QtamlError(
      "data-mismatch",
      `There are ${count} samples, but ${name} has ${found} labels; give one a sample.`,
    );
  /** The labels, and above them what may be a title. */
  const cells: string[] = [];
  let column: number | undefined;
  let isRepeated = false;
  let hasWord = false;
  for await (const row of rows) {
    if (column === undefined) {
      const isName = labelColumn !== undefined && !isNumber(labelColumn);
      column = columnOf(labelColumn ?? "-1", isName ? row.cells : undefined, row.cells.length, name);
      if (isName) continue;
    }
    const cell = row.cells[column] ?? "";
    if (cell === "" && cells.length < count) {
      throw new QtamlError("invalid-file", `Line ${row.line} of ${name} lacks a label; give one a sample.`);
    }
    isRepeated ||= cell === cells[0];
    hasWord ||= !isNumber(cell);
    if (cells.length <= count) cells.push(cell);
    else if (isWhole) throw mismatch("more");
    else if (cell !== "") labels.pass(cell);
    if (!isWhole && cells.length > count && (!hasWord || classes !== undefined)) break;
  }
  const [first, ...others] = cells;
  if (first === undefined) throw mismatch(0);
  const areNumbers = others.length > 0 && others.every(isNumber);
  const isTitled =
    isLikeTitle(first, isRepeated, classes) &&
    (cells.length !== count || !isWhole || isUsualTitle(first) || areNumbers);
  const given = isTitled ? others : cells;
  if (given.length < count || (isWhole && given.length > count)) {
    throw mismatch(given.length > count ? "more" : given.length);
  }
  given.forEach((cell, i) => {
    if (i < count) labels.keep(cell);
    else if (cell !== "") labels.pass(cell);
  });
  const found = labels.finish();
  const isGuess = isTitled && !isUsualTitle(first) && found.classNames !== undefined;
  return isGuess ? { ...found, guessedTitle: first } : found;
}
