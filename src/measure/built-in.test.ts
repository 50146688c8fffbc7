import { describe, expect, it } from "vitest";
import { answerCounter } from "./outcomes.ts";
import { builtInMeasure, defaultMeasure, findMeasure, measureNames } from "./built-in.ts";
import { customMeasure, type JudgedSample } from "./custom.ts";
import { classLayout, confidence, outputScale, topClasses, type ClassOutputs } from "./layout.ts";
import { maximumLoss } from "./likelihood.ts";
import { measureUnits, type Labels, type Outputs } from "./measure.ts";
import { maximumSnr, powerLimit } from "./signal.ts";
import { scoreOf, tally } from "./tally.ts";

const outputs = (dims: readonly number[], ...values: number[]): Outputs => ({
  count: values.length / dims.reduce((a, b) => a * b, 1),
  dims,
  values: Float32Array.from(values),
});
const labelled = (dims: readonly number[], ...values: number[]): Labels => ({
  dims,
  data: Int32Array.from(values),
});

describe("measures by name", () => {
  it("are those that are listed, and any top-K", () => {
    const listed = measureNames.filter((name) => name !== "top-K");
    expect(listed.every((name) => findMeasure(name) !== undefined)).toBe(true);
    expect(measureNames).toContain("top-K");
    expect(findMeasure("accuracy")!.description).toEqual(findMeasure("top-1")!.description);
    for (const name of listed.filter((n) => n !== "accuracy")) {
      expect(builtInMeasure(name).description.name).toBe(name);
    }
    for (const name of ["top-1", "top-10", "top-999999"])
      expect(findMeasure(name)!.description.name).toBe(name);
    for (const name of ["top-0", "top-01", "top-1000000", "atop-1", "top-1b", "top-K", "constructor", ""]) {
      expect(findMeasure(name)).toBeUndefined();
    }
  });

  it("say in words what they are and what is kept", () => {
    for (const name of [...measureNames.filter((n) => n !== "top-K"), "top-1", "top-5"]) {
      const { title, unit, kept } = builtInMeasure(name).description;
      expect(title.length).toBeGreaterThan(1);
      expect(kept).toMatch(/^the \w+/);
      expect(measureUnits).toContain(unit);
    }
    expect(builtInMeasure("top-1").description).toMatchObject({
      title: "accuracy",
      kept: "the clean accuracy",
    });
    expect(builtInMeasure("top-5").description).toMatchObject({
      title: "top-5 accuracy",
      kept: "the clean top-5 accuracy",
    });
  });
});

describe("the range of a measure", () => {
  const clean = outputs([3], 3, 0, 1, 0, 2, 1, 1, 0, 4);
  const labels = labelled([], 0, 1, 2);
  const none = outputs([3], ...Array<number>(9).fill(Number.NaN));
  /** The worst and the best that can be, from outputs that are all lost and from the clean ones. */
  const scores = (name: string, of: Labels | undefined = labels) => {
    const judge = builtInMeasure(name).bind({ clean, labels: of });
    return {
      range: judge.range,
      lost: scoreOf(judge, tally(judge, none)),
      kept: scoreOf(judge, tally(judge, clean)),
      isHigherBetter: builtInMeasure(name).description.higherIsBetter,
    };
  };

  it.each(["top-1", "agreement", "sdc", "top-1-sdc"])(
    "of %s ends where all is lost and where nothing is",
    (name) => {
      const { range, lost, kept, isHigherBetter } = scores(name);
      expect(range).toEqual([0, 1]);
      expect([lost, kept]).toEqual(isHigherBetter ? [0, 1] : [1, 0]);
    },
  );

  it("of a likelihood ends at the largest loss, of signals at the limits of what is told apart", () => {
    expect(scores("cross-entropy")).toMatchObject({ range: [0, maximumLoss], isHigherBetter: false });
    expect(scores("cross-entropy").lost).toBeCloseTo(maximumLoss, 12);
    expect(maximumSnr).toBeCloseTo(144.49, 2);
    const power = (9 + 1 + 4 + 1 + 1 + 16) / 9;
    expect(scores("snr")).toMatchObject({
      range: [-maximumSnr, maximumSnr],
      kept: maximumSnr,
      isHigherBetter: true,
    });
    expect(scores("snr").lost).toBeCloseTo(-maximumSnr, 10);
    expect(scores("mse")).toMatchObject({ kept: 0, isHigherBetter: false });
    expect(scores("mse").range[0]).toBe(0);
    expect(scores("mse").range[1] / (power * powerLimit)).toBeCloseTo(1, 12);
    expect(scores("mse").lost / (power * powerLimit)).toBeCloseTo(1, 12);
  });

  it("of what targets explain ends at 1, and at what the limit leaves", () => {
    const targets: Labels = { dims: [3], data: clean.values };
    expect(scores("r2", targets)).toMatchObject({
      range: [1 - powerLimit, 1],
      kept: 1,
      isHigherBetter: true,
    });
    expect(scores("r2", targets).lost / powerLimit).toBeCloseTo(-1, 12);
    const { range, lost, kept, isHigherBetter } = scores("mse-targets", targets);
    expect([range[0], kept, isHigherBetter]).toEqual([0, 0, false]);
    expect(lost / range[1]).toBeCloseTo(1, 12);
    // Columns of three: variances of (3, 0, 1), (0, 2, 0) and (1, 1, 4) about their means, over three samples each.
    const variance = (14 / 3 + 8 / 3 + 6) / 9;
    expect(range[1] / (variance * powerLimit)).toBeCloseTo(1, 12);
  });

  it("of pixels is a share, better when higher", () => {
    const map = outputs([2, 1, 2], 1, 0, 0, 1);
    for (const name of ["miou", "pixel-accuracy"]) {
      expect(builtInMeasure(name).description).toMatchObject({ unit: "share", higherIsBetter: true });
      const judge = builtInMeasure(name).bind({ clean: map, labels: labelled([1, 2], 0, 1) });
      expect(judge.range).toEqual([0, 1]);
      expect(scoreOf(judge, tally(judge, map))).toBe(1);
      expect(judge.target(0.5, 0.8)).toBe(0.4);
      expect(() => judge.target(0.5, 0)).toThrow(/no share/);
      expect(() => builtInMeasure(name).bind({ clean: outputs([2], 1, 0), labels: labelled([], 0) })).toThrow(
        /a class for each pixel/,
      );
    }
  });
});

