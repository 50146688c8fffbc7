/** @file Measures from end to end: segmentation, regression and a measure of one's own through the command line. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatNpz } from "../src/data/index.ts";
import { floatTensor, makeNode, serialiseModel } from "../src/onnx/index.ts";
import { buildModel } from "./build-model.ts";
import { inRepository, makeWorkplace, shippedImages, type Run } from "./cli-run.ts";

const { path, run, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const json = (result: Run) => {
  expect(result.stderr.replace(/^Warning: .*\n/gm, "")).toBe("");
  return JSON.parse(result.stdout) as Record<string, unknown>;
};
const noise = (length: number, salt: number) =>
  Float32Array.from({ length }, (_, i) => (((i + 1) * 7919 * salt) % 1009) / 504.5 - 1);

/** Three classes from three channels by a convolution over single pixels; whole weights are stored exactly. */
const mixing = [127, -20, 4, -9, 113, 30, 16, 44, 100];
const pixels = 5 * 4;
const maps = { count: 6, x: noise(6 * 3 * pixels, 3), y: new Int32Array(6 * pixels) };
/** Two targets that a dense layer with whole weights meets but for some noise. */
const dense = [127, -50, 20, 8, -64, 32, 5, 90];
const rows = { count: 40, x: noise(40 * 4, 5), y: new Float32Array(40 * 2) };

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const plan = (model: string, data: string, name: string, ...rest: string[]) =>
  run(["plan", model, "--data", data, "--p", "0.05", "--quiet", "--json", "-o", name, ...rest]);
const verify = (model: string, data: string, ...rest: string[]) => {
  const flags = ["--p", "0.05", "--trials", "6", "--quiet", ...rest];
  return run(["verify", model, "--plan", `${model}.json`, "--data", data, ...flags]);
};

/** The clean network's class of a pixel, and the label: wrong in one of 7 and left out in one of 11. */
function answerOf(n: number, place: number): number {
  const inputs = [0, 1, 2].map((c) => maps.x[(n * 3 + c) * pixels + place]!);
  const outputs = [0, 1, 2].map((k) => inputs.reduce((sum, v, c) => sum + mixing[k * 3 + c]! * v, 0));
  return outputs.indexOf(Math.max(...outputs));
}

beforeAll(async () => {
  for (let i = 0; i < maps.y.length; i++) {
    const answer = answerOf(Math.floor(i / pixels), i % pixels);
    maps.y[i] = i % 11 === 0 ? 255 : i % 7 === 0 ? (answer + 1) % 3 : answer;
  }
  for (let i = 0; i < rows.y.length; i++) {
    const [n, k] = [Math.floor(i / 2), i % 2];
    for (let j = 0; j < 4; j++) rows.y[i]! += dense[j * 2 + k]! * rows.x[n * 4 + j]!;
    rows.y[i]! += 20 * Math.sin(i);
  }
  const files: Record<string, Uint8Array | string> = {
    "maps.onnx": serialiseModel(
      buildModel({
        nodes: [makeNode("Conv", ["x", "w"], ["z"])],
        initialisers: [floatTensor("w", [3, 3, 1, 1], Float32Array.from(mixing))],
        inputs: { x: ["N", 3, 5, 4] },
        outputs: ["z"],
      }),
    ),
    "rows.onnx": serialiseModel(
      buildModel({
        nodes: [makeNode("MatMul", ["x", "w"], ["z"])],
        initialisers: [floatTensor("w", [4, 2], Float32Array.from(dense))],
        inputs: { x: ["N", 4] },
        outputs: ["z"],
      }),
    ),
    "maps.npz": formatNpz({
      x: { dims: [maps.count, 3, 5, 4], data: maps.x },
      y: { dims: [maps.count, 5, 4], data: maps.y },
    }),
    "rows.npz": formatNpz({
      x: { dims: [rows.count, 4], data: rows.x },
      y: { dims: [rows.count, 2], data: rows.y },
    }),
    "images.npz": shippedImages(40),
    "inputs.npz": shippedImages(40, false),
    "cosine.mjs": /```js\n(.*?)```/s.exec(readFileSync(inRepository("docs/measures.md"), "utf8"))![1]!,
    "late.mjs":
      "let seen = 0; export default () => { if (++seen > 40 + 25) throw new Error('tired'); return 1; };",
    "nan.mjs": "export default () => NaN;",
    "labels.mjs": "export const needsLabels = true; export default () => 1;",
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content);
  await plan("maps.onnx", "maps.npz", "maps.onnx.json", "--budget", "0.2");
  await plan("rows.onnx", "rows.npz", "rows.onnx.json", "--budget", "0.3");
  writeFileSync(path("lenet.onnx"), readFileSync(lenet));
  await plan("lenet.onnx", "images.npz", "lenet.onnx.json", "--budget", "0.5", "--samples", "8");
}, 60_000);
afterAll(remove);

