import { describe, expect, it } from "vitest";
import { sampleComparison } from "../../../test/report-sample.ts";
import { comparisonTable, resultWords } from "./compare.ts";

describe("comparisonTable", () => {
  it("has intervals where there is room for them", () => {
    const lines = comparisonTable(sampleComparison, 200).split("\n");
    for (const line of lines.slice(2)) expect(line).toMatch(/\(\d+\.\d-\d+\.\d\)/);
  });

  it("has whole means on a narrow terminal, and says what is missing", () => {
    const lines = comparisonTable(sampleComparison, 60).split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
    for (const line of lines.slice(2, -1)) expect(line).toMatch(/^ *[\d.]+ %( +\d+\.\d)+$/);
    expect(lines.at(-1)).toContain("intervals");
  });
});

describe("resultWords", () => {
  const { predicted, ...rest } = sampleComparison;
  const withRatio = (saturationRatio: number | null) => ({ ...rest, predicted: null, saturationRatio });

  it("gives the prediction that there is", () => {
    expect(predicted === undefined).toBe(false);
    expect(resultWords(withRatio(2.5))).toMatch(/Predicted without flipping a bit: 2\.5 times\.$/);
  });

  it.each([null, Infinity, Number.NaN])("has no words for a prediction of %s", (ratio) => {
    expect(resultWords(withRatio(ratio))).not.toContain("Predicted");
  });
});
