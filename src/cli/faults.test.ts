import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { changesRate, faultsFromFlags } from "./faults.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-faults-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("faultsFromFlags", () => {
  it("is nothing without flags", () => {
    expect(faultsFromFlags({})).toBeUndefined();
  });

  it("puts words and settings together", () => {
    const faults = faultsFromFlags({
      faults: ["burst:length=4", "stuck-at:share=1e-4,value=1", "layout:columns=512"],
      regime: "redrawn",
      reads: 3,
      intervals: 7,
    })!;
    expect(faults).toEqual({
      models: [
        { model: "burst", length: 4 },
        { model: "stuck-at", share: 1e-4, value: 1 },
      ],
      layout: { columns: 512, order: "weights" },
      regime: "redrawn",
      reads: 3,
      intervals: 7,
    });
    expect(changesRate(faults)).toBe(true);
    const apart = faultsFromFlags({ faults: ["layout:columns=512", "layout:order=bit-planes"] })!;
    expect(apart.layout).toEqual({ columns: 512, order: "bit-planes" });
    expect(changesRate(faultsFromFlags({ faults: ["burst:length=4"] })!)).toBe(false);
  });

  it("reads a file, under settings of the command line", () => {
    const file = join(folder, "faults.yaml");
    writeFileSync(file, "models: [{ model: word-line, rate: 0.01 }]\nintervals: 2\n");
    expect(faultsFromFlags({ faults: [file], intervals: 5 })).toMatchObject({
      models: [{ model: "word-line", rate: 0.01, reads: "random" }],
      intervals: 5,
    });
    expect(() => faultsFromFlags({ faults: [file, "burst:length=2"] })).toThrow(/put the other models/);
  });

  it.each([
    [{ faults: ["bursts"] }, /"bursts" is not a fault model/],
    [{ faults: ["burst:length=0"] }, /--faults does not describe faults \(at models.0.length\)/],
    [{ faults: ["burst:length=2", "thickness:sigmaNm=1,slopePerNm=-1"] }, /both say how bits flip/],
    [{ faults: [join(folder, "none.yaml")] }, /Fault file .* does not exist/],
    [{ faults: ["burst:length=4,length=5"] }, /"burst:length=4,length=5" gives "length" twice/],
    [{ faults: ["layout:columns=8", "layout:columns=16"] }, /gives "columns" of the layout twice/],
    [{ reads: 3 }, /add --regime redrawn/],
  ])("refuses %j", (flags, words) => {
    expect(() => faultsFromFlags(flags)).toThrow(words);
  });
});
