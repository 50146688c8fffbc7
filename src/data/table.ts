/**
 * @file Tables of numbers: CSV with features in columns and, where one is named, labels in another.
 */
import { QtamlError } from "../errors.ts";
import { checkMemory } from "./decode.ts";
import { labelsOf, type Labels, type SampleArray } from "./dataset.ts";

/** What a table is read by. */
export interface TableOptions {
  /** What to call the file in an error. */
  readonly name: string;
  /** The column of labels: its name, or its number from 0 (-1 is the last); none unless given. */
  readonly labelColumn?: string | undefined;
  /** Rows to keep; all unless given. */
  readonly limit?: number | undefined;
}

/** Labels with the names of the classes, where they have any. */
export interface NamedLabels {
  readonly labels: Labels;
  readonly classNames?: readonly string[];
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Whether a cell holds a finite number. */
export const isNumber = (cell: string): boolean => number.test(cell) && Number.isFinite(Number(cell));

/**
 * Labels from words. Where all are numbers they are taken as they are; otherwise they are names of classes, numbered
 * in the order given or in that of their code points.
 *
 * @param name what to call the labels in an error
 * @throws QtamlError `data-mismatch` for a name that is not among the classes
 */
export function labelsOfWords(
  words: readonly string[],
  name: string,
  order?: readonly string[],
): NamedLabels {
  if (order === undefined && words.every(isNumber)) {
    const data = Float64Array.from(words, Number);
    return { labels: labelsOf({ dims: [words.length], data }, words.length, name) };
  }
  const classNames = order ?? [...new Set(words)].sort(byCodePoint);
  const numbers = new Map(classNames.map((word, i) => [word, i]));
  const unknown = words.findIndex((word) => !numbers.has(word));
  if (unknown >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `${name} holds "${words[unknown]}" for sample ${unknown}, which is not among the classes (${shortList(classNames)}); mend "classes" in the preprocessing.`,
    );
  }
  return { labels: { dims: [], data: Int32Array.from(words, (word) => numbers.get(word)!) }, classNames };
}

/** The order of names: by their code units, whatever the language of the machine. */
export const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The first few of some names. */
export const shortList = (names: readonly string[]): string =>
  names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")}, ... ${names.length} in all`;

/** The number of a column by its name or number. @throws QtamlError `invalid-argument` when there is none such */
function columnOf(
  wanted: string,
  header: readonly string[] | undefined,
  width: number,
  name: string,
): number {
  const named = header?.indexOf(wanted) ?? -1;
  if (named >= 0) return named;
  const index = Number(wanted);
  if (Number.isInteger(index) && wanted.trim() !== "" && index >= -width && index < width) {
    return index < 0 ? index + width : index;
  }
  const columns =
    header === undefined ? `${width} columns and no header` : `the columns ${shortList(header)}`;
  throw new QtamlError(
    "invalid-argument",
    `${name} has no column "${wanted}" (it has ${columns}); give --label-column a name, or a number from 0.`,
  );
}

/** About what a short word takes. */
const wordBytes = 64;

/** Collects the rows of a table, one after the other. */
export class Table {
  readonly #options: TableOptions;
  #header: readonly string[] | undefined;
  #width = 0;
  #label: number | undefined;
  #rows = 0;
  #values = new Float64Array(1024);
  readonly #words: string[] = [];

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /**
   * Takes a row.
   *
   * @param line its line in the file, from 1
   * @returns whether more rows are wanted
   * @throws QtamlError `invalid-file` when a cell is missing or not a number
   */
  push(cells: readonly string[], line: number): boolean {
    if (this.#width === 0) {
      this.#width = cells.length;
      if (this.#isHeader(cells)) this.#header = cells;
      const { labelColumn, name } = this.#options;
      if (labelColumn !== undefined) this.#label = columnOf(labelColumn, this.#header, this.#width, name);
      if (this.#header !== undefined) return true;
    }
    if (cells.length !== this.#width) {
      throw this.#problem(line, `has ${cells.length} cells where the first has ${this.#width}`);
    }
    const features = this.#width - (this.#label === undefined ? 0 : 1);
    let at = this.#rows * features;
    if (at + features > this.#values.length) {
      checkMemory(2 * this.#values.byteLength + wordBytes * this.#words.length, this.#options.name);
      const larger = new Float64Array(Math.max(2 * this.#values.length, at + features));
      larger.set(this.#values);
      this.#values = larger;
    }
    cells.forEach((cell, column) => {
      if (cell === "") throw this.#problem(line, `lacks a value in column ${this.#columnName(column)}`);
      if (column === this.#label) this.#words.push(cell);
      else if (!isNumber(cell)) {
        const shown = cell.length > 40 ? `${cell.slice(0, 40)}...` : cell;
        throw this.#problem(
          line,
          `holds "${shown}" in column ${this.#columnName(column)}, which is not a number`,
        );
      } else this.#values[at++] = Number(cell);
    });
    this.#rows++;
    return this.#rows < (this.#options.limit ?? Infinity);
  }

  /** The features as [columns] a sample, and the labels. @throws QtamlError when there are none */
  finish(order?: readonly string[]): { count: number; samples: SampleArray } & Partial<NamedLabels> {
    const { name } = this.#options;
    const features = this.#width - (this.#label === undefined ? 0 : 1);
    if (this.#rows === 0)
      throw new QtamlError("invalid-file", `${name} has no rows; give a table of numbers.`);
    if (features === 0) {
      throw new QtamlError(
        "invalid-file",
        `${name} has no columns beside the labels; give the features too.`,
      );
    }
    return {
      count: this.#rows,
      samples: { dims: [features], data: this.#values.slice(0, this.#rows * features) },
      ...(this.#label === undefined ? {} : labelsOfWords(this.#words, `The label column of ${name}`, order)),
    };
  }

  /** The first row is a header where a feature's cell is not a number, or where it names the column of labels. */
  #isHeader(cells: readonly string[]): boolean {
    const { labelColumn } = this.#options;
    if (labelColumn !== undefined && cells.includes(labelColumn) && !isNumber(labelColumn)) return true;
    const index = Number(labelColumn);
    const label = index < 0 ? index + cells.length : index;
    const others = cells.filter((_, i) => i !== label);
    return (others.length > 0 ? others : cells).some((cell) => cell !== "" && !isNumber(cell));
  }

  #columnName(column: number): string {
    const name = this.#header?.[column];
    return name === undefined || name === "" ? String(column) : `"${name}"`;
  }

  #problem(line: number, what: string): QtamlError {
    return new QtamlError(
      "invalid-file",
      `Line ${line} of ${this.#options.name} ${what}; mend or drop the line.`,
    );
  }
}
