/**
 * @file Text for terminals: tables that fit, bars, sparklines, the map of protected bits. Pure: the width and the
 * colours are the caller's business.
 */
import { formatNumber, type Quantity } from "./numbers.ts";

/** Colours for parts of a text; a palette that returns its argument leaves the text plain. */
export interface Palette {
  readonly heading: (text: string) => string;
  readonly faint: (text: string) => string;
}

/** No colours. */
export const plainPalette: Palette = { heading: (text) => text, faint: (text) => text };

// Colour sequences as terminals know them: ESC [ ... m.
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a character takes in a terminal. */
function characterWidth(character: string): number {
  return zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1;
}

/** Columns that a text takes in a terminal; colour sequences take none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(colours, "")) width += characterWidth(character);
  return width;
}

/**
 * A text from outside (a tensor's name) as one harmless line: control characters, and marks that turn the direction
 * of writing around, become U+FFFD.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, "\ufffd");
}

/** The same for a text whose line breaks are meant. */
export function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => plainText(line))
    .join("\n");
}

/** A text cut in its middle to at most so many columns: names differ at their ends. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 1) return width === 1 ? "…" : "";
  const characters = Array.from(text.replace(colours, ""));
  let [front, back] = ["", ""];
  let room = width - 1;
  for (let turn = 0; characters.length > 0; turn++) {
    const next = turn % 2 === 0 ? characters.pop()! : characters.shift()!;
    room -= characterWidth(next);
    if (room < 0) break;
    if (turn % 2 === 0) back = next + back;
    else front += next;
  }
  return `${front}…${back}`;
}

/** A word in colour. */
export interface ColouredCell {
  readonly text: string;
  readonly colour: (text: string) => string;
}

/** What a cell of a table holds; numbers get three significant digits, words are shown as `plainText`. */
export type Cell = string | Quantity | ColouredCell;

/** How a table is laid out. */
export interface TableOptions {
  /** Columns of the terminal; 80 by default. */
  readonly width?: number;
  readonly header?: readonly string[];
  readonly palette?: Palette;
}

const gap = 2;
const smallestColumn = 8;
const numeric = /^[-+]?(\d[\d.,]*(e[-+]?\d+)?|∞)( ?[%a-zA-Zµ/²]{0,5})?$/;

const isColoured = (cell: Cell | undefined): cell is ColouredCell =>
  typeof cell === "object" && cell !== null && "colour" in cell;

function cellText(cell: Cell): string {
  if (isColoured(cell)) return plainText(cell.text);
  return typeof cell === "string" ? plainText(cell) : formatNumber(cell);
}

/** What is shown of a cell, in its colour. */
const paint = (cell: Cell | undefined, shown: string): string =>
  isColoured(cell) ? cell.colour(shown) : shown;

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return right ? space + text : text + space;
}

/** Widths that fit, by shrinking the widest columns of words; undefined when that is not enough. */
function fittedWidths(natural: readonly number[], words: readonly boolean[], width: number) {
  const widths = [...natural];
  const room = width - gap * (widths.length - 1);
  for (let total = widths.reduce((a, b) => a + b, 0); total > room; total--) {
    let widest = -1;
    for (const [i, w] of widths.entries()) {
      if (words[i]! && w > smallestColumn && (widest < 0 || w > widths[widest]!)) widest = i;
    }
    if (widest < 0) return undefined;
    widths[widest]!--;
  }
  return widths;
}

/** One block a row, a line a cell: what is left when a table cannot be made narrow enough. */
function records(rows: readonly (readonly Cell[])[], header: readonly string[], width: number): string {
  const key = Math.max(0, ...header.map(textWidth));
  const line = (cell: Cell, i: number) => {
    const shown = shorten(cellText(cell), Math.max(8, width - key - 2));
    return `${pad(header[i] ?? "", key, false)}  ${paint(cell, shown)}`;
  };
  return rows.map((row) => row.map(line).join("\n")).join("\n\n");
}

/**
 * A table of so many columns at most. Numbers stand to the right; words are cut in their middle where the terminal is
 * too narrow, and a table that still does not fit becomes one block of lines a row. No line ends in a space.
 */
export function formatTable(rows: readonly (readonly Cell[])[], options: TableOptions = {}): string {
  const { width = 80, palette = plainPalette } = options;
  const header = (options.header ?? []).map(plainText);
  const body = rows.map((row) => row.map((cell) => cellText(cell)));
  const columns = Math.max(header.length, ...body.map((row) => row.length));
  const indices = Array.from({ length: columns }, (_, i) => i);
  const right = indices.map((i) =>
    body.every((row) => numeric.test(row[i] ?? "") || ["", "–"].includes(row[i] ?? "")),
  );
  const natural = indices.map((i) =>
    Math.max(textWidth(header[i] ?? ""), ...body.map((row) => textWidth(row[i] ?? ""))),
  );
  const widths = fittedWidths(
    natural,
    right.map((r) => !r),
    width,
  );
  if (widths === undefined) return records(rows, header, width);
  const line = (cells: readonly string[], row: readonly Cell[] = []) =>
    indices
      .map((i) => pad(paint(row[i], shorten(cells[i] ?? "", widths[i]!)), widths[i]!, right[i]!))
      .join(" ".repeat(gap))
      .trimEnd();
  const lines = body.map((cells, r) => line(cells, rows[r]));
  if (header.length === 0) return lines.join("\n");
  const rule = "-".repeat(widths.reduce((a, b) => a + b, 0) + gap * (columns - 1));
  return [palette.heading(line(header)), palette.faint(rule), ...lines].join("\n");
}

const levels = "▁▂▃▄▅▆▇█";

/** A row of little bars, from the smallest value to the largest; a value that is not finite is a space. */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter((v) => Number.isFinite(v));
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low;
  return values
    .map((v) => {
      if (!Number.isFinite(v)) return " ";
      return levels[span === 0 ? 0 : Math.min(7, Math.floor((8 * (v - low)) / span))]!;
    })
    .join("");
}

/** A bar for a share between 0 and 1: `######----`; what is not zero shows at least one mark, what is not all leaves one. */
export function textBar(share: number, width = 20): string {
  const inside = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  let marks = Math.round(inside * width);
  if (inside > 0) marks = Math.max(1, marks);
  if (inside < 1) marks = Math.min(width - 1, marks);
  return "#".repeat(marks) + "-".repeat(width - marks);
}

/**
 * One mark a bit, most significant first: `#` protected for every weight, `+` for some, `.` for none.
 *
 * @param shares share of the weights whose bit is protected, bit 0 first (`protectedShares`)
 */
export function bitMarks(shares: readonly number[]): string {
  return [...shares]
    .reverse()
    .map((share) => (share >= 1 ? "#" : share > 0 ? "+" : "."))
    .join("");
}
