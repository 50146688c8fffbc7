import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema, type TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, fixture, fixtureNames, floats, runModel } from "../../test/build-model.ts";
import { numberFormat, type NumberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { makeNode, makeValueInfo } from "./graph.ts";
import { hardenModel, type DecodeForm } from "./harden.ts";
import { parseModel, serialiseModel, type OnnxModel } from "./model.ts";
import { prepareModel, type PreparedModel } from "./prepare.ts";
import type { StorageOptions } from "./store.ts";
import { cleanSegments, decodeInto, type DecodeSegment, type StoredTensor } from "../stored/index.ts";
import { DataType, elementCount, floatData, floatTensor, int8Tensor, uint8Tensor } from "./tensor.ts";

const wave = (name: string, ...dims: number[]) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(1 + i * i)),
  );

/** y = x W with W of 4 by 6 weights. */
const matrix = (
  initialisers: readonly TensorProto[] = [wave("w", 4, 6)],
  dequantise: readonly string[] = [],
  opset = 17,
) =>
  buildModel({
    nodes: [
      ...(dequantise.length === 0 ? [] : [makeNode("DequantizeLinear", dequantise, ["w"], { axis: 1 })]),
      makeNode("MatMul", ["x", "w"], ["y"]),
    ],
    initialisers,
    inputs: { x: [3, 4] },
    outputs: ["y"],
    opset,
  });

const x = { dims: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => (i % 5) - 2) };

/** The model with every decoded weight as an output of its own. */
function exposing(model: OnnxModel, prepared: PreparedModel): OnnxModel {
  const exposed = parseModel(serialiseModel(model));
  for (const { runtimeName } of prepared.tensors)
    exposed.graph.output.push(makeValueInfo(runtimeName, DataType.FLOAT));
  return exposed;
}

const sameForAll = (prepared: PreparedModel, segments: (t: StoredTensor) => readonly DecodeSegment[]) =>
  new Map(prepared.tensors.map((t) => [t.name, segments(t)]));

/** Some decode table that no affine map gives. */
const oddTable = (format: NumberFormat, seed: number) =>
  format.values.map((v, c) => (Number.isFinite(v) ? v * (1 + 0.01 * Math.sin(seed + c)) - 0.3 * seed : 0));

/** Three runs of weights: two decode tables, and the second one again, split where no row ends. */
function threeSegments(tensor: StoredTensor): DecodeSegment[] {
  const [a, b] = [Math.floor(tensor.count / 3) + 1, Math.floor(tensor.count / 2) + 1];
  const tables = [oddTable(tensor.format, 1), oddTable(tensor.format, 2)];
  return [
    { start: 0, count: a, table: tables[0]! },
    { start: a, count: b - a, table: tables[1]! },
    { start: b, count: tensor.count - b, table: tables[1]!.slice() },
  ];
}

const zeroPointed = (type: "int8" | "uint8", channels: boolean) => {
  const codes = Uint8Array.from({ length: 24 }, (_, i) => (i * 37 + 5) & 255);
  const make = (name: string, dims: readonly number[], data: Uint8Array) =>
    type === "int8" ? int8Tensor(name, dims, new Int8Array(data)) : uint8Tensor(name, dims, data);
  const scales = channels ? [0.1, 0.2, 0.3, 0.04, 0.5, 0.07] : [0.123];
  const zeros = Uint8Array.from(scales, (_, c) => (c * 50 + 3) & 127);
  const dims = channels ? [6] : [];
  return matrix(
    [make("q", [4, 6], codes), floatTensor("s", dims, Float32Array.from(scales)), make("z", dims, zeros)],
    ["q", "s", "z"],
  );
};

const stored: Record<string, readonly [OnnxModel, StorageOptions]> = {
  "int8 per tensor": [matrix(), {}],
  "int8 per channel": [matrix(), { granularity: "channel" }],
  "int4 Gray codes per channel": [matrix(), { format: "int4-gray", granularity: "channel" }],
  "fp8 codes": [matrix(), { format: "fp8-e4m3" }],
  "convolution per channel": [
    buildModel({
      nodes: [
        makeNode("Constant", [], ["shape"], { value_ints: [1, 3, 2, 2] }),
        makeNode("Reshape", ["x", "shape"], ["image"]),
        makeNode("ConvTranspose", ["image", "w"], ["y"]),
      ],
      initialisers: [wave("w", 3, 5, 2, 2)],
      inputs: { x: [3, 4] },
      outputs: ["y"],
    }),
    { granularity: "channel" },
  ],
  "int8 with a zero point": [zeroPointed("int8", false), {}],
  "int8 with zero points per channel": [zeroPointed("int8", true), {}],
  "uint8 with a zero point": [zeroPointed("uint8", false), {}],
  "uint8 with zero points per channel": [zeroPointed("uint8", true), {}],
};

/** What `decodeInto` makes of the codes. */
function decode(
  tensor: StoredTensor,
  segments: readonly DecodeSegment[],
  codes = tensor.codes,
): Float32Array {
  const values = new Float32Array(tensor.count);
  decodeInto(tensor, segments, codes, values);
  return values;
}

