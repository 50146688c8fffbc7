/** @file docs/conformance.md shows the counts that `npm run conformance` holds models and tests to. */
import { describe, expect, it } from "vitest";
import { sectionOf } from "../../regenerate/section.ts";
import { documentText } from "../documents.ts";
import { readExpected } from "./expected.ts";
import { modelTable, suiteTable } from "./tables.ts";

describe("docs/conformance.md", () => {
  const page = documentText("docs/conformance.md");
  const { models, suites } = readExpected();

  it("has the counts of the models, or npm run conformance -- --update puts them in", () => {
    // Whether outputs are equal to the last bit is told by the run alone.
    const rows = (lines: readonly string[]) =>
      lines.slice(2).map((line) => line.replace(/\| equal.*\|$/, "|"));
    const printed = sectionOf(page, "models").trim().split("\n");
    expect(rows(printed)).toEqual(rows(modelTable(models, () => true)));
  });

  it("has the counts of the suites, or npm run conformance -- --update puts them in", () => {
    expect(sectionOf(page, "suites").trim().split("\n")).toEqual(suiteTable(suites));
  });
});
