import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer, cases, judge, mean, softmax, type Form } from "../../test/judging.ts";
import { builtInMeasure } from "./built-in.ts";
import { maximumLoss } from "./likelihood.ts";
import type { Labels, Outputs } from "./measure.ts";
import { scoreOf, tally } from "./tally.ts";

const forms: readonly Form[] = ["row", "first", "last"];
const seed = 5;
const rate = (hits: readonly boolean[]) => mean(hits.map(Number));
const row = (...values: number[]): Outputs => ({
  count: values.length,
  dims: [1],
  values: Float32Array.from(values),
});
const classes = (...values: number[]) => ({ dims: [], data: Int32Array.from(values) }) as const;

describe.each(forms)("with classes %s", (form) => {
  it("top-1, agreement and sdc are the plain shares", () => {
    fc.assert(
      fc.property(cases(form), ({ faulty, clean, labels, rows, truth }) => {
        const answers = rows.faulty.flat().map(answer);
        const own = rows.clean.flat().map(answer);
        const right = truth.flat();
        const score = (name: string) => judge(builtInMeasure(name), clean, labels, faulty);
        expect(score("top-1")).toBe(rate(answers.map((a, i) => a === right[i])));
        const same = answers.map((a, i) => a !== undefined && a === own[i]);
        expect(score("agreement")).toBe(rate(same));
        expect(score("sdc")).toBe(rate(same.map((s) => !s)));
        const asked = own.flatMap((a, i) => (a === right[i] ? [!same[i]!] : []));
        const rightSdc = () => (asked.length > 0 ? score("top-1-sdc") : undefined);
        expect(rightSdc()).toBe(asked.length > 0 ? rate(asked) : undefined);
      }),
      { seed },
    );
  });

  it("top-K counts labels among the K largest outputs, the first of equals first", () => {
    fc.assert(
      fc.property(cases(form, { classes: 4 }), ({ faulty, clean, labels, rows, truth }) => {
        const hits = rows.faulty.flat().map((values, i) => {
          const order = values.map((v, c) => ({ v, c })).sort((a, b) => b.v - a.v || a.c - b.c);
          const top = order.slice(0, 2).map(({ c }) => c);
          return values.every(Number.isFinite) && top.includes(truth.flat()[i]!);
        });
        expect(judge(builtInMeasure("top-2"), clean, labels, faulty)).toBe(rate(hits));
      }),
      { seed },
    );
  });

  it("expected-accuracy is the mean clean confidence in the answers", () => {
    fc.assert(
      fc.property(cases(form), ({ faulty, clean, labels, rows }) => {
        const own = rows.clean.flat().map(softmax);
        const sure = rows.faulty.flat().map((values, i) => own[i]![answer(values) ?? -1] ?? 0);
        expect(judge(builtInMeasure("expected-accuracy"), clean, labels, faulty)).toBeCloseTo(mean(sure), 12);
      }),
      { seed },
    );
  });

  it("cross-entropy is the mean of -ln p, at most 23 ln 2", () => {
    fc.assert(
      fc.property(cases(form), ({ faulty, clean, labels, rows, truth }) => {
        const losses = rows.faulty
          .flat()
          .map((values, i) =>
            values.every(Number.isFinite) ? -Math.log(softmax(values)[truth.flat()[i]!]!) : 23 * Math.log(2),
          );
        // Rounding of a few exponentials and logarithms near 1.
        expect(judge(builtInMeasure("cross-entropy"), clean, labels, faulty)).toBeCloseTo(mean(losses), 12);
      }),
      { seed },
    );
  });
});

