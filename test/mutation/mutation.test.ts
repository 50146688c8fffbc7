import { describe, expect, it } from "vitest";
import { isDrawn, type MutantPlace } from "./draw.ts";
import { documentedTable, recordedScores } from "./record.ts";
import { caughtOf, scoreOf, scoreTable } from "./score.ts";

const mutants = Array.from({ length: 5_000 }, (_, i): MutantPlace => ({
  fileName: `src/stats/mean.ts`,
  mutatorName: i % 2 === 0 ? "EqualityOperator" : "ArithmeticOperator",
  replacement: "a - b",
  location: { start: { line: i % 500, column: i } },
}));

describe("the draw of mutants", () => {
  it.each([0.05, 0.3])("takes its share of them (%d), within five standard deviations", (share) => {
    const count = mutants.filter((mutant) => isDrawn(mutant, { share, seed: "1" })).length;
    const deviation = Math.sqrt(mutants.length * share * (1 - share));
    expect(Math.abs(count - share * mutants.length)).toBeLessThan(5 * deviation);
  });

  it("takes the same in every folder, in a smaller share no other, and others by another seed", () => {
    const elsewhere = mutants.map((m) => ({ ...m, fileName: `C:\\copy\\src\\stats\\mean.ts` }));
    const drawn = (of: readonly MutantPlace[], share: number, seed: string) =>
      of.flatMap((mutant, i) => (isDrawn(mutant, { share, seed }) ? [i] : []));
    const known = new Set(drawn(mutants, 0.3, "1"));
    expect(drawn(elsewhere, 0.3, "1")).toEqual([...known]);
    expect(drawn(mutants, 0.1, "1").every((i) => known.has(i))).toBe(true);
    expect(drawn(mutants, 0.3, "2")).not.toEqual([...known]);
    expect(drawn(mutants, 1, "1")).toHaveLength(mutants.length);
  });
});

describe("the table of scores", () => {
  it("in CONTRIBUTING.md is that of the recorded runs", () => {
    expect(documentedTable()).toBe(scoreTable(recordedScores()).join("\n"));
  });

  it("counts what hangs as caught, what no test runs as missed, and leaves out what was not tried", () => {
    const statuses = ["Killed", "Killed", "Timeout", "Survived", "NoCoverage", "CompileError", "Ignored"];
    const score = scoreOf("ecc", statuses, 0.5);
    expect(caughtOf(score)).toEqual({ caught: 3, tried: 5 });
    // Clopper-Pearson for 3 of 5, as tabulated.
    expect(scoreTable([score]).at(-1)).toBe(
      "| `ecc` | 50.0 % | 5 | 2 | 1 | 1 | 1 | 60.0 % | 14.7 % to 94.7 % |",
    );
    expect(scoreTable([{ ...score, share: 1 }]).at(-1)).toBe(
      "| `ecc` | all | 5 | 2 | 1 | 1 | 1 | 60.0 % |  |",
    );
    expect(scoreTable([scoreOf("ecc", ["CompileError"], 0.001)]).at(-1)).toBe(
      "| `ecc` | 0.1 % | 0 | 0 | 0 | 0 | 0 | none drawn |  |",
    );
  });
});