describe("the classes of an output", () => {
  it("lie on the axis that labels leave: the first, the last, another, or none", () => {
    const layout = (dims: number[], labelDims: number[]) => {
      const { outer, channels, inner, places, classes } = classLayout(dims, labelDims);
      return [outer, channels, inner, places, classes];
    };
    expect(layout([5], [])).toEqual([1, 5, 1, 1, 5]);
    expect(layout([1, 5, 1], [1])).toEqual([1, 5, 1, 1, 5]);
    expect(layout([1], [])).toEqual([1, 1, 1, 1, 2]);
    expect(layout([3, 4, 6], [4, 6])).toEqual([1, 3, 24, 24, 3]);
    expect(layout([4, 6, 3], [4, 6])).toEqual([24, 3, 1, 24, 3]);
    expect(layout([4, 3, 6], [4, 6])).toEqual([4, 3, 6, 24, 3]);
    expect(layout([4, 4, 4], [4, 4])).toEqual([1, 4, 16, 16, 4]);
    expect(layout([4, 6], [4, 6])).toEqual([24, 1, 1, 24, 2]);
    expect(() => classLayout([3, 4], [])).toThrow(/one class a sample/);
    expect(() => classLayout([3, 4, 5], [4, 6])).toThrow(/without its class axis/);
  });

  it("are probabilities where all of them are and add up to 1, as far as they are finite", () => {
    const scale = (dims: number[], labelDims: number[], ...values: number[]) =>
      outputScale(outputs(dims, ...values), classLayout(dims, labelDims));
    expect(scale([3], [], 0.2, 0.3, 0.5, 0, 1, 0)).toBe("probabilities");
    expect(scale([3], [], 0.2, 0.3, 0.5009)).toBe("probabilities");
    expect(scale([3], [], 0.2, 0.3, 0.5011)).toBe("logits");
    expect(scale([3], [], 0.2, 0.3, 0.4989)).toBe("logits");
    expect(scale([3], [], 0.2, 0.3, 0.5, 1.25, -0.25, 0)).toBe("logits");
    expect(scale([3], [], -0.1, 0.6, 0.5)).toBe("logits");
    expect(scale([3], [], Number.NaN, 3, 7, 0.2, 0.3, 0.5)).toBe("probabilities");
    expect(scale([1], [], 0.2, 0.7)).toBe("probabilities");
    expect(scale([1], [], 0.2, 1.5)).toBe("logits");
    // Two places: classes first, then last.
    expect(scale([2, 2], [2], 0.25, 0.5, 0.75, 0.5)).toBe("probabilities");
    expect(scale([3, 2], [3], 0.25, 0.75, 0.5, 0.5, 0.9, 0.2)).toBe("logits");
  });

  it("have confidences that add up to 1, within [0, 1] also where faults left none", () => {
    const three: ClassOutputs = { layout: classLayout([3], []), scale: "probabilities" };
    const sure = (of: ClassOutputs, values: number[], label: number) =>
      confidence(of, Float32Array.from(values), 0, label);
    expect([0, 1, 2].map((c) => sure(three, [1, 2, 5], c))).toEqual([0.125, 0.25, 0.625]);
    expect(sure(three, [-1, 3, 0], 0)).toBe(0);
    expect(sure(three, [-1, 3, 0], 1)).toBe(1);
    expect(sure(three, [-1, -3, 0], 1)).toBe(0);
    expect(sure(three, [0, 0, 0], 1)).toBe(0);
    expect(sure(three, [1, Infinity, 0], 1)).toBe(0);
    expect(sure({ ...three, scale: "logits" }, [1e3, 1e3 + Math.LN2, -1e3], 1)).toBeCloseTo(2 / 3, 4);
    // [2 classes][3 places]: the second place has 0.1 and 0.3, 1 and 3 parts in four.
    const dense: ClassOutputs = { layout: classLayout([2, 3], [3]), scale: "probabilities" };
    const places = Float32Array.of(0.5, 0.1, 0.9, 0.5, 0.3, 0.1);
    expect(confidence(dense, places, 1, 0)).toBeCloseTo(0.25, 7);
    expect(confidence(dense, places, 1, 1)).toBeCloseTo(0.75, 7);
    expect(confidence(dense, places, 2, 1)).toBeCloseTo(0.1, 7);
    const one: ClassOutputs = { layout: classLayout([1], []), scale: "probabilities" };
    expect([sure(one, [0.25], 1), sure(one, [0.25], 0)]).toEqual([0.25, 0.75]);
    expect([sure(one, [1.5], 1), sure(one, [1.5], 0)]).toEqual([1, 0]);
    expect([sure(one, [-0.5], 1), sure(one, [-0.5], 0)]).toEqual([0, 1]);
    expect([sure(one, [Number.NaN], 1), sure(one, [-Infinity], 0)]).toEqual([0, 0]);
    const odds: ClassOutputs = { ...one, scale: "logits" };
    expect(sure(odds, [Math.log(3)], 1)).toBeCloseTo(0.75, 7);
    expect(sure(odds, [Math.log(3)], 0)).toBeCloseTo(0.25, 7);
  });

  it("are answered place by place, the first of equals, and not at all beside a NaN", () => {
    const middle: ClassOutputs = { layout: classLayout([2, 3, 2], [2, 2]), scale: "logits" };
    // [2][3 classes][2]: places (0,0), (0,1), (1,0), (1,1).
    const values = [1, 5, 2, 5, 2, Number.NaN, 0, -1, -1, -1, -2, 4];
    expect([...topClasses(middle, Float32Array.from(values))]).toEqual([1, -1, 0, 2]);
    expect([
      ...topClasses(middle, Float32Array.from([...values.slice(0, 5), 9, ...values.slice(6)])),
    ]).toEqual([1, 2, 0, 2]);
    const first: ClassOutputs = { layout: classLayout([2], []), scale: "logits" };
    expect([...topClasses(first, Float32Array.of(Infinity, 1))]).toEqual([-1]);
    const numbers: ClassOutputs = { ...first, scale: "classes" };
    expect([...topClasses(numbers, Float32Array.of(0))]).toEqual([0]);
    expect([...topClasses(numbers, Float32Array.of(-0.5))]).toEqual([-1]);
  });
});

