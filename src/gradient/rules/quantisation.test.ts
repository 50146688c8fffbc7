import { describe, expect, it } from "vitest";
import { gradientsOf, modelOf, Tensor } from "../../../test/support/gradients.ts";
import { makeNode, makeValueInfo, type AttributeValue } from "../../onnx/graph.ts";
import { DataType, floatTensor, int8Tensor, uint8Tensor } from "../../onnx/tensor.ts";

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
/** One value far below, one far above and the rest inside the range of 8 bits with a step of 0.01. */
const stored = Float32Array.of(-2, -1.27, -0.3, 0.004, 0.9, 1.27, 2, 5);
const seedOf = (i: number): number => 1 + i;

async function gradientThrough(
  nodes: readonly (readonly [
    string,
    readonly string[],
    readonly string[],
    Record<string, AttributeValue>?,
  ])[],
  constants: Parameters<typeof modelOf>[3],
  domain = "",
  dims: readonly number[] = [8],
): Promise<Float32Array> {
  const made = nodes.map(([type, input, output, attributes]) => {
    const node = makeNode(type, input, output, attributes);
    if (type.endsWith("Linear")) node.domain = domain;
    return node;
  });
  const model = modelOf(
    21,
    [makeNode("Add", ["w", "x"], ["h"]), ...made],
    [makeValueInfo("x", DataType.FLOAT, dims)],
    [floatTensor("w", dims, stored), ...constants],
    "y",
  );
  const x = new Tensor("float32", new Float32Array(8), dims);
  const { graph, gradients } = await gradientsOf(model, { x }, ["w"], seedOf);
  expect(graph.uncovered).toEqual([]);
  return gradients.get("w")!;
}

const pair = [
  ["QuantizeLinear", ["h", "s", "z"], ["q"]],
  ["DequantizeLinear", ["q", "s", "z"], ["y"]],
] as const;
const inside = (low: number, high: number): number[] =>
  Array.from(stored, (w, i) => (w > low && w < high ? seedOf(i) : 0));
/** Largest relative difference; at most some roundings of float32, 6e-8 each. */
const distance = (found: Float32Array, expected: readonly number[]): number =>
  Math.max(
    Math.abs(found.length - expected.length),
    ...found.map((g, i) => Math.abs(g - expected[i]!) / (1 + Math.abs(expected[i]!))),
  );

describe("the straight-through gradient of quantised activations", () => {
  const signed = [scalar("s", 0.01), int8Tensor("z", [], Int8Array.of(0))];

  it.each(["", "com.microsoft"])("is 1 inside the range and 0 outside (domain %j)", async (domain) => {
    expect(distance(await gradientThrough(pair, signed, domain), inside(-1.285, 1.275))).toBeLessThan(1e-6);
  });

  it("follows the zero point and the range of unsigned codes", async () => {
    const unsigned = [scalar("s", 0.01), uint8Tensor("z", [], Uint8Array.of(50))];
    expect(distance(await gradientThrough(pair, unsigned), inside(-0.505, 2.055))).toBeLessThan(1e-6);
  });

  it("takes the type of a node without a zero point from its attribute", async () => {
    const nodes = [
      ["QuantizeLinear", ["h", "s"], ["q"], { output_dtype: DataType.INT8 }],
      ["DequantizeLinear", ["q", "s"], ["y"]],
    ] as const;
    expect(distance(await gradientThrough(nodes, [scalar("s", 0.01)]), inside(-1.285, 1.275))).toBeLessThan(
      1e-6,
    );
  });

  it("takes one step a block", async () => {
    const nodes = pair.map(([t, i, o]) => [t, i, o, { axis: 1, block_size: 2 }] as const);
    const blocked = [
      floatTensor("s", [2, 2], Float32Array.of(0.01, 0.01, 0.01, 1)),
      int8Tensor("z", [2, 2], new Int8Array(4)),
    ];
    const found = await gradientThrough(nodes, blocked, "", [2, 4]);
    expect(
      distance(
        found,
        Array.from(stored, (w, i) => (i >= 6 || Math.abs(w) < 1.275 ? seedOf(i) : 0)),
      ),
    ).toBeLessThan(1e-6);
  });

  it("does not end where the range follows the values", async () => {
    const nodes = [
      ["DynamicQuantizeLinear", ["h"], ["q", "s", "z"]],
      ["DequantizeLinear", ["q", "s", "z"], ["y"]],
    ] as const;
    expect(
      distance(
        await gradientThrough(nodes, []),
        Array.from(stored, (_, i) => seedOf(i)),
      ),
    ).toBeLessThan(1e-6);
  });

  it("passes integers that are converted by hand", async () => {
    const nodes = [
      ["QuantizeLinear", ["h", "s", "z"], ["q"]],
      ["Cast", ["q"], ["f"], { to: DataType.FLOAT }],
      ["Mul", ["f", "s"], ["y"]],
    ] as const;
    expect(distance(await gradientThrough(nodes, signed), inside(-1.285, 1.275))).toBeLessThan(1e-6);
  });
});

