import { describe, expect, it } from "vitest";
import { openMeasure } from "../engine/index.ts";
import { imageParts } from "./parts.ts";

const [count, classes] = [40, 3];
/** Outputs whose answer is the class of their number, and labels that agree but for each fourth. */
const clean = {
  count,
  dims: [classes],
  values: Float32Array.from({ length: count * classes }, (_, i) =>
    Math.floor(i / classes) % classes === i % classes ? 1 : 0,
  ),
};
const labels = {
  dims: [],
  data: Int32Array.from({ length: count }, (_, n) => (n % 4 === 0 ? (n + 1) % classes : n % classes)),
};

describe("parts of the images", () => {
  it("have a control whose mean over places is the clean score", async () => {
    const judge = (await openMeasure({ name: "top-1" })).bind({ clean, labels, scale: undefined });
    const parts = imageParts(judge, clean, 3, 7);
    expect(parts.expected).toBe(0.75);
    const byPlace = new Map<number, number>();
    for (let chip = 0; byPlace.size < count && chip < 10_000; chip++) {
      byPlace.set(parts.of(chip).from, parts.control(chip));
    }
    expect([...byPlace.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    const sum = [...byPlace.values()].reduce((a, b) => a + b, 0);
    expect(sum / count).toBeCloseTo(0.75, 12);
    const extremes = [...byPlace.values()].map((c) => c - parts.expected);
    expect(parts.range[0]).toBeCloseTo(0 - Math.max(...extremes), 12);
    expect(parts.range[1]).toBeCloseTo(1 - Math.min(...extremes), 12);
  });
});