describe("labels", () => {
  const map = outputs([2, 2], 1, 0, 0, 1);

  it("that are negative or ignored leave a place unjudged, and are wrong where a sample has one", () => {
    const score = (label: Labels, ignoreLabel?: number) => {
      const judge = builtInMeasure("top-1", { ignoreLabel }).bind({ clean: map, labels: label });
      return scoreOf(judge, tally(judge, map));
    };
    expect(score(labelled([2], 0, 0))).toBe(0.5);
    expect(score(labelled([2], 0, -1))).toBe(1);
    expect(score(labelled([2], 255, 0))).toBe(0);
    expect(score(labelled([2], 1, 1), 0)).toBe(0.5);
    expect(() => score(labelled([2], 0, 2))).toThrow(/Label 2 of sample 0/);
    expect(() => score(labelled([2], 0, 255), 1)).toThrow(/Label 255/);
    expect(() => score(labelled([2], -1, -1))).toThrow(/No place/);
    const one = outputs([2], 1, 0, 1, 0);
    for (const bad of [-1, 2, 255]) {
      expect(() => builtInMeasure("top-1").bind({ clean: one, labels: labelled([], 0, bad) })).toThrow(
        `Label ${bad} of sample 1`,
      );
    }
  });

  it("of 255 are a class where the model has so many", () => {
    const many = outputs([256, 2], ...Array<number>(510).fill(0), 9, 9);
    const judge = builtInMeasure("pixel-accuracy").bind({ clean: many, labels: labelled([2], 255, 254) });
    expect(scoreOf(judge, tally(judge, many))).toBe(0.5);
  });

  it("are counted place by place beside a measure, those that are ignored left out", () => {
    const clean = outputs([2, 3], 1, 0, 1, 0, 1, 0);
    const faulty = outputs([2, 3], 0, 0, Number.NaN, 1, 1, 0);
    const counter = answerCounter({ clean, labels: labelled([3], 0, 1, 255) })!;
    expect(counter(faulty.values, 0)).toEqual({
      answers: 3,
      changed: 2,
      labelled: 2,
      right: 1,
      cleanRight: 2,
      rightLost: 1,
    });
    const chosen = answerCounter({ clean, labels: labelled([3], 0, 1, 0) }, { ignoreLabel: 1 })!;
    expect(chosen(faulty.values, 0)).toMatchObject({ labelled: 2, right: 0, cleanRight: 2, rightLost: 2 });
    expect(answerCounter({ clean, labels: labelled([3], 0, 9, 0) })).toBeUndefined();
    expect(
      answerCounter({ clean: outputs([3, 4, 4], ...Array<number>(48).fill(1)), labels: undefined }),
    ).toBeUndefined();
  });
});

