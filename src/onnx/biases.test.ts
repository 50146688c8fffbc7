import { describe, expect, it } from "vitest";
import { buildModel, fixture, runModel } from "../../test/build-model.ts";
import { wave } from "../../test/quantised-parts.ts";
import { biasPlaces, shiftBiases } from "./biases.ts";
import { makeNode } from "./graph.ts";
import { serialiseModel } from "./model.ts";
import { prepareModel } from "./prepare.ts";
import { elementCount, floatTensor } from "./tensor.ts";

const float = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, wave(elementCount(dims), name.length));

/** Two convolutions, one of them without a bias, a product with an addition, and a `Gemm`. */
const model = buildModel({
  nodes: [
    makeNode("Conv", ["x", "k1", "b1"], ["c1"]),
    makeNode("Conv", ["c1", "k2"], ["c2"], { group: 2 }),
    makeNode("Flatten", ["c2"], ["f"]),
    makeNode("MatMul", ["f", "w1"], ["m"]),
    makeNode("Add", ["a1", "m"], ["h"]),
    makeNode("Gemm", ["h", "w2", "b2"], ["y"], { transB: 1 }),
  ],
  initialisers: [
    float("k1", 4, 1, 2, 2),
    float("b1", 4),
    float("k2", 6, 2, 2, 2),
    float("w1", 24, 5),
    float("a1", 1, 5),
    float("w2", 3, 5),
    float("b2", 3),
  ],
  inputs: { x: ["N", 1, 4, 4] },
  outputs: ["y", "c1", "c2", "h"],
});
const data = { x: { dims: [2, 1, 4, 4], data: wave(32, 9) } };
const none: ReadonlySet<string> = new Set();

describe("biasPlaces", () => {
  it("are the biases of layers, and room for one", () => {
    expect(biasPlaces(model, none)).toEqual([
      { layer: "c1", channels: 4, axis: "second" },
      { layer: "c2", channels: 6, axis: "second" },
      { layer: "h", channels: 5, axis: "last" },
      { layer: "y", channels: 3, axis: "last" },
    ]);
  });

  it("are not biases that the memory holds, nor sums that are more than a bias", () => {
    const layers = (stored: ReadonlySet<string>) => biasPlaces(model, stored).map(({ layer }) => layer);
    expect(layers(new Set(["b1", "a1"]))).toEqual(["c2", "y"]);
    const other = (nodes: Parameters<typeof makeNode>[]) =>
      biasPlaces(
        buildModel({
          nodes: nodes.map((parts) => makeNode(...parts)),
          initialisers: [float("w", 5, 5), float("b", 5), float("m", 2, 5)],
          inputs: { x: [2, 5], z: [2, 5] },
          outputs: ["y"],
        }),
        none,
      );
    expect(other([["Gemm", ["x", "w", "b"], ["y"], { beta: { float: 0.5 } }]])).toEqual([]);
    expect(other([["Gemm", ["x", "w", "m"], ["y"]]])).toEqual([]);
    expect(other([["Gemm", ["x", "w", "z"], ["y"]]])).toEqual([]);
    expect(other([["Gemm", ["x", "z"], ["y"]]])).toEqual([]);
    const product: Parameters<typeof makeNode> = ["MatMul", ["x", "w"], ["p"]];
    expect(other([product, ["Add", ["p", "z"], ["y"]]])).toEqual([]);
    expect(other([product, ["Add", ["p", "b"], ["s"]], ["Mul", ["p", "s"], ["y"]]])).toEqual([]);
    expect(other([product, ["Add", ["p", "b"], ["y"]]])).toHaveLength(1);
  });

  it.each([
    ["lenet", 5],
    ["mobilenet", 5],
    ["transformer", 5],
  ] as const)("are found in %s", (name, least) => {
    const prepared = prepareModel(fixture(name).model);
    const stored = new Set(prepared.tensors.map((t) => t.runtimeName));
    expect(biasPlaces(prepared.model, stored).length).toBeGreaterThanOrEqual(least);
  });
});

describe("shiftBiases", () => {
  it.each([
    ["c1", 4, 9],
    ["c2", 6, 4],
    ["h", 5, 1],
    ["y", 3, 1],
  ] as const)("moves what %s puts out, channel by channel", async (layer, channels, inner) => {
    const before = serialiseModel(model);
    const shift = wave(channels, 4);
    const moved = shiftBiases(model, none, new Map([[layer, shift]]))!;
    const [was, is] = [await runModel(model, data), await runModel(moved, data)];
    const [a, b] = [was[layer]!.data as Float32Array, is[layer]!.data as Float32Array];
    a.forEach((v, i) => expect(b[i]! - v).toBeCloseTo(shift[Math.floor(i / inner) % channels]!, 5));
    expect(serialiseModel(model)).toEqual(before);
  });

  it("knows no other layer and no other number of channels", () => {
    expect(shiftBiases(model, none, new Map([["m", wave(5, 1)]]))).toBeUndefined();
    expect(shiftBiases(model, none, new Map([["y", wave(4, 1)]]))).toBeUndefined();
    expect(shiftBiases(model, new Set(["b2"]), new Map([["y", wave(3, 1)]]))).toBeUndefined();
  });
});
