import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatNames, numberFormat } from "../channel/index.ts";
import { refusalCode } from "../../test/refusal.ts";
import { makeNode } from "./graph.ts";
import { quantiseTensor, type Granularity } from "./quantise.ts";
import { cleanSegments, decodeInto, storedHistogram, type StoredTensor } from "../stored/index.ts";
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
      expect(refusalCode(() => quantise(data, [2, 2]))).toBe("non-finite");
      expect(refusalCode(() => quantise(data, [2, 2], "int8", 0))).toBe("non-finite");
      expect(() => quantise(data, [2, 2])).toThrow(`Weight 2 of tensor "w" is ${bad}`);
    }
  });
});
