/**
 * @file What is kept of a finished chip, as text that gives the same bits back.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { TrialOutcome } from "../engine/index.ts";

/** A finished chip. */
export interface ChipRecord {
  readonly outcome: TrialOutcome;
  /** [plans] its score under each plan; the outcome says the same, but only to who has the measure. */
  readonly scores: readonly number[];
  /** What the clean network scores on the chip's part of the images; absent where the chip was judged on all. */
  readonly control?: number;
}

/** Where a campaign keeps its finished chips. */
export interface Recorder {
  /** Chips that are there already. */
  readonly known: ReadonlyMap<number, ChipRecord>;
  /** Keeps a chip. Never throws: what cannot be written now is written later, or told by `finish`. */
  keep(record: ChipRecord): void;
  /** Notes what happened to the campaign. */
  note(text: string): void;
  /** Writes what is still unwritten; returns how many chips could not be. */
  finish(): number;
}

// JSON has no words for these.
const words: Readonly<Record<string, number>> = {
  "#NaN": Number.NaN,
  "#Infinity": Infinity,
  "#-Infinity": -Infinity,
};

/** A record as text; numbers come back bit for bit. */
export function encodeRecord(record: ChipRecord): string {
  return JSON.stringify(record, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? `#${value}` : value,
  );
}

/** The record of a text that `encodeRecord` made and whose seal has been checked. */
export function decodeRecord(text: string): ChipRecord {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === "string" ? (words[value] ?? value) : value,
  ) as ChipRecord;
}

/** Whether two records say the same of a chip, bit for bit; one from a worker has its fields in another order. */
export function isSameRecord(a: ChipRecord, b: ChipRecord): boolean {
  const chip = ({ outcome, scores }: ChipRecord) => decodeRecord(encodeRecord({ outcome, scores }));
  return isDeepStrictEqual(chip(a), chip(b));
}

/** What a record is sealed with: a cut, changed or misplaced one no longer fits. */
export function sealOf(fingerprint: string, chip: number, text: string): string {
  return createHash("sha256").update(`${fingerprint}:${chip}:${text}`).digest("hex").slice(0, 32);
}
