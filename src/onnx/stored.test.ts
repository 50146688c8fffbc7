import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatNames, numberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { makeNode } from "./graph.ts";
import {
  cleanSegments,
  decodeInto,
  quantiseTensor,
  storedHistogram,
  type Granularity,
  type StoredTensor,
} from "./stored.ts";
import { channelLayout, forEachStepRow, stepCount } from "./steps.ts";
import { floatTensor } from "./tensor.ts";
import type { FoundTensor } from "./weights.ts";

const weightOf = (data: Float32Array, dims: readonly number[], channelAxis?: number): FoundTensor => ({
  name: "w",
  tensor: floatTensor("w", dims, data),
  dims,
  uses: [
    { node: makeNode("MatMul", ["x", "w"], ["y"]), input: 1 },
    { node: makeNode("MatMul", ["y", "w"], ["z"]), input: 1 },
  ],
  role: "weight",
  channelAxis,
  dequantisers: [],
});

const quantise = (data: Float32Array, dims: readonly number[], format = "int8", axis?: number) =>
  quantiseTensor(weightOf(data, dims, axis), numberFormat(format), axis === undefined ? "tensor" : "channel");

function decode(stored: StoredTensor): Float32Array {
  const values = new Float32Array(stored.count);
  decodeInto(stored, cleanSegments(stored), stored.codes, values);
  return values;
}

const code = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error instanceof QtamlError ? error.code : error;
  }
  return "nothing thrown";
};

/** Weights of very different size from channel to channel. */
const weights = fc
  .tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    fc.nat(2),
  )
  .chain(([a, b, c, axis]) =>
    fc.record({
      dims: fc.constant([a, b, c]),
      axis: fc.constantFrom(undefined, axis),
      data: fc
        .array(fc.float({ min: -1000, max: 1000, noNaN: true }), {
          minLength: a * b * c,
          maxLength: a * b * c,
        })
        .map((values) => Float32Array.from(values, (v, i) => v * 10 ** ((i % 7) - 3))),
    }),
  );

/** Channel of weight `i` from its coordinates: independent of `channelLayout`. */
function channelOf(i: number, dims: readonly number[], axis: number | undefined): number {
  if (axis === undefined) return 0;
  let rest = i;
  const coordinates = [...dims].reverse().map((d) => {
    const coordinate = rest % d;
    rest = Math.floor(rest / d);
    return coordinate;
  });
  return coordinates.reverse()[axis]!;
}

describe("quantiseTensor", () => {
  it("brings every weight within half a step and the largest of each channel to +-127", () => {
    fc.assert(
      fc.property(weights, ({ dims, axis, data }) => {
        const stored = quantise(data, dims, "int8", axis);
        const values = decode(stored);
        const channels = axis === undefined ? 1 : dims[axis]!;
        expect(stored.steps).toHaveLength(channels);
        expect(stored.infinityNorm).toBe(data.reduce((m, w) => Math.max(m, Math.abs(w)), 0));
        const largest = new Int32Array(channels);
        const norms = new Float64Array(channels);
        for (let i = 0; i < data.length; i++) {
          const channel = channelOf(i, dims, axis);
          const step = stored.steps[channel]!;
          const q = (stored.codes[i]! << 24) >> 24;
          // Half a step, and the rounding of w / step and of the decoded value: 127 * 2^-24 steps each. The smallest
          // subnormal step is the exception that quantisationStep makes: there the norm itself may be below it.
          expect(Math.abs(values[i]! - data[i]!)).toBeLessThanOrEqual(step * (0.5 + 254 * 2 ** -24));
          expect(values[i]).toBe(Math.fround(q * step));
          largest[channel] = Math.max(largest[channel]!, Math.abs(q));
          norms[channel] = Math.max(norms[channel]!, Math.abs(data[i]!));
        }
        const normal = [...largest].filter((_, c) => norms[c]! > 2 ** -120);
        expect(normal.every((q) => q === 127)).toBe(true);
        const zeros = [...stored.steps].filter((_, c) => norms[c] === 0);
        expect(zeros.every((step) => step === 1)).toBe(true);
      }),
      { seed: 40, numRuns: 150 },
    );
  });

  it("stores a tensor of zeros as zeros", () => {
    const stored = quantise(new Float32Array(6), [2, 3]);
    expect(stored).toMatchObject({ count: 6, infinityNorm: 0, zeroPoints: undefined });
    expect(stored.codes).toEqual(new Uint8Array(6));
    expect(decode(stored)).toEqual(new Float32Array(6));
    expect(quantise(new Float32Array(0), [0, 3]).count).toBe(0);
    expect(quantise(new Float32Array(0), [0, 3], "int8", 1).steps).toEqual(Float32Array.of(1, 1, 1));
  });

  it.each(formatNames)("takes the nearest value of %s", (name) => {
    const format = numberFormat(name);
    const data = Float32Array.from({ length: 101 }, (_, i) => Math.sin(i * i) * (i % 5 === 0 ? 1 : 0.03));
    const stored = quantise(data, [101, 1], name);
    const values = decode(stored);
    const step = stored.steps[0]!;
    const usable = format.values.filter((v) => Math.abs(v) <= format.largest);
    for (let i = 0; i < data.length; i++) {
      const nearest = usable.reduce((best, v) => Math.min(best, Math.abs(v * step - data[i]!)), Infinity);
      // Two roundings of at most the largest weight, 1.
      expect(Math.abs(values[i]! - data[i]!)).toBeLessThanOrEqual(nearest + 2 ** -23);
    }
    expect(stored.codes.every((c) => c < 2 ** format.bits)).toBe(true);
    expect(storedHistogram(stored).reduce((a, b) => a + b, 0)).toBe(101);
  });

  it("describes the tensor: operators once, one step where the channel axis is not known", () => {
    const granularity: Granularity = "channel";
    const stored = quantiseTensor(
      weightOf(Float32Array.of(1, 2, 3, 4), [2, 2]),
      numberFormat("int4"),
      granularity,
    );
    expect(stored).toMatchObject({ name: "w", runtimeName: "w", dims: [2, 2], operators: ["MatMul"] });
    expect(stored.channelAxis).toBeUndefined();
    expect(stored.steps).toEqual(Float32Array.of(4 / 7));
  });

  it("refuses NaN and infinite weights, naming the first", () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const data = Float32Array.of(1, 2, bad, 4);
      expect(code(() => quantise(data, [2, 2]))).toBe("non-finite");
      expect(code(() => quantise(data, [2, 2], "int8", 0))).toBe("non-finite");
      expect(() => quantise(data, [2, 2])).toThrow(`Weight 2 of tensor "w" is ${bad}`);
    }
  });
});

