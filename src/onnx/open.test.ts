import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { zipSync } from "fflate";
import { StringStringEntryProtoSchema, TensorProto_DataLocation, type TensorProto } from "onnx-buf";
import { afterAll, describe, expect, it } from "vitest";
import { buildModel, fixtureBytes, fixtureNames, floats, runModel } from "../../test/build-model.ts";
import { refusal } from "../../test/refusal.ts";
import { QtamlError } from "../errors.ts";
import { makeNode } from "./graph.ts";
import { forEachTensor, isDeferred, rawLength } from "./lazy.ts";
import { cloneModel, parseModel, scanModel, serialiseModel, type OnnxModel } from "./model.ts";
import { modelFromBytes, openModel } from "./open.ts";
import { fileSource, memorySource, type ByteSource } from "../bytes/index.ts";
import { DataType, floatData, floatTensor } from "./tensor.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-open-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const values = (count: number, seed = 1) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed));

/** y = (x w) v with one tensor large enough to stay in the file and one that is not. */
const twoLayers = () =>
  buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["h"]), makeNode("MatMul", ["h", "v"], ["y"])],
    initialisers: [floatTensor("w", [8, 200], values(1600)), floatTensor("v", [200, 3], values(600, 2))],
    inputs: { x: ["N", 8] },
    outputs: ["y"],
  });

const deferred = (model: OnnxModel) => {
  const names: string[] = [];
  forEachTensor(model, (t) => {
    if (isDeferred(t)) names.push(t.name);
  });
  return names;
};