describe.each(Object.keys(stored))("hardened model, %s", (name) => {
  const [model, options] = stored[name]!;
  const prepared = prepareModel(model, options);
  const [tensor] = prepared.tensors;

  it.each(["all", "disabled"] as const)(
    "gather decodes as decodeInto, bit for bit (optimisations: %s)",
    async (level) => {
      for (const segments of [cleanSegments(tensor!), threeSegments(tensor!)]) {
        const hardened = hardenModel(prepared, new Map([[tensor!.name, segments]]), "gather");
        const outputs = await runModel(exposing(hardened, prepared), { x }, level);
        expect(floats(outputs[tensor!.runtimeName])).toEqual(decode(tensor!, segments));
      }
    },
  );

  it("computes what the float32 model with the decoded weights computes", async () => {
    const segments = threeSegments(tensor!);
    const hardened = hardenModel(prepared, new Map([[tensor!.name, segments]]), "gather");
    const plain = parseModel(serialiseModel(prepared.model));
    const place = plain.graph.initializer.findIndex((t) => t.name === tensor!.runtimeName);
    plain.graph.initializer[place] = floatTensor(
      tensor!.runtimeName,
      tensor!.dims,
      decode(tensor!, segments),
    );
    expect(floats((await runModel(hardened, { x }))["y"])).toEqual(
      floats((await runModel(plain, { x }))["y"]),
    );
  });

  it("is hit by faults where its codes are", async () => {
    const segments = cleanSegments(tensor!);
    const bytes = serialiseModel(
      exposing(hardenModel(prepared, new Map([[tensor!.name, segments]]), "gather"), prepared),
    );
    const codes = parseModel(bytes).graph.initializer.find(
      (t) => t.name === `${tensor!.name}.codes`,
    )!.rawData;
    expect(codes).toEqual(tensor!.codes);
    const top = 1 << (tensor!.format.bits - 1);
    for (let i = 0; i < codes.length; i += 3) codes[i]! ^= top;
    const outputs = await runModel(parseModel(bytes), { x });
    expect(floats(outputs[tensor!.runtimeName])).toEqual(decode(tensor!, segments, codes));
    expect(decode(tensor!, segments, codes)).not.toEqual(decode(tensor!, segments));
  });
});

const eightBit = Object.keys(stored).filter((name) => /int8|convolution/.test(name));

describe.each(eightBit)("QDQ form, %s", (name) => {
  const [model, options] = stored[name]!;
  const prepared = prepareModel(model, options);
  const [tensor] = prepared.tensors;
  const run = async (table: Float64Array) => {
    const segments = [{ start: 0, count: tensor!.count, table }];
    const hardened = hardenModel(prepared, new Map([[tensor!.name, segments]]), "qdq");
    expect(hardened.graph.node.filter((n) => n.opType === "DequantizeLinear")).toHaveLength(1);
    const outputs = await runModel(exposing(hardened, prepared), { x }, "disabled");
    return { hardened, values: floats(outputs[tensor!.runtimeName]), expected: decode(tensor!, segments) };
  };

  it("decodes clean codes bit for bit, with nothing but DequantizeLinear", async () => {
    const { hardened, values, expected } = await run(tensor!.format.values);
    expect(values).toEqual(expected);
    expect(hardened.graph.node.some((n) => n.opType === "Add")).toBe(false);
  });

  it("decodes affine corrections to float32 rounding", async () => {
    for (const [slope, offset] of [
      [1.25, 0],
      [1.25, 0.125],
      [0.37, -41.7],
      [0.011, 97.3],
      [0, 3],
    ] as const) {
      const { values, expected } = await run(tensor!.format.values.map((v) => slope * v + offset));
      // Step, product, offset and sum round once each on either side; none is larger than the sum of magnitudes.
      const step = Math.max(...tensor!.steps);
      const size = (slope * 512 + Math.abs(offset) + 128) * step;
      const worst = values.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i]!)), 0);
      expect(worst).toBeLessThanOrEqual(8 * 2 ** -24 * size);
    }
  });
});

