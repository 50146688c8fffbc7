/** @file The counts that conformance is held to, as `npm run conformance -- --update` wrote them. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Counts } from "./exercise.ts";

/** What a run is compared with. */
export interface Expected {
  /** By `RealModel.id`. */
  readonly models: Readonly<Record<string, Counts>>;
  /** By suite: how many tests had which outcome. */
  readonly suites: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const path = new URL("expected.json", import.meta.url);

/** Reads the expectations. */
export function readExpected(): Expected {
  return JSON.parse(readFileSync(path, "utf8")) as Expected;
}

/** Writes them anew. */
export function writeExpected(expected: Expected): void {
  writeFileSync(path, `${JSON.stringify(expected, null, 2)}\n`);
}

/** The counts of one model. */
export function expectedCounts(id: string): Counts {
  const counts = readExpected().models[id];
  if (counts === undefined) throw new Error(`No counts for "${id}": npm run conformance -- --update`);
  return counts;
}
