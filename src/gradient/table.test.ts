import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loweredOperators, loweringRemarks } from "./lower/lower.ts";
import { gradientOperators, gradientStops, rules, ruleGroups } from "./operators.ts";
import { gradientTable } from "./table.ts";

const path = join(import.meta.dirname, "..", "..", "docs", "gradient-operators.md");

describe("the support table", () => {
  it("is what docs/gradient-operators.md says", () => {
    // Stale? `npm run docs:operators`.
    expect(readFileSync(path, "utf8")).toBe(gradientTable());
  });

  it("has a line for every operator, and remarks on existing ones only", () => {
    for (const operator of [...gradientOperators, ...loweredOperators])
      expect(gradientTable()).toContain(`| \`${operator}\` |`);
    expect(Object.keys(loweringRemarks).filter((o) => !loweredOperators.includes(o))).toEqual([]);
    for (const group of ruleGroups) {
      expect(Object.keys(group.remarks ?? {}).filter((o) => !(o in group.rules))).toEqual([]);
    }
  });

  it("names operators once, and none both with a rule and as an end", () => {
    expect(gradientOperators).toHaveLength(ruleGroups.reduce((n, g) => n + Object.keys(g.rules).length, 0));
    expect(gradientOperators).toEqual([...gradientOperators].sort());
    expect(gradientStops.filter((o) => rules.has(o))).toEqual([]);
  });
});
