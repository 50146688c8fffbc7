/**
 * @file The same networks written for operator sets 7 to the newest that the runtime takes, each as exporters wrote it
 * at the time: the memory must hold the same codes, the outputs and the Jacobian must be the same.
 */
import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { assess, inspect, type Assessment } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { hardenByPlan } from "../src/simulation/index.ts";
import { singleInput, type Dataset } from "../src/data/index.ts";
import {
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  makeValueInfo,
  parseModel,
  serialiseModel,
  type OnnxModel,
} from "../src/onnx/index.ts";
import { uniformStream } from "../src/stats/random.ts";
import { buildModel, floats, relativeDifference, runModel } from "./build-model.ts";

/** Operator sets with the IR version of their time. */
const versions = [
  [7, 3],
  [8, 3],
  [9, 4],
  [10, 5],
  [11, 6],
  [12, 7],
  [13, 7],
  [14, 7],
  [15, 8],
  [17, 8],
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
  [23, 11],
  [25, 12],
  [26, 13],
] as const;

/** How a graph is put together for one operator set. */
interface Parts {
  readonly nodes: NodeProto[];
  readonly initialisers: TensorProto[];
}

const uniform = uniformStream(12);
const draw = (...dims: number[]) =>
  Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => uniform() - 0.5);

/** Adds nodes whose settings moved from attributes to inputs. */
function writer(opset: number) {
  const parts: Parts = { nodes: [], initialisers: [] };
  const node = (
    op: string,
    input: string[],
    output: string,
    attributes: Parameters<typeof makeNode>[3] = {},
  ) => parts.nodes.push(makeNode(op, input, [output], attributes));
  const constant = (tensor: TensorProto): string => {
    parts.initialisers.push(tensor);
    return tensor.name;
  };
  const ints = (name: string, values: number[]) => constant(int64Tensor(name, [values.length], values));
  const number = (name: string, value: number) => constant(floatTensor(name, [], Float32Array.of(value)));
  /** An operator with `axes`: an attribute before `since`, an input from there on. */
  const withAxes = (since: number, op: string, input: string, output: string, axes: number[], rest = {}) => {
    if (opset < since) node(op, [input], output, { axes, ...rest });
    else node(op, [input, ints(`${output}.axes`, axes)], output, rest);
  };
  return { ...parts, node, constant, ints, number, withAxes };
}

const weights = {
  first: floatTensor("first", [4, 3, 3, 3], draw(4, 3, 3, 3)),
  firstBias: floatTensor("firstBias", [4], draw(4)),
  depthwise: floatTensor("depthwise", [4, 1, 3, 3], draw(4, 1, 3, 3)),
  head: floatTensor("head", [5, 4], draw(5, 4)),
  headBias: floatTensor("headBias", [5], draw(5)),
  table: floatTensor("table", [11, 6], draw(11, 6)),
  w: floatTensor("w", [1, 16, 6], draw(1, 16, 6)),
  r: floatTensor("r", [1, 16, 4], draw(1, 16, 4)),
  b: floatTensor("b", [1, 32], draw(1, 32)),
  query: floatTensor("query", [4, 4], draw(4, 4)),
  gain: floatTensor("gain", [4], Float32Array.of(1, 2, 0.5, 1)),
  shift: floatTensor("shift", [4], draw(4)),
};

