import { describe, expect, it } from "vitest";
import { confidences, nonFiniteAnswer, tally, topClasses } from "./judge.ts";

const logits = (rows: number[][]) => ({
  count: rows.length,
  dims: [rows[0]!.length],
  values: Float32Array.from(rows.flat()),
});

describe("topClasses", () => {
  it("takes the largest output and the first of equals", () => {
    const rows = [
      [1, 3, 2],
      [2, 2, 1],
      [0, 0, 0],
      [-5, -1, -1],
    ];
    expect(Array.from(topClasses(logits(rows)))).toEqual([1, 0, 0, 1]);
  });

  it.each([[[Number.NaN, 1, 2]], [[1, Number.NaN, 2]], [[1, 2, Infinity]], [[-Infinity, 1, 2]]])(
    "gives no answer for %j",
    (row) => expect(Array.from(topClasses(logits([row, [0, 1, 0]])))).toEqual([nonFiniteAnswer, 1]),
  );
});

describe("confidences", () => {
  it("is the softmax of logits, also of large ones", () => {
    const [a, b] = [confidences(logits([[1, 2, 4]])), confidences(logits([[1001, 1002, 1004]]))];
    const total = Math.exp(1) + Math.exp(2) + Math.exp(4);
    [1, 2, 4].forEach((z, c) => expect(a[c]).toBeCloseTo(Math.exp(z) / total, 6));
    expect(b).toEqual(a);
  });

  it("keeps probabilities and knows nothing of outputs that are not finite", () => {
    expect(confidences(logits([[0.25, 0.5, 0.25]]))).toEqual(Float32Array.of(0.25, 0.5, 0.25));
    const rows = [
      [Number.NaN, 0, 1],
      [Infinity, 0, 1],
      [0, 0, 0],
    ];
    const found = confidences(logits(rows));
    expect(Array.from(found.subarray(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(found[6]).toBeCloseTo(1 / 3, 6);
  });
});

describe("tally", () => {
  const clean = {
    answers: Int32Array.of(0, 1, 1, 0),
    confidences: Float32Array.of(0.75, 0.25, 0.5, 0.5, 0.125, 0.875, 1, 0),
  };

  it("counts what is right, what agrees, what is expected and what failed", () => {
    const answers = Int32Array.of(0, 0, 1, nonFiniteAnswer);
    expect(tally(answers, clean, Int32Array.of(1, 0, 1, 0))).toEqual({
      samples: 4,
      correct: 2,
      agreeing: 2,
      expected: 0.75 + 0.5 + 0.875,
      nonFinite: 1,
    });
    expect(tally(answers, clean, undefined).correct).toBe(0);
  });
});
