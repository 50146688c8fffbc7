/** @file The scores of the last run of each room, in a file and as a table of CONTRIBUTING.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { sectionOf, withSection } from "../../regenerate/section.ts";
import { pureRooms, scoreTable, type Score } from "./score.ts";

const recordPath = new URL("scores.json", import.meta.url);
const documentPath = new URL("../../CONTRIBUTING.md", import.meta.url);
const part = "mutants";

/** The scores that are recorded, in the order of the rooms. */
export function recordedScores(): Score[] {
  return JSON.parse(readFileSync(recordPath, "utf8")) as Score[];
}

/** The table that stands in CONTRIBUTING.md. */
export function documentedTable(): string {
  return sectionOf(readFileSync(documentPath, "utf8"), part).trimEnd();
}

/** Records the scores of some rooms beside those of the others. */
export function recordScores(scores: readonly Score[]): void {
  const byRoom = new Map([...recordedScores(), ...scores].map((score) => [score.room, score]));
  const all = pureRooms.flatMap((room) => byRoom.get(room) ?? []);
  writeFileSync(recordPath, `${JSON.stringify(all, null, 2)}\n`);
  const text = readFileSync(documentPath, "utf8");
  writeFileSync(documentPath, withSection(text, part, scoreTable(all).join("\n")));
}