describe("a model that is opened", () => {
  it.each(fixtureNames)("is %s as it is parsed, with its large tensors left in the file", (name) => {
    const bytes = fixtureBytes(name);
    const model = scanModel(fileSource(place(`${name}.onnx`, bytes), "Model"), name, 500);
    const large = parseModel(bytes).graph.initializer.filter((t) => t.rawData.byteLength >= 500);
    expect(deferred(model)).toEqual(large.map((t) => t.name));
    expect(large.length).toBeGreaterThan(0);
    expect(Buffer.compare(serialiseModel(model), bytes)).toBe(0);
    expect(Buffer.compare(serialiseModel(cloneModel(model)), bytes)).toBe(0);
    expect(deferred(cloneModel(model))).toEqual(large.map((t) => t.name));
    for (const [i, tensor] of parseModel(bytes).graph.initializer.entries()) {
      expect(model.graph.initializer[i]!.rawData).toEqual(tensor.rawData);
    }
  });

  it("reads a tensor's bytes only, and only when asked", () => {
    const bytes = serialiseModel(twoLayers());
    const reads: [number, number][] = [];
    const source: ByteSource = {
      byteLength: bytes.byteLength,
      readInto(offset, target) {
        reads.push([offset, target.byteLength]);
        target.set(bytes.subarray(offset, offset + target.byteLength));
      },
    };
    const model = scanModel(source);
    const before = reads.length;
    const [w] = model.graph.initializer;
    expect(rawLength(w!)).toBe(6400);
    expect(reads).toHaveLength(before);
    expect(floatData(w!)).toEqual(values(1600));
    expect(reads.slice(before)).toEqual(
      [[bytes.indexOf(new Uint8Array(values(1600).buffer)[0]!, 40), 6400]].map(([, length]) => [
        expect.any(Number),
        length,
      ]),
    );
    w!.rawData = new Uint8Array(6400);
    expect(floatData(w!)).toEqual(new Float32Array(1600));
    expect(deferred(model)).toEqual([]);
  });

  it("reads large typed fields as raw data, which mean the same", () => {
    const model = twoLayers();
    const [w, v] = model.graph.initializer;
    for (const tensor of [w!, v!]) {
      const numbers = Array.from(floatData(tensor));
      tensor.rawData = new Uint8Array(0);
      if (tensor === w) tensor.floatData = numbers;
      else Object.assign(tensor, { doubleData: numbers, dataType: DataType.DOUBLE });
    }
    const opened = scanModel(memorySource(serialiseModel(model)));
    expect(deferred(opened)).toEqual(["w", "v"]);
    for (const [i, tensor] of opened.graph.initializer.entries()) {
      expect(tensor.floatData).toEqual([]);
      expect(floatData(tensor)).toEqual(floatData(model.graph.initializer[i]!));
    }
    expect(parseModel(serialiseModel(model)).graph.initializer[0]!.floatData).toHaveLength(1600);
  });

  it("computes what the runtime computes of the file itself", async () => {
    const model = twoLayers();
    const opened = openModel(place("two.onnx", serialiseModel(model))).model;
    const x = { dims: [2, 8], data: values(16, 3) };
    expect(floats((await runModel(opened, { x }))["y"])).toEqual(floats((await runModel(model, { x }))["y"]));
  });

  it("is noticed to have changed between reads", () => {
    const path = place("changing.onnx", serialiseModel(twoLayers()));
    const { model } = openModel(path);
    appendFileSync(path, "x");
    const error = refusal(() => model.graph.initializer[0]!.rawData);
    expect(error.message).toContain("changed while it was being read");
  });

  it("has the hash of its file", () => {
    const bytes = serialiseModel(twoLayers());
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    expect(openModel(place("hash.onnx", bytes)).sha256).toBe(sha256);
    expect(modelFromBytes(bytes, "hash.onnx").sha256).toBe(sha256);
  });

  it("is refused, scanned or parsed, wherever its bytes are damaged", () => {
    const bytes = serialiseModel(twoLayers());
    const outcome = (read: () => OnnxModel) => {
      try {
        return Buffer.from(serialiseModel(read())).toString("base64");
      } catch (error) {
        return error instanceof QtamlError ? error.code : "defect";
      }
    };
    fc.assert(
      fc.property(
        fc.nat(bytes.byteLength - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (at, change, isCut) => {
          const damaged = isCut ? bytes.slice(0, at) : bytes.slice();
          if (!isCut) damaged[at]! ^= change;
          const parsed = outcome(() => parseModel(damaged));
          expect(parsed).not.toBe("defect");
          expect(outcome(() => scanModel(memorySource(damaged)))).toBe(parsed);
        },
      ),
      { seed: 1, numRuns: 600 },
    );
  });
});

describe("files that are no models", () => {
  it.each([
    ["lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", "git lfs pull"],
    ["net.pt", zipSync({ "net/data.pkl": new Uint8Array(4) }), "a PyTorch file; export the network to ONNX"],
    ["net.keras", zipSync({ "metadata.json": new Uint8Array(4) }), "a zip archive"],
    ["net.tflite", "\u001c\u0000\u0000\u0000TFL3\u0014\u0000", "TensorFlow Lite"],
    ["net.h5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0), "HDF5"],
    ["net.pth", Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c), "a Python pickle; export"],
    ["net.onnx.gz", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), "gzip"],
    ["readme.md", "# A network\n\nIts weights are elsewhere.\n", "text file"],
    ["nothing.onnx", "", "empty"],
    ["w.safetensors", Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), "without a graph"],
  ])("%s is named for what it is", (name, content, words) => {
    const path = place(name, content);
    const error = refusal(() => openModel(path));
    expect(error.code).toBe("invalid-file");
    expect(error.message).toMatch(new RegExp(`^${name} [^.]*(\\.[a-z0-9]+[^.]*)*\\.$`));
    expect(error.message).toContain(words);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    expect(refusal(() => modelFromBytes(bytes, name)).message).toBe(error.message);
  });

  it("are a folder or missing", () => {
    expect(refusal(() => openModel(folder)).message).toContain("is a folder");
    expect(refusal(() => openModel(join(folder, "absent"))).message).toContain("does not exist");
    expect(refusal(() => fileSource("/dev/null", "Model")).message).toContain("not a regular file");
  });
});