describe("hardenModel", () => {
  const refusal = (prepared: PreparedModel, segments: (t: StoredTensor) => readonly DecodeSegment[]) => {
    try {
      hardenModel(prepared, sameForAll(prepared, segments), "qdq");
    } catch (error) {
      return error instanceof QtamlError ? `${error.code}: ${error.message}` : error;
    }
    return "nothing thrown";
  };

  it("says when DequantizeLinear cannot do it, and what can", () => {
    const message = /^invalid-argument: .*use --form gather\.$/;
    expect(refusal(prepareModel(matrix()), threeSegments)).toMatch(message);
    expect(
      refusal(prepareModel(matrix()), (t) => [{ start: 0, count: t.count, table: oddTable(t.format, 1) }]),
    ).toMatch(message);
    expect(refusal(prepareModel(matrix(), { format: "int4" }), cleanSegments)).toMatch(message);
    expect(refusal(prepareModel(matrix(), { format: "int8-offset" }), cleanSegments)).toMatch(message);
    expect(refusal(prepareModel(matrix([wave("w", 4, 6)], [], 9)), cleanSegments)).toMatch(message);
    const channels = { granularity: "channel" } as const;
    expect(refusal(prepareModel(matrix([wave("w", 4, 6)], [], 12), channels), cleanSegments)).toMatch(
      message,
    );
    expect(refusal(prepareModel(matrix([wave("w", 4, 6)], [], 12)), cleanSegments)).toBe("nothing thrown");
  });

  it("keeps metadata, replacing entries of the same key, and leaves the prepared model as it was", () => {
    const model = matrix();
    const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });
    model.metadataProps.push(entry("author", "someone"), entry("qtaml.plan", "old"));
    model.producerName = "pytorch";
    const prepared = prepareModel(model);
    const before = serialiseModel(prepared.model);
    const hardened = hardenModel(prepared, sameForAll(prepared, cleanSegments), "gather", {
      "qtaml.plan": "new",
    });
    expect(hardened.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ["author", "someone"],
      ["qtaml.plan", "new"],
    ]);
    expect(hardened.producerName).toBe("pytorch");
    expect(Buffer.compare(serialiseModel(prepared.model), before)).toBe(0);
  });

  it("joins neighbouring segments of the same table", () => {
    const prepared = prepareModel(matrix());
    const hardened = hardenModel(prepared, sameForAll(prepared, threeSegments), "gather");
    expect(hardened.graph.node.filter((n) => n.opType === "Gather")).toHaveLength(2);
    const split = (t: StoredTensor) => [
      { start: 0, count: 5, table: t.format.values },
      { start: 5, count: t.count - 5, table: t.format.values },
    ];
    const joined = hardenModel(prepared, sameForAll(prepared, split), "qdq");
    expect(joined.graph.node.map((n) => n.opType)).toEqual(["DequantizeLinear", "MatMul"]);
  });

  it.each(["tensor", "channel"] as const)(
    "qdq: segments with affine decoders of their own, one step a %s",
    async (granularity) => {
      const prepared = prepareModel(matrix(), { granularity });
      const split = (t: StoredTensor): DecodeSegment[] => [
        { start: 0, count: 5, table: t.format.values.map((v) => 1.25 * v + 0.125) },
        { start: 5, count: t.count - 5, table: t.format.values.map((v) => 1.5 * v) },
      ];
      const hardened = hardenModel(prepared, sameForAll(prepared, split), "qdq");
      const outputs = await runModel(exposing(hardened, prepared), { x }, "disabled");
      for (const tensor of prepared.tensors) {
        const expected = new Float32Array(tensor.count);
        decodeInto(tensor, split(tensor), tensor.codes, expected);
        // A rounding each for the step, the product, the offset, the sum and the table, of numbers up to the largest.
        const tolerance = 5 * 2 ** -24 * 1.5 * 127 * Math.max(...tensor.steps);
        floats(outputs[tensor.runtimeName]).forEach((w, i) =>
          expect(Math.abs(w - expected[i]!)).toBeLessThanOrEqual(tolerance),
        );
      }
    },
  );

  it("refuses segments that leave weights out, as a defect of the caller", () => {
    const prepared = prepareModel(matrix());
    const table = numberFormat("int8").values;
    for (const segments of [
      [],
      [{ start: 0, count: 23, table }],
      [{ start: 1, count: 24, table }],
      [
        { start: 0, count: 12, table },
        { start: 13, count: 11, table },
      ],
    ]) {
      expect(() =>
        hardenModel(
          prepared,
          sameForAll(prepared, () => segments),
          "gather",
        ),
      ).toThrow(/cover \d+ of its 24/);
    }
    expect(() => hardenModel(prepared, new Map(), "gather")).toThrow("No decode segments");
  });

  it.each(fixtureNames)("%s: every tensor, in both forms, per tensor and per channel", async (name) => {
    const { model, images, inputName, outputName } = fixture(name);
    const feeds = { [inputName]: images };
    for (const granularity of ["tensor", "channel"] as const) {
      const prepared = prepareModel(model, { granularity });
      const plain = await runModel(prepared.model, feeds);
      for (const form of ["gather", "qdq"] satisfies DecodeForm[]) {
        const hardened = hardenModel(prepared, sameForAll(prepared, cleanSegments), form);
        const outputs = await runModel(exposing(hardened, prepared), feeds, "disabled");
        for (const tensor of prepared.tensors) {
          const clean = prepared.model.graph.initializer.find((t) => t.name === tensor.runtimeName)!;
          expect(floats(outputs[tensor.runtimeName])).toEqual(floatData(clean));
        }
        // No weight is left beside its codes.
        const names = new Set(prepared.tensors.map((tensor) => tensor.runtimeName));
        expect(hardened.graph.initializer.filter((t) => names.has(t.name))).toEqual([]);
      }
      const hardened = hardenModel(prepared, sameForAll(prepared, cleanSegments), "gather");
      const logits = (await runModel(hardened, feeds))[outputName];
      expect(floats(logits)).toEqual(floats(plain[outputName]));
    }
  });
});