/** A small classifier of images with most of what changed between operator sets. */
function imageNetwork(opset: number): Parts {
  const { nodes, initialisers, node, constant, ints, number, withAxes } = writer(opset);
  node("Conv", ["x", constant(weights.first), constant(weights.firstBias)], "c", { pads: [1, 1, 1, 1] });
  const norm = ["one", "shift4", "mean", "variance"].map((name, k) =>
    constant(floatTensor(name, [4], Float32Array.of(1, 1 + k / 4, 0.5 + k / 8, 2))),
  );
  node("BatchNormalization", ["c", ...norm], "n", { epsilon: { float: 1e-5 } });
  if (opset < 11) node("Clip", ["n"], "k", { min: { float: 0 }, max: { float: 6 } });
  else node("Clip", ["n", number("low", 0), number("high", 6)], "k");
  const pads = [0, 0, 1, 1, 0, 0, 1, 1];
  if (opset < 11) node("Pad", ["k"], "p", { pads, mode: "constant" });
  else node("Pad", ["k", ints("pads", pads)], "p");
  node("MaxPool", ["p"], "m", { kernel_shape: [2, 2], strides: [2, 2] });
  const scales = Float32Array.of(1, 1, 2, 2);
  if (opset < 9) {
    node("Upsample", ["m"], "u", { mode: "nearest" });
    const last = nodes.at(-1)!;
    last.attribute.push(
      ...makeNode("", [], [], { scales: [0] }).attribute.map((a) =>
        Object.assign(a, { type: 6, ints: [], floats: [...scales] }),
      ),
    );
  } else {
    const sizes = constant(floatTensor("scales", [4], scales));
    if (opset < 10) node("Upsample", ["m", sizes], "u", { mode: "nearest" });
    else if (opset < 11) node("Resize", ["m", sizes], "u", { mode: "nearest" });
    else
      node(
        "Resize",
        ["m", opset < 13 ? constant(floatTensor("roi", [0], new Float32Array())) : "", sizes],
        "u",
        {
          mode: "nearest",
          coordinate_transformation_mode: "asymmetric",
          nearest_mode: "floor",
        },
      );
  }
  node("Conv", ["u", constant(weights.depthwise)], "d", { group: 4, strides: [2, 2] });
  withAxes(18, "ReduceMean", "d", "g", [2, 3], { keepdims: 1 });
  withAxes(13, "Squeeze", "g", "s", [2, 3]);
  node("Gemm", ["s", constant(weights.head), constant(weights.headBias)], "h", { transB: 1 });
  if (opset < 12) node("Dropout", ["h"], "o", { ratio: { float: 0.5 } });
  else node("Dropout", ["h", number("ratio", 0.5)], "o");
  node("Softmax", ["o"], "y", { axis: 1 });
  return { nodes, initialisers };
}

/** Embedding, LSTM, self-attention and normalisation over a short sequence. */
function sequenceNetwork(opset: number): Parts {
  const { nodes, initialisers, node, constant, ints, number, withAxes } = writer(opset);
  node("Gather", [constant(weights.table), "x"], "e", { axis: 0 });
  node("Transpose", ["e"], "t", { perm: [1, 0, 2] });
  nodes.push(
    makeNode("LSTM", ["t", constant(weights.w), constant(weights.r), constant(weights.b)], ["hs", "", ""], {
      hidden_size: 4,
    }),
  );
  withAxes(13, "Squeeze", "hs", "h", [1]);
  node("Transpose", ["h"], "v", { perm: [1, 0, 2] });
  node("MatMul", ["v", constant(weights.query)], "q");
  node("Transpose", ["v"], "kt", { perm: [0, 2, 1] });
  node("MatMul", ["q", "kt"], "scores");
  node("Softmax", ["scores"], "p", { axis: 2 });
  node("MatMul", ["p", "v"], "c");
  node("Add", ["c", "v"], "a");
  if (opset < 17) {
    withAxes(18, "ReduceMean", "a", "mu", [2], { keepdims: 1 });
    node("Sub", ["a", "mu"], "centred");
    node("Mul", ["centred", "centred"], "squared");
    withAxes(18, "ReduceMean", "squared", "var", [2], { keepdims: 1 });
    node("Add", ["var", number("epsilon", 1e-5)], "vare");
    node("Sqrt", ["vare"], "sd");
    node("Div", ["centred", "sd"], "z");
    node("Mul", ["z", constant(weights.gain)], "zg");
    node("Add", ["zg", constant(weights.shift)], "l");
  } else {
    node("LayerNormalization", ["a", constant(weights.gain), constant(weights.shift)], "l", {
      axis: -1,
      epsilon: { float: 1e-5 },
    });
  }
  if (opset < 10) node("Slice", ["l"], "last", { starts: [-1], ends: [9], axes: [1] });
  else node("Slice", ["l", ints("starts", [-1]), ints("ends", [9]), ints("slice.axes", [1])], "last");
  withAxes(13, "Squeeze", "last", "f", [1]);
  node("Gemm", ["f", constant(weights.head), constant(weights.headBias)], "y", { transB: 1 });
  return { nodes, initialisers };
}

/** A network of one operator set; up to IR version 3 initialisers are inputs as well. */
function modelFor(parts: Parts, input: ReturnType<typeof makeValueInfo>, opset: number, irVersion: number) {
  const inputs = [
    input,
    ...(irVersion > 3
      ? []
      : parts.initialisers.map((t) => makeValueInfo(t.name, t.dataType, t.dims.map(Number)))),
  ];
  return buildModel({ ...parts, inputs, outputs: ["y"], opset, irVersion });
}

const images = singleInput(2, [3, 8, 8], draw(2, 3, 8, 8));
const words = singleInput(2, [4], BigInt64Array.of(1n, 7n, 3n, 10n, 0n, 2n, 2n, 5n));

const flips = (bits: number) => symmetricFlips(0.1, bits);