describe("external data", () => {
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });

  /** The two-layer model with "w" in another file; `entries` replace what is said of it. */
  function withExternal(name: string, entries: Readonly<Record<string, string | undefined>>): string {
    const model = twoLayers();
    const w: TensorProto = model.graph.initializer[0]!;
    w.rawData = new Uint8Array(0);
    w.dataLocation = TensorProto_DataLocation.EXTERNAL;
    const all = { location: "weights.bin", offset: "64", length: "6400", ...entries };
    w.externalData = Object.entries(all)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => entry(key, value));
    return place(name, serialiseModel(model));
  }
  const data = new Uint8Array(64 + 6400 + 10);
  data.set(new Uint8Array(values(1600).buffer), 64);
  place("weights.bin", data);
  mkdirSync(join(folder, "below"));
  place("below/weights.bin", data);
  symlinkSync("below/weights.bin", join(folder, "linked.bin"));

  it("are read when asked for, and the written model stands alone", () => {
    for (const length of ["6400", undefined]) {
      const { model } = openModel(withExternal("external.onnx", { length, checksum: "ignored" }));
      expect(deferred(model)).toEqual(["w"]);
      expect(Buffer.compare(serialiseModel(model), serialiseModel(twoLayers()))).toBe(0);
    }
  });

  it("in a folder below are found, also by a link that stays inside", () => {
    for (const location of ["below/weights.bin", "./below/weights.bin", "linked.bin"]) {
      const { model } = openModel(withExternal("below.onnx", { location }));
      expect(floatData(model.graph.initializer[0]!)).toEqual(values(1600));
    }
  });

  it("are part of the model's hash", () => {
    const path = withExternal("hashed.onnx", { location: "hashed.bin" });
    place("hashed.bin", data);
    const before = openModel(path).sha256;
    expect(openModel(path).sha256).toBe(before);
    place("hashed.bin", data.with(64, 1));
    expect(openModel(path).sha256).not.toBe(before);
  });

  it("outside the model's folder are refused", () => {
    const outside = mkdtempSync(join(tmpdir(), "qtaml-outside-"));
    try {
      writeFileSync(join(outside, "weights.bin"), data);
      symlinkSync(join(outside, "weights.bin"), join(folder, "escape.bin"));
      symlinkSync(outside, join(folder, "away"));
      for (const location of [
        join(outside, "weights.bin"),
        "C:\\weights.bin",
        "../weights.bin",
        "below/../../weights.bin",
        "below\\..\\weights.bin",
        "escape.bin",
        "away/weights.bin",
      ]) {
        const error = refusal(() => openModel(withExternal("leaving.onnx", { location })));
        expect(error.code).toBe("unsupported-model");
        expect(error.message).toContain(`"${location}"`);
      }
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it.each([
    [{ location: "absent.bin" }, "absent.bin does not exist"],
    [{ location: "below" }, "is a folder"],
    [{ location: undefined }, "without a location"],
    [{ offset: "-1" }, 'offset "-1"'],
    [{ offset: "1e3" }, 'offset "1e3"'],
    [{ offset: "99999999999999999999" }, "offset"],
    [{ offset: "75" }, "which has 6474 bytes"],
    [{ length: "6396" }, "6396 bytes where its dimensions ask for 6400"],
    [{ length: "0" }, "0 bytes"],
  ] satisfies [Record<string, string | undefined>, string][])("%j are refused", (entries, words) => {
    expect(refusal(() => openModel(withExternal("wrong.onnx", entries))).message).toContain(words);
  });

  it("of a model that is given as bytes are missing, which is said by name", () => {
    const model = parseModel(serialiseModel(openModelKeepingExternal()));
    expect(refusal(() => floatData(model.graph.initializer[0]!)).message).toMatch(/"w".*weights\.bin/);
  });

  function openModelKeepingExternal(): OnnxModel {
    return scanModel(fileSource(withExternal("kept.onnx", {}), "Model"));
  }
});
