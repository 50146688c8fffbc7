import { describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { singleInput, type Dataset, type SampleArray } from "../data/index.ts";
import {
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  makeValueInfo,
  prepareModel,
  serialiseModel,
  type OnnxModel,
} from "../onnx/index.ts";
import { outputValues } from "./convert.ts";
import { bindInputs, checkInputNames, planFeeds } from "./feed.ts";
import { judgedModel, modelIo } from "./io.ts";
import { bindWeights, inferBatches, settleBatching, type JudgedOutput } from "./network.ts";
import { openSession, runSession } from "./session.ts";

/** y = x W, for a batch of any or of a fixed size. */
const dense = (batch: number | string) =>
  buildModel({
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    initialisers: [floatTensor("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
    inputs: { x: [batch, 2] },
    outputs: ["y"],
  });

/** Runs a model with its data fed as `settleBatching` decides. */
async function run(model: OnnxModel, data: Dataset): Promise<JudgedOutput> {
  const io = modelIo(model);
  const settled = await settleBatching(model, data);
  const session = await openSession(serialiseModel(model));
  try {
    return await inferBatches(session, io, bindInputs(io, settled));
  } finally {
    await session.release();
  }
}

const samples = (dims: readonly number[]) =>
  singleInput(2, dims, new Float32Array(2 * dims.reduce((a, b) => a * b, 1)));

describe("modelIo", () => {
  it("knows the inputs and the output", () => {
    const x = (batch: number | string) => ({ name: "x", elementType: DataType.FLOAT, dims: [batch, 2] });
    expect(modelIo(dense("N"))).toEqual({ inputs: [x("N")], output: "y" });
    expect(modelIo(dense(4))).toEqual({ inputs: [x(4)], output: "y" });
  });

  it("leaves out inputs that have a default value", () => {
    const model = dense("N");
    model.graph.input.push(makeValueInfo("w", DataType.FLOAT, [2, 3]));
    expect(modelIo(model).inputs.map((i) => i.name)).toEqual(["x"]);
  });
});

describe("judgedModel", () => {
  const two = buildModel({
    nodes: [makeNode("Relu", ["x"], ["h"]), makeNode("Neg", ["h"], ["a"]), makeNode("Exp", ["h"], ["b"])],
    inputs: { x: ["N", 2] },
    outputs: ["a", "b"],
  });

  it("takes the first output, a named one, or a value inside", async () => {
    const data = singleInput(1, [2], Float32Array.of(-1, 0.5));
    expect((await run(judgedModel(two), data)).values).toEqual(Float32Array.of(-0, -0.5));
    expect((await run(judgedModel(two, "b"), data)).values).toEqual(Float32Array.of(1, Math.exp(0.5)));
    expect((await run(judgedModel(two, "h"), data)).values).toEqual(Float32Array.of(0, 0.5));
    expect(two.graph.output.map((o) => o.name)).toEqual(["a", "b"]);
  });

  it("refuses a value that the model does not compute", () => {
    expect(() => judgedModel(two, "c")).toThrow(/no value "c".*a, b/);
  });
});

describe("shapes", () => {
  it("names both where data do not fit", () => {
    const io = modelIo(dense("N"));
    expect(() => planFeeds(io, samples([2]))).not.toThrow();
    expect(() => planFeeds(io, samples([3]))).toThrow(/\[N, 2\].*\[N, 3\]/);
    expect(() => planFeeds(io, samples([2, 2, 2]))).toThrow(/\[N, 2\].*\[N, 2, 2, 2\]/);
  });

  it("adds axes of size one, and flattens to a row", async () => {
    const values = Float32Array.of(1, 0, 0, 1);
    const expected = Float32Array.of(1, 2, 3, 4, 5, 6);
    for (const dims of [[2], [1, 2], [2, 1], [1, 1, 2]]) {
      expect((await run(dense("N"), singleInput(2, dims, values))).values).toEqual(expected);
    }
  });
});

describe("the remedy for data that do not fit", () => {
  const taking = (...sample: number[]) =>
    modelIo(
      buildModel({
        nodes: [makeNode("Identity", ["image"], ["y"])],
        inputs: { image: ["N", ...sample] },
        outputs: ["y"],
      }),
    );
  const named = (arrays: Record<string, number[]>): Dataset => ({
    count: 2,
    labels: undefined,
    inputs: new Map(
      Object.entries(arrays).map(([name, dims]) => [
        name,
        { dims, data: new Float32Array(2 * dims.reduce((a, b) => a * b, 1)) },
      ]),
    ),
  });

  it.each([
    ["channels last", [3, 4, 5], [4, 5, 3], "x.transpose(0, 3, 1, 2)"],
    ["channels first", [4, 5, 3], [3, 4, 5], "x.transpose(0, 2, 3, 1)"],
    ["a row of three channels", [3, 4, 5], [60], "x.reshape(-1, 3, 4, 5), if that is their order"],
    ["a table with its labels", [1, 4, 5], [21], "--label-column"],
    ["another size", [3, 4, 5], [3, 8, 8], "reshape or transpose them to fit"],
  ])("for %s", (_, sample, dims, remedy) => {
    expect(() => planFeeds(taking(...sample), named({ x: dims }))).toThrow(remedy);
  });

  it("is not needed for a row that holds a picture of one channel", () => {
    expect(planFeeds(taking(1, 4, 5), named({ x: [20] })).samples[0]!.dims).toEqual([1, 4, 5]);
  });

  it("names the arrays that can be the input and the labels", () => {
    expect(() => planFeeds(taking(1, 4, 5), named({ images: [1, 4, 5], labels: [] }))).toThrow(
      'The data have the arrays images and labels, but the model takes "image" float [N, 1, 4, 5] alone; give --data FILE.npz:images --labels FILE.npz:labels.',
    );
    expect(() => planFeeds(taking(1, 4, 5), named({ a: [1, 4, 5], b: [1, 4, 5] }))).toThrow(
      "choose arrays by --data NAME=FILE.npz:ARRAY and --labels FILE.npz:ARRAY.",
    );
  });

  it("names a constant that no input takes", () => {
    const constants = new Map([["zz", { fill: 1 }]]);
    for (const arrays of [{ x: [1, 4, 5] }, { image: [1, 4, 5] }])
      expect(() => planFeeds(taking(1, 4, 5), { ...named(arrays), constants })).toThrow(
        '--feed names the input "zz", which the model does not have; it takes "image" float [N, 1, 4, 5].',
      );
  });

  it("names the archive, and no labels where there are some", () => {
    const archives = new Map(["x", "label", "images"].map((name) => [name, "test_x.npz"]));
    const labels = { dims: [], data: new Int32Array(2) };
    const io = taking(1, 4, 5);
    expect(() => checkInputNames(io, { ...named({ x: [1, 4, 5], label: [] }), labels }, archives)).toThrow(
      /^test_x\.npz has the arrays x and label, but .*; give --data test_x\.npz:x\.$/,
    );
    expect(() => checkInputNames(io, named({ x: [1, 4, 5], label: [] }), archives)).toThrow(
      /; give --data test_x\.npz:x --labels test_x\.npz:label\.$/,
    );
    expect(() => checkInputNames(io, named({ images: [1, 4, 5] }), archives)).toThrow(
      /^The model has no input "images"; .* or choose arrays by --data test_x\.npz:images\.$/,
    );
  });
});

describe("a model of fixed batch size", () => {
  it.each(["patch", "feed"] as const)("gives every sample its own outputs, by %s", async (kind) => {
    const data = singleInput(3, [2], Float32Array.of(1, 2, 3, 4, 5, 6));
    for (const batch of [1, 2, 3, 4, 7, "N"]) {
      const prepared = prepareModel(dense(batch), { format: "int8", granularity: "tensor" });
      const binder = await bindWeights(prepared, kind);
      await binder.load([Float32Array.of(1, 0, 1, 0, 1, 1)]);
      const { count, dims, values } = await binder.infer(data);
      await binder.close();
      expect([count, dims]).toEqual([3, [3]]);
      expect(values).toEqual(Float32Array.of(1, 2, 3, 3, 4, 7, 5, 6, 11));
    }
  });
});

describe("models that mix the samples of a batch", () => {
  const one = [1, 2, 3, 10, 20, 30];
  const model = (axis: number, dims: readonly (number | string)[]) =>
    buildModel({
      nodes: [makeNode("CumSum", ["x", "axis"], ["y"])],
      initialisers: [int64Tensor("axis", [], [axis])],
      inputs: { x: dims },
      outputs: ["y"],
    });

  it("are run one sample a call", async () => {
    const data = singleInput(2, [3], Float32Array.from(one));
    const along = await run(model(1, ["N", 3]), data);
    expect(along.values).toEqual(Float32Array.of(1, 3, 6, 10, 30, 60));
    const mixing = await run(model(0, ["N", 3]), data);
    expect(mixing).toMatchObject({ dims: [3], values: data.inputs.get("x")!.data });
  });

  it("give one sample its whole output", async () => {
    const data = singleInput(1, [3], Float32Array.of(1, 2, 3));
    const model = buildModel({
      nodes: [makeNode("Transpose", ["x"], ["y"])],
      inputs: { x: ["N", 3] },
      outputs: ["y"],
    });
    expect(await run(model, data)).toMatchObject({ dims: [3, 1], values: Float32Array.of(1, 2, 3) });
    const two = singleInput(2, [3], Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await run(model, two)).toMatchObject({ dims: [3, 1], values: two.inputs.get("x")!.data });
  });

  it("are refused where the output's size depends on the sample", async () => {
    // The indices of the numbers that are not zero: one column a number.
    const model = buildModel({
      nodes: [makeNode("Relu", ["x"], ["r"]), makeNode("NonZero", ["r"], ["y"])],
      inputs: { x: ["N", 3] },
      outputs: [makeValueInfo("y", DataType.INT64)],
    });
    const data = singleInput(2, [3], Float32Array.of(1, 2, 3, -1, -2, 3));
    await expect(run(model, data)).rejects.toThrow(
      /"y" has shape \[2, 3\] for sample 0 but \[2, 1\] for sample 1.*--output-name/,
    );
    const text = buildModel({
      nodes: [makeNode("Relu", ["x"], ["r"]), makeNode("Cast", ["r"], ["y"], { to: DataType.STRING })],
      inputs: { x: ["N", 3] },
      outputs: [makeValueInfo("y", DataType.STRING)],
    });
    await expect(run(text, data)).rejects.toThrow(/"y" holds string, which cannot be judged/);
  });

  it("are fed whole samples where they have no batch axis", async () => {
    const data = singleInput(2, [3, 1], Float32Array.from(one));
    const found = await run(model(0, ["sequence", 1]), data);
    expect(found).toMatchObject({ dims: [3, 1], values: Float32Array.of(1, 3, 6, 10, 30, 60) });
  });
});

describe("several inputs", () => {
  const types = [
    ["f", DataType.FLOAT],
    ["h", DataType.FLOAT16],
    ["d", DataType.DOUBLE],
    ["i", DataType.INT64],
    ["b", DataType.BOOL],
  ] as const;
  /** The sum of inputs of all types, in double precision. */
  const mixed = buildModel({
    nodes: [
      ...types.map(([name]) => makeNode("Cast", [name], [`${name}.d`], { to: DataType.DOUBLE })),
      makeNode(
        "Sum",
        types.map(([name]) => `${name}.d`),
        ["y"],
      ),
    ],
    inputs: types.map(([name, type]) => makeValueInfo(name, type, ["N", 2])),
    outputs: [makeValueInfo("y", DataType.DOUBLE)],
  });
  const array = (...values: number[]): SampleArray => ({ dims: [2], data: Float32Array.from(values) });
  const data: Dataset = {
    count: 2,
    inputs: new Map<string, SampleArray>([
      ["f", array(0.5, 1, 2, 3)],
      ["h", array(0.25, 0.125, 1, 2048)],
      ["d", { dims: [2], data: Uint8Array.of(0, 51, 102, 255) }],
      ["b", { dims: [2], data: Uint8Array.of(0, 1, 1, 0), isBoolean: true }],
    ]),
    labels: undefined,
    constants: new Map([["i", { dims: [1, 2], data: Int32Array.of(100, 200) }]]),
  };

  it("are converted to the types the model declares", async () => {
    const found = await run(mixed, data);
    expect(found.type).toBe("float64");
    expect(found.values).toEqual(
      Float32Array.from([0.75 + 100, 1.125 + 0.2 + 1 + 200, 3 + 0.4 + 1 + 100, 2051 + 1 + 200]),
    );
  });

  it("of half precision are read, and fed to the next model", async () => {
    const half = (name: string) => makeValueInfo(name, DataType.FLOAT16, ["N", 2]);
    const negated = serialiseModel(
      buildModel({ nodes: [makeNode("Neg", ["x"], ["y"])], inputs: [half("x")], outputs: [half("y")] }),
    );
    const session = await openSession(negated);
    try {
      const values = array(1, -0.5, 2048, 2 ** -24);
      const bound = bindInputs(
        { inputs: [{ name: "x", elementType: DataType.FLOAT16, dims: ["N", 2] }], output: "y" },
        {
          count: 2,
          inputs: new Map([["x", values]]),
          labels: undefined,
        },
      );
      const once = (await runSession(session, bound.feeds(0, 2)))["y"]!;
      expect(outputValues(once.data, once.type, "y")).toEqual(Float32Array.of(-1, 0.5, -2048, -(2 ** -24)));
      const twice = (await runSession(session, { x: once }))["y"]!;
      expect(outputValues(twice.data, twice.type, "y")).toEqual(values.data);
    } finally {
      await session.release();
    }
  });

  it("name what is missing, what is strange and what does not fit a type", () => {
    const io = modelIo(mixed);
    const without = (name: string) =>
      new Map<string, SampleArray>([...data.inputs].filter(([key]) => key !== name));
    expect(() => planFeeds(io, { ...data, inputs: without("h") })).toThrow(
      /Nothing is given for the input "h".*"h" float16 \[N, 2\]/,
    );
    const more = new Map<string, SampleArray>([...data.inputs, ["z", array(0, 0, 0, 0)] as const]);
    expect(() => planFeeds(io, { ...data, inputs: more })).toThrow(/no input "z".*"f" float \[N, 2\]/);
    const fraction = new Map<string, SampleArray>([...data.inputs, ["i", array(1, 2, 0.5, 0)] as const]);
    const { constants: _, ...rest } = data;
    expect(() => bindInputs(io, { ...rest, inputs: fraction })).toThrow(/"i" holds int64.*element 2.*0\.5/);
  });

  it("take the sizes of open axes from the samples", async () => {
    const state = (dims: readonly (number | string)[]) =>
      buildModel({
        nodes: [
          makeNode("ReduceSum", ["s"], ["t"], { keepdims: 0 }),
          makeNode("Shape", ["s"], ["shape"]),
          makeNode("Cast", ["shape"], ["sizes"], { to: DataType.FLOAT }),
          makeNode("Unsqueeze", ["sizes", "zero"], ["row"]),
          makeNode("Add", ["x", "t"], ["moved"]),
          makeNode("Add", ["moved", "row"], ["y"]),
        ],
        initialisers: [int64Tensor("zero", [1], [0])],
        inputs: { x: ["batch", "time"], s: dims },
        outputs: ["y"],
      });
    const x = singleInput(2, [3], new Float32Array(6));
    const inputs = new Map([["x", x.inputs.get("x")!]]);
    const filled = { ...x, inputs, constants: new Map([["s", { fill: 0 }]]) };
    const found = await run(state([2, "batch", "time"]), { ...filled, isOneByOne: true });
    expect(found.values).toEqual(Float32Array.of(2, 1, 3, 2, 1, 3));
    const given = new Map([["s", { dims: [2, 1, 1], data: Float32Array.of(1, 2) }]]);
    const repeated = await run(state([2, "batch", "time"]), {
      ...filled,
      constants: given,
      isOneByOne: true,
    });
    expect(repeated.values).toEqual(Float32Array.of(2 + 9, 1 + 9, 3 + 9, 2 + 9, 1 + 9, 3 + 9));
  });
});
