import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { flipLaw } from "../assessment/index.ts";
import { asymmetricFlips, exposedFlips } from "../channel/index.ts";
import { deviceFlips, evaluateDevice, parseDevice } from "../physics/index.ts";
import { describeMemory, flipsFromFlags, intervalLaw } from "./memory.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A device file. */
function device(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const oxide = device(
  "oxide.yaml",
  "barrier: { material: SiO2, thicknessNm: 2.533 }\nenergyEv: 0.1\nholdS: 0.064\n",
);
const given = device("given.yaml", "p: 0.3\n");
const stressed = /stress regime/;
const remarks = ({ report }: ReturnType<typeof describeMemory>) =>
  report.warnings.filter((w) => !stressed.test(w));

describe("flip probabilities that replace others", () => {
  it("are said with those of the oxide", () => {
    expect(remarks(flipsFromFlags({ device: oxide, p: 0.02 }))).toEqual([
      `The oxide of ${oxide} gives p = 0.1; p = 0.02 is taken instead.`,
    ]);
    expect(flipsFromFlags({ device: oxide, p: 0.02 }).report).toMatchObject({ p01: 0.02, p10: 0.02 });
    expect(remarks(flipsFromFlags({ device: oxide, p01: 0.02, p10: 0.1 }))).toEqual([
      `The oxide of ${oxide} gives p01 = 0.1, p10 = 0.1; p01 = 0.02, p10 = 0.1 are taken instead.`,
    ]);
  });

  it("are said with those of a file that has numbers, and of flags that describe an oxide", () => {
    expect(remarks(flipsFromFlags({ device: given, p: [0.1, 0.2] }))).toEqual([
      `${given} says p = 0.3; p = 0.1,0.2 is taken instead.`,
    ]);
    const flags = { material: "SiO2", thickness: 2.533, energy: 0.1, hold: 0.064 };
    expect(remarks(describeMemory({ ...flags, p: 0.02 }, undefined))).toEqual([
      "The oxide gives p = 0.1; p = 0.02 is taken instead.",
    ]);
  });

  it("are no matter where nothing is replaced", () => {
    for (const flags of [{ device: oxide }, { device: given, p: 0.3 }, { p: 0.02 }, { p01: 0.1, p10: 0.2 }])
      expect(remarks(flipsFromFlags(flags))).toEqual([]);
    // Without a hold time the oxide says nothing of its own.
    expect(remarks(describeMemory({ material: "SiO2", thickness: 2, p: 0.02 }, undefined))).toEqual([]);
  });
});

describe("intervalLaw", () => {
  it("becomes the population's own law after all intervals", () => {
    const device = parseDevice({ cell: "gain-cell", thicknessSpreadNm: 0.02 });
    const law = intervalLaw({ device, report: evaluateDevice(device) }, 10);
    const { p01, p10 } = deviceFlips(device, 10);
    const after = exposedFlips(law(4), 10);
    expect(Array.from(after.p01, (p) => p - p01)).toEqual(Array.from(after.p01, () => 0));
    for (const p of after.p10) expect(p / p10).toBeCloseTo(1, 12);
    // Weak cells fail once.
    expect(p10).toBeLessThan(exposedFlips(asymmetricFlips(0, deviceFlips(device).p10, 1), 10).p10[0]! / 2);
  });

  it("is that of one interval where cells are alike, drawn anew, or given as numbers", () => {
    for (const file of [{ cell: "gain-cell", draw: "redrawn" }, { p: 0.01 }]) {
      const device = parseDevice(file);
      const report = evaluateDevice(device);
      expect(intervalLaw({ device, report }, 7)(3)).toEqual(flipLaw(report)(3));
    }
  });
});
