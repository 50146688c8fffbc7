/** @file Documents as their readers use them: the blocks that are run, links and headings. */
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { anchorOf } from "../docs/.vitepress/pages.ts";
import { inRepository } from "./cli-run.ts";

/** A fenced block of a document. */
export interface Block {
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly language: string;
  /** Words after the language: `run`, `file=NAME`, `needs=PROGRAM`. */
  readonly marks: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Splits a document into fenced blocks and prose (blocks left empty, so that lines keep their numbers). */
export function partsOf(document: string): { readonly blocks: readonly Block[]; readonly prose: string } {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let fence:
    | { mark: string; line: number; language: string; marks: Map<string, string>; text: string[] }
    | undefined;
  for (const [i, line] of document.split("\n").entries()) {
    const found = /^ *(`{3,}|~{3,})\s*(.*)$/.exec(line);
    if (fence !== undefined) {
      prose.push("");
      if (found !== null && found[2] === "" && found[1]!.startsWith(fence.mark)) {
        blocks.push({ ...fence, text: `${fence.text.join("\n")}\n` });
        fence = undefined;
      } else fence.text.push(line);
    } else if (found !== null) {
      const [language = "", ...words] = found[2]!.split(/\s+/);
      const marks = new Map(words.map((word) => [word.split("=", 1)[0]!, word.replace(/^[^=]*=?/, "")]));
      fence = { mark: found[1]!, line: i + 1, language, marks, text: [] };
      prose.push("");
    } else prose.push(line);
  }
  if (fence !== undefined) throw new Error(`The block of line ${fence.line} has no end.`);
  return { blocks, prose: prose.join("\n") };
}

/** A command of a console block and what it prints. */
export interface ConsoleStep {
  readonly command: string;
  readonly output: string;
}

/** The commands of a console block: lines after `$ `, which a backslash carries on, and the output under each. */
export function stepsOf({ text }: Block): ConsoleStep[] {
  const steps: { command: string; output: string }[] = [];
  let isCommand = false;
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: "" });
    else if (isCommand) steps.at(-1)!.command += `\n${line}`;
    else steps.at(-1)!.output += `${line}\n`;
    isCommand = line.endsWith("\\") && (isCommand || line.startsWith("$ "));
  }
  return steps;
}

const number = /[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?/gi;

/**
 * Whether output is what a document shows: the same words in the same order, numbers within 2 %, since processors add
 * in different orders. A line of three dots stands for any lines.
 */
export function isAsShown(output: string, shown: string): boolean {
  const parts = (text: string) => ({
    words: text
      .replace(number, "#")
      .replace(/-{3,}/g, "---")
      .replace(/[ \t]+/g, " ")
      .trim()
      .split("\n"),
    numbers: text
      .split("\n")
      .map((line) => (line.match(number) ?? []).map((n) => Number(n.replaceAll(",", "")))),
  });
  const [got, wanted] = [parts(output.trim()), parts(shown.trim())];
  const sameLine = (i: number, j: number) =>
    got.words[i]?.trim() === wanted.words[j]?.trim() &&
    wanted.numbers[j]!.every((n, k) => Math.abs(n - got.numbers[i]![k]!) <= 0.02 * Math.abs(n) + 1e-12);
  const match = (i: number, j: number): boolean => {
    if (j === wanted.words.length) return i === got.words.length;
    if (wanted.words[j]!.trim() === "...") {
      return got.words.slice(i).some((_, k) => match(i + k, j + 1)) || match(got.words.length, j + 1);
    }
    return i < got.words.length && sameLine(i, j) && match(i + 1, j + 1);
  };
  return match(0, 0);
}

/**
 * What a document should show of an output: its lines with the numbers that were printed, and three dots where it has
 * them; undefined where its words are no longer printed in this order.
 */
export function asPrinted(output: string, shown: string): string | undefined {
  const lines = shown.trim().split("\n");
  if (!lines.includes("...")) return output;
  const shape = (line: string) =>
    line.replace(number, "#").replace(/-{3,}/g, "---").replace(/\s+/g, " ").trim();
  const firstWord = (text: string) => text.trim().split(/\s+/)[0];
  const printed = output.split("\n");
  let at = 0;
  const kept: string[] = [];
  for (const line of lines) {
    const alike = printed.flatMap((p, i) => (i >= at && shape(p) === shape(line) ? [i] : []));
    // Rows of a table differ in what they begin with, which may be a name with numbers in it.
    const found =
      line === "..." ? -1 : (alike.find((i) => firstWord(printed[i]!) === firstWord(line)) ?? alike[0] ?? -1);
    if (line !== "..." && found < 0) return undefined;
    kept.push(line === "..." ? line : printed[found]!);
    if (found >= 0) at = found + 1;
  }
  return `${kept.join("\n")}\n`;
}

/**
 * A row of the first table under a heading, as cells by the titles of their columns.
 *
 * @param key the first cells of the row
 * @throws Error where there is no such table or row
 */
export function rowOf(
  document: string,
  heading: string,
  ...key: readonly string[]
): Readonly<Record<string, string>> {
  const [, section] = document.split(`# ${heading}\n`);
  const lines = (section ?? "").split(/\n#+ /)[0]!.split("\n");
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const start = lines.findIndex((line) => line.startsWith("| "));
  const found = lines
    .slice(start < 0 ? lines.length : start)
    .map(cells)
    .find((row) => key.every((cell, i) => row[i] === cell));
  if (found === undefined) throw new Error(`There is no row ${key.join(", ")} under "${heading}".`);
  return Object.fromEntries(cells(lines[start]!).map((title, i) => [title, found[i] ?? ""]));
}

/** Removes code from a line of prose. */
const withoutCode = (text: string) => text.replace(/(`+)(?:(?!\1)[\s\S])*?\1/g, "");

/** Links and pictures of a document: targets as they are written. */
export function linksOf(document: string): { readonly target: string; readonly line: number }[] {
  const { prose } = partsOf(document);
  return prose.split("\n").flatMap((text, i) =>
    [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/g)].map((m) => ({
      target: m[1] ?? m[2]!,
      line: i + 1,
    })),
  );
}

/** Anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(document: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of partsOf(document).prose.split("\n")) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
    const base = anchorOf(plain);
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Folders of the site that are made by a build. */
export const copies: ReadonlySet<string> = new Set(["docs/api", "docs/project", "docs/zoo", "docs/public"]);

/** Paths of all documents, from the root of the repository. */
export function documentPaths(): readonly string[] {
  const root = inRepository("");
  const under = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name.startsWith(".") || copies.has(path) ? [] : under(path);
      return entry.name.endsWith(".md") ? [path] : [];
    });
  const own = readdirSync(root).filter((name) => name.endsWith(".md"));
  return [...own, ...under("docs"), ...under("zoo")].map((path) => relative(root, join(root, path)));
}

/** The text of a document. */
export const documentText = (path: string): string => readFileSync(inRepository(path), "utf8");
