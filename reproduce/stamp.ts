/**
 * @file Stamps: what the experiment of a page was made from, in a comment at its end. A page that takes hours is not made
 * again by CI; a stamp tells whether its networks, data and settings are still those of today.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { budgets, keeps, seed, subjects, sweep, wide } from "./cases.ts";
import { cases as correctionCases } from "./correction-cases.ts";
import { deviceFile } from "./thickness.ts";

const root = join(import.meta.dirname, "..");

/**
 * The stamp of an experiment: 16 hexadecimal digits.
 *
 * @param files what it reads, from the root of the repository
 * @param settings anything else that defines it
 */
export function stampOf(files: readonly string[], settings: unknown): string {
  const hash = createHash("sha256");
  for (const path of [...new Set(files)].sort())
    hash.update(`${path}\n`).update(readFileSync(join(root, path)));
  return hash.update(JSON.stringify(settings)).digest("hex").slice(0, 16);
}

/** A stamp as a page carries it. */
export const stampLine = (stamp: string): string => `<!-- made from ${stamp} -->`;

/** The stamps that a text carries, in its order. */
export const stampsIn = (text: string): string[] =>
  Array.from(text.matchAll(/<!-- made from ([0-9a-f]{16}) -->/g), ([, stamp]) => stamp!);

/** A page with another stamp at its end. */
export const withStamp = (page: string, stamp: string): string =>
  `${page.replace(/\n*<!-- made from [0-9a-f]{16} -->\s*$/, "").trimEnd()}\n\n${stampLine(stamp)}\n`;

const files = subjects.flatMap(({ model, test, trained }) => [model, test, trained]);

/** The stamp of docs/results.md. */
export const resultsStamp = (): string =>
  stampOf([...files, ...wide.map(({ model }) => model), deviceFile], {
    subjects,
    wide,
    keeps,
    sweep,
    budgets,
    seed,
  });

/** The stamp of the results in docs/beyond.md. */
export const beyondStamp = (): string => stampOf(files, { subjects, keep: keeps[0], seed });

/** The stamp of docs/correction.md. */
export const correctionStamp = (): string =>
  stampOf(files, {
    cases: correctionCases.map(({ subject, memory, overhead }) => ({ subject, memory, overhead })),
    seed,
  });
