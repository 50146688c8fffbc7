import { describe, expect, it } from "vitest";
import type { Dataset } from "../../data/index.ts";
import { guessWarnings } from "./shared.ts";

const labelled = (labels: readonly number[]): Dataset => ({
  count: labels.length,
  inputs: new Map(),
  labels: { dims: [], data: Int32Array.from(labels) },
});

describe("guessWarnings", () => {
  const accuracy = { name: "top-1" };

  it("warns of a clean network that is no better than the commonest label", () => {
    const [warning] = guessWarnings(labelled([0, 1, 1, 2]), { measure: accuracy, clean: 0.5 });
    expect(warning).toContain("no more than the commonest label (50 %)");
  });

  it("warns of one that is better by chance alone: within two standard errors", () => {
    const labels = labelled(Array.from({ length: 500 }, (_, i) => i % 10));
    // sqrt(0.1 * 0.9 / 500) = 0.0134
    const [warning] = guessWarnings(labels, { measure: accuracy, clean: 0.126 });
    expect(warning).toContain("in 12.6 % of answers, hardly more than the commonest label (10 %)");
    expect(guessWarnings(labels, { measure: accuracy, clean: 0.128 })).toEqual([]);
  });

  it.each([
    ["a better network", accuracy, 0.75, Array.from({ length: 40 }, (_, i) => Math.min(i % 4, 2))],
    ["one class alone", accuracy, 1, [3, 3]],
    ["another measure", { name: "cross-entropy" }, 0.1, [0, 1]],
  ])("is silent for %s", (_, measure, clean, labels) => {
    expect(guessWarnings(labelled(labels), { measure, clean })).toEqual([]);
  });
});
