import { create } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import type { Dataset } from "../data/index.ts";
import {
  DataType,
  elementCount,
  floatTensor,
  int64Tensor,
  makeNode,
  makeValueInfo,
  prepareModel,
  type OnnxModel,
  type StorageOptions,
} from "../onnx/index.ts";
import { measureJacobian } from "./jacobian.ts";

/** Weights of some size, the same in every run. */
function weights(name: string, dims: number[], scale = 0.5) {
  const data = Float32Array.from(
    { length: elementCount(dims) },
    (_, i) => scale * Math.sin(1 + i * i + name.length),
  );
  return floatTensor(name, dims, data);
}

const everything: Partial<StorageOptions> = { roles: ["weight", "embedding", "bias", "normalisation"] };

/** A recogniser of sequences: two directions, then the last step. */
function recurrent(): OnnxModel {
  return buildModel({
    nodes: [
      makeNode("Transpose", ["x"], ["t"], { perm: [1, 0, 2] }),
      makeNode("LSTM", ["t", "w", "r", "b"], ["y"], { hidden_size: 4, direction: "bidirectional" }),
      makeNode("ReduceMean", ["y"], ["m"], { axes: [0, 1], keepdims: 0 }),
      makeNode("Gemm", ["m", "v", "c"], ["z"], { transB: 1 }),
    ],
    initialisers: [
      weights("w", [2, 16, 3]),
      weights("r", [2, 16, 4]),
      weights("b", [2, 32]),
      weights("v", [5, 4]),
      weights("c", [5]),
    ],
    inputs: { x: ["N", 6, 3] },
    outputs: ["z"],
  });
}

/** A small decoder: embeddings, a causal mask, one head of attention, a feed-forward layer, tied output weights. */
function decoder(): OnnxModel {
  const [words, length, width] = [11, 4, 6];
  const mask = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  const norm = { axis: -1 };
  return buildModel({
    nodes: [
      makeNode("Gather", ["table", "tokens"], ["e"]),
      makeNode("Add", ["e", "places"], ["h"]),
      makeNode("LayerNormalization", ["h", "g1", "b1"], ["n1"], norm),
      ...["q", "k", "v"].map((p) => makeNode("MatMul", ["n1", `w${p}`], [p])),
      makeNode("Transpose", ["k"], ["kt"], { perm: [0, 2, 1] }),
      makeNode("MatMul", ["q", "kt"], ["s"]),
      makeNode("Add", ["s", "mask"], ["masked"]),
      makeNode("Softmax", ["masked"], ["p"], { axis: -1 }),
      makeNode("MatMul", ["p", "v"], ["a"]),
      makeNode("Add", ["h", "a"], ["h2"]),
      makeNode("MatMul", ["h2", "up"], ["u"]),
      makeNode("Relu", ["u"], ["act"]),
      makeNode("MatMul", ["act", "down"], ["d"]),
      makeNode("Add", ["h2", "d"], ["h3"]),
      makeNode("Transpose", ["table"], ["back"], { perm: [1, 0] }),
      makeNode("MatMul", ["h3", "back"], ["logits"]),
    ],
    initialisers: [
      weights("table", [words, width]),
      weights("places", [length, width]),
      weights("g1", [width]),
      weights("b1", [width]),
      ...["wq", "wk", "wv"].map((name, i) => weights(name, [width, width], 0.4 + 0.1 * i)),
      weights("up", [width, 8]),
      weights("down", [8, width]),
      floatTensor("mask", [length, length], mask),
    ],
    inputs: [makeValueInfo("tokens", DataType.INT64, ["N", length])],
    outputs: ["logits"],
  });
}

