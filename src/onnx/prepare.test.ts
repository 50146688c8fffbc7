import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import {
  buildModel,
  fixture,
  fixtureNames,
  floats,
  relativeDifference,
  runModel,
} from "../../test/build-model.ts";
import { QtamlError } from "../errors.ts";
import { makeNode, makeValueInfo } from "./graph.ts";
import { serialiseModel } from "./model.ts";
import { prepareModel } from "./prepare.ts";
import { cleanSegments, decodeInto, type StoredTensor } from "../stored/index.ts";
import { DataType, elementCount, floatData, floatTensor, int8Tensor } from "./tensor.ts";

const wave = (name: string, ...dims: number[]) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(1 + i * i)),
  );

const x = { dims: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => (i % 5) - 2) };

/** x (3 by 4) times the weights, which the nodes bring to the name "v". */
const product = (nodes: readonly NodeProto[], initialisers: readonly TensorProto[]) =>
  buildModel({
    nodes: [...nodes, makeNode("MatMul", ["x", nodes.length === 0 ? "w" : "v"], ["y"])],
    initialisers,
    inputs: { x: [3, 4] },
    outputs: ["y"],
  });

/** The same product computed in another type. */
const castProduct = (
  nodes: readonly NodeProto[],
  weights: string,
  initialisers: readonly TensorProto[],
  dataType: DataType,
) =>
  buildModel({
    nodes: [
      ...nodes,
      makeNode("Cast", ["x"], ["xCast"], { to: dataType }),
      makeNode("MatMul", ["xCast", weights], ["yCast"]),
      makeNode("Cast", ["yCast"], ["y"], { to: DataType.FLOAT }),
    ],
    initialisers,
    inputs: { x: [3, 4] },
    outputs: ["y"],
    opset: 19,
    irVersion: 9,
  });

function decoded(stored: StoredTensor): Float32Array {
  const values = new Float32Array(stored.count);
  decodeInto(stored, cleanSegments(stored), stored.codes, values);
  return values;
}

const run = async (model: Parameters<typeof runModel>[0]) => floats((await runModel(model, { x }))["y"]);

