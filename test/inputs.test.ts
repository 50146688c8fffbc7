/** @file A model with several inputs and outputs, and one that takes images, from files to the hardened model. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatNpy, formatNpz } from "../src/data/index.ts";
import {
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  makeValueInfo,
  parseModel,
  prepareModel,
  serialiseModel,
} from "../src/onnx/index.ts";
import { buildModel, floats, relativeDifference, runModel } from "./build-model.ts";
import { makeWorkplace } from "./cli-run.ts";

const { path, run, remove } = makeWorkplace();
afterAll(remove);

const [samples, words, vocabulary, width, classes] = [48, 6, 12, 8, 4];
const wave = (count: number, frequency: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1 + frequency * i * i));

/** Mean of the embeddings of words that are not masked, two layers, a temperature; the class comes first. */
const model = buildModel({
  nodes: [
    makeNode("Gather", ["table", "ids"], ["embedded"]),
    makeNode("Unsqueeze", ["mask", "last"], ["column"]),
    makeNode("Mul", ["embedded", "column"], ["kept"]),
    makeNode("ReduceMean", ["kept"], ["pooled"], { axes: [1], keepdims: 0 }),
    makeNode("MatMul", ["pooled", "w1"], ["h"]),
    makeNode("Relu", ["h"], ["r"]),
    makeNode("MatMul", ["r", "w2"], ["z"]),
    makeNode("Div", ["z", "temperature"], ["scores"]),
    makeNode("ArgMax", ["scores"], ["class"], { axis: 1, keepdims: 0 }),
  ],
  initialisers: [
    floatTensor("table", [vocabulary, width], wave(vocabulary * width, 0.37)),
    floatTensor("w1", [width, 16], wave(width * 16, 0.11)),
    floatTensor("w2", [16, classes], wave(16 * classes, 0.71)),
    int64Tensor("last", [1], [2]),
  ],
  inputs: [
    makeValueInfo("ids", DataType.INT64, ["batch", "words"]),
    makeValueInfo("mask", DataType.FLOAT, ["batch", "words"]),
    makeValueInfo("temperature", DataType.FLOAT, []),
  ],
  outputs: [
    makeValueInfo("class", DataType.INT64, ["batch"]),
    makeValueInfo("scores", DataType.FLOAT, ["batch", classes]),
  ],
});
const ids = Int32Array.from(
  { length: samples * words },
  (_, i) => (i * 7 + Math.floor(i / words) * 5) % vocabulary,
);
const mask = Uint8Array.from(ids, (_, i) => (i % words < 2 + (Math.floor(i / words) % 5) ? 1 : 0));
const feeds = {
  ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [samples, words]),
  mask: { dims: [samples, words], data: Float32Array.from(mask) },
  temperature: { dims: [], data: Float32Array.of(0.5) },
};
const inputs = ["--data", "ids=ids.npy", "--data", "mask=mask.npy", "--feed", "temperature=0.5"];

beforeAll(async () => {
  writeFileSync(path("model.onnx"), serialiseModel(model));
  writeFileSync(path("ids.npy"), formatNpy({ dims: [samples, words], data: ids }));
  writeFileSync(path("mask.npy"), formatNpy({ dims: [samples, words], data: mask, isBoolean: true }));
  const clean = await runModel(prepareModel(model).model, feeds);
  const answers = Int32Array.from(clean["class"]!.data as BigInt64Array, Number);
  writeFileSync(path("labels.csv"), `answer\n${answers.join("\n")}\n`);
});

async function done(args: readonly string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run(args);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("a model with several inputs and outputs", () => {
  it("is planned, verified and hardened", async () => {
    const judged = ["--output-name", "scores", "--quiet", "--json"];
    const plan = [
      "plan",
      "model.onnx",
      ...inputs,
      ...judged,
      "--p",
      "0.02",
      "--budget",
      "0.25",
      "-o",
      "plan.json",
    ];
    expect(await done(plan)).toMatchObject({ policy: "tac", goal: { budget: 0.25 } });
    const labels = ["--labels", "labels.csv", "--label-column", "answer"];
    const verify = ["verify", "model.onnx", "--plan", "plan.json", ...inputs, ...labels, ...judged];
    // The labels are the clean network's answers, and a quarter of the bits keeps most of them.
    const found = await done([
      ...verify,
      "--trials",
      "12",
      "--keep",
      "0.6",
      "--limit",
      "40",
      "--threads",
      "1",
    ]);
    expect(found).toMatchObject({ clean: 1, samples: 40, chips: 12, kept: true });
    // Without a decoder that corrects the drift, clean codes are read as the quantised weights.
    await done([...plan.slice(0, -4), "--budget", "0.25", "--policy", "uniform-msp", "-o", "plain.json"]);
    await done(["harden", "model.onnx", "--plan", "plain.json", "-o", "hard.onnx", "--json"]);
    const hardened = await runModel(parseModel(new Uint8Array(readFileSync(path("hard.onnx")))), feeds);
    const quantised = await runModel(prepareModel(model).model, feeds);
    expect(Object.keys(hardened)).toEqual(["class", "scores"]);
    expect(hardened["class"]!.data).toEqual(quantised["class"]!.data);
    // Sums of 16 float32 products in another order: 2^-20 of the largest.
    expect(relativeDifference(floats(hardened["scores"]), floats(quantised["scores"]))).toBeLessThan(
      2 ** -20,
    );
  });

  it("is refused with a list of its inputs where they do not fit", async () => {
    const ids = formatNpz({ ids: { dims: [1, words], data: new Float32Array(words) } });
    writeFileSync(path("some.npz"), ids);
    const judged = ["--output-name", "scores", "--p", "0.1", "--quiet"];
    const some = await run(["inspect", "model.onnx", "--data", "some.npz", ...judged]);
    expect([some.status, some.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^qtaml: Nothing is given for the inputs "mask", "temperature"; the model takes "ids" int64 \[batch, words\], "mask" [^\n]*\n$/,
      ),
    ]);
    const unknown = await run(["inspect", "model.onnx", ...inputs, "--p", "0.1", "--output-name", "nothing"]);
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/no value "nothing"; its outputs are class, scores/),
    ]);
  });
});

