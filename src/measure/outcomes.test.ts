import { describe, expect, it } from "vitest";
import { builtInMeasure } from "./built-in.ts";
import type { Outputs, Reference } from "./measure.ts";
import { addAnswers, answerCounter, noAnswers, outcomesOf } from "./outcomes.ts";
import { mergeTallies, scoreOf, tally } from "./tally.ts";

/** Five samples of three classes; clean answers 0 1 2 0 1, labels 0 1 1 0 2. */
const oneHot = (answers: number[]): Outputs => ({
  count: answers.length,
  dims: [3],
  values: Float32Array.from(
    answers.flatMap((a) => [0, 1, 2].map((c) => (a < 0 ? NaN : c === a ? 3 : c / 10))),
  ),
});
const reference: Reference = {
  clean: oneHot([0, 1, 2, 0, 1]),
  labels: { dims: [], data: Int32Array.from([0, 1, 1, 0, 2]) },
};
const faulty = oneHot([0, 2, 1, -1, 1]);

function counted(outputs: Outputs, of: Reference = reference) {
  const judge = builtInMeasure(of.labels === undefined ? "agreement" : "top-1").bind(of);
  return tally(judge, outputs, undefined, answerCounter(of));
}

describe("answerCounter", () => {
  it("counts by hand", () => {
    // Changed: samples 1, 2 and 3 (not finite). Right: 0 and 2, against 0, 1 and 3. Lost: 1 and 3.
    expect(counted(faulty).answers).toEqual({
      answers: 5,
      changed: 3,
      labelled: 5,
      right: 2,
      cleanRight: 3,
      rightLost: 2,
    });
    expect(outcomesOf(counted(faulty).answers!)).toEqual({
      top1: 0.4,
      sdc: 0.6,
      top1Sdc: 2 / 3,
      degradation: 1 / 5,
    });
  });

  it.each(["sdc", "top-1-sdc", "top-1"] as const)("says what the measure %s says", (name) => {
    const judge = builtInMeasure(name).bind(reference);
    const outcomes = outcomesOf(counted(faulty).answers!);
    const own = { sdc: outcomes.sdc, "top-1-sdc": outcomes.top1Sdc, "top-1": outcomes.top1 }[name];
    expect(own).toBe(scoreOf(judge, tally(judge, faulty)));
  });

  it("finds nothing changed in the clean outputs", () => {
    expect(outcomesOf(counted(reference.clean).answers!)).toMatchObject({
      sdc: 0,
      top1Sdc: 0,
      degradation: 0,
    });
  });

  it("counts changes without labels, and nothing of a regression", () => {
    const unlabelled: Reference = { ...reference, labels: undefined };
    expect(counted(faulty, unlabelled).answers).toEqual({ ...noAnswers, answers: 5, changed: 3 });
    expect(
      answerCounter({ clean: oneHot([0]), labels: { dims: [3], data: Float32Array.of(1, 2, 0.5) } }),
    ).toBeUndefined();
  });

  it("merges: any split of the samples gives the same", () => {
    const judge = builtInMeasure("top-1").bind(reference);
    const counter = answerCounter(reference);
    const part = (from: number, to: number) =>
      tally(
        judge,
        { ...faulty, count: to - from, values: faulty.values.subarray(3 * from, 3 * to) },
        Uint32Array.from({ length: to - from }, (_, i) => from + i),
        counter,
      );
    expect(mergeTallies(part(0, 2), part(2, 5))).toEqual(counted(faulty));
    expect(addAnswers(noAnswers, counted(faulty).answers!)).toEqual(counted(faulty).answers);
  });
});
