import type { NodeProto, TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import {
  buildModel,
  fixture,
  floats,
  relativeDifference,
  runModel,
  type ModelParts,
} from "../../test/build-model.ts";
import { encodeInto, numberFormat } from "../channel/index.ts";
import { dropUnusedInitialisers, foldBatchNormalization } from "./fold.ts";
import { hoistConstants } from "./scopes.ts";
import { makeNode, makeValueInfo } from "./graph.ts";
import { cloneModel, opsetVersion, serialiseModel, type OnnxModel } from "./model.ts";
import { DataType, elementCount, floatData, floatTensor } from "./tensor.ts";

/** Whole numbers of small size: products and sums of them are exact in float32. */
const whole = (name: string, dims: readonly number[], seed = 1) =>
  floatTensor(
    name,
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => ((i * 7 + seed * 5) % 11) - 5),
  );

const numbers = (name: string, ...values: number[]) =>
  floatTensor(name, [values.length], Float32Array.from(values));

/** Normalises four channels; with variance + epsilon = 4, 1, 1/4 and 16 every factor is exact. */
const normalisation = [
  numbers("scale", 1, 2, -1, 4),
  numbers("shift", 3, 0, -2, 1),
  numbers("mean", 1, -1, 2, 0),
  numbers("variance", 3.875, 0.875, 0.125, 15.875),
];
const normalise = (input: string, output: string) =>
  makeNode("BatchNormalization", [input, "scale", "shift", "mean", "variance"], [output], {
    epsilon: { float: 0.125 },
  });

interface Case {
  readonly node: NodeProto;
  readonly weights: TensorProto[];
  readonly x: readonly number[];
}

const images = [2, 3, 5, 5];
const foldable: Record<string, Case> = {
  "Conv without bias": {
    node: makeNode("Conv", ["x", "w"], ["h"]),
    weights: [whole("w", [4, 3, 3, 3])],
    x: images,
  },
  "Conv with bias": {
    node: makeNode("Conv", ["x", "w", "b"], ["h"]),
    weights: [whole("w", [4, 3, 3, 3]), whole("b", [4])],
    x: images,
  },
  "depthwise Conv": {
    node: makeNode("Conv", ["x", "w", "b"], ["h"], { group: 2 }),
    weights: [whole("w", [4, 1, 3, 3]), whole("b", [4])],
    x: [2, 2, 5, 5],
  },
  ConvTranspose: {
    node: makeNode("ConvTranspose", ["x", "w", "b"], ["h"]),
    weights: [whole("w", [3, 4, 3, 3]), whole("b", [4])],
    x: images,
  },
  Gemm: {
    node: makeNode("Gemm", ["x", "w", "b"], ["h"]),
    weights: [whole("w", [3, 4]), whole("b", [1, 4])],
    x: [2, 3],
  },
  "Gemm with transB and one bias for all": {
    node: makeNode("Gemm", ["x", "w", "b"], ["h"], { transB: 1 }),
    weights: [whole("w", [4, 3]), numbers("b", 3)],
    x: [2, 3],
  },
};

const left: Record<string, Case> = {
  "grouped ConvTranspose": {
    node: makeNode("ConvTranspose", ["x", "w"], ["h"], { group: 2 }),
    weights: [whole("w", [2, 2, 3, 3])],
    x: [2, 2, 5, 5],
  },
  "scaled Gemm": {
    node: makeNode("Gemm", ["x", "w", "b"], ["h"], { alpha: { float: 2 } }),
    weights: [whole("w", [3, 4]), whole("b", [4])],
    x: [2, 3],
  },
  "Gemm that adds a matrix": {
    node: makeNode("Gemm", ["x", "w", "b"], ["h"]),
    weights: [whole("w", [3, 4]), whole("b", [2, 4])],
    x: [2, 3],
  },
  "Gemm that adds a column as long as there are channels": {
    node: makeNode("Gemm", ["x", "w", "b"], ["h"]),
    weights: [whole("w", [3, 4]), whole("b", [4, 1])],
    x: [4, 3],
  },
};

