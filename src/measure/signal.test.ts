import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judge, mean } from "../../test/judging.ts";
import { builtInMeasure } from "./built-in.ts";
import type { Labels, Outputs } from "./measure.ts";
import { maximumSnr, powerLimit } from "./signal.ts";

const dims = [2, 2];
const value = fc.float({ min: -8, max: 8, noNaN: true }).map((v) => (Math.abs(v) < 2 ** -20 ? 0 : v));
const samples = (of: fc.Arbitrary<number>) => (count: number) =>
  fc
    .array(of, { minLength: 4 * count, maxLength: 4 * count })
    .map((values): Outputs => ({ count, dims, values: Float32Array.from(values) }));
const pair = fc
  .integer({ min: 2, max: 5 })
  .chain((count) => fc.tuple(samples(value)(count), samples(value)(count)))
  .filter(([a]) => new Set(a.values).size > 4);
const squares = (a: Outputs, b: Outputs) => Array.from(a.values, (v, i) => (v - b.values[i]!) ** 2);
const targets = (of: Outputs): Labels => ({ dims, data: of.values });

/** Largest relative difference that the order of at most 20 additions of squares can make. */
const rounding = 20 * 2 ** -52;
const miss = (found: number, expected: number) =>
  Math.abs(found - expected) / (rounding * Math.max(1, Math.abs(expected)));

describe("mse and snr", () => {
  it("are the mean squared difference and its ratio to the clean power", () => {
    fc.assert(
      fc.property(pair, ([clean, faulty]) => {
        const error = mean(squares(faulty, clean));
        const signal = mean(Array.from(clean.values, (v) => v * v));
        expect(miss(judge(builtInMeasure("mse"), clean, undefined, faulty), error)).toBeLessThanOrEqual(1);
        const snr = judge(builtInMeasure("snr"), clean, undefined, faulty);
        const ratio = 10 * Math.log10(signal / error);
        expect(miss(snr, Math.min(maximumSnr, ratio))).toBeLessThanOrEqual(1);
      }),
      { seed: 3 },
    );
  });

  it("keep a share of the signal power, both the same", () => {
    fc.assert(
      fc.property(pair, fc.double({ min: 0.01, max: 0.99, noNaN: true }), ([clean], keep) => {
        const signal = mean(Array.from(clean.values, (v) => v * v));
        const target = (name: string, score: number) =>
          builtInMeasure(name).bind({ clean, labels: undefined }).target(keep, score);
        expect(miss(target("mse", 0), (1 - keep) * signal)).toBeLessThanOrEqual(1);
        expect(
          miss(target("snr", maximumSnr), 10 * Math.log10(signal / target("mse", 0))),
        ).toBeLessThanOrEqual(1);
      }),
      { seed: 4 },
    );
  });

  it("have the largest error where an output is not finite, or beyond it", () => {
    const clean: Outputs = { count: 2, dims: [2], values: Float32Array.of(1, 1, 3, 1) };
    for (const bad of [Number.NaN, Infinity, -Infinity, 3e38]) {
      const faulty: Outputs = { ...clean, values: Float32Array.of(1, 1, bad, 1) };
      // One of two samples has an error of 2^48 times the mean power of a sample.
      expect(judge(builtInMeasure("mse"), clean, undefined, faulty)).toBe((6 * powerLimit) / 4);
      expect(judge(builtInMeasure("snr"), clean, undefined, faulty)).toBeCloseTo(
        -10 * Math.log10(powerLimit / 2),
        10,
      );
    }
  });

  it("need a signal", () => {
    const silent: Outputs = { count: 1, dims: [2], values: new Float32Array(2) };
    for (const name of ["mse", "snr"]) {
      expect(() => builtInMeasure(name).bind({ clean: silent, labels: undefined })).toThrow(/all zero/);
    }
  });
});

describe("mse-targets and r2", () => {
  it("are the mean squared error and one less its share of the variation", () => {
    fc.assert(
      fc.property(pair, ([truth, faulty]) => {
        const error = squares(faulty, truth).reduce((a, b) => a + b, 0);
        const columns = [0, 1, 2, 3].map((j) => Array.from(truth.values).filter((_, i) => i % 4 === j));
        const variation = columns
          .flatMap((own) => own.map((v) => (v - mean(own)) ** 2))
          .reduce((a, b) => a + b, 0);
        fc.pre(variation > 1e-3);
        const found = judge(builtInMeasure("mse-targets"), truth, targets(truth), faulty);
        expect(miss(found, error / truth.values.length)).toBeLessThanOrEqual(1);
        expect(judge(builtInMeasure("r2"), truth, targets(truth), faulty)).toBeCloseTo(
          1 - error / variation,
          6,
        );
      }),
      { seed: 6 },
    );
  });

  it("keep the same share of what the clean network explains", () => {
    const truth: Outputs = { count: 3, dims: [1], values: Float32Array.of(1, 2, 3) };
    const clean: Outputs = { count: 3, dims: [1], values: Float32Array.of(1.5, 2, 3) };
    const labels: Labels = { dims: [], data: truth.values };
    const target = (name: string) =>
      builtInMeasure(name)
        .bind({ clean, labels })
        .target(0.5, judge(builtInMeasure(name), clean, labels, clean));
    // Variation 2, error 0.25: R2 is 0.875, and half of it leaves an error of 2 (1 - 0.4375) over 3 samples.
    expect(target("r2")).toBeCloseTo(0.4375, 14);
    expect(target("mse-targets")).toBeCloseTo((2 * (1 - 0.4375)) / 3, 14);
    const poor: Outputs = { ...clean, values: Float32Array.of(3, 2, 1) };
    for (const name of ["r2", "mse-targets"]) {
      const bound = builtInMeasure(name).bind({ clean: poor, labels });
      expect(() => bound.target(0.5, judge(builtInMeasure(name), poor, labels, poor))).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
  });

  it("refuse no targets, targets of another size and targets that do not vary", () => {
    const clean: Outputs = { count: 2, dims: [1], values: Float32Array.of(1, 2) };
    const bind = (labels: Labels) => () => builtInMeasure("r2").bind({ clean, labels });
    expect(() => builtInMeasure("r2").bind({ clean, labels: undefined })).toThrow(/no labels/);
    expect(bind({ dims: [2], data: new Float32Array(4) })).toThrow(/shape \[1\].*\[2\]/);
    expect(bind({ dims: [], data: Float32Array.of(3, 3) })).toThrow(/do not vary/);
  });
});
