import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer, cases, judge, mean } from "../../test/judging.ts";
import { builtInMeasure } from "./built-in.ts";
import type { LabelOptions } from "./answers.ts";

/** Pixels that are judged: their answers and their labels. */
function judged(rows: readonly number[][][], truth: readonly number[][], ignored: number) {
  const answers = rows.flat().map(answer);
  return truth.flat().flatMap((label, i) => (label === ignored ? [] : [{ label, answer: answers[i] }]));
}

describe.each<[string, LabelOptions, number]>([
  ["255", {}, 255],
  ["a class of one's own choice", { ignoreLabel: 1 }, 1],
])("with the ignored label %s", (_, options, ignored) => {
  const forms = fc.constantFrom("first", "last").chain((form) => cases(form, { ignored }));

  it("miou is the mean over labelled classes of intersection over union", () => {
    fc.assert(
      fc.property(forms, ({ faulty, clean, labels, rows, truth }) => {
        const pixels = judged(rows.faulty, truth, ignored);
        const present = [...new Set(pixels.map((p) => p.label))];
        const ious = present.map((c) => {
          const union = pixels.filter((p) => p.label === c || p.answer === c).length;
          return pixels.filter((p) => p.label === c && p.answer === c).length / union;
        });
        // Up to three quotients are added in one of two orders.
        expect(judge(builtInMeasure("miou", options), clean, labels, faulty)).toBeCloseTo(mean(ious), 14);
      }),
      { seed: 8 },
    );
  });

  it("pixel-accuracy is the share of right pixels", () => {
    fc.assert(
      fc.property(forms, ({ faulty, clean, labels, rows, truth }) => {
        const pixels = judged(rows.faulty, truth, ignored);
        const right = pixels.filter((p) => p.label === p.answer).length;
        expect(judge(builtInMeasure("pixel-accuracy", options), clean, labels, faulty)).toBe(
          right / pixels.length,
        );
      }),
      { seed: 9 },
    );
  });
});

it("one output a pixel is a class against a background", () => {
  const clean = { count: 1, dims: [1, 2, 2], values: Float32Array.of(-1, 2, 3, -4) };
  const labels = { dims: [2, 2], data: Int32Array.of(0, 1, 0, 0) } as const;
  expect(judge(builtInMeasure("pixel-accuracy"), clean, labels, clean)).toBe(0.75);
  expect(judge(builtInMeasure("miou"), clean, labels, clean)).toBeCloseTo((2 / 3 + 1 / 2) / 2, 15);
});

it("fits labels whose axes of size one were dropped", () => {
  const clean = { count: 1, dims: [3, 1, 2], values: Float32Array.of(1, 0, 0, 1, 0, 0) };
  const labels = { dims: [2], data: Int32Array.of(0, 1) };
  expect(judge(builtInMeasure("miou"), clean, labels, clean)).toBe(1);
});

it("refuses labels that are all ignored", () => {
  const clean = { count: 1, dims: [3, 2], values: new Float32Array(6) };
  const labels = { dims: [2], data: Int32Array.of(255, 255) } as const;
  expect(() => builtInMeasure("miou").bind({ clean, labels })).toThrow(/No place has a label/);
});