/** The case followed by a normalisation, or with other parts; its own copy, since folding edits nodes. */
const modelOf = ({ node, weights, x }: Case, more: Partial<ModelParts> = {}) =>
  cloneModel(
    buildModel({
      nodes: [node, normalise("h", "y")],
      initialisers: [...weights, ...normalisation],
      inputs: { x },
      outputs: ["y"],
      ...more,
    }),
  );

const feedOf = (x: readonly number[]) => ({ x: { dims: x, data: floatData(whole("x", x, 3)) } });

async function outputs(model: OnnxModel, x: readonly number[], name = "y") {
  return floats((await runModel(model, feedOf(x), "disabled"))[name]);
}

describe("foldBatchNormalization", () => {
  it.each(Object.keys(foldable))("folds into %s: same outputs, no normalisation left", async (name) => {
    const example = foldable[name]!;
    const model = modelOf(example);
    const before = await outputs(model, example.x);
    expect(foldBatchNormalization(model)).toBe(1);
    expect(model.graph.node.map((n) => n.opType)).toEqual([example.node.opType]);
    // Every number involved is a small multiple of 1/8: exact in any order, up to the runtime's own 1/sqrt.
    const after = await outputs(model, example.x);
    expect(relativeDifference(after, before)).toBeLessThan(8 * 2 ** -24);
  });

  it.each(Object.keys(left))("leaves %s as it is", async (name) => {
    const example = left[name]!;
    const model = modelOf(example);
    const bytes = serialiseModel(model);
    expect(foldBatchNormalization(model)).toBe(0);
    expect(Buffer.compare(serialiseModel(model), bytes)).toBe(0);
    expect((await outputs(model, example.x)).length).toBeGreaterThan(0);
  });

  it("leaves what somebody else reads, or that is not constant", () => {
    const conv = foldable["Conv with bias"]!;
    const twin = makeNode("Conv", ["x", "w"], ["other"]);
    const foreign = makeNode("Conv", ["x", "w"], ["h"]);
    foreign.domain = "com.microsoft";
    const computed = makeNode("Identity", ["x"], ["mean"]);
    const cases: OnnxModel[] = [
      modelOf(conv, { nodes: [conv.node, twin, normalise("h", "y")], outputs: ["y", "other"] }),
      modelOf(conv, { outputs: ["y", "h"] }),
      modelOf(conv, { outputs: ["y", "w"] }),
      modelOf(conv, {
        nodes: [conv.node, normalise("h", "y"), makeNode("Relu", ["h"], ["z"])],
        outputs: ["y", "z"],
      }),
      modelOf(conv, { nodes: [foreign, normalise("h", "y")] }),
      modelOf(conv, {
        nodes: [computed, conv.node, normalise("h", "y")],
        initialisers: [...conv.weights, ...normalisation.filter((t) => t.name !== "mean")],
      }),
      modelOf(conv, { initialisers: [...conv.weights, ...normalisation.slice(1), numbers("scale", 1, 2)] }),
    ];
    const training = modelOf(conv);
    training.graph.node[1]!.attribute.push(...makeNode("", [], [], { training_mode: 1 }).attribute);
    for (const model of [...cases, training]) {
      expect(foldBatchNormalization(model)).toBe(0);
    }
  });

  it.each(["FLOAT16", "BFLOAT16", "DOUBLE"] as const)("keeps weights of type %s in their type", (type) => {
    const conv = foldable["Conv with bias"]!;
    const single = modelOf(conv);
    expect(foldBatchNormalization(single)).toBe(1);
    const other = modelOf(conv);
    // Small whole numbers times powers of two: exact in every type.
    for (const tensor of other.graph.initializer) {
      const values = floatData(tensor);
      tensor.dataType = DataType[type];
      if (type === "DOUBLE") tensor.rawData = new Uint8Array(Float64Array.from(values).buffer);
      else {
        const bits = new Uint16Array(values.length);
        encodeInto(numberFormat(type === "FLOAT16" ? "fp16" : "bf16"), values, 1, bits);
        tensor.rawData = new Uint8Array(bits.buffer);
      }
    }
    expect(foldBatchNormalization(other)).toBe(1);
    for (const name of [other.graph.node[0]!.input[1]!, other.graph.node[0]!.input[2]!]) {
      const [a, b] = [other, single].map((m) => m.graph.initializer.find((t) => t.name === name)!);
      expect(a!.dataType).toBe(DataType[type]);
      expect(floatData(a!)).toEqual(floatData(b!));
    }
  });

  it("folds through the Identity nodes that exporters write for equal parameters", async () => {
    const conv = foldable["Conv with bias"]!;
    const model = modelOf(conv, {
      nodes: [makeNode("Identity", ["original"], ["scale"]), conv.node, normalise("h", "y")],
      initialisers: [
        ...conv.weights,
        ...normalisation.map((t) => (t.name === "scale" ? numbers("original", 1, 2, -1, 4) : t)),
      ],
    });
    const before = await outputs(model, conv.x);
    expect(foldBatchNormalization(model)).toBe(1);
    expect(relativeDifference(await outputs(model, conv.x), before)).toBeLessThan(8 * 2 ** -24);
  });

  it("folds the first of two in a row and keeps the second in its place", async () => {
    const conv = foldable["Conv without bias"]!;
    const model = modelOf(conv, { nodes: [conv.node, normalise("h", "m"), normalise("m", "y")] });
    const before = await outputs(model, conv.x);
    expect(foldBatchNormalization(model)).toBe(1);
    expect(model.graph.node.map((n) => n.opType)).toEqual(["Conv", "BatchNormalization"]);
    expect(relativeDifference(await outputs(model, conv.x), before)).toBeLessThan(8 * 2 ** -24);
  });

  it("makes vgg-bn the network that PyTorch folded itself", async () => {
    const { model, images, inputName, outputName, logits } = fixture("vgg-bn");
    const run = async (m: OnnxModel) =>
      floats((await runModel(m, { [inputName]: images }, "disabled"))[outputName]);
    const unfolded = await run(model);
    const folded = cloneModel(model);
    hoistConstants(folded);
    expect(foldBatchNormalization(folded)).toBe(6);
    dropUnusedInitialisers(folded);
    expect(folded.graph.node.some((n) => n.opType === "BatchNormalization")).toBe(false);
    // Eight layers of sums of at most K = 256 products, each rounding by 2^-24 some sqrt(K) times in a random walk:
    // 8 * 16 * 2^-24 = 8e-6 of the size of the logits.
    const tolerance = 8 * 16 * 2 ** -24;
    expect(relativeDifference(await run(folded), unfolded)).toBeLessThan(tolerance);
    expect(relativeDifference(await run(folded), logits)).toBeLessThan(tolerance);
    const reference = fixture("vgg").model;
    for (const tensor of folded.graph.initializer.filter((t) => t.dims.length === 4)) {
      const same = reference.graph.initializer.filter(
        (t) =>
          t.dims.length === 4 &&
          String(t.dims) === String(tensor.dims) &&
          relativeDifference(floatData(t), floatData(tensor)) < 4 * 2 ** -24,
      );
      expect(same).toHaveLength(1);
    }
  });
});