/** A segmentation head: an encoder, then logits for every pixel of the input. */
function segmentation(): OnnxModel {
  return buildModel({
    nodes: [
      makeNode("Conv", ["x", "w1", "b1"], ["c1"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      makeNode("HardSwish", ["c1"], ["a1"]),
      makeNode("Conv", ["a1", "w2"], ["c2"], { pads: [2, 2, 2, 2], dilations: [2, 2] }),
      makeNode("Relu", ["c2"], ["a2"]),
      makeNode("Conv", ["a2", "w3"], ["c3"]),
      makeNode("Resize", ["c3", "", "scales"], ["y"], { mode: "linear" }),
    ],
    initialisers: [
      weights("w1", [4, 1, 3, 3]),
      weights("b1", [4]),
      weights("w2", [4, 4, 3, 3]),
      weights("w3", [3, 4, 1, 1]),
      floatTensor("scales", [4], Float32Array.of(1, 1, 2, 2)),
    ],
    inputs: { x: ["N", 1, 8, 8] },
    outputs: ["y"],
  });
}

/** A network in half precision. */
function half(): OnnxModel {
  const to = (name: string, value: string, type: DataType) => makeNode("Cast", [name], [value], { to: type });
  return buildModel({
    nodes: [
      to("x", "xh", DataType.FLOAT16),
      to("w", "wh", DataType.FLOAT16),
      makeNode("MatMul", ["xh", "wh"], ["h"]),
      makeNode("Sigmoid", ["h"], ["s"]),
      to("s", "sf", DataType.FLOAT),
      makeNode("MatMul", ["sf", "v"], ["y"]),
    ],
    initialisers: [weights("w", [6, 5]), weights("v", [5, 3])],
    inputs: { x: ["N", 6] },
    outputs: ["y"],
  });
}

const tokens: Dataset = {
  count: 3,
  inputs: new Map([
    ["tokens", { dims: [4], data: BigInt64Array.from([1, 5, 5, 2, 0, 10, 3, 3, 7, 8, 9, 1], BigInt) }],
  ]),
  labels: undefined,
};

/**
 * Forward probes scatter by `2 |J J^T|_F^2 / |J|_F^4 <= 2` over their number, 8 at least: the mean over all tensors of
 * the logarithm of their ratio to the gradient is off by at most some four times sqrt(2 / 8 / tensors), and by the
 * probes' own bias -1/8.
 */
const within = (tensors: number): number => 4 * Math.sqrt(2 / 8 / tensors) + 0.125;

describe("measureJacobian of networks of many kinds: the gradient graph against forward probes", () => {
  it.each([
    ["a recurrent network", recurrent(), noiseImages(3, 1, [6, 3]), 5, "gradient", undefined],
    ["a decoder", decoder(), tokens, 9, "gradient-probes", ["mask"]],
    ["a segmentation head", segmentation(), noiseImages(3, 2, [1, 8, 8]), 4, "gradient-probes", undefined],
    ["half precision", half(), noiseImages(3, 3, [6]), 2, "gradient", undefined],
  ] as const)("%s", async (_, model, data, tensors, method, exclude) => {
    const prepared = prepareModel(model, { ...everything, ...(exclude === undefined ? {} : { exclude }) });
    expect(prepared.tensors.length).toBe(tensors);
    const gradients = await measureJacobian(prepared, data, { threads: 1 });
    expect(new Set(gradients.map((g) => g.method))).toEqual(new Set([method]));
    const probes = await measureJacobian(prepared, data, { method: "forward-probe", seed: 4 });
    const logs = gradients.map((g, t) => Math.log(probes[t]!.squaredNorm / g.squaredNorm));
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
    expect(Math.abs(mean)).toBeLessThan(within(logs.length));
    // One tensor alone: five standard deviations at eight probes.
    for (const ratio of logs) expect(Math.abs(ratio)).toBeLessThan(Math.log(1 + 5 * Math.sqrt(2 / 8)));
  });

  it("measures what is behind an operator without a rule by forward probes, and says which", async () => {
    const model = buildModel({
      nodes: [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("Mul", ["h", "fine"], ["scaled"]),
        makeNode("Round", ["scaled"], ["r"]),
        makeNode("MatMul", ["r", "v"], ["y"]),
      ],
      initialisers: [
        weights("w", [6, 5]),
        weights("v", [5, 3]),
        floatTensor("fine", [], Float32Array.of(2 ** 16)),
      ],
      inputs: { x: ["N", 6] },
      outputs: ["y"],
    });
    const [w, v] = await measureJacobian(prepareModel(model), noiseImages(3, 3, [6]));
    expect(w).toMatchObject({ method: "forward-probe", stoppedBy: "Round", channelSquaredNorms: null });
    expect(w!.probes).toBeGreaterThanOrEqual(8);
    expect(w!.standardError / w!.squaredNorm).toBeGreaterThan(0);
    expect(v).toMatchObject({ method: "gradient", probes: 0 });
    expect(v).not.toHaveProperty("stoppedBy");
  });

  it("measures weights that a Scan reads by forward probes", async () => {
    const scan = makeNode("Scan", ["start", "x"], ["last", "all"], {
      num_scan_inputs: 1,
      scan_input_axes: [1],
    });
    scan.attribute.push(
      create(AttributeProtoSchema, {
        name: "body",
        type: AttributeProto_AttributeType.GRAPH,
        g: create(GraphProtoSchema, {
          name: "body",
          node: [
            makeNode("MatMul", ["step", "w"], ["u"]),
            makeNode("Add", ["u", "state"], ["next"]),
            makeNode("Identity", ["next"], ["seen"]),
          ],
          input: [
            makeValueInfo("state", DataType.FLOAT, ["N", 4]),
            makeValueInfo("step", DataType.FLOAT, ["N", 3]),
          ],
          output: ["next", "seen"].map((name) => makeValueInfo(name, DataType.FLOAT, ["N", 4])),
        }),
      }),
    );
    const model = buildModel({
      nodes: [
        makeNode("ReduceSum", ["x", "time"], ["sums"], { keepdims: 0 }),
        makeNode("MatMul", ["sums", "v0"], ["start"]),
        scan,
        makeNode("MatMul", ["last", "v"], ["y"]),
      ],
      initialisers: [
        weights("w", [3, 4]),
        weights("v0", [3, 4]),
        weights("v", [4, 2]),
        int64Tensor("time", [1], [1]),
      ],
      inputs: { x: ["N", 5, 3] },
      outputs: ["y"],
    });
    const data = noiseImages(4, 6, [5, 3]);
    const prepared = prepareModel(model);
    const found = new Map(
      (await measureJacobian(prepared, data)).map((j, t) => [prepared.tensors[t]!.name, j]),
    );
    expect(found.get("w")).toMatchObject({ method: "forward-probe", stoppedBy: "Scan" });
    expect(found.get("v0")).toMatchObject({ method: "forward-probe", stoppedBy: "Scan" });
    expect(found.get("v")).toMatchObject({ method: "gradient" });
    // Both w and v0 see the sums of all steps: y = (sum x) (w + v0) v.
    const [w, v0] = [found.get("w")!, found.get("v0")!];
    expect(Math.abs(w.squaredNorm / v0.squaredNorm - 1)).toBeLessThan(4 * Math.sqrt((2 * 2) / 8));
  });

  it("measures the scores that a class is the largest of, and refuses an output that has no derivative", async () => {
    const model = buildModel({
      nodes: [
        makeNode("MatMul", ["x", "w"], ["h"]),
        makeNode("ArgMax", ["h"], ["y"], { axis: 1 }),
        makeNode("Neg", ["y"], ["z"]),
      ],
      initialisers: [weights("w", [6, 5])],
      inputs: { x: ["N", 6] },
      outputs: [makeValueInfo("y", DataType.INT64)],
    });
    const data = noiseImages(2, 3, [6]);
    const [found] = await measureJacobian(prepareModel(model), data);
    expect(found).toMatchObject({ method: "gradient", probes: 0 });
    model.graph.output = [makeValueInfo("z", DataType.INT64)];
    await expect(measureJacobian(prepareModel(model), data)).rejects.toThrow(
      /Output "z" holds int64, which has no derivative/,
    );
  });
});