describe("the measure where none is named", () => {
  it.each([
    ["agreement", outputs([1], 3), undefined, "classes"],
    ["agreement", outputs([2, 2], 1, 2, 3, 4), undefined, "classes"],
    ["top-1", outputs([1], 250), labelled([], 250), "classes"],
    ["miou", outputs([2, 2], 1, 2, 3, 4), labelled([2, 2], 1, 2, 3, 4), "classes"],
    ["top-1", outputs([1], 0.3, 0.4), labelled([], 0, 1), undefined],
    ["r2", outputs([1], 0.3, 0.4), labelled([], 0, 2), undefined],
    ["r2", outputs([1], 0.3, 0.4), labelled([], -1, 1), undefined],
    ["miou", outputs([2, 2], 1, 2, 3, 4), labelled([2, 2], 0, 1, 1, 0), undefined],
    ["top-1", outputs([3], 1, 2, 3), labelled([1, 1], 2), undefined],
    ["r2", outputs([3], 1, 2, 3), { dims: [], data: Float32Array.of(0) }, undefined],
    ["expected-accuracy", outputs([2, 1], 1, 2), undefined, "logits"],
    ["snr", outputs([2, 2], 1, 2, 3, 4), undefined, "logits"],
  ] as const)("is %s", (name, clean, labels, scale) => {
    expect(defaultMeasure({ clean, labels, scale })).toBe(name);
  });
});

describe("a measure of one's own", () => {
  const clean = outputs([2], 1, 2, 3, 4);
  const seenBy = (labels: Labels | undefined) => {
    const seen: JudgedSample[] = [];
    const judge = customMeasure({
      judge: (sample) => seen.push(sample),
      name: "own",
      unit: "dB",
      higherIsBetter: false,
      needsLabels: false,
      nonFinite: 0,
      file: "own.mjs",
    }).bind({ clean, labels });
    tally(judge, clean);
    expect(judge.range).toEqual([-Infinity, Infinity]);
    return seen.map((sample) => sample.labels);
  };

  it("gets the labels of a sample's places, one label, or none", () => {
    expect(seenBy(labelled([2], 1, 2, 3, 4))).toEqual([Int32Array.of(1, 2), Int32Array.of(3, 4)]);
    expect(seenBy({ dims: [2], data: Float32Array.of(0.5, 2, 3, 4) })).toEqual([
      Float32Array.of(0.5, 2),
      Float32Array.of(3, 4),
    ]);
    expect(seenBy(labelled([], 7, 8))).toEqual([7, 8]);
    expect(seenBy(undefined)).toEqual([undefined, undefined]);
  });

  it("is described as it was given, and may fail with anything", () => {
    const make = (higherIsBetter: boolean, judge: () => number = () => 1) =>
      customMeasure({
        judge,
        name: "own",
        unit: "dB",
        higherIsBetter,
        needsLabels: false,
        nonFinite: 0,
        file: "own.mjs",
      });
    expect(make(true).description).toEqual({
      name: "own",
      title: "own",
      unit: "dB",
      higherIsBetter: true,
      kept: "the clean own",
    });
    expect(make(false).description.kept).toBe("the inverse of the clean own");
    const failing = make(true, () => {
      // What a user's module throws need not be an error.
      // oxlint-disable-next-line typescript/only-throw-error
      throw "a string";
    }).bind({ clean, labels: undefined });
    expect(() => tally(failing, clean)).toThrow(/failed on sample 0: a string/);
    const infinite = make(true, () => Infinity).bind({ clean, labels: undefined });
    expect(() => tally(infinite, clean)).toThrow(/gave Infinity for sample 0/);
  });
});
