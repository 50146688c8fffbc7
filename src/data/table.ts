/**
 * @file Tables of numbers: CSV with features in columns and, where one is named, labels in another.
 */
import { QtamlError } from "../errors.ts";
import { checkMemory } from "./decode.ts";
import type { SampleArray } from "./dataset.ts";
import { isNumber, LabelWords, shortList, type NamedLabels } from "./label-words.ts";

/** What a table is read by. */
export interface TableOptions {
  /** What to call the file in an error. */
  readonly name: string;
  /** The column of labels: its name, or its number from 0 (-1 is the last); none unless given. */
  readonly labelColumn?: string | undefined;
  /** Rows to keep; all unless given. */
  readonly limit?: number | undefined;
  /** Names of the classes in order. */
  readonly classes?: readonly string[] | undefined;
}

/** The number of a column by its name or number. @throws QtamlError `invalid-argument` when there is none such */
export function columnOf(
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
  readonly #words: LabelWords;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#words = new LabelWords(`The label column of ${options.name}`, options.classes);
  }

  /**
   * Takes a row; behind the limit, only the word of its label.
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
    const { limit = Infinity } = this.#options;
    if (this.#rows >= limit) {
      const word = cells[this.#label!] ?? "";
      if (word !== "") this.#words.pass(word);
      return true;
    }
    if (cells.length !== this.#width) {
      throw this.#problem(line, `has ${cells.length} cells where the first has ${this.#width}`);
    }
    const features = this.#width - (this.#label === undefined ? 0 : 1);
    let at = this.#rows * features;
    if (at + features > this.#values.length) {
      checkMemory(2 * this.#values.byteLength + wordBytes * this.#words.count, this.#options.name);
      const larger = new Float64Array(Math.max(2 * this.#values.length, at + features));
      larger.set(this.#values);
      this.#values = larger;
    }
    cells.forEach((cell, column) => {
      if (cell === "") throw this.#problem(line, `lacks a value in column ${this.#columnName(column)}`);
      if (column === this.#label) this.#words.keep(cell);
      else if (!isNumber(cell)) {
        const shown = cell.length > 40 ? `${cell.slice(0, 40)}...` : cell;
        throw this.#problem(
          line,
          `holds "${shown}" in column ${this.#columnName(column)}, which is not a number`,
        );
      } else this.#values[at++] = Number(cell);
    });
    this.#rows++;
    return this.#rows < limit || this.#words.isOpen;
  }

  /** The features as [columns] a sample, and the labels. @throws QtamlError when there are none */
  finish(): { count: number; samples: SampleArray } & Partial<NamedLabels> {
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
      ...(this.#label === undefined ? {} : this.#words.finish()),
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
