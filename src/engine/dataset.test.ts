import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { floatTensor, formatNpz, makeNode, prepareModel, type NpyArray } from "../onnx/index.ts";
import { checkFits, checkLabels, modelIo, parseDataset, sliceDataset } from "./dataset.ts";
import { bindWeights } from "./network.ts";

const x: NpyArray = { dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const labels = (data: NpyArray["data"], dims = [data.length]): NpyArray => ({ dims, data });
const parse = (arrays: Readonly<Record<string, NpyArray>>) => parseDataset(formatNpz(arrays), "set.npz");

describe("parseDataset", () => {
  it("reads inputs and labels of several types", () => {
    const found = parse({ x, y: labels(BigInt64Array.of(0n, 2n, 1n)) });
    expect(found).toEqual({ count: 3, sampleDims: [2], inputs: x.data, labels: Int32Array.of(0, 2, 1) });
    expect(parse({ x, y: labels(Uint8Array.of(9, 0, 1), [3, 1]) }).labels).toEqual(Int32Array.of(9, 0, 1));
    expect(parse({ x, y: labels(Float64Array.of(1, 2, 3)) }).labels).toEqual(Int32Array.of(1, 2, 3));
    expect(parse({ x }).labels).toBeUndefined();
  });

  it("scales bytes by 1/255", () => {
    const { inputs } = parse({ x: { dims: [2, 1], data: Uint8Array.of(0, 51) } });
    expect(inputs).toEqual(Float32Array.of(0, 0.2));
  });

  it.each<[string, Record<string, NpyArray>, string, RegExp]>([
    ["no x", { images: x }, "invalid-file", /no array "x".*images/],
    ["no samples", { x: { dims: [0, 2], data: new Float32Array(0) } }, "data-mismatch", /no samples/],
    ["integers for x", { x: { dims: [2], data: Int32Array.of(1, 2) } }, "data-mismatch", /float32/],
    ["NaN", { x: { dims: [2, 2], data: Float32Array.of(0, 0, 0, NaN) } }, "non-finite", /NaN in sample 1/],
    ["too few labels", { x, y: labels(Int32Array.of(0, 1)) }, "data-mismatch", /3 samples.*\[2\]/],
    ["one-hot labels", { x, y: labels(new Int32Array(30), [3, 10]) }, "data-mismatch", /\[3, 10\]/],
    ["negative label", { x, y: labels(Int32Array.of(0, -1, 0)) }, "data-mismatch", /Label -1 of sample 1/],
    ["fractional label", { x, y: labels(Float32Array.of(0, 1, 1.5)) }, "data-mismatch", /1\.5 of sample 2/],
    ["NaN label", { x, y: labels(Float32Array.of(NaN, 1, 1)) }, "data-mismatch", /NaN of sample 0/],
    [
      "label beyond 32 bits",
      { x, y: labels(BigInt64Array.of(0n, 2n ** 32n, 0n)) },
      "data-mismatch",
      /sample 1/,
    ],
  ])("refuses %s", (_, arrays, code, message) => {
    expect(() => parse(arrays)).toThrow(message);
    expect(() => parse(arrays)).toThrow(expect.objectContaining({ code, name: "QtamlError" }));
  });
});

describe("sliceDataset", () => {
  it("takes samples and stops at the end", () => {
    const data = parse({ x, y: labels(Int32Array.of(0, 1, 2)) });
    expect(sliceDataset(data, 1, 9)).toEqual({
      count: 2,
      sampleDims: [2],
      inputs: Float32Array.of(3, 4, 5, 6),
      labels: Int32Array.of(1, 2),
    });
  });
});

/** y = x W + b, for a batch of any or of a fixed size. */
const dense = (batch: number | string) =>
  buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    initialisers: [floatTensor("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
    inputs: { x: [batch, 2] },
    outputs: ["y"],
  });

describe("modelIo and what fits it", () => {
  it("knows the input, the output and the batch", () => {
    const io = { input: "x", output: "y", sampleDims: [2] };
    expect(modelIo(dense("N"))).toEqual({ ...io, fixedBatch: undefined });
    expect(modelIo(dense(4))).toEqual({ ...io, fixedBatch: 4 });
  });

  it("refuses several inputs", () => {
    const nodes = [makeNode("Add", ["a", "b"], ["y"])];
    const model = buildModel({ nodes, inputs: { a: [1], b: [1] }, outputs: ["y"] });
    expect(() => modelIo(model)).toThrow(/2 inputs \(a, b\)/);
  });

  it("names both shapes where data do not fit", () => {
    const io = modelIo(dense("N"));
    expect(() => checkFits(io, { sampleDims: [2] })).not.toThrow();
    expect(() => checkFits(io, { sampleDims: [3] })).toThrow(/\[N, 2\].*\[N, 3\]/);
    expect(() => checkFits(io, { sampleDims: [1, 2] })).toThrow(/\[N, 2\].*\[N, 1, 2\]/);
  });

  it("refuses labels beyond the classes", () => {
    expect(() => checkLabels(Int32Array.of(0, 2), 3)).not.toThrow();
    expect(() => checkLabels(Int32Array.of(0, 3), 3)).toThrow(/Label 3 of sample 1.*3 classes/);
  });
});

describe("a model of fixed batch size", () => {
  it.each(["patch", "feed"] as const)("gives every sample its own outputs, by %s", async (kind) => {
    const data = { count: 3, sampleDims: [2], inputs: x.data as Float32Array, labels: undefined };
    for (const batch of [1, 2, 3, 4, 7, "N"]) {
      const prepared = prepareModel(dense(batch), { format: "int8", granularity: "tensor" });
      const binder = await bindWeights(prepared, kind);
      await binder.load([Float32Array.of(1, 0, 1, 0, 1, 1)]);
      const { count, classes, values } = await binder.infer(data);
      await binder.close();
      expect([count, classes]).toEqual([3, 3]);
      expect(values).toEqual(Float32Array.of(1, 2, 3, 3, 4, 7, 5, 6, 11));
    }
  });
});
