import { describe, expect, it } from "vitest";
import { buildModel, floats, runModel } from "../../../test/build-model.ts";
import { quantisedModels } from "../../../test/quantised-models.ts";
import { codesInt32, someCodes, wave, type QuantisedModel } from "../../../test/quantised-parts.ts";
import type { Codes } from "../../channel/index.ts";
import { codeFormat } from "../codes.ts";
import { makeNode } from "../graph.ts";
import { hardenModel } from "../harden.ts";
import type { OnnxModel } from "../model.ts";
import { prepareModel, type PreparedModel } from "../prepare.ts";
import { cleanSegments, decodeInto } from "../../stored/index.ts";
import { elementCount, floatTensor, int8Tensor } from "../tensor.ts";

function input({ input: dims }: QuantisedModel) {
  return { x: { dims, data: wave(elementCount(dims), 2) } };
}

const output = async (model: OnnxModel, form: QuantisedModel) =>
  floats((await runModel(model, input(form), "disabled"))["y"]);

/** The prepared model with other codes in one tensor's place. */
function withCodes(prepared: PreparedModel, name: string, codes: Codes): OnnxModel {
  const tensor = prepared.tensors.find((t) => t.name === name)!;
  const weights = new Float32Array(tensor.count);
  decodeInto(tensor, cleanSegments(tensor), codes, weights);
  const { graph } = prepared.model;
  const place = graph.initializer.findIndex((t) => t.name === tensor.runtimeName);
  const initializer = graph.initializer.with(place, floatTensor(tensor.runtimeName, tensor.dims, weights));
  return { ...prepared.model, graph: { ...graph, initializer } };
}

function expectClose(found: Float32Array, expected: Float32Array, tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  const worst = found.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(tolerance);
}

/**
 * Forms whose kernels, on x86 processors without VNNI, add products of uint8 and int8 in pairs in 16 bits, where
 * they saturate: with large weights the runtime itself is then off, on those processors only.
 */
const integerProducts = /^(QLinearConv|dynamic quantisation|QAttention)/;

/** -32 to 31: with one weight hit to 96 a pair stays below 255 (96 + 32) < 2^15. */
const small = (code: number) => ((code & 63) - 32) & 255;

describe.each(Object.keys(quantisedModels))("%s", (name) => {
  const form = quantisedModels[name]!;
  const every = someCodes(form.dataType, elementCount(form.dims));
  const codes = integerProducts.test(name) ? every.map(small) : every;
  const model = form.build(codes);
  const prepared = prepareModel(model);
  const stored = prepared.tensors.find((t) => t.name === form.tensor)!;

  it("keeps the model's own codes and computes what it computes", async () => {
    expect(stored.codes).toEqual(codes);
    expect(stored.dims).toEqual(form.dims);
    expect(stored.format.name).toBe(codeFormat(form.dataType).name);
    const expected = await output(model, form);
    const spread = Math.max(...expected) - Math.min(...expected);
    // A test that could not fail: all outputs within the tolerance of each other.
    expect(spread).toBeGreaterThan(4 * form.tolerance);
    expectClose(await output(prepared.model, form), expected, form.tolerance);
  });

  it("computes with a hit integer what the model with that integer computes", async () => {
    const clean = await output(model, form);
    let changed = 0;
    for (const index of [0, codes.length - 1]) {
      const hit = codes.slice();
      hit[index]! ^= 1 << (codeFormat(form.dataType).bits - 2);
      const byHand = await output(form.build(hit), form);
      expectClose(await output(withCodes(prepared, form.tensor, hit), form), byHand, form.tolerance);
      changed = byHand.reduce((m, v, i) => Math.max(m, Math.abs(v - clean[i]!)), changed);
    }
    expect(changed).toBeGreaterThan(form.tolerance);
  });

  const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
  // Blocks and narrow codes need operator set 21.
  const isOld = Number(model.opsetImport[0]!.version) < 21 && name.startsWith("MatMulNBits");

  it.each(isOld ? (["gather"] as const) : (["gather", "qdq"] as const))(
    "hardened (%s), it still computes that",
    async (decode) => {
      const hardened = hardenModel(prepared, segments, decode);
      expectClose(await output(hardened, form), await output(model, form), form.tolerance);
      const names = new Set(prepared.tensors.map((t) => t.runtimeName));
      expect(hardened.graph.initializer.filter((t) => names.has(t.name))).toEqual([]);
    },
  );
});

