/**
 * @file What a person sees while a command works: results on standard output, everything else on standard error.
 */
import { formatCount, formatTable, plainLines, plainText, type Cell } from "../report/index.ts";
import { coloursOf, hasColours } from "./colour.ts";

/** How much a command says. */
export interface Manner {
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** Width of the terminal, within reason. What goes to a file or a pipe has room for whole names. */
export function terminalWidth(): number {
  const { columns } = process.stdout;
  return columns === undefined ? 200 : Math.max(32, Math.min(columns, 140));
}

/** A table for standard output, as wide as the terminal at most. */
export function fitTable(
  rows: readonly (readonly Cell[])[],
  header: readonly string[] = [],
  width = terminalWidth(),
): string {
  return formatTable(rows, { width, header, palette: coloursOf(process.stdout) });
}

const colourSequence = new RegExp(`(${String.fromCharCode(27)}\\[[0-9;]*m)`);

/**
 * Lines that a stream shows as they are: control characters but line breaks are replaced (names come from files), and
 * so are colours where the stream has none.
 */
export function harmless(text: string, isColoured: boolean): string {
  if (!isColoured) return plainLines(text);
  return text
    .split(colourSequence)
    .map((part, i) => (i % 2 === 1 ? part : plainLines(part)))
    .join("");
}

/** Prints lines of the account on standard output. */
export function say(text = ""): void {
  process.stdout.write(`${harmless(text, hasColours(process.stdout))}\n`);
}

/** Prints JSON on standard output. */
export function sayJson(value: unknown): void {
  // JSON itself escapes no control character from U+007F on.
  const text = JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  process.stdout.write(`${text}\n`);
}

/** Prints warnings on standard error. */
export function warn(warnings: readonly string[]): void {
  const { warning: colour } = coloursOf(process.stderr);
  for (const warning of warnings) process.stderr.write(`${colour("Warning:")} ${plainText(warning)}\n`);
}

/** Prints a remark on standard error, unless nothing but results is wanted. */
export function note(text: string, { quiet }: Manner): void {
  if (quiet !== true) process.stderr.write(`${plainText(text)}\n`);
}

/** A number of things in words: `2 tensors`. */
export const plural = (count: number, what: string): string =>
  `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
