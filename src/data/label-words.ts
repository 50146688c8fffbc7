/**
 * @file Labels as a table writes them: numbers as they are, or words, which are names of classes.
 */
import { QtamlError } from "../errors.ts";
import { labelsOf, type Labels } from "./dataset.ts";

/** Labels with the names of the classes, where they have any. */
export interface NamedLabels {
  readonly labels: Labels;
  readonly classNames?: readonly string[];
  /** The title above the labels, where their file does not make it certain that it is one. */
  readonly guessedTitle?: string;
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Whether a cell holds a finite number. */
export const isNumber = (cell: string): boolean => number.test(cell) && Number.isFinite(Number(cell));

/** The order of names: by their code units, whatever the language of the machine. */
export const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The first few of some names. */
export const shortList = (names: readonly string[]): string =>
  names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")}, ... ${names.length} in all`;

/** No data set has more classes. */
const mostClasses = 2 ** 20;

/**
 * The labels of some samples, one after the other. Where all are numbers they are taken as they are; otherwise they are
 * names of classes, numbered in the order given or in that of their code points. The samples behind a limit are counted
 * in, so that a class has one number whatever the limit.
 */
export class LabelWords {
  readonly #name: string;
  readonly #classes: readonly string[] | undefined;
  readonly #kept: string[] = [];
  readonly #words = new Set<string>();
  #number: string | undefined;
  #word: string | undefined;

  /**
   * @param name what to call the labels in an error
   * @param classes names of the classes in order
   */
  constructor(name: string, classes?: readonly string[]) {
    this.#name = name;
    this.#classes = classes;
  }

  /** Takes the label of a sample. @throws QtamlError `data-mismatch` for numbers among words, and for too many words */
  keep(word: string): void {
    this.#kept.push(word);
    this.pass(word);
  }

  /** Takes the label of a sample behind the limit. @throws QtamlError as `keep` does */
  pass(word: string): void {
    if (this.#classes !== undefined) return;
    if (isNumber(word)) this.#number ??= word;
    else {
      this.#word ??= word;
      this.#words.add(word);
    }
    if (this.#word !== undefined && this.#number !== undefined) {
      throw new QtamlError(
        "data-mismatch",
        `${this.#name} holds numbers (${this.#number}) and words ("${this.#word}"), so that it does not say which number is which class; mend it, or name all in order as "classes" in the preprocessing.`,
      );
    }
    if (this.#words.size > mostClasses) {
      throw new QtamlError(
        "data-mismatch",
        `${this.#name} holds more than ${mostClasses} different words, which are hardly classes; give another column.`,
      );
    }
  }

  /** Number of labels that are kept. */
  get count(): number {
    return this.#kept.length;
  }

  /** Whether the labels behind the limit are needed for the numbers of the classes. */
  get isOpen(): boolean {
    return this.#word !== undefined;
  }

  /** The labels. @throws QtamlError `data-mismatch` for a name that is not among the classes */
  finish(): NamedLabels {
    const words = this.#kept;
    if (this.#classes === undefined && this.#word === undefined) {
      const data = Float64Array.from(words, Number);
      return { labels: labelsOf({ dims: [words.length], data }, words.length, this.#name) };
    }
    const classNames = this.#classes ?? [...this.#words].sort(byCodePoint);
    const numbers = new Map(classNames.map((word, i) => [word, i]));
    const unknown = words.findIndex((word) => !numbers.has(word));
    if (unknown >= 0) {
      throw new QtamlError(
        "data-mismatch",
        `${this.#name} holds "${words[unknown]}" for sample ${unknown}, which is not among the classes (${shortList(classNames)}); mend "classes" in the preprocessing.`,
      );
    }
    return { labels: { dims: [], data: Int32Array.from(words, (word) => numbers.get(word)!) }, classNames };
  }
}

/** Titles that stand above labels and are no class. */
export const isUsualTitle = (cell: string): boolean =>
  /^(labels?|class(es)?|targets?|y|category)$/i.test(cell);

/**
 * Whether the first cell of a column of labels looks like its title: a word that does not come again below, or, where
 * the classes are known, none of them.
 */
export const isLikeTitle = (
  first: string,
  isRepeated: boolean,
  classes: readonly string[] | undefined,
): boolean => (classes === undefined ? !isNumber(first) && !isRepeated : !classes.includes(first));