describe("gradients of scales and zero points", () => {
  const q = Int8Array.of(-100, -7, 0, 1, 50, 127);
  const codes = int8Tensor("q", [3, 2], q);
  const x = { x: new Tensor("float32", Float32Array.of(0), [1]) };

  /** The gradient of `sum(seed * (DequantizeLinear(q, s, z) + x))`. */
  async function dequantised(scales: number[], zeros: number[], tensor: string): Promise<number[]> {
    const dims = scales.length === 1 ? [] : [scales.length];
    const model = modelOf(
      21,
      [
        makeNode("Cast", ["z.float"], ["z"], { to: DataType.INT8 }),
        makeNode("DequantizeLinear", ["q", "s", "z"], ["d"], { axis: 1 }),
        makeNode("Add", ["d", "x"], ["y"]),
      ],
      [makeValueInfo("x", DataType.FLOAT, [1])],
      [
        codes,
        floatTensor("s", dims, Float32Array.from(scales)),
        floatTensor("z.float", dims, Float32Array.from(zeros)),
      ],
      "y",
    );
    const { graph, gradients } = await gradientsOf(model, x, [tensor], seedOf);
    expect(graph.uncovered).toEqual([]);
    return Array.from(gradients.get(tensor)!);
  }

  const sum = (of: (i: number) => number, column?: number): number =>
    Array.from(q, (_, i) => (column === undefined || i % 2 === column ? seedOf(i) * of(i) : 0)).reduce(
      (a, b) => a + b,
    );

  it("sum over what one of them serves", async () => {
    expect(await dequantised([0.5], [3], "s")).toEqual([sum((i) => q[i]! - 3)]);
    expect(await dequantised([0.5], [3], "z.float")).toEqual([sum(() => -0.5)]);
  });

  it("sum by channel where each has its own", async () => {
    expect(await dequantised([0.5, 2], [3, -1], "s")).toEqual([
      sum((i) => q[i]! - 3, 0),
      sum((i) => q[i]! + 1, 1),
    ]);
    expect(await dequantised([0.5, 2], [3, -1], "z.float")).toEqual([sum(() => -0.5, 0), sum(() => -2, 1)]);
  });

  it("of rounding follow from x / scale", async () => {
    const step = floatTensor("s", [], Float32Array.of(0.25));
    const model = modelOf(
      21,
      [
        makeNode("QuantizeLinear", ["x", "s", "zero"], ["c"]),
        makeNode("Cast", ["c"], ["y"], { to: DataType.FLOAT }),
      ],
      [makeValueInfo("x", DataType.FLOAT, [3])],
      [step, int8Tensor("zero", [], Int8Array.of(0))],
      "y",
    );
    const feeds = { x: new Tensor("float32", Float32Array.of(2, -0.5, 1000), [3]) };
    const { gradients } = await gradientsOf(model, feeds, ["s"], seedOf);
    // -x / s^2 for the two values inside the range, weighted 1 and 2.
    expect(Array.from(gradients.get("s")!)).toEqual([-(2 * 1 + -0.5 * 2) / 0.0625]);
  });

  it("do not exist for indices", async () => {
    const model = modelOf(
      21,
      [makeNode("Cast", ["i"], ["j"], { to: DataType.INT64 }), makeNode("Gather", ["x", "j"], ["y"])],
      [makeValueInfo("x", DataType.FLOAT, [3])],
      [floatTensor("i", [2], Float32Array.of(0, 2))],
      "y",
    );
    const feeds = { x: new Tensor("float32", Float32Array.of(2, -0.5, 1), [3]) };
    const { graph } = await gradientsOf(model, feeds, ["i"], seedOf);
    expect(graph.uncovered).toEqual([{ tensor: "i", operator: "Gather" }]);
  });
});