describe("prepareModel", () => {
  it.each(fixtureNames)("%s: the network with decoded weights, the file left as it was", async (name) => {
    const { model, images, inputName, outputName, logits } = fixture(name);
    const before = serialiseModel(model);
    for (const granularity of ["tensor", "channel"] as const) {
      const prepared = prepareModel(model, { granularity });
      expect(prepared.foldedNormalizations).toBe(name === "vgg-bn" ? 6 : 0);
      for (const stored of prepared.tensors) {
        const tensor = prepared.model.graph.initializer.find((t) => t.name === stored.runtimeName)!;
        expect(floatData(tensor)).toEqual(decoded(stored));
        expect(stored.channelAxis === undefined).toBe(granularity === "tensor");
      }
      const output = floats((await runModel(prepared.model, { [inputName]: images }))[outputName]);
      // Not a tight bound: 8-bit weights move logits by a few per cent, a misplaced weight by their own size.
      expect(relativeDifference(output, logits)).toBeLessThan(0.15);
    }
    expect(Buffer.compare(serialiseModel(model), before)).toBe(0);
  });

  it("stores 8 bits a weight unless told", () => {
    const model = product([], [wave("w", 4, 5)]);
    expect(prepareModel(model).tensors[0]!.format.name).toBe("int8");
    expect(prepareModel(model, { format: "int4-gray" }).tensors[0]!.format.name).toBe("int4-gray");
    expect(() => prepareModel(model, { format: "int9" })).toThrow(QtamlError);
  });

  it("takes models of IR version 3, whose initialisers are inputs too", async () => {
    const model = product([], [wave("w", 4, 5)]);
    model.irVersion = 3n;
    model.graph.input.push(makeValueInfo("w", DataType.FLOAT, [4, 5]));
    const prepared = prepareModel(model);
    expect(prepared.model.graph.input.map((i) => i.name)).toEqual(["x"]);
    expect(prepared.model.irVersion).toBe(4n);
    expect(await run(prepared.model)).toEqual(
      await run(product([], [floatTensor("w", [4, 5], decoded(prepared.tensors[0]!))])),
    );
  });

  it("takes weights of Constant nodes, and through Identity, Transpose and Reshape", async () => {
    const nodes = [
      makeNode("Constant", [], ["w"], { value: wave("", 5, 4) }),
      makeNode("Identity", ["w"], ["same"]),
      makeNode("Transpose", ["same"], ["v"]),
    ];
    const prepared = prepareModel(product(nodes, []), { granularity: "channel" });
    expect(prepared.tensors).toMatchObject([{ name: "w", dims: [5, 4], channelAxis: 0 }]);
    const direct = product(nodes.slice(1), [floatTensor("w", [5, 4], decoded(prepared.tensors[0]!))]);
    expect(await run(prepared.model)).toEqual(await run(direct));
  });

  it("keeps one tensor for tied weights", () => {
    const model = buildModel({
      nodes: [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("Transpose", ["w"], ["t"]),
        makeNode("Gemm", ["h", "t", "b"], ["y"]),
      ],
      initialisers: [wave("w", 4, 5), wave("b", 4)],
      inputs: { x: [3, 4] },
      outputs: ["y"],
    });
    const prepared = prepareModel(model);
    expect(prepared.tensors).toMatchObject([{ name: "w", operators: ["MatMul", "Gemm"] }]);
    const bias = prepared.model.graph.initializer.find((t) => t.name === "b")!;
    expect(floatData(bias)).toEqual(floatData(wave("b", 4)));
  });

  it.each(["FLOAT16", "DOUBLE"] as const)(
    "decodes weights of type %s in float32 and casts them",
    async (type) => {
      const dataType = DataType[type];
      const values = Float64Array.from(
        { length: 20 },
        (_, i) => Math.round(Math.sin(1 + i * i) * 1024) / 1024,
      );
      const raw =
        type === "DOUBLE"
          ? { rawData: new Uint8Array(values.buffer) }
          : { int32Data: Array.from(values, halfBits) };
      const weights = create(TensorProtoSchema, { name: "w", dims: [4n, 5n], dataType, ...raw });
      const prepared = prepareModel(castProduct([], "w", [weights], dataType));
      expect(prepared.tensors).toMatchObject([{ name: "w", runtimeName: "w.float32" }]);
      const reference = await run(product([], [floatTensor("w", [4, 5], decoded(prepared.tensors[0]!))]));
      // Sums of four products of up to 2: rounded to 11 bits in float16 (weights and result), to 24 in the reference.
      const tolerance = type === "DOUBLE" ? 8 * 2 ** -24 : 4 * 2 ** -11;
      expect(relativeDifference(await run(prepared.model), reference)).toBeLessThan(tolerance);
    },
  );

  it("keeps the codes of quantised models: same outputs, bit for bit", async () => {
    const codes = int8Tensor(
      "q",
      [4, 5],
      Int8Array.from({ length: 20 }, (_, i) => ((i * 37) % 256) - 128),
    );
    const scales = floatTensor("s", [5], Float32Array.of(0.1, 0.2, 0.3, 0.04, 0.5));
    const zeros = int8Tensor("z", [5], Int8Array.of(0, 3, -7, 0, 1));
    const nodes = [
      makeNode("DequantizeLinear", ["q", "s", "z"], ["v"], { axis: 1 }),
      makeNode("MatMul", ["x", "v"], ["h"]),
      makeNode("DequantizeLinear", ["q", "s", "z"], ["again"], { axis: 1 }),
      makeNode("Gemm", ["h", "again"], ["y"], { transB: 1 }),
    ];
    const model = buildModel({
      nodes,
      initialisers: [codes, scales, zeros],
      inputs: { x: [3, 4] },
      outputs: ["y"],
    });
    const prepared = prepareModel(model);
    expect(prepared.tensors).toMatchObject([{ name: "q", runtimeName: "v", operators: ["MatMul", "Gemm"] }]);
    expect(prepared.model.graph.node.some((n) => n.opType === "DequantizeLinear")).toBe(false);
    expect(prepared.model.graph.initializer.map((t) => t.name)).toEqual(["v"]);
    expect(await run(prepared.model)).toEqual(await run(model));
  });

  it("keeps the type of quantised weights with float16 scales", async () => {
    const codes = int8Tensor(
      "q",
      [4, 5],
      Int8Array.from({ length: 20 }, (_, i) => ((i * 37) % 256) - 128),
    );
    const scale = create(TensorProtoSchema, {
      name: "s",
      dataType: DataType.FLOAT16,
      int32Data: [halfBits(0.125)],
    });
    const nodes = [makeNode("DequantizeLinear", ["q", "s"], ["half"])];
    const model = castProduct(nodes, "half", [codes, scale], DataType.FLOAT16);
    const prepared = prepareModel(model);
    expect(prepared.tensors).toMatchObject([{ name: "q", runtimeName: "half.float32" }]);
    // Multiples of 1/8 up to 128: every number on the way is exact in float16. Left to itself, the runtime makes an
    // integer product of the quantised one and rounds the activations.
    const exact = floats((await runModel(model, { x }, "disabled"))["y"]);
    expect(await run(prepared.model)).toEqual(exact);
  });

  it("keeps the type that DequantizeLinear states", () => {
    const codes = int8Tensor("q", [4, 5], new Int8Array(20).fill(3));
    const scale = floatTensor("s", [], Float32Array.of(0.5));
    const nodes = [makeNode("DequantizeLinear", ["q", "s"], ["half"], { output_dtype: DataType.FLOAT16 })];
    const { model } = prepareModel(castProduct(nodes, "half", [codes, scale], DataType.FLOAT16));
    const [cast] = model.graph.node;
    expect(cast).toMatchObject({ opType: "Cast", input: ["half.float32"], output: ["half"] });
    expect(Number(cast!.attribute[0]!.i)).toBe(DataType.FLOAT16);
  });

  it("refuses models without weights, and weights that are not finite", () => {
    const none = buildModel({
      nodes: [makeNode("Relu", ["x"], ["y"])],
      inputs: { x: [3, 4] },
      outputs: ["y"],
    });
    expect(() => prepareModel(none)).toThrow(expect.objectContaining({ code: "unsupported-model" }));
    const bad = floatTensor("w", [4, 5], new Float32Array(20).fill(NaN));
    expect(() => prepareModel(product([], [bad]))).toThrow(expect.objectContaining({ code: "non-finite" }));
  });
});

/** Bits of a float16 for numbers that have one: zero, or magnitude 2^-14 to 65504 with 11 significant bits. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) + ((exponent + 15) << 10) + fraction;
}
