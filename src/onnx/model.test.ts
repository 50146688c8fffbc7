import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  FunctionProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TrainingInfoProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel, fixtureBytes, fixtureNames, floats, runModel } from "../../test/build-model.ts";
import { QtamlError } from "../errors.ts";
import { makeNode } from "./graph.ts";
import { cloneModel, contentHash, opsetVersion, parseModel, serialiseModel } from "./model.ts";
import { floatData, floatTensor, int64Tensor } from "./tensor.ts";

/** Code of the error that the bytes are refused with, or what is wrong with the refusal. */
const refusal = (bytes: Uint8Array): unknown => {
  try {
    parseModel(bytes, "m.onnx");
  } catch (error) {
    if (!(error instanceof QtamlError)) return error;
    const isOneSentence = /^m\.onnx [^.]+\.$/.test(error.message);
    return isOneSentence ? error.code : error.message;
  }
  return "accepted";
};

const small = () =>
  buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    initialisers: [floatTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4))],
    inputs: { x: ["N", 2] },
    outputs: ["y"],
  });

describe("reading and writing", () => {
  it.each(fixtureNames)("%s comes back byte for byte", (name) => {
    const bytes = fixtureBytes(name);
    expect(Buffer.compare(serialiseModel(parseModel(bytes, name)), bytes)).toBe(0);
  });

  it("loses no field, not even unknown ones", () => {
    const model = small();
    model.producerName = "someone";
    model.docString = "ünïcode";
    model.modelVersion = -3n;
    model.metadataProps.push(create(StringStringEntryProtoSchema, { key: "k", value: "v" }));
    model.functions.push(
      create(FunctionProtoSchema, {
        name: "f",
        domain: "d",
        input: ["a"],
        output: ["b"],
        node: [makeNode("Relu", ["a"], ["b"])],
      }),
    );
    model.trainingInfo.push(
      create(TrainingInfoProtoSchema, { initializationBinding: [{ key: "a", value: "b" }] }),
    );
    model.graph.sparseInitializer.push(
      create(SparseTensorProtoSchema, {
        values: floatTensor("s", [1], Float32Array.of(5)),
        indices: int64Tensor("i", [1], [2]),
        dims: [4n],
      }),
    );
    model.graph.valueInfo.push(create(ValueInfoProtoSchema, { name: "y", docString: "here" }));
    model.graph.node.push(
      create(NodeProtoSchema, { opType: "Mine", domain: "com.example", input: ["y"], output: ["z"] }),
    );
    model.$unknown = [{ no: 3000, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    model.graph.initializer[0]!.$unknown = [{ no: 3001, wireType: 0, data: Uint8Array.of(42) }];
    const bytes = serialiseModel(model);
    const read = parseModel(bytes);
    expect(Buffer.compare(serialiseModel(read), bytes)).toBe(0);
    expect(read.functions[0]!.node[0]!.opType).toBe("Relu");
    expect(read.graph.sparseInitializer).toHaveLength(1);
    expect(read.$unknown).toHaveLength(1);
    expect(Buffer.compare(serialiseModel(cloneModel(read)), bytes)).toBe(0);
  });

  it("gives tensors that are views into the file, also of a Node Buffer", () => {
    const bytes = Buffer.concat([Buffer.alloc(5), serialiseModel(small())]).subarray(5);
    const model = parseModel(bytes);
    const raw = model.graph.initializer[0]!.rawData;
    raw[3] = 0xc0;
    expect(floatData(parseModel(bytes).graph.initializer[0]!)[0]).not.toBe(1);
    expect(raw).not.toBeInstanceOf(Buffer);
    expect(serialiseModel(model).buffer).not.toBe(bytes.buffer);
  });

  it("names the operator set and hashes content", () => {
    expect(opsetVersion(small())).toBe(17);
    expect(opsetVersion(create(ModelProtoSchema))).toBe(1);
    const other = small();
    other.opsetImport.unshift({ ...other.opsetImport[0]!, domain: "com.example", version: 3n });
    expect(opsetVersion(other)).toBe(17);
    // FIPS 180-2, appendix B.1.
    expect(contentHash(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

describe("cloneModel", () => {
  it("can be edited without touching the original, and shares the weights", () => {
    const model = small();
    const before = serialiseModel(model);
    const copy = cloneModel(model);
    expect(copy.graph.initializer[0]!.rawData.buffer).toBe(model.graph.initializer[0]!.rawData.buffer);
    copy.graph.node[0]!.input[1] = "v";
    copy.graph.node.push(makeNode("Relu", ["y"], ["z"]));
    copy.graph.initializer[0]!.name = "v";
    copy.graph.initializer[0]!.rawData = new Uint8Array(16);
    copy.graph.initializer.pop();
    copy.graph.input.pop();
    copy.opsetImport[0]!.version = 1n;
    expect(Buffer.compare(serialiseModel(model), before)).toBe(0);
  });
});

describe("files that are no models", () => {
  it("are refused when empty, of another kind, or without a graph, nodes, version or operator set", () => {
    expect(refusal(new Uint8Array(0))).toBe("invalid-file");
    expect(refusal(new TextEncoder().encode("PK\u0003\u0004 this is a zip file, honestly"))).toBe(
      "invalid-file",
    );
    expect(refusal(new TextEncoder().encode('{"json": true}'))).toBe("invalid-file");
    expect(refusal(toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n })))).toBe(
      "invalid-file",
    );
    const damages: ((m: ReturnType<typeof small>) => void)[] = [
      (m) => (m.graph.node = []),
      (m) => (m.irVersion = 0n),
      (m) => (m.opsetImport = []),
    ];
    for (const damage of damages) {
      const model = small();
      expect(refusal(serialiseModel(model))).toBe("accepted");
      damage(model);
      expect(refusal(serialiseModel(model))).toBe("invalid-file");
    }
  });

  it.each(fixtureNames)("are refused when %s is cut at any sixteenth of its length", (name) => {
    const bytes = fixtureBytes(name);
    for (let part = 1; part < 16; part++) {
      expect(refusal(bytes.subarray(0, Math.floor((bytes.byteLength * part) / 16)))).toBe("invalid-file");
    }
  });

  it("are refused when a small model is cut anywhere", () => {
    const bytes = serialiseModel(small());
    for (let length = 0; length < bytes.byteLength; length++)
      expect(refusal(bytes.subarray(0, length))).toBe("invalid-file");
  });

  it("are refused when random, whatever the bytes", () => {
    let state = 1;
    const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
    for (let file = 0; file < 2000; file++) {
      expect(refusal(Uint8Array.from({ length: 1 + (file % 300) }, next))).toBe("invalid-file");
    }
  });

  it("are refused, not run out of stack, when nested without end", () => {
    // Node (1) with attribute (5) with graph (6) with node (1) ..., all in the model's graph (7).
    let bytes = serialiseModel(small()).subarray(0, 0);
    for (let depth = 0; depth < 3000; depth++) {
      const field = [1, 6, 5][depth % 3]!;
      bytes = new BinaryWriter().tag(field, 2).bytes(bytes).finish();
    }
    bytes = new BinaryWriter().tag(1, 0).int64(8n).tag(7, 2).bytes(bytes).finish();
    expect(refusal(bytes)).toBe("invalid-file");
  });
});

describe("the runtime", () => {
  it("ignores a fed initialiser in silence: why faults are patched into the file", async () => {
    const model = small();
    // Listed as a graph input, the initialiser is only a default by the standard.
    model.graph.input.push(...buildModel({ nodes: [], inputs: { w: [2, 2] }, outputs: [] }).graph.input);
    const x = { dims: [1, 2], data: Float32Array.of(1, 1) };
    const w = { dims: [2, 2], data: Float32Array.of(10, 10, 10, 10) };
    const own = floats((await runModel(model, { x }))["y"]);
    const fed = floats((await runModel(model, { x, w }))["y"]);
    expect(Array.from(own)).toEqual([4, 6]);
    // Not [20, 20]. Should this fail, onnxruntime-node has changed and weights may be fed.
    expect(Array.from(fed)).toEqual([4, 6]);
  });

  it("sees bytes patched in place", async () => {
    const bytes = serialiseModel(small());
    const model = parseModel(bytes);
    model.graph.initializer[0]!.rawData.set(new Uint8Array(Float32Array.of(10, 10, 10, 10).buffer));
    const { y } = await runModel(parseModel(bytes), { x: { dims: [1, 2], data: Float32Array.of(1, 1) } });
    expect(Array.from(floats(y))).toEqual([20, 20]);
  });
});
