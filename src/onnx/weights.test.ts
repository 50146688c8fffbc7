import type { NodeProto, TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, fixture, fixtureNames } from "../../test/build-model.ts";
import { makeNode } from "./graph.ts";
import { hoistConstants, indexModel } from "./scopes.ts";
import { elementCount, floatTensor, int64Tensor, int8Tensor } from "./tensor.ts";
import { usualRoles } from "./selection.ts";
import { findTensors } from "./weights.ts";

const ones = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, new Float32Array(elementCount(dims)).fill(1));

const findAll = (nodes: NodeProto[], initialisers: TensorProto[] = []) => {
  const model = buildModel({ nodes, initialisers, outputs: [] });
  hoistConstants(model);
  return findTensors(indexModel(model));
};

/** What is in the memory unless told. */
const find = (nodes: NodeProto[], initialisers: TensorProto[] = []) =>
  findAll(nodes, initialisers).filter(({ role }) => usualRoles.includes(role));

/** Name and channel axis of everything found. */
const axes = (nodes: NodeProto[], initialisers: TensorProto[]) =>
  find(nodes, initialisers).map(({ name, channelAxis }) => [name, channelAxis]);

const bytes = (name: string, ...dims: number[]) => int8Tensor(name, dims, new Int8Array(elementCount(dims)));
const scalar = (name: string) => floatTensor(name, [], Float32Array.of(0.5));

