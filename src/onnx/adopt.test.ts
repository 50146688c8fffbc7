import type { NodeProto, TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { refusalCode } from "../../test/refusal.ts";
import { adoptCodes, adoptIntegers, sharedDecoding } from "./adopt.ts";
import { makeNode } from "./graph.ts";
import { hoistConstants, indexModel } from "./scopes.ts";
import { cleanWeights } from "../stored/index.ts";
import { elementCount, floatTensor, int64Tensor, int8Tensor, uint8Tensor } from "./tensor.ts";
import { findTensors } from "./weights.ts";

describe("adoptCodes", () => {
  const numbers = (name: string, ...values: number[]) =>
    floatTensor(name, [values.length], Float32Array.from(values));
  const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
  const signed = int8Tensor("q", [2, 3], Int8Array.of(-128, -1, 0, 1, 2, 127));
  const unsigned = uint8Tensor("q", [2, 3], Uint8Array.of(0, 1, 127, 128, 129, 255));
  const product = makeNode("MatMul", ["x", "d"], ["y"]);

  const adopt = (tensors: TensorProto[], attributes = {}, inputs = ["q", "s"], more: NodeProto[] = []) => {
    const nodes = [makeNode("DequantizeLinear", inputs, ["d"], attributes), ...more, product];
    const model = buildModel({ nodes, initialisers: tensors, outputs: ["y"] });
    hoistConstants(model);
    const index = indexModel(model);
    const found = findTensors(index).find(({ name }) => name === "q")!;
    const decoding = sharedDecoding(found, index);
    return decoding === undefined ? "read in another way" : adoptCodes(found, decoding);
  };
  const taken = (...args: Parameters<typeof adopt>) => {
    const stored = adopt(...args);
    if (typeof stored === "string") throw new Error(stored);
    return stored;
  };

  it("keeps the model's own codes, signed or not, with their scale and zero point", () => {
    const plain = taken([signed, scalar("s", 0.5)]);
    expect(plain.codes).toEqual(Uint8Array.of(128, 255, 0, 1, 2, 127));
    expect(plain).toMatchObject({
      name: "q",
      count: 6,
      infinityNorm: 64,
      zeroPoints: undefined,
    });
    expect(plain.format.name).toBe("int8");
    expect(Array.from(cleanWeights(plain))).toEqual([-64, -0.5, 0, 0.5, 1, 63.5]);

    const zero = uint8Tensor("z", [], Uint8Array.of(128));
    const shifted = taken([unsigned, scalar("s", 0.5), zero], {}, ["q", "s", "z"]);
    expect(shifted.codes).toEqual(Uint8Array.of(0, 1, 127, 128, 129, 255));
    expect(shifted.format.name).toBe("uint8");
    expect(Array.from(cleanWeights(shifted))).toEqual([-64, -63.5, -0.5, 0, 0.5, 63.5]);

    const nought = taken([signed, scalar("s", 0.5), int8Tensor("z", [], Int8Array.of(0))], {}, [
      "q",
      "s",
      "z",
    ]);
    expect(nought.zeroPoints).toBeUndefined();
  });

  it("takes scales along an axis, counted from either end", () => {
    const rows = taken([signed, numbers("s", 1, 0.5)], { axis: -2 });
    expect(rows).toMatchObject({ channelAxis: 0, steps: Float32Array.of(1, 0.5) });
    expect(Array.from(cleanWeights(rows))).toEqual([-128, -1, 0, 0.5, 1, 63.5]);
    const columns = taken([signed, numbers("s", 1, 2, 4), int8Tensor("z", [3], Int8Array.of(0, 1, 0))], {}, [
      "q",
      "s",
      "z",
    ]);
    expect(columns.channelAxis).toBe(1);
    expect(Array.from(cleanWeights(columns))).toEqual([-128, -4, 0, 1, 2, 508]);
  });

  it("refuses scales that do not fit, and weights that are not finite", () => {
    const unsupported = [
      () => adopt([signed, numbers("s", 1, 2)], { axis: 1 }),
      () => adopt([signed, numbers("s", 1, 2, 3)], { axis: 5 }),
      () => adopt([signed, numbers("s", 1, 2, 3), int8Tensor("z", [], Int8Array.of(1))], {}, ["q", "s", "z"]),
      () =>
        adopt([signed, floatTensor("s", [2, 2], new Float32Array(4).fill(1))], { axis: 1, block_size: 1 }),
    ];
    expect(unsupported.map(refusalCode)).toEqual(unsupported.map(() => "unsupported-model"));
    expect(refusalCode(() => adopt([signed, scalar("s", NaN)]))).toBe("non-finite");
    expect(refusalCode(() => adopt([signed, scalar("s", Infinity)]))).toBe("non-finite");
  });

  it("says when there is not one decoding known beforehand", () => {
    const others = [
      adopt([signed], {}, ["q", "x"]),
      adopt([signed, scalar("s", 1)], {}, ["q", "s", "x"]),
      adopt(
        [signed, scalar("s", 1), scalar("t", 2)],
        {},
        ["q", "s"],
        [makeNode("DequantizeLinear", ["q", "t"], ["e"])],
      ),
    ];
    expect(others).toEqual(others.map(() => "read in another way"));
  });

  it("takes a scale for each block, the last one short", () => {
    const scales = floatTensor("s", [2, 2], Float32Array.of(1, 10, 100, 1000));
    const stored = taken([signed, scales], { axis: 1, block_size: 2 });
    expect(stored).toMatchObject({ channelAxis: 1, blockSize: 2 });
    expect(Array.from(cleanWeights(stored))).toEqual([-128, -1, 0, 100, 200, 127000]);
    const rows = floatTensor("s", [1, 3], Float32Array.of(1, 10, 100));
    expect(Array.from(cleanWeights(taken([signed, rows], { axis: 0, block_size: 2 })))).toEqual([
      -128, -10, 0, 1, 20, 12700,
    ]);
  });

  it("accepts a scale behind Identity and a second decoder that agrees", () => {
    const stored = taken(
      [signed, scalar("s", 0.5)],
      {},
      ["q", "t"],
      [makeNode("Identity", ["s"], ["t"]), makeNode("DequantizeLinear", ["q", "s"], ["e"])],
    );
    expect(stored.steps).toEqual(Float32Array.of(0.5));
    expect(elementCount(stored.dims)).toBe(stored.count);
  });
});

describe("adoptIntegers", () => {
  it("stores shapes and indices in 16 bits of two's complement", () => {
    const model = buildModel({
      nodes: [makeNode("Reshape", ["x", "s"], ["y"])],
      initialisers: [int64Tensor("s", [3], [-1, 32767, -32768])],
      outputs: ["y"],
    });
    const stored = adoptIntegers(findTensors(indexModel(model))[0]!);
    expect(stored).toMatchObject({ name: "s", role: "integer", infinityNorm: 32768 });
    expect(stored.codes).toEqual(Uint16Array.of(0xffff, 0x7fff, 0x8000));
    expect(Array.from(cleanWeights(stored))).toEqual([-1, 32767, -32768]);
  });
});
