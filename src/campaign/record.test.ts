import { describe, expect, it } from "vitest";
import { decodeRecord, encodeRecord, isSameRecord, type ChipRecord } from "./record.ts";

const record = (score: number, sum = 363): ChipRecord => ({
  outcome: {
    trial: 17,
    isHit: [true],
    tallies: [{ samples: 500, nonFinite: 0, sums: [[sum], [500]] }],
  },
  scores: [score],
});

/** The same value with the fields of every object in the opposite order. */
function turned(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.isArray(value) ? value.map(turned) : value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, own]) => [key, turned(own)]),
  );
}

describe("isSameRecord", () => {
  it("does not look at the order of fields, which is another after a way through a queue", () => {
    const other = turned(record(0.726)) as ChipRecord;
    expect(encodeRecord(other)).not.toBe(encodeRecord(record(0.726)));
    expect(isSameRecord(record(0.726), other)).toBe(true);
  });

  it.each([Number.NaN, -Infinity, -0, 1 / 3])("knows %d again after a way through a store", (score) => {
    expect(isSameRecord(record(score), decodeRecord(encodeRecord(record(score))))).toBe(true);
  });

  it("tells the last bit of a score, and tallies, apart", () => {
    expect(isSameRecord(record(0.726), record(0.726 + 2 ** -53))).toBe(false);
    expect(isSameRecord(record(0.726), record(0.726, 364))).toBe(false);
  });
});
