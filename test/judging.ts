/**
 * @file Random outputs and labels to judge, and definitions of the measures by plain arithmetic.
 */
import * as fc from "fast-check";
import { scoreOf, tally, type Labels, type Measure, type Outputs } from "../src/measure/index.ts";

/** Outputs with faults, clean outputs and class labels of the same samples. */
export interface Case {
  readonly faulty: Outputs;
  readonly clean: Outputs;
  readonly labels: Labels;
  /** [samples][places][classes] of each kind of outputs. */
  readonly rows: { readonly faulty: number[][][]; readonly clean: number[][][] };
  /** [samples][places]. */
  readonly truth: number[][];
}

/** Few different values, so that ties are common. */
const coarse = fc.integer({ min: -4, max: 4 }).map((v) => v / 2);
const spoilt = fc.oneof(
  { weight: 30, arbitrary: coarse },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
);

/** Where the classes are: in a row, before the pixels or behind them. */
export type Form = "row" | "first" | "last";

/**
 * Random outputs of a classifier.
 *
 * @param ignored a label that some places have besides the classes
 */
export function cases(form: Form, { classes = 3, ignored }: { classes?: number; ignored?: number } = {}) {
  const pixels = form === "row" ? [] : [2, 3];
  const places = pixels.reduce((a, b) => a * b, 1);
  const row = (value: fc.Arbitrary<number>) =>
    fc.array(fc.array(value, { minLength: classes, maxLength: classes }), {
      minLength: places,
      maxLength: places,
    });
  const label = fc.integer({ min: 0, max: classes - 1 });
  const sample = fc.record({
    faulty: row(spoilt),
    clean: row(coarse),
    truth: fc.array(ignored === undefined ? label : fc.oneof(label, fc.constant(ignored)), {
      minLength: places,
      maxLength: places,
    }),
  });
  return fc
    .array(sample, { minLength: 1, maxLength: 6 })
    .filter((samples) => samples.some((s) => s.truth.some((t) => t !== ignored)))
    .map((samples): Case => {
      const outputs = (of: "faulty" | "clean"): Outputs => ({
        count: samples.length,
        dims: form === "row" ? [classes] : form === "first" ? [classes, ...pixels] : [...pixels, classes],
        values: Float32Array.from(
          samples.flatMap((s) =>
            form === "last"
              ? s[of].flat()
              : Array.from({ length: classes }, (_, c) => s[of].map((place) => place[c]!)).flat(),
          ),
        ),
      });
      return {
        faulty: outputs("faulty"),
        clean: outputs("clean"),
        labels: {
          dims: pixels,
          data: Int32Array.from(samples.flatMap((s) => s.truth)),
        },
        rows: { faulty: samples.map((s) => s.faulty), clean: samples.map((s) => s.clean) },
        truth: samples.map((s) => s.truth),
      };
    });
}

/** The class of a row of outputs: the first largest; undefined when one is not finite. */
export function answer(row: readonly number[]): number | undefined {
  return row.every(Number.isFinite) ? row.indexOf(Math.max(...row)) : undefined;
}

/** The softmax of a row. */
export function softmax(row: readonly number[]): number[] {
  const powers = row.map((z) => Math.exp(z));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / total);
}

export const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The score of outputs under a measure. */
export function judge(
  measure: Measure,
  clean: Outputs,
  labels: Labels | undefined,
  outputs: Outputs,
): number {
  const bound = measure.bind({ clean, labels });
  return scoreOf(bound, tally(bound, outputs));
}
