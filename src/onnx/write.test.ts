import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TrainingInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
  type SparseTensorProto,
  type TensorProto,
} from "onnx-buf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { buildModel, floats, runModel } from "../../test/build-model.ts";
import { memorySource, totalLength, type ByteRange } from "../bytes/index.ts";
import { makeNode, makeValueInfo } from "./graph.ts";
import { forEachTensor, isDeferred } from "./lazy.ts";
import { cloneModel, parseModel, scanModel, serialiseModel, type OnnxModel } from "./model.ts";
import { openModel } from "./open.ts";
import { DataType, floatTensor, int64Tensor } from "./tensor.ts";
import { joinRanges } from "./wire.ts";
import { modelFiles } from "./write.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-write-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Values of a sine at uneven places, as bytes that look like weights. */
const bytesOf = (count: number, seed: number) =>
  new Uint8Array(Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed)).buffer);

const name = fc.string({ unit: "grapheme", maxLength: 6 });
const entries = fc.array(fc.record({ key: name, value: name }), { maxLength: 2 });
/** Fields that this version of onnx.proto does not know. */
const unknown = fc.array(
  fc.record({
    no: fc.integer({ min: 1000, max: 4000 }),
    wireType: fc.constant(0 as const),
    data: fc.integer({ min: 0, max: 127 }).map((v) => Uint8Array.of(v)),
  }),
  { maxLength: 2 },
);

const tensor: fc.Arbitrary<TensorProto> = fc
  .record({
    name,
    docString: fc.option(name),
    form: fc.constantFrom(
      "raw",
      "large",
      "float",
      "int32",
      "int64",
      "double",
      "uint64",
      "string",
      "external",
    ),
    count: fc.nat(5),
    seed: fc.nat(99),
    metadataProps: entries,
    unknown,
  })
  .map(({ name: own, docString, form, count, seed, metadataProps, unknown: fields }) => {
    const numbers = Array.from({ length: count }, (_, i) => Math.fround(Math.sin(seed + i)));
    const integers = numbers.map((v) => Math.round(1e6 * v));
    const external = { location: "w.bin", offset: "0", length: String(4 * count) };
    const data = {
      raw: { dataType: DataType.FLOAT, rawData: bytesOf(count, seed) },
      large: { dataType: DataType.FLOAT, rawData: bytesOf(1030 + count, seed) },
      float: { dataType: DataType.FLOAT, floatData: numbers },
      int32: { dataType: DataType.INT32, int32Data: integers },
      int64: { dataType: DataType.INT64, int64Data: integers.map(BigInt) },
      double: { dataType: DataType.DOUBLE, doubleData: numbers.map((v) => v / 3) },
      uint64: { dataType: DataType.UINT64, uint64Data: integers.map((v) => BigInt(Math.abs(v))) },
      string: {
        dataType: DataType.STRING,
        stringData: numbers.map((v) => new TextEncoder().encode(String(v))),
      },
      external: {
        dataType: DataType.FLOAT,
        dataLocation: 1,
        externalData: Object.entries(external).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        ),
      },
    }[form];
    const made = create(TensorProtoSchema, {
      name: own,
      ...data,
      dims: [BigInt(form === "large" ? 1030 + count : count)],
      ...(docString === null ? {} : { docString }),
      metadataProps: metadataProps.map((e) => create(StringStringEntryProtoSchema, e)),
    });
    if (fields.length > 0) made.$unknown = fields;
    return made;
  });

const sparse: fc.Arbitrary<SparseTensorProto> = fc
  .tuple(tensor, tensor)
  .map(([values, indices]) => create(SparseTensorProtoSchema, { values, indices, dims: [7n] }));

const { graph } = fc.letrec<{ attribute: AttributeProto; graph: GraphProto }>((tie) => ({
  attribute: fc
    .record({
      name,
      kind: fc.constantFrom("t", "tensors", "g", "graphs", "sparse", "sparses", "scalars"),
      tensors: fc.array(tensor, { minLength: 1, maxLength: 2 }),
      sparses: fc.array(sparse, { minLength: 1, maxLength: 2 }),
      graphs: fc.array(tie("graph"), { maxLength: 1 }),
      docString: name,
    })
    .map(({ name: own, kind, tensors, sparses, graphs, docString }) => {
      const value = {
        t: { type: AttributeType.TENSOR, t: tensors[0]! },
        tensors: { type: AttributeType.TENSORS, tensors },
        g: graphs[0] === undefined ? {} : { type: AttributeType.GRAPH, g: graphs[0] },
        graphs: { type: AttributeType.GRAPHS, graphs },
        sparse: { type: AttributeType.SPARSE_TENSOR, sparseTensor: sparses[0]! },
        sparses: { type: AttributeType.SPARSE_TENSORS, sparseTensors: sparses },
        scalars: { f: 0.5, i: -3n, s: Uint8Array.of(1, 2), ints: [1n, -1n], floats: [0.25], strings: [] },
      }[kind];
      return create(AttributeProtoSchema, { name: own, docString, ...value });
    }),
  graph: fc
    .record({
      name,
      initializer: fc.array(tensor, { maxLength: 3 }),
      sparseInitializer: fc.array(sparse, { maxLength: 2 }),
      attributes: fc.array(tie("attribute"), { maxLength: 2 }),
      docString: name,
    })
    .map(({ name: own, initializer, sparseInitializer, attributes, docString }) =>
      create(GraphProtoSchema, {
        name: own,
        docString,
        initializer,
        sparseInitializer,
        node: [create(NodeProtoSchema, { opType: "Op", output: ["y"], attribute: attributes, domain: "d" })],
        valueInfo: [makeValueInfo("y", DataType.FLOAT, ["N", 3])],
      }),
    ),
}));

