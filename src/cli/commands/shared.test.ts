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

  it.each([
    ["a better network", accuracy, 0.75, [0, 1, 1, 2]],
    ["one class alone", accuracy, 1, [3, 3]],
    ["another measure", { name: "cross-entropy" }, 0.1, [0, 1]],
  ])("is silent for %s", (_, measure, clean, labels) => {
    expect(guessWarnings(labelled(labels), { measure, clean })).toEqual([]);
  });
});