describe("channelLayout", () => {
  it("counts outer, channels and inner", () => {
    expect(channelLayout([2, 3, 4, 5], 1)).toEqual({ outer: 2, channels: 3, inner: 20 });
    expect(channelLayout([2, 3], 0)).toEqual({ outer: 1, channels: 2, inner: 3 });
    expect(channelLayout([2, 3], 1)).toEqual({ outer: 2, channels: 3, inner: 1 });
    expect(channelLayout([2, 3], undefined)).toEqual({ outer: 1, channels: 1, inner: 6 });
  });
});

describe("decodeInto", () => {
  it("reads each segment by its own table, then subtracts the zero point and scales", () => {
    const stored = {
      dims: [2, 2],
      channelAxis: 1,
      blockSize: undefined,
      steps: Float32Array.of(0.5, 2),
      zeroPoints: Float32Array.of(1, -1),
    };
    const segments = [
      { start: 0, count: 3, table: [0, 10, 20, 30] },
      { start: 3, count: 1, table: [1, 2, 3, 4] },
    ];
    const out = new Float32Array(4);
    decodeInto(stored, segments, Uint8Array.of(1, 2, 3, 3), out);
    expect(Array.from(out)).toEqual([(10 - 1) * 0.5, (20 + 1) * 2, (30 - 1) * 0.5, (4 + 1) * 2]);
    const one = {
      ...stored,
      channelAxis: undefined,
      steps: Float32Array.of(3),
      zeroPoints: Float32Array.of(5),
    };
    decodeInto(one, segments, Uint8Array.of(1, 2, 3, 3), out);
    expect(Array.from(out)).toEqual([15, 45, 75, -3]);
    decodeInto({ ...one, zeroPoints: undefined }, segments, Uint8Array.of(1, 2, 3, 3), out);
    expect(Array.from(out)).toEqual([30, 60, 90, 12]);
  });

  it("decodes each weight by the table, step and zero point of its place, however these lie", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
        fc.option(fc.nat(2), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        fc.boolean(),
        fc.array(fc.nat(216), { maxLength: 4 }),
        fc.array(fc.nat(15), { minLength: 216, maxLength: 216 }),
        (dims, someAxis, block, isOffset, cuts, codes) => {
          const channelAxis = someAxis === undefined ? undefined : someAxis % dims.length;
          const blockSize = channelAxis === undefined ? undefined : block;
          const layout = { dims, channelAxis, blockSize };
          const count = dims.reduce((a, b) => a * b, 1);
          const numbers = (seed: number) =>
            Float32Array.from({ length: stepCount(layout) }, (_, i) => Math.sin(seed + i * i) + 2);
          const [steps, zeroPoints] = [numbers(1), isOffset ? numbers(2) : undefined];
          const ends = [...cuts.map((cut) => Math.min(cut, count)), 0, count].sort((a, b) => a - b);
          const segments = ends.slice(1).map((end, s) => ({
            start: ends[s]!,
            count: end - ends[s]!,
            table: Float32Array.from({ length: 16 }, (_, c) => Math.cos(s + c)),
          }));
          const expected = new Float32Array(count);
          for (const { start, count: length, table } of segments) {
            for (let i = start; i < start + length; i++) expected[i] = table[codes[i]!]!;
          }
          forEachStepRow(layout, (start, length, step, stride) => {
            for (let k = 0; k < length; k++) {
              const s = step + k * stride;
              expected[start + k] = Math.fround(expected[start + k]! - (zeroPoints?.[s] ?? 0)) * steps[s]!;
            }
          });
          const out = new Float32Array(count);
          decodeInto({ ...layout, steps, zeroPoints }, segments.toReversed(), Uint8Array.from(codes), out);
          expect(out).toEqual(expected);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });
});