describe("segmentation", () => {
  it("is judged by miou, and says so", async () => {
    const judged = Array.from(maps.y, (label, i) => ({
      label,
      answer: answerOf(Math.floor(i / pixels), i % pixels),
    }));
    const seen = judged.filter(({ label }) => label !== 255);
    const ious = [0, 1, 2].map(
      (c) =>
        seen.filter((p) => p.label === c && p.answer === c).length /
        seen.filter((p) => p.label === c || p.answer === c).length,
    );
    const result = json(await verify("maps.onnx", "maps.npz", "--json"));
    expect(result["measure"]).toMatchObject({ name: "miou", unit: "share" });
    expect(result["clean"]).toBeCloseTo(mean(ious), 12);
    expect(result["clean"]).toBeLessThan(0.9);
    const scores = result["scores"] as number[];
    expect(new Set(scores).size).toBeGreaterThan(1);
    const told = await verify("maps.onnx", "maps.npz");
    expect(told.stdout).toMatch(
      /^Clean mIoU .*of the clean mIoU\)\.\nProtection is ideal.*\nmIoU over 6 chips: /,
    );
  });

  it("takes another measure, another ignored label, and other threads", async () => {
    const right = Array.from(maps.y, (label, i) => label === answerOf(Math.floor(i / pixels), i % pixels));
    const accuracy = (ignored: number) => mean(right.filter((_, i) => maps.y[i] !== ignored).map(Number));
    const flags = ["--measure", "pixel-accuracy", "--json"];
    const one = await verify("maps.onnx", "maps.npz", ...flags, "--threads", "1");
    expect(json(one)["clean"]).toBeCloseTo(accuracy(255), 12);
    expect(await verify("maps.onnx", "maps.npz", ...flags, "--threads", "2")).toEqual(one);
    const lost = await verify("maps.onnx", "maps.npz", ...flags, "--ignore-label", "1");
    expect(lost).toMatchObject({ status: 2, stdout: "" });
    expect(lost.stderr).toMatch(/Label 255 of sample 0 .* 3 classes/);
  });
});

describe("regression", () => {
  const error = () => {
    const clean = Array.from(rows.y, (_, i) =>
      [0, 1, 2, 3].reduce((sum, j) => sum + dense[j * 2 + (i % 2)]! * rows.x[Math.floor(i / 2) * 4 + j]!, 0),
    );
    return mean(clean.map((z, i) => (z - rows.y[i]!) ** 2));
  };
  const variance = () => {
    const columns = [0, 1].map((k) => Array.from(rows.y).filter((_, i) => i % 2 === k));
    return mean(columns.flatMap((own) => own.map((v) => (v - mean(own)) ** 2)));
  };

  it("is judged by r2 or the squared error, which ask for the same", async () => {
    const results = [];
    for (const measure of [[], ["--measure", "mse-targets"]]) {
      results.push(json(await verify("rows.onnx", "rows.npz", "--json", "--keep", "0.9", ...measure)));
    }
    const [r2, mse] = results as [Record<string, unknown>, Record<string, unknown>];
    expect(r2["measure"]).toMatchObject({ name: "r2" });
    // Outputs are float32, some 100 large: 2^-24 of them enters the error twice.
    expect(Math.abs((mse["clean"] as number) / error() - 1)).toBeLessThan(1e-5);
    expect(r2["clean"]).toBeCloseTo(1 - error() / variance(), 5);
    expect(mse["yield"]).toBe(r2["yield"]);
    expect(mse["target"]).toBeCloseTo((1 - (r2["target"] as number)) * variance(), 6);
  });

  it("is planned and compared without predictions of answers", async () => {
    const result = await plan("rows.onnx", "rows.npz", "kept.json", "--keep", "0.9", "--trials", "3");
    expect(json(result)).toMatchObject({ goal: { keep: 0.9, criterion: "r2" } });
    const flags = ["--p", "0.05", "--trials", "3", "--budgets", "0,0.3,0.6", "--quiet", "-o", "results.json"];
    const compared = await run(["compare", "rows.onnx", "--data", "rows.npz", "--measure", "snr", ...flags]);
    expect(compared.stdout).toContain("95 % of the outputs' signal power");
    expect(compared.stdout).not.toContain("Predicted");
    const results = JSON.parse(readFileSync(path("results.json"), "utf8")) as Record<string, unknown>;
    expect(results).toMatchObject({ predicted: null, saturationRatio: null, measure: { unit: "dB" } });
    expect(results["target"]).toBeCloseTo(-10 * Math.log10(0.05), 12);
    const page = await run(["report", "--results", "results.json", "--quiet", "--json"]);
    expect(page.status).toBe(0);
    expect(readFileSync(path("report.html"), "utf8")).toContain("SNR of the outputs (dB)");
  });
});

describe("a measure of one's own", () => {
  it("is the example of the guide, on any number of threads", async () => {
    const flags = ["--measure", "./cosine.mjs", "--json"];
    const one = await verify("lenet.onnx", "inputs.npz", ...flags, "--threads", "1");
    const result = json(one);
    expect(result["measure"]).toMatchObject({ name: "cosine similarity", higherIsBetter: true });
    expect(result["clean"]).toBeCloseTo(1, 12);
    expect(result["target"]).toBeCloseTo(0.95, 12);
    for (const score of result["scores"] as number[]) expect(Math.abs(score)).toBeLessThan(1);
    expect(await verify("lenet.onnx", "inputs.npz", ...flags, "--threads", "2")).toEqual(one);
  });

  it.each([
    ["a failure in a worker", ["late.mjs"], /late.mjs failed on sample \d+: tired/],
    ["a number that is none", ["nan.mjs"], /nan.mjs gave NaN for sample 0/],
    ["no labels", ["labels.mjs"], /labels.mjs needs labels/],
    ["no file", ["lost.mjs"], /lost.mjs does not exist/],
    ["no such measure", ["top-one"], /no measure "top-one"; choose one of top-K, .*miou/],
  ])("ends with status 2 after %s", async (_, [measure, ...flags], message) => {
    const result = await verify("lenet.onnx", "inputs.npz", "--json", "--measure", measure!, ...flags);
    expect(result).toMatchObject({ status: 2, stdout: "" });
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(result.stderr).toMatch(message);
  });

  it("is refused where no chip is judged", async () => {
    const result = await plan("rows.onnx", "rows.npz", "no.json", "--budget", "0.1", "--measure", "mse");
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/--budget simulates none/);
  });
});