describe("inputs by name, in folders of their own", () => {
  const count = 12;
  const two = buildModel({
    nodes: [
      makeNode("MatMul", ["a", "w1"], ["left"]),
      makeNode("MatMul", ["b", "w2"], ["right"]),
      makeNode("Add", ["left", "right"], ["scores"]),
    ],
    initialisers: [
      floatTensor("w1", [width, classes], wave(width * classes, 0.11)),
      floatTensor("w2", [width, classes], wave(width * classes, 0.71)),
    ],
    inputs: { a: ["N", width], b: ["N", width] },
    outputs: ["scores"],
  });
  const input = (frequency: number) => ({ dims: [count, width], data: wave(count * width, frequency) });

  beforeAll(() => {
    mkdirSync(path("run=1"));
    writeFileSync(path("run=1/two.onnx"), serialiseModel(two));
    writeFileSync(path("run=1/a.npy"), formatNpy(input(0.3)));
    writeFileSync(path("run=1/b.npy"), formatNpy(input(0.5)));
    const y = { dims: [count], data: Int32Array.from({ length: count }, (_, i) => i % classes) };
    writeFileSync(path("run=1/set.npz"), formatNpz({ a: input(0.3), b: input(0.5), y }));
  });

  it("go into a shared budget, from the folder of its file", async () => {
    const entry = { name: "two", model: "two.onnx", data: ["a=a.npy", "b=b.npy"], p: 0.02 };
    writeFileSync(path("run=1/shared.json"), JSON.stringify({ limit: { overhead: 0.2 }, models: [entry] }));
    const shared = await done(["budget", "run=1/shared.json", "--json", "--quiet", "--threads", "1"]);
    const plan = ["plan", "run=1/two.onnx", "--data", "a=run=1/a.npy", "--data", "b=run=1/b.npy"];
    const alone = await done([
      ...plan,
      "--p",
      "0.02",
      "--budget",
      "0.2",
      "--json",
      "--quiet",
      "--threads",
      "1",
    ]);
    expect(shared).toMatchObject({ models: [{ name: "two", protectedBits: alone["protectedBits"] }] });
  });

  it("are read again for the replay of a chip", async () => {
    const data = ["--data", "run=1/set.npz"];
    const quiet = ["--json", "--quiet", "--threads", "1"];
    await done([
      "plan",
      "run=1/two.onnx",
      ...data,
      "--p",
      "0.02",
      "--budget",
      "0.2",
      "-o",
      "two.json",
      ...quiet,
    ]);
    const verify = ["verify", "run=1/two.onnx", "--plan", "two.json", ...data, "--trials", "2"];
    expect([0, 1]).toContain((await run([...verify, "--store", "two.db", ...quiet])).status);
    expect(await done(["campaign", "replay", "two.db", "0", "--json", "--quiet"])).toMatchObject({ chip: 0 });
  });
});

describe("a model that takes images", () => {
  it("is judged on a folder of them", async () => {
    // Brightness by channel decides: the weights are the classes' colours.
    const colours = [
      [200, 40, 40],
      [40, 200, 40],
      [40, 40, 200],
    ] as const;
    const vision = buildModel({
      nodes: [
        makeNode("GlobalAveragePool", ["pixels"], ["mean"]),
        makeNode("Flatten", ["mean"], ["row"]),
        makeNode("MatMul", ["row", "w"], ["scores"]),
      ],
      initialisers: [floatTensor("w", [3, 3], Float32Array.of(4, -1, -1, -1, 4, -1, -1, -1, 4))],
      inputs: { pixels: ["N", 3, 8, 8] },
      outputs: ["scores"],
    });
    writeFileSync(path("vision.onnx"), serialiseModel(vision));
    for (const [k, name] of ["apple", "leaf", "sky"].entries()) {
      for (let n = 0; n < 3; n++) {
        const file = path(`photos/${name}/${n}.png`);
        mkdirSync(dirname(file), { recursive: true });
        const [r, g, b] = colours[k]!;
        const background = { r: r - 10 * n, g: g + 5 * n, b };
        writeFileSync(
          file,
          await sharp({ create: { width: 20 + n, height: 12, channels: 3, background } })
            .png()
            .toBuffer(),
        );
      }
    }
    const shared = ["--data", "photos", "--p", "0.01"];
    await done(["plan", "vision.onnx", ...shared, "--budget", "0.5", "--quiet", "--json", "-o", "v.json"]);
    const { status, stdout, stderr } = await run([
      "verify",
      "vision.onnx",
      "--plan",
      "v.json",
      ...shared,
      "--trials",
      "4",
      "--threads",
      "1",
      "--json",
    ]);
    expect(stderr).toContain("Classes: 0 apple, 1 leaf, 2 sky.\n");
    expect(JSON.parse(stdout)).toMatchObject({ clean: 1, samples: 9 });
    expect([0, 1]).toContain(status);
  });
});