describe("a model with one output", () => {
  const truth = classes(0, 1, 1, 0);

  it("answers 1 above 0 where the output is a logit", () => {
    const logits = row(-2, 3, -0.25, 0);
    expect(judge(builtInMeasure("top-1"), logits, truth, logits)).toBe(0.75);
    const loss = mean([
      Math.log1p(Math.exp(-2)),
      Math.log1p(Math.exp(-3)),
      Math.log1p(Math.exp(0.25)),
      Math.LN2,
    ]);
    expect(judge(builtInMeasure("cross-entropy"), logits, truth, logits)).toBeCloseTo(loss, 14);
  });

  it("answers 1 above one half where it is a probability", () => {
    const sure = row(0.25, 0.75, 0.375, 0.5);
    expect(judge(builtInMeasure("top-1"), sure, truth, sure)).toBe(0.75);
    const loss = -Math.log(0.75 * 0.75 * 0.375 * 0.5) / 4;
    expect(judge(builtInMeasure("cross-entropy"), sure, truth, sure)).toBeCloseTo(loss, 14);
    expect(judge(builtInMeasure("expected-accuracy"), sure, undefined, row(1, 0, 0, 0))).toBe(
      mean([0.25, 0.25, 0.625, 0.5]),
    );
  });

  it("is judged by what the graph says where values cannot tell", () => {
    const outputs = row(0.25, 0.75, 0.125, 0.5);
    const bound = builtInMeasure("top-1").bind({ clean: outputs, labels: truth, scale: "logits" });
    const sums = new Float64Array(2);
    bound.contribute(Float32Array.of(0.25), 0, true, sums);
    expect(Array.from(sums)).toEqual([0, 1]);
  });

  it("loses the answer, and all of the loss, where the output is not finite", () => {
    const clean = row(-2, 3, 1, -1);
    const faulty = row(-2, Number.NaN, Infinity, -1);
    expect(judge(builtInMeasure("top-1"), clean, truth, faulty)).toBe(0.5);
    const loss = (Math.log1p(Math.exp(-2)) + Math.log1p(Math.exp(-1)) + 2 * maximumLoss) / 4;
    expect(judge(builtInMeasure("cross-entropy"), clean, truth, faulty)).toBeCloseTo(loss, 12);
  });
});

describe("outputs that are probabilities already", () => {
  const clean: Outputs = {
    count: 2,
    dims: [3],
    values: Float32Array.of(0.25, 0.5, 0.25, 0.125, 0.125, 0.75),
  };

  it("are not put through a softmax again", () => {
    const entropy = judge(builtInMeasure("cross-entropy"), clean, classes(1, 0), clean);
    expect(entropy).toBeCloseTo((Math.LN2 + 3 * Math.LN2) / 2, 14);
    expect(judge(builtInMeasure("expected-accuracy"), clean, undefined, clean)).toBe(0.625);
  });

  it("have the largest loss where the right class has none", () => {
    const sure: Outputs = { count: 1, dims: [3], values: Float32Array.of(0, 1, 0) };
    expect(judge(builtInMeasure("cross-entropy"), sure, classes(0), sure)).toBe(maximumLoss);
  });
});

describe("a model that answers with class numbers", () => {
  const clean: Outputs = { count: 4, dims: [1], values: Float32Array.of(0, 7, 3, 2) };
  const labels = classes(0, 7, 1, 2);
  const score = (name: string, outputs: Outputs) => {
    const bound = builtInMeasure(name).bind({ clean, labels, scale: "classes" });
    return scoreOf(bound, tally(bound, outputs));
  };

  it("is judged by them", () => {
    expect(score("top-1", clean)).toBe(0.75);
    const faulty: Outputs = { ...clean, values: Float32Array.of(0, 7, 1, -1) };
    expect(score("top-1", faulty)).toBe(0.75);
    expect(score("agreement", faulty)).toBe(0.5);
    for (const name of ["top-2", "cross-entropy", "expected-accuracy"]) {
      expect(() => score(name, clean)).toThrow(/answers with class numbers/);
    }
  });

  it("can draw maps of them", () => {
    const map: Outputs = { count: 1, dims: [2, 2], values: Float32Array.of(0, 1, 1, 2) };
    const truth: Labels = { dims: [2, 2], data: Int32Array.of(0, 1, 2, 2) };
    const bound = builtInMeasure("miou").bind({ clean: map, labels: truth, scale: "classes" });
    expect(scoreOf(bound, tally(bound, map))).toBeCloseTo((1 + 1 / 2 + 1 / 2) / 3, 15);
    const partly = { dims: [2, 2], data: Int32Array.of(0, 255, 2, 2) };
    const part = builtInMeasure("pixel-accuracy").bind({ clean: map, labels: partly, scale: "classes" });
    expect(scoreOf(part, tally(part, map))).toBe(2 / 3);
    const wild: Outputs = { ...map, values: Float32Array.of(0, 1, 900, 2) };
    expect(scoreOf(bound, tally(bound, wild))).toBeCloseTo((1 + 1 + 1 / 2) / 3, 15);
    expect(() => builtInMeasure("miou").bind({ clean: map, labels: classes(0), scale: "classes" })).toThrow(
      /class numbers of shape \[2, 2\]/,
    );
  });
});