/** Models of any content; they need not make sense. */
const model: fc.Arbitrary<OnnxModel> = fc
  .record({
    main: graph,
    functions: fc.array(graph, { maxLength: 2 }),
    training: fc.array(graph, { maxLength: 1 }),
    metadataProps: entries,
    producerName: name,
    modelVersion: fc.bigInt({ min: -5n, max: 5n }),
    unknown,
  })
  .map(({ main, functions, training, metadataProps, producerName, modelVersion, unknown: fields }) => {
    const made = create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [{ domain: "", version: 20n }],
      producerName,
      modelVersion,
      graph: main,
      metadataProps: metadataProps.map((e) => create(StringStringEntryProtoSchema, e)),
      functions: functions.map(({ node }, i) =>
        create(FunctionProtoSchema, { name: `f${i}`, domain: "d", node, attribute: ["a"] }),
      ),
      trainingInfo: training.map((g) =>
        create(TrainingInfoProtoSchema, {
          initialization: g,
          algorithm: g,
          updateBinding: [{ key: "a", value: "b" }],
        }),
      ),
    }) as OnnxModel;
    if (fields.length > 0) made.$unknown = fields;
    return made;
  });

describe("reading and writing", () => {
  it("loses no field of any model, whichever way it is read", () => {
    let deferred = 0;
    fc.assert(
      fc.property(model, (made) => {
        const bytes = toBinary(ModelProtoSchema, made);
        expect(Buffer.compare(serialiseModel(made), bytes)).toBe(0);
        const parsed = parseModel(bytes);
        const scanned = scanModel(memorySource(bytes));
        for (const read of [parsed, scanned, cloneModel(scanned)]) {
          expect(Buffer.compare(serialiseModel(read), bytes)).toBe(0);
        }
        forEachTensor(scanned, (t) => (deferred += isDeferred(t) ? 1 : 0));
        // Large data are found wherever they are: nothing of that size is left in the copy that protobuf parsed.
        forEachTensor(scanned, (t) => expect(t.rawData.byteLength >= 4096).toBe(isDeferred(t)));
      }),
      { seed: 3, numRuns: 200 },
    );
    expect(deferred).toBeGreaterThan(200);
  });
});

/** y = (x w + b) v: two weights that may leave the model's file, and constants that may not. */
const network = () => {
  const w = floatTensor("w", [6, 300], new Float32Array(bytesOf(1800, 1).buffer));
  const v = floatTensor("v", [300, 8], new Float32Array(bytesOf(2400, 2).buffer));
  const constant = create(NodeProtoSchema, {
    opType: "Constant",
    name: "v",
    output: ["v"],
    attribute: [create(AttributeProtoSchema, { name: "value", type: AttributeType.TENSOR, t: v })],
  });
  return buildModel({
    nodes: [
      makeNode("Gemm", ["x", "w", "b"], ["h"]),
      makeNode("Reshape", ["h", "shape"], ["r"]),
      constant,
      makeNode("MatMul", ["r", "v"], ["y"]),
    ],
    initialisers: [
      w,
      floatTensor("b", [300], new Float32Array(bytesOf(300, 3).buffer)),
      int64Tensor("shape", [2], [-1, 300]),
    ],
    inputs: { x: ["N", 6] },
    outputs: ["y"],
  });
};

const written = (file: string, ranges: readonly ByteRange[]) => {
  const path = join(folder, file);
  writeFileSync(path, joinRanges(ranges));
  return path;
};

describe("a model as files", () => {
  it("stands alone when it fits", () => {
    const own = network();
    const bytes = serialiseModel(own);
    const alone = modelFiles(own, "m.data", bytes.byteLength);
    expect(alone.data).toBeUndefined();
    expect(Buffer.compare(joinRanges(alone.model), bytes)).toBe(0);
    expect(modelFiles(own, "m.data", bytes.byteLength - 1).data).toBeDefined();
  });

  it("leaves its large tensors in a file of their own, page by page, and computes the same from there", async () => {
    const own = network();
    const files = modelFiles(own, "big.onnx.data", 1000);
    expect(totalLength(files.data!)).toBe(2 * 4096 + 9600);
    expect(totalLength(files.model)).toBeLessThan(2500);
    written("big.onnx.data", files.data!);
    const path = written("big.onnx", files.model);

    const { model: opened } = openModel(path);
    const before = new Map<string, Uint8Array>();
    forEachTensor(own, (t) => before.set(t.name, t.rawData));
    forEachTensor(opened, (t) => expect(t.rawData).toEqual(before.get(t.name)));

    const x = new Float32Array(bytesOf(12, 5).buffer);
    const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const { y } = await session.run({ x: new Tensor("float32", x, [2, 6]) });
    await session.release();
    const feeds = { x: { dims: [2, 6], data: x } };
    expect(floats(y)).toEqual(floats((await runModel(own, feeds))["y"]));
    expect(floats((await runModel(opened, feeds))["y"])).toEqual(floats(y));
  });

  it("is left as it was", () => {
    const own = network();
    const bytes = serialiseModel(own);
    modelFiles(own, "m.data", 1000);
    expect(Buffer.compare(serialiseModel(fromBinary(ModelProtoSchema, bytes)), bytes)).toBe(0);
    expect(Buffer.compare(serialiseModel(own), bytes)).toBe(0);
  });
});
