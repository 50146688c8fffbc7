import { describe, expect, it } from "vitest";
import { classLabels, parseDataset, singleInput, sliceDataset } from "./dataset.ts";
import type { NpyArray } from "./decode.ts";
import { formatNpz } from "./npz.ts";

const x: NpyArray = { dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const labels = (data: NpyArray["data"], dims = [data.length]): NpyArray => ({ dims, data });
const parse = (arrays: Readonly<Record<string, NpyArray>>) => parseDataset(formatNpz(arrays), "set.npz");
const classes = (y: NpyArray) => classLabels(parse({ x, y }).labels!);

describe("parseDataset", () => {
  it("reads inputs and labels of several types", () => {
    expect(parse({ x, y: labels(BigInt64Array.of(0n, 2n, 1n)) })).toEqual({
      count: 3,
      inputs: new Map([["x", { dims: [2], data: x.data }]]),
      labels: { dims: [], data: Int32Array.of(0, 2, 1) },
    });
    expect(classes(labels(Uint8Array.of(9, 0, 1), [3, 1]))).toEqual(Int32Array.of(9, 0, 1));
    expect(classes(labels(Float64Array.of(1, 2, 3)))).toEqual(Int32Array.of(1, 2, 3));
    expect(parse({ x }).labels).toBeUndefined();
  });

  it("keeps targets, and labels of several places a sample", () => {
    const targets = parse({ x, y: labels(Float64Array.of(0.5, 1, 2)) }).labels;
    expect(targets).toEqual({ dims: [], data: Float32Array.of(0.5, 1, 2) });
    const pixels = parse({ x, y: labels(Uint8Array.of(0, 1, 2, 3, 4, 255), [3, 1, 2]) }).labels;
    expect(pixels).toEqual({ dims: [2], data: Int32Array.of(0, 1, 2, 3, 4, 255) });
  });

  it("reads several inputs by name", () => {
    const ids = { dims: [3], data: BigInt64Array.of(7n, 8n, 9n) };
    const { count, inputs } = parse({ mask: x, ids });
    expect(count).toBe(3);
    expect(Array.from(inputs)).toEqual([
      ["mask", { dims: [2], data: x.data }],
      ["ids", { dims: [], data: ids.data }],
    ]);
  });

  it.each<[string, Record<string, NpyArray>, string, RegExp]>([
    ["no inputs", { y: x }, "invalid-file", /no inputs \(it has y\)/],
    ["no samples", { x: { dims: [0, 2], data: new Float32Array(0) } }, "data-mismatch", /no samples/],
    [
      "unequal counts",
      { x, z: { dims: [2], data: x.data.slice(0, 2) } },
      "data-mismatch",
      /3 .*"x".* 2 .*"z"/,
    ],
    ["NaN", { x: { dims: [2, 2], data: Float32Array.of(0, 0, 0, NaN) } }, "non-finite", /NaN in sample 1/],
    ["too few labels", { x, y: labels(Int32Array.of(0, 1)) }, "data-mismatch", /3 samples.*\[2\]/],
    ["NaN label", { x, y: labels(Float32Array.of(0, NaN, 1)) }, "non-finite", /"y".*NaN for sample 1/],
  ])("refuses %s", (_, arrays, code, message) => {
    expect(() => parse(arrays)).toThrow(message);
    expect(() => parse(arrays)).toThrow(expect.objectContaining({ code, name: "QtamlError" }));
  });
});

describe("classLabels", () => {
  it.each<[string, NpyArray, RegExp]>([
    ["one-hot labels", labels(new Int32Array(30), [3, 10]), /\[10\].*one class a sample/],
    ["negative label", labels(Int32Array.of(0, -1, 0)), /Label -1 of sample 1/],
    ["fractional label", labels(Float32Array.of(0, 1, 1.5)), /1\.5 of sample 2/],
    ["label beyond 32 bits", labels(BigInt64Array.of(0n, 2n ** 32n, 0n)), /sample 1/],
  ])("refuses %s", (_, y, message) => {
    expect(() => classes(y)).toThrow(message);
    expect(() => classes(y)).toThrow(expect.objectContaining({ code: "data-mismatch" }));
  });
});

describe("sliceDataset", () => {
  it("takes samples and stops at the end", () => {
    const data = parse({ x, y: labels(Int32Array.of(0, 1, 2)) });
    expect(sliceDataset(data, 1, 9)).toEqual(
      singleInput(2, [2], Float32Array.of(3, 4, 5, 6), Int32Array.of(1, 2)),
    );
  });
});