describe("labels that do not fit", () => {
  const clean: Outputs = { count: 2, dims: [3], values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const bind =
    (name: string, labels?: Parameters<typeof judge>[2], outputs = clean) =>
    () =>
      builtInMeasure(name).bind({ clean: outputs, labels });

  it.each<[string, () => unknown, RegExp]>([
    ["none", bind("top-1"), /needs labels/],
    ["of another class", bind("top-1", classes(0, 3)), /Label 3 of sample 1 .* 3 classes/],
    ["as fractions", bind("top-1", { dims: [], data: new Float32Array(2) }), /have fractions/],
    ["too few classes for K", bind("top-3", classes(0, 1)), /always right/],
    [
      "one a sample, outputs a map",
      bind("top-1", classes(0, 0), { count: 2, dims: [3, 2, 2], values: new Float32Array(24) }),
      /one class a sample/,
    ],
    [
      "of another size",
      bind(
        "miou",
        { dims: [2, 3], data: new Int32Array(12) },
        { count: 2, dims: [3, 2, 2], values: new Float32Array(24) },
      ),
      /shape \[2, 3\].*shape \[3, 2, 2\]/,
    ],
    ["one a sample for pixels", bind("miou", classes(0, 0)), /class for each pixel/],
    [
      "of a regression in whole numbers",
      bind("top-1", classes(250, 3), { count: 2, dims: [1], values: new Float32Array(2) }),
      /regression by --measure r2/,
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(expect.objectContaining({ code: "data-mismatch" }));
    expect(act).toThrow(message);
  });

  it("an unknown measure", () => {
    for (const name of ["top-0", "top-", "toString", "miuo"]) {
      expect(() => builtInMeasure(name)).toThrow(/There is no measure/);
    }
  });
});

describe("what --keep asks", () => {
  const clean: Outputs = { count: 4, dims: [2], values: Float32Array.of(2, 1, 2, 1, 1, 2, 1, 2) };
  const labels = classes(0, 0, 1, 0);
  const target = (name: string, keep: number, outputs = clean) => {
    const bound = builtInMeasure(name).bind({ clean: outputs, labels });
    return bound.target(keep, judge(builtInMeasure(name), outputs, labels, outputs));
  };

  it("is a share of the clean accuracy, or of answers that stay", () => {
    expect(target("top-1", 0.8)).toBeCloseTo(0.6, 15);
    expect(target("agreement", 0.8)).toBe(0.8);
    expect(target("sdc", 0.75)).toBe(0.25);
    expect(target("top-1-sdc", 0.75)).toBe(0.25);
    const wrong: Outputs = { ...clean, values: clean.values.map((v) => -v) };
    expect(() => builtInMeasure("top-1").bind({ clean: wrong, labels }).target(0.9, 0)).toThrow(/no share/);
    expect(() => builtInMeasure("top-1-sdc").bind({ clean: wrong, labels: classes(0, 0, 1, 1) })).toThrow(
      /none of the samples rightly/,
    );
  });

  it("is a share of the geometric mean probability of the right class", () => {
    const loss = judge(builtInMeasure("cross-entropy"), clean, labels, clean);
    expect(Math.exp(-target("cross-entropy", 0.9)) / Math.exp(-loss)).toBeCloseTo(0.9, 14);
  });
});