describe("findTensors", () => {
  it("finds the constant operands of each operator, with the axis of their output channels", () => {
    const w = [ones("w", 4, 6)];
    expect(axes([makeNode("Conv", ["x", "w"], ["y"])], [ones("w", 8, 3, 5, 5)])).toEqual([["w", 0]]);
    expect(axes([makeNode("Conv", ["x", "w"], ["y"], { group: 8 })], [ones("w", 8, 1, 3, 3)])).toEqual([
      ["w", 0],
    ]);
    expect(axes([makeNode("ConvTranspose", ["x", "w"], ["y"])], [ones("w", 8, 3, 5, 5)])).toEqual([["w", 1]]);
    expect(
      axes([makeNode("ConvTranspose", ["x", "w"], ["y"], { group: 2 })], [ones("w", 8, 3, 5, 5)]),
    ).toEqual([["w", undefined]]);
    expect(axes([makeNode("Gemm", ["x", "w"], ["y"])], w)).toEqual([["w", 1]]);
    expect(axes([makeNode("Gemm", ["x", "w"], ["y"], { transB: 1 })], w)).toEqual([["w", 0]]);
    expect(axes([makeNode("Gemm", ["w", "x"], ["y"])], w)).toEqual([["w", 0]]);
    expect(axes([makeNode("Gemm", ["w", "x"], ["y"], { transA: 1 })], w)).toEqual([["w", 1]]);
    expect(axes([makeNode("MatMul", ["x", "w"], ["y"])], w)).toEqual([["w", 1]]);
    expect(axes([makeNode("MatMul", ["w", "x"], ["y"])], w)).toEqual([["w", 0]]);
    expect(axes([makeNode("MatMul", ["x", "w"], ["y"])], [ones("w", 2, 4, 6)])).toEqual([["w", 2]]);
    expect(axes([makeNode("MatMul", ["w", "x"], ["y"])], [ones("w", 2, 4, 6)])).toEqual([["w", 1]]);
  });

  it("follows the axis back through what rearranges, as long as it can be told", () => {
    const through = (nodes: NodeProto[], ...dims: number[]) =>
      axes(
        [...nodes, makeNode("Conv", ["x", "v"], ["y"])],
        [ones("w", ...dims), int64Tensor("s", [4], [8, 3, 5, 5])],
      );
    expect(through([makeNode("Identity", ["w"], ["v"])], 8, 3, 5, 5)).toEqual([["w", 0]]);
    // Output axis 0 of the permuted tensor is axis perm[0] = 3 of the stored one.
    expect(through([makeNode("Transpose", ["w"], ["v"], { perm: [3, 2, 0, 1] })], 5, 5, 3, 8)).toEqual([
      ["w", 3],
    ]);
    expect(through([makeNode("Transpose", ["w"], ["v"])], 5, 5, 3, 8)).toEqual([["w", 3]]);
    expect(
      through(
        [
          makeNode("Transpose", ["w"], ["u"], { perm: [1, 2, 3, 0] }),
          makeNode("Transpose", ["u"], ["v"], { perm: [1, 0, 2, 3] }),
        ],
        5,
        3,
        8,
        5,
      ),
    ).toEqual([["w", 2]]);
    expect(through([makeNode("Reshape", ["w", "s"], ["v"])], 8, 75)).toEqual([["w", 0]]);
    expect(through([makeNode("Reshape", ["w", "s"], ["v"])], 24, 25)).toEqual([["w", undefined]]);
    expect(through([makeNode("Cast", ["w"], ["v"], { to: 1 })], 8, 3, 5, 5)).toEqual([["w", 0]]);
    expect(through([makeNode("Unsqueeze", ["w"], ["v"], { axes: [0, -1] })], 3, 5)).toEqual([
      ["w", undefined],
    ]);
    expect(
      through(
        [
          makeNode("Squeeze", ["w"], ["u"], { axes: [1] }),
          makeNode("Transpose", ["u"], ["v"], { perm: [3, 2, 0, 1] }),
        ],
        5,
        1,
        5,
        3,
        8,
      ),
    ).toEqual([["w", 4]]);
    expect(through([makeNode("Reshape", ["w", "s"], ["v"])], 600)).toEqual([["w", undefined]]);
  });

  it("leaves biases, indices and computed operands alone", () => {
    const initialisers = [
      ones("w", 4, 6),
      ones("b", 6),
      ones("B", 1, 6),
      ones("v", 6),
      int64Tensor("s", [2], [2, 3]),
    ];
    expect(axes([makeNode("Gemm", ["x", "w", "B"], ["y"])], initialisers)).toEqual([["w", 1]]);
    expect(axes([makeNode("Conv", ["x", "w", "b"], ["y"])], initialisers)).toEqual([["w", 0]]);
    expect(axes([makeNode("MatMul", ["x", "v"], ["y"])], initialisers)).toEqual([["v", undefined]]);
    expect(axes([makeNode("Add", ["x", "w"], ["y"])], initialisers)).toEqual([]);
    expect(
      axes([makeNode("Reshape", ["x", "s"], ["r"]), makeNode("MatMul", ["r", "x"], ["y"])], initialisers),
    ).toEqual([]);
    // Constant arithmetic starts from what the memory holds.
    expect(
      axes([makeNode("Relu", ["w"], ["r"]), makeNode("MatMul", ["x", "r"], ["y"])], initialisers),
    ).toEqual([["w", undefined]]);
    expect(
      axes([makeNode("RandomNormalLike", ["w"], ["r"]), makeNode("MatMul", ["x", "r"], ["y"])], initialisers),
    ).toEqual([]);
    expect(axes([makeNode("MatMul", ["x", "i"], ["y"])], [int64Tensor("i", [2, 2], [1, 2, 3, 4])])).toEqual(
      [],
    );
    const foreign = makeNode("Conv", ["x", "w"], ["y"]);
    foreign.domain = "com.microsoft";
    expect(axes([foreign], initialisers)).toEqual([]);
    const circle = [makeNode("Identity", ["p"], ["q"]), makeNode("Identity", ["q"], ["p"])];
    expect(axes([...circle, makeNode("MatMul", ["x", "p"], ["y"])], [])).toEqual([]);
  });

  it("finds Constant nodes", () => {
    const constant = makeNode("Constant", [], ["w"], { value: ones("", 4, 6) });
    expect(axes([constant, makeNode("MatMul", ["x", "w"], ["y"])], [])).toEqual([["w", 1]]);
  });

  it("finds tied weights once, with an axis only where all uses agree", () => {
    const twice = [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("MatMul", ["h", "w"], ["y"])];
    const [tied, ...none] = find(twice, [ones("w", 6, 6)]);
    expect(none).toEqual([]);
    expect(tied).toMatchObject({ name: "w", channelAxis: 1 });
    expect(tied!.uses.map((use) => use.node)).toEqual(twice);
    const across = [
      makeNode("MatMul", ["x", "w"], ["h"]),
      makeNode("Transpose", ["w"], ["t"]),
      makeNode("MatMul", ["h", "t"], ["y"]),
    ];
    expect(axes(across, [ones("w", 6, 6)])).toEqual([["w", undefined]]);
    // A third use that agrees with the first does not bring the axis back.
    expect(axes([...across, makeNode("MatMul", ["y", "w"], ["z"])], [ones("w", 6, 6)])).toEqual([
      ["w", undefined],
    ]);
  });

  it("finds quantised codes and all nodes that decode them", () => {
    const nodes = [
      makeNode("DequantizeLinear", ["q", "s"], ["d"]),
      makeNode("Transpose", ["d"], ["t"]),
      makeNode("MatMul", ["x", "t"], ["y"]),
      makeNode("Identity", ["q"], ["same"]),
      makeNode("DequantizeLinear", ["same", "s"], ["e"]),
      makeNode("MatMul", ["y", "e"], ["z"]),
      makeNode("DequantizeLinear", ["other", "s"], ["o"]),
    ];
    const [weight] = find(nodes, [bytes("q", 4, 4), bytes("other", 4, 4), scalar("s")]);
    expect(weight).toMatchObject({ name: "q", dims: [4, 4], role: "weight" });
    expect(weight!.dequantisers).toEqual([nodes[0], nodes[4]]);
    expect(weight!.uses).toHaveLength(2);
    // Without a DequantizeLinear, bytes are no weights of a float operator.
    expect(axes([makeNode("MatMul", ["x", "q"], ["y"])], [bytes("q", 4, 4)])).toEqual([]);
  });

  it("tells what each constant is to the network", () => {
    const nodes = [
      makeNode("Gather", ["table", "ids"], ["e"]),
      makeNode("LSTM", ["e", "W", "R", "B"], ["h"], { hidden_size: 2 }),
      makeNode("Mul", ["h", "gain"], ["g"]),
      makeNode("Add", ["g", "shift"], ["a"]),
      makeNode("Add", ["a", "epsilon"], ["b"]),
      makeNode("LayerNormalization", ["b", "gamma", "beta"], ["c"]),
      makeNode("QuantizeLinear", ["c", "s", "z"], ["d"]),
      makeNode("DequantizeLinear", ["d", "s", "z"], ["f"]),
      makeNode("Einsum", ["f", "E"], ["i"], { equation: "bij,jk->bik" }),
      makeNode("Reshape", ["i", "shape"], ["j"]),
      makeNode("Slice", ["j", "start", "far"], ["k"]),
      makeNode("Gather", ["vector", "ids"], ["l"]),
    ];
    const roles = findAll(nodes, [
      ones("table", 7, 3),
      ones("W", 1, 8, 3),
      ones("R", 1, 8, 2),
      ones("B", 1, 16),
      ones("gain", 2),
      ones("shift", 2),
      ones("epsilon", 1),
      ones("gamma", 2),
      ones("beta", 2),
      scalar("s"),
      int8Tensor("z", [], new Int8Array(1)),
      ones("E", 2, 5),
      int64Tensor("shape", [2], [0, -1]),
      int64Tensor("start", [1], [0]),
      int64Tensor("far", [1], [2 ** 40]),
      ones("vector", 9),
    ]).map(({ name, role, channelAxis }) => [name, role, channelAxis]);
    expect(roles).toEqual([
      ["table", "embedding", 0],
      ["W", "weight", 1],
      ["R", "weight", 1],
      ["B", "bias", undefined],
      ["gain", "normalisation", undefined],
      ["shift", "bias", undefined],
      ["gamma", "normalisation", undefined],
      ["beta", "normalisation", undefined],
      ["s", "scale", undefined],
      ["z", "zero-point", undefined],
      ["E", "weight", 1],
      ["shape", "integer", undefined],
      ["start", "integer", undefined],
    ]);
  });

  it("takes the integers of constant arithmetic for codes and the rest for their scales and zero points", () => {
    const nodes = [
      makeNode("Cast", ["q"], ["qf"], { to: 1 }),
      makeNode("Cast", ["z"], ["zf"], { to: 1 }),
      makeNode("Sub", ["qf", "zf"], ["c"]),
      makeNode("Mul", ["c", "s"], ["w"]),
      makeNode("MatMul", ["x", "w"], ["y"]),
    ];
    expect(
      findAll(nodes, [bytes("q", 4, 6), bytes("z", 6), ones("s", 6)]).map(({ name, role }) => [name, role]),
    ).toEqual([
      ["q", "weight"],
      ["z", "zero-point"],
      ["s", "scale"],
    ]);
  });

  it.each(fixtureNames)(
    "finds in %s every dense and convolution weight of the reference and nothing else",
    (name) => {
      const { model, jacobians } = fixture(name);
      hoistConstants(model);
      const found = findTensors(indexModel(model)).filter(({ role }) => usualRoles.includes(role));
      // Exporters rename and transpose: compare by name where the reference has one, and by size.
      const expected = jacobians.filter(({ shape, initialiser }) => shape.length > 1 && initialiser !== null);
      const names = new Set(found.map((w) => w.name));
      const multiplied = expected.filter(({ initialiser }) => names.has(initialiser!));
      expect(multiplied).toHaveLength(found.length);
      for (const { initialiser, shape } of multiplied) {
        const weight = found.find((w) => w.name === initialiser)!;
        expect(elementCount(weight.dims)).toBe(elementCount(shape));
        expect(weight.channelAxis).toBeDefined();
      }
      // What is left out is added, not multiplied: position embeddings and class tokens.
      const added = expected.filter(({ initialiser }) => !names.has(initialiser!));
      expect(added.filter(({ parameter }) => !/position|cls/.test(parameter))).toEqual([]);
    },
  );
});