/** What must not depend on the operator set. */
async function summary(model: OnnxModel, data: Dataset) {
  const bytes = serialiseModel(model);
  const assessment: Assessment = await assess(
    { name: "m.onnx", bytes },
    { flips, calibration: data, jacobian: { samples: 2, seed: 0 } },
  );
  const plan = await makePlan(assessment, { policy: "magnitude", overhead: 0.2 });
  const x = data.inputs.get("x")!;
  const feed =
    x.data instanceof BigInt64Array
      ? new Tensor("int64", x.data, [2, ...x.dims])
      : new Tensor("float32", x.data as Float32Array, [2, ...x.dims]);
  const outputsOf = async (file: OnnxModel) => floats((await runModel(file, { x: feed }))["y"]);
  return {
    codes: assessment.prepared.tensors.map((t) => [t.name, ...t.codes]),
    published: await outputsOf(parseModel(bytes)),
    quantised: await outputsOf(assessment.prepared.model),
    hardened: await outputsOf(parseModel(serialiseModel(hardenByPlan(assessment, plan)))),
    rows: inspect(assessment),
  };
}

const networks = [
  ["image classifier", imageNetwork, makeValueInfo("x", DataType.FLOAT, ["N", 3, 8, 8]), images],
  ["sequence classifier", sequenceNetwork, makeValueInfo("x", DataType.INT64, ["N", 4]), words],
] as const;

describe.each(networks)("%s", (_, network, input, data) => {
  const reference = summary(modelFor(network(17), input, 17, 8), data);

  it.each(versions)("operator set %i, IR version %i", async (opset, irVersion) => {
    const expected = await reference;
    const found = await summary(modelFor(network(opset), input, opset, irVersion), data);
    expect(found.codes).toEqual(expected.codes);
    // The same sums of a few dozen float32 products in another order.
    expect(relativeDifference(found.published, expected.published)).toBeLessThan(1e-5);
    expect(relativeDifference(found.quantised, expected.quantised)).toBeLessThan(1e-5);
    expect(found.hardened).toEqual(found.quantised);
    // Quantisation to 8 bits changes the outputs, but not what the network is.
    expect(relativeDifference(found.quantised, found.published)).toBeLessThan(0.1);
    expect(relativeDifference(found.quantised, found.published)).toBeGreaterThan(0);
    found.rows.forEach((row, t) => {
      const other = expected.rows[t]!;
      expect(row.method).toBe("gradient");
      expect(Math.abs(row.jacobianMeanSquare! / other.jacobianMeanSquare! - 1)).toBeLessThan(1e-3);
    });
  });
});

describe("weights stored in another way", () => {
  const w = draw(16);
  const models: Readonly<Record<string, OnnxModel>> = {
    raw: buildModel({
      nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
      inputs: { x: ["N", 4] },
      initialisers: [floatTensor("w", [4, 4], w)],
      outputs: ["y"],
    }),
    "typed field": buildModel({
      nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
      inputs: { x: ["N", 4] },
      initialisers: [
        create(TensorProtoSchema, { name: "w", dims: [4n, 4n], dataType: DataType.FLOAT, floatData: [...w] }),
      ],
      outputs: ["y"],
    }),
    "Constant node": buildModel({
      nodes: [
        makeNode("Constant", [], ["w"], { value: floatTensor("", [4, 4], w) }),
        makeNode("MatMul", ["x", "w"], ["y"]),
      ],
      inputs: { x: ["N", 4] },
      outputs: ["y"],
    }),
    double: buildModel({
      nodes: [
        makeNode("Cast", ["wide"], ["w"], { to: DataType.FLOAT }),
        makeNode("MatMul", ["x", "w"], ["y"]),
      ],
      inputs: { x: ["N", 4] },
      initialisers: [
        create(TensorProtoSchema, {
          name: "wide",
          dims: [4n, 4n],
          dataType: DataType.DOUBLE,
          doubleData: [...w],
        }),
      ],
      outputs: ["y"],
    }),
  };
  const x = singleInput(2, [4], draw(8));

  it.each(Object.keys(models))("%s: the same codes, outputs and Jacobian", async (form) => {
    const expected = await summary(models["raw"]!, x);
    const found = await summary(models[form]!, x);
    expect(found.codes.map(([, ...codes]) => codes)).toEqual(expected.codes.map(([, ...codes]) => codes));
    expect(found.hardened).toEqual(expected.hardened);
    expect(found.rows.map((r) => r.jacobianMeanSquare)).toEqual(
      expected.rows.map((r) => r.jacobianMeanSquare),
    );
  });
});
