import { describe, expect, it } from "vitest";
import { gradientsOf, modelOf, Tensor } from "../../../../test/support/gradients.ts";
import { makeNode, makeValueInfo, type AttributeValue } from "../../graph.ts";
import { DataType, floatTensor, int8Tensor, uint8Tensor } from "../../tensor.ts";

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
