import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  adjointFeeds,
  gradientsOf,
  modelOf,
  probe,
  randomTensor,
  runOnce,
  Tensor,
  uniforms,
  type Feeds,
} from "../../test/support/gradients.ts";
import { makeNode, makeValueInfo } from "../onnx/graph.ts";
import { parseModel, type OnnxModel } from "../onnx/model.ts";
import { channelLayout } from "../stored/index.ts";
import { DataType, elementCount, floatTensor, int64Tensor, tensorDims } from "../onnx/tensor.ts";
import { buildGradientGraph, type GradientGraph } from "./gradient.ts";

const folder = join(import.meta.dirname, "..", "..", "test", "fixtures");
const seedOf = (i: number): number => Math.sin(1 + i * i);

/** Squared norms by channel of explicit gradients, and as the adjoint computes them itself. */
async function bothWays(
  model: OnnxModel,
  feeds: Feeds,
  axes: ReadonlyMap<string, number | undefined>,
): Promise<{ graph: GradientGraph; pairs: (readonly [string, number, number])[] }> {
  const output = model.graph.output[0]!.name;
  const tensors = [...axes.keys()];
  const { gradients } = await gradientsOf(model, feeds, tensors, seedOf);
  const graph = buildGradientGraph(model, {
    output,
    tensors,
    probed: await probe(model, feeds),
    squares: axes,
  });
  const values = await runOnce(graph.tape, feeds);
  const logits = values[output]!;
  const seed = new Tensor(
    "float32",
    Float32Array.from({ length: logits.size }, (_, i) => seedOf(i)),
    logits.dims,
  );
  const found = await runOnce(graph.adjoint, await adjointFeeds(graph, values, seed));
  const stored = new Map(model.graph.initializer.map((t) => [t.name, tensorDims(t)]));
  const pairs = tensors.flatMap((name) => {
    const { inner, channels } = channelLayout(stored.get(name)!, axes.get(name));
    const expected = new Float64Array(channels);
    gradients.get(name)!.forEach((g, i) => (expected[Math.floor(i / inner) % channels]! += g * g));
    const squares = found[graph.gradients.get(name)!]!.data as Float32Array;
    expect(squares.length).toBe(channels);
    return Array.from(squares, (v, c) => [name, v, expected[c]!] as const);
  });
  return { graph, pairs };
}

/** Largest difference in units of the largest norm. */
const gap = (pairs: readonly (readonly [string, number, number])[]): number =>
  Math.max(...pairs.map(([, a, b]) => Math.abs(a - b))) / Math.max(...pairs.map(([, , b]) => b));

// Both are float32 sums of up to some thousand products with roundings of 6e-8 each, and their squares.
const close = 1e-4;

describe("squared norms of gradients by channel", () => {
  it.each(["lenet", "vgg", "resnet", "mobilenet", "transformer"])(
    "%s: as the gradients themselves",
    async (family) => {
      const model = parseModel(readFileSync(join(folder, `${family}.onnx`)), family);
      const input = model.graph.input[0]!.name;
      const axes = new Map(
        model.graph.initializer
          .filter((t) => t.dataType === DataType.FLOAT)
          .map((t, i) => [
            t.name,
            t.dims.length === 4 ? 0 : t.dims.length === 2 ? (i % 2 === 0 ? 1 : undefined) : undefined,
          ]),
      );
      const { graph, pairs } = await bothWays(
        model,
        { [input]: randomTensor([1, 1, 16, 16], uniforms(3)) },
        axes,
      );
      for (const name of axes.keys()) {
        const own = pairs.filter((p) => p[0] === name);
        expect({ name, close: gap(own) < close }).toEqual({ name, close: true });
      }
      expect(graph.uncovered).toEqual([]);
    },
  );

  const x = { x: randomTensor([2, 64], uniforms(5)) };
  const input = makeValueInfo("x", DataType.FLOAT, [2, 64]);
  const tensor = (name: string, ...dims: number[]) =>
    floatTensor(
      name,
      dims,
      Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(i + dims[0]!)),
    );

  it("of a table: by row, without a gradient as large as the table", async () => {
    const nodes = [
      makeNode("ArgMax", ["x"], ["i"], { axis: 0, keepdims: 0 }),
      makeNode("Sub", ["i", "one"], ["j"]),
      makeNode("Gather", ["w", "j"], ["y"]),
    ];
    // Columns 0 and 1 of x decide on the last row (an index of -1) or the first, many times each.
    const model = modelOf(17, nodes, [input], [tensor("w", 900, 7), int64Tensor("one", [], [1])], "y");
    for (const axis of [0, 1, undefined]) {
      const { graph, pairs } = await bothWays(model, x, new Map([["w", axis]]));
      expect(gap(pairs)).toBeLessThan(close);
      const made = graph.adjoint.graph.node.map((n) => n.opType);
      expect(made.includes("ReduceSumSquare")).toBe(axis === 1);
    }
  });

  it.each([
    ["MatMul", [makeNode("MatMul", ["x", "w"], ["y"])], [64, 64], 1],
    ["Gemm", [makeNode("Gemm", ["x", "w"], ["y"], { alpha: { float: 0.5 } })], [64, 64], 1],
    ["Gemm, B transposed", [makeNode("Gemm", ["x", "w"], ["y"], { transB: 1 })], [64, 64], 0],
    [
      "MatMul behind Transpose",
      [makeNode("Transpose", ["w"], ["t"], { perm: [1, 0] }), makeNode("MatMul", ["x", "t"], ["y"])],
      [64, 64],
      0,
    ],
    [
      "tied weights",
      [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("Relu", ["h"], ["t"]),
        makeNode("MatMul", ["t", "w"], ["y"]),
      ],
      [64, 64],
      1,
    ],
  ] as const)("%s: by a Gram matrix, along every axis", async (_, nodes, dims, shareable) => {
    const model = modelOf(17, nodes, [input], [tensor("w", ...dims)], "y");
    for (const axis of [0, 1, undefined]) {
      const { graph, pairs } = await bothWays(model, x, new Map([["w", axis]]));
      expect(gap(pairs)).toBeLessThan(close);
      // Where the channels are the outputs, the Gram matrix of the inputs is computed once for all cotangents.
      expect(graph.prelude === undefined).toBe(axis !== undefined && axis !== shareable);
    }
  });
});
