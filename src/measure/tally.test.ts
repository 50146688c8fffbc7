import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cases } from "../../test/judging.ts";
import { builtInMeasure, defaultMeasure } from "./built-in.ts";
import { customMeasure } from "./custom.ts";
import type { Labels, Measure, Outputs } from "./measure.ts";
import { mergeTallies, scoreOf, tally } from "./tally.ts";

const part = ({ count, dims, values }: Outputs, from: number, to: number): Outputs => {
  const size = values.length / count;
  return { count: to - from, dims, values: values.subarray(from * size, to * size) };
};

const own = customMeasure({
  judge: ({ outputs, clean }) => Math.sqrt(Math.abs(outputs[0]! - 3 * clean[1]!)) / 3,
  name: "own",
  unit: "",
  higherIsBetter: false,
  needsLabels: false,
  nonFinite: 0.1,
  file: "own.mjs",
});
const measures: readonly Measure[] = [
  ...["top-1", "top-2", "agreement", "sdc", "expected-accuracy", "cross-entropy", "mse", "snr"].map((name) =>
    builtInMeasure(name),
  ),
  own,
];

/** Tallies every part between cuts and merges them in a shuffled order. */
function inParts(measure: Measure, clean: Outputs, labels: Labels, faulty: Outputs, cuts: readonly number[]) {
  const judge = measure.bind({ clean, labels });
  const ends = [...new Set([...cuts.map((c) => c % faulty.count), 0, faulty.count])].sort((a, b) => a - b);
  const parts = ends.slice(1).map((end, i) => {
    const places = Array.from({ length: end - ends[i]! }, (_, n) => ends[i]! + n);
    return tally(judge, part(faulty, ends[i]!, end), places);
  });
  const merged = parts
    .map((value, i) => ({ value, key: (cuts[i % cuts.length]! * 31) % 17 }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
    .reduce(mergeTallies);
  return { judge, merged };
}

describe("tallies", () => {
  it.each(measures.map((measure) => [measure.description.name, measure] as const))(
    "of %s have the same bits in any split",
    (_, measure) => {
      fc.assert(
        fc.property(
          cases("row").filter(({ clean }) => clean.values.some((v) => v !== 0)),
          fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }),
          ({ faulty, clean, labels }, cuts) => {
            const { judge, merged } = inParts(measure, clean, labels, faulty, cuts);
            const whole = tally(judge, faulty);
            expect(merged).toEqual(whole);
            expect(Object.is(scoreOf(judge, merged), scoreOf(judge, whole))).toBe(true);
          },
        ),
        { seed: 12, numRuns: 60 },
      );
    },
  );

  it("of miou have the same bits in any split", () => {
    fc.assert(
      fc.property(
        cases("first", { ignored: 255 }),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }),
        ({ faulty, clean, labels }, cuts) => {
          const { judge, merged } = inParts(builtInMeasure("miou"), clean, labels, faulty, cuts);
          expect(merged).toEqual(tally(judge, faulty));
        },
      ),
      { seed: 13 },
    );
  });

  it("count samples with outputs that are not finite", () => {
    const clean: Outputs = { count: 3, dims: [2], values: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const faulty: Outputs = { ...clean, values: Float32Array.of(1, Number.NaN, Infinity, 4, 5, 6) };
    const found = tally(builtInMeasure("agreement").bind({ clean, labels: undefined }), faulty);
    expect(found).toMatchObject({ samples: 3, nonFinite: 2 });
  });
});

describe("the measure where none is named", () => {
  const clean = (...dims: number[]): Outputs => ({
    count: 1,
    dims,
    values: new Float32Array(dims.reduce((a, b) => a * b, 1)),
  });
  const classes = (...dims: number[]): Labels => ({
    dims,
    data: new Int32Array(dims.reduce((a, b) => a * b, 1)),
  });
  it.each<[string, Outputs, Labels | undefined]>([
    ["top-1", clean(10), classes()],
    ["top-1", clean(1), classes(1)],
    ["miou", clean(3, 4, 4), classes(4, 4)],
    ["r2", clean(1), { dims: [], data: new Float32Array(1) }],
    ["r2", clean(1), { dims: [], data: Int32Array.of(250) }],
    ["top-1", clean(3, 7), classes(7)],
    ["expected-accuracy", clean(10, 1, 1), undefined],
    ["snr", clean(1), undefined],
    ["snr", clean(3, 4, 4), undefined],
  ])("is %s", (name, outputs, labels) => {
    expect(defaultMeasure({ clean: outputs, labels })).toBe(name);
  });
});

describe("a measure of one's own", () => {
  const clean: Outputs = { count: 2, dims: [2], values: Float32Array.of(1, 2, 3, 4) };
  const labels: Labels = { dims: [], data: Int32Array.of(0, 1) };
  const measure = (judge: Parameters<typeof customMeasure>[0]["judge"], higherIsBetter = true) =>
    customMeasure({
      judge,
      name: "own",
      unit: "",
      higherIsBetter,
      needsLabels: true,
      nonFinite: -1,
      file: "own.mjs",
    });

  it("sees each sample with its clean outputs and its label, and not those that are not finite", () => {
    const seen: unknown[] = [];
    const bound = measure((sample) => {
      seen.push({ ...sample, outputs: [...sample.outputs], clean: [...sample.clean] });
      return 3;
    }).bind({ clean, labels });
    const found = tally(bound, { ...clean, values: Float32Array.of(Number.NaN, 0, 7, 8) });
    expect(seen).toEqual([{ outputs: [7, 8], clean: [3, 4], labels: 1, dims: [2] }]);
    expect(scoreOf(bound, found)).toBe((3 - 1) / 2);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["NaN", () => Number.NaN, /own.mjs gave NaN for sample 0/],
    ["text", () => "1", /own.mjs gave a value of type string for sample 0/],
    [
      "an error",
      () => {
        throw new Error("no luck");
      },
      /own.mjs failed on sample 0: no luck/,
    ],
  ])("is told of %s with sample and file", (_, judge, message) => {
    const bound = measure(judge as () => number).bind({ clean, labels });
    expect(() => tally(bound, clean)).toThrow(expect.objectContaining({ code: "invalid-file" }));
    expect(() => tally(bound, clean)).toThrow(message);
  });

  it("keeps a share of what is good, and refuses a share of nothing", () => {
    const target = (higher: boolean, keep: number, score: number) =>
      measure(() => 1, higher)
        .bind({ clean, labels })
        .target(keep, score);
    expect(target(true, 0.5, 8)).toBe(4);
    expect(target(false, 0.5, 8)).toBe(16);
    expect(() => target(true, 0.5, -1)).toThrow(/no share/);
    expect(() => target(false, 0.5, 0)).toThrow(/no share/);
    expect(() => measure(() => 1).bind({ clean, labels: undefined })).toThrow(/needs labels/);
  });
});