describe("dropUnusedInitialisers", () => {
  it("keeps what a node, a subgraph or an output reads, and no input that repeats an initialiser", () => {
    const branch = buildModel({ nodes: [makeNode("Relu", ["inner"], ["r"])], outputs: ["r", "asIs"] }).graph;
    const conditional = makeNode("If", ["condition"], ["z"]);
    conditional.attribute.push(...makeNode("", [], [], { then_branch: 0 }).attribute);
    conditional.attribute[0]!.g = branch;
    const names = ["w", "inner", "asIs", "out", "unused"];
    const model = buildModel({
      nodes: [makeNode("MatMul", ["x", "w"], ["y"]), conditional],
      initialisers: names.map((name) => whole(name, [2, 2])),
      inputs: ["x", "w", "unused"].map((name) => makeValueInfo(name, DataType.FLOAT, [2, 2])),
      outputs: ["y", "z", "out"],
      irVersion: 3,
    });
    dropUnusedInitialisers(model);
    expect(model.graph.initializer.map((t) => t.name)).toEqual(["w", "inner", "asIs", "out"]);
    expect(model.graph.input.map((i) => i.name)).toEqual(["x", "unused"]);
    expect(model.irVersion).toBe(4n);
    expect(opsetVersion(model)).toBe(17);
  });
});
