/** @file A short run of the fuzzer; `npm run fuzz` makes the long one. */
import { describe, expect, it } from "vitest";
import { QtamlError } from "../../src/errors.ts";
import { fuzz, fuzzAccount } from "./fuzz.ts";
import { judge, makeMutant, type Target } from "./run.ts";
import { targets } from "./targets.ts";

describe("damaged files", () => {
  it("end in a result or a clear error, within time and memory", async () => {
    const report = await fuzz(3_000, 20_260);
    if (report.findings.length > 0) throw new Error(fuzzAccount(report));
    for (const { mutants, outcomes } of report.tallies) {
      const counted = Object.values(outcomes).reduce((a, b) => a + b, 0);
      expect(counted).toBe(mutants);
      // Mutators that only ever made rubbish, or never any, would test nothing.
      expect(outcomes["result"]).toBeGreaterThan(0);
      expect(counted - outcomes["result"]!).toBeGreaterThan(0);
    }
  }, 240_000);

  it.each(targets.map((t) => [t.name, t] as const))(
    "%s: undamaged files give a result",
    async (_, target) => {
      for (const seed of target.seeds())
        await expect(judge(target, seed)).resolves.toEqual({ kind: "result" });
    },
  );

  it("are made again from their address", () => {
    const target = targets[0]!;
    for (let index = 0; index < 50; index++) {
      expect(makeMutant(target, 0, 7, index)).toEqual(makeMutant(target, 0, 7, index));
    }
    const all = Array.from({ length: 50 }, (_, i) =>
      Buffer.from(makeMutant(target, 0, 7, i)).toString("base64"),
    );
    expect(new Set(all).size).toBeGreaterThan(45);
  });
});

describe("the judge", () => {
  const target = (run: () => unknown): Target => ({ name: "t", seeds: () => [], mutators: [], run });

  it("tells results, clear errors, unclear ones and defects apart", async () => {
    const fail = (error: unknown) =>
      target(() => {
        throw error;
      });
    const nothing = new Uint8Array();
    expect(
      await judge(
        target(() => 1),
        nothing,
      ),
    ).toEqual({ kind: "result" });
    expect(
      await judge(fail(new QtamlError("invalid-file", "x is damaged; copy it again.")), nothing),
    ).toEqual({
      kind: "error",
      code: "invalid-file",
    });
    for (const bad of [new QtamlError("invalid-file", "no end"), new TypeError("undefined"), "text"]) {
      expect(await judge(fail(bad), nothing)).toMatchObject({ kind: "finding" });
    }
  });
});