it("says which operator set DequantizeLinear needs for blocks", () => {
  const form = quantisedModels["MatMulNBits, 4 bits, a short block"]!;
  const prepared = prepareModel(form.build(someCodes(form.dataType, elementCount(form.dims))));
  const segments = new Map(prepared.tensors.map((t) => [t.name, cleanSegments(t)]));
  expect(() => hardenModel(prepared, segments, "qdq")).toThrow(/needs 21 .*; use --form gather\.$/);
});

describe("weights that are quantised when the model is loaded", () => {
  const weights = floatTensor("w", [4, 6], wave(24));
  const nodes = [
    makeNode("QuantizeLinear", ["w", "s", "z"], ["q"], { axis: 1 }),
    makeNode("DequantizeLinear", ["q", "s", "z"], ["d"], { axis: 1 }),
    makeNode("MatMul", ["x", "d"], ["y"]),
  ];
  const scales = floatTensor("s", [6], Float32Array.of(0.01, 0.007, 0.003, 0.009, 0.5, 0.02));
  const fake = buildModel({
    nodes,
    initialisers: [weights, scales, int8Tensor("z", [6], Int8Array.of(0, 3, -7, 100, 1, 0))],
    inputs: { x: [3, 4] },
    outputs: ["y"],
  });

  it("have the codes that QuantizeLinear gives them, under their own name", async () => {
    const x = { dims: [3, 4], data: wave(12, 5) };
    const prepared = prepareModel(fake);
    expect(prepared.tensors).toMatchObject([{ name: "w", dims: [4, 6], channelAxis: 1 }]);
    expect(prepared.tensors[0]!.format.name).toBe("int8");
    const expected = floats((await runModel(fake, { x }, "disabled"))["y"]);
    expect(floats((await runModel(prepared.model, { x }, "disabled"))["y"])).toEqual(expected);
  });
});

describe("biases of 32 bits", () => {
  it.each([
    ["QLinearConv", "b"],
    ["QLinearConv per channel", "b"],
    ["QGemm", "c"],
  ])("of %s are not in the memory, and that is said; their scales are scales", (name, bias) => {
    const form = quantisedModels[name]!;
    const codes = someCodes(form.dataType, elementCount(form.dims));
    const { tensors, absent } = prepareModel(form.build(codes), { roles: ["bias", "integer"] });
    expect(tensors.map((tensor) => tensor.name)).toEqual([form.tensor]);
    expect(absent?.find((tensor) => tensor.name === bias)?.reason).toMatch(/^biases of 32 bits/);
    const { tensors: held } = prepareModel(form.build(codes), { roles: ["bias", "scale"] });
    expect(held.find((tensor) => tensor.name === "ws")?.role).toBe("scale");
  });

  it("behind DequantizeLinear are told from shapes", () => {
    const model = buildModel({
      nodes: [
        makeNode("DequantizeLinear", ["b", "bs"], ["bias"]),
        makeNode("Gemm", ["x", "w", "bias"], ["y"]),
      ],
      initialisers: [
        codesInt32("b", [3, -7, 90]),
        floatTensor("bs", [], Float32Array.of(0.1)),
        floatTensor("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
      ],
      inputs: { x: [1, 2] },
      outputs: ["y"],
    });
    const { tensors, absent } = prepareModel(model, { roles: ["bias", "integer"] });
    expect(tensors.map((tensor) => tensor.name)).toEqual(["w"]);
    expect(absent?.find((tensor) => tensor.name === "b")?.reason).toMatch(/^biases of 32 bits/);
  });
});
