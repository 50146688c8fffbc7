import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numberFormat } from "../channel/index.ts";
import { cleanSegments, cleanWeights, decodeInto, singleDecoder, storedHistogram } from "./decode.ts";
import { forEachStepRow, stepCount } from "./steps.ts";

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
          const single = singleDecoder({ ...layout, steps, zeroPoints }, segments);
          expect(Float32Array.from(expected, (_, i) => single(i, codes[i]!))).toEqual(expected);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe("a tensor as it was stored", () => {
  const tensor = {
    name: "w",
    role: "weight",
    runtimeName: "w",
    dims: [2, 2],
    count: 4,
    operators: ["Gemm"],
    format: numberFormat("int3"),
    codes: Uint8Array.of(0, 1, 7, 1),
    outputAxis: 0,
    channelAxis: 0,
    blockSize: undefined,
    steps: Float32Array.of(2, 0.5),
    zeroPoints: undefined,
    infinityNorm: 2,
  } as const;

  it("is read by its format: 3-bit two's complement of codes 0, 1, 7, 1 is 0, 1, -1, 1", () => {
    expect(cleanSegments(tensor)).toEqual([{ start: 0, count: 4, table: tensor.format.values }]);
    expect(Array.from(cleanWeights(tensor))).toEqual([0, 2, -0.5, 0.5]);
  });

  it("counts its codes", () => {
    expect(Array.from(storedHistogram(tensor))).toEqual([1, 2, 0, 0, 0, 0, 0, 1]);
  });
});
