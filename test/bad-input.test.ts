/** @file What a user gets wrong: one sentence, exit status 2, no stack and no half-written file. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatNpz } from "../src/data/index.ts";
import { floatTensor, makeNode, parseModel, serialiseModel } from "../src/onnx/index.ts";
import { buildModel } from "./build-model.ts";
import { inRepository, makeWorkplace } from "./cli-run.ts";

const { path, run, folder, remove } = makeWorkplace();
const lenet = inRepository("test/fixtures/lenet.onnx");
const noise = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 29) % 97) / 97);

/** The fixture network with its first weight replaced. */
function withWeight(value: number): Uint8Array {
  const model = parseModel(new Uint8Array(readFileSync(lenet)));
  const tensor = model.graph.initializer.find((t) => t.dims.length === 4)!;
  const bytes = tensor.rawData.slice();
  new DataView(bytes.buffer, bytes.byteOffset).setFloat32(0, value, true);
  tensor.rawData = bytes;
  return serialiseModel(model);
}

/** A dense network whose answer passes through another operator. */
function endingIn(opType: string, domain: string): Uint8Array {
  const end = makeNode(opType, ["h"], ["out"]);
  end.domain = domain;
  return serialiseModel(
    buildModel({
      nodes: [makeNode("MatMul", ["in", "w"], ["h"]), end],
      initialisers: [floatTensor("w", [4, 3], noise(12))],
      inputs: { in: ["N", 4] },
      outputs: ["out"],
    }),
  );
}

/** The files below the folder. */
const listing = () => readdirSync(folder, { recursive: true }).map(String).sort();

beforeAll(async () => {
  const whole = readFileSync(lenet);
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "truncated.onnx": whole.subarray(0, whole.length / 2),
    "garbage.onnx": noise(512)
      .map((v) => v * 1e9)
      .toString(),
    "binary.onnx": Uint8Array.from({ length: 4096 }, (_, i) => (i * 167 + 13) % 256),
    "empty.onnx": "",
    "custom.onnx": endingIn("Frobnicate", "com.example"),
    "unknown.onnx": endingIn("Frobnicate", ""),
    "weightless.onnx": serialiseModel(
      buildModel({ nodes: [makeNode("Relu", ["in"], ["out"])], inputs: { in: ["N", 4] }, outputs: ["out"] }),
    ),
    "nan.onnx": withWeight(Number.NaN),
    "infinite.onnx": withWeight(Infinity),
    "data.npz": formatNpz({
      x: { dims: [8, 1, 16, 16], data: noise(8 * 256) },
      y: { dims: [8], data: new Uint8Array(8) },
    }),
    "unlabelled.npz": formatNpz({ x: { dims: [8, 1, 16, 16], data: noise(8 * 256) } }),
    "labelled.npz": formatNpz({
      x: { dims: [8, 1, 16, 16], data: noise(8 * 256) },
      label: { dims: [8], data: new Uint8Array(8) },
    }),
    "rows.npz": formatNpz({ x: { dims: [8, 4], data: noise(32) } }),
    "wide.npz": formatNpz({ x: { dims: [8, 3, 20, 20], data: noise(8 * 1200) } }),
    "labels.npz": formatNpz({
      x: { dims: [8, 1, 16, 16], data: noise(8 * 256) },
      y: { dims: [8], data: Uint8Array.of(0, 1, 2, 3, 10, 5, 6, 7) },
    }),
    "negative.npz": formatNpz({
      x: { dims: [8, 1, 16, 16], data: noise(8 * 256) },
      y: { dims: [8], data: Int32Array.of(0, 1, 2, -3, 4, 5, 6, 7) },
    }),
    "unnamed.npz": formatNpz({ images: { dims: [8, 1, 16, 16], data: noise(8 * 256) } }),
    "images.pt": zipSync({ "images/data.pkl": Uint8Array.of(0x80, 2, 0x7d, 0x2e) }),
    "images.pth": Uint8Array.of(
      0x80,
      2,
      0x8a,
      10,
      0x6c,
      0xfc,
      0x9c,
      0x46,
      0xf9,
      0x20,
      0x6a,
      0xa8,
      0x50,
      0x19,
    ),
    "text.npz": "x,y\n1,2\n",
    "corrupt.json": '{"format": "qtaml-plan", ',
    "other.json": '{"format": "something-else"}',
    "bad-device.yaml": "cell: gain-cell\nholds: 3\n",
    "file.txt": "a file, not a folder",
    "two.plan.json": JSON.stringify({
      limit: { overhead: 0.1 },
      models: [{ name: "two", model: lenet, data: "data.npz" }],
      p: 0.1,
    }),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content);
  mkdirSync(path("folder"));
  const planned = await run([
    "plan",
    lenet,
    "--data",
    "data.npz",
    "--p",
    "0.1",
    "--budget",
    "0.1",
    "--quiet",
    "-o",
    "plan.json",
  ]);
  if (planned.status !== 0) throw new Error(planned.stderr);
  const plan = JSON.parse(readFileSync(path("plan.json"), "utf8")) as { protectedBits: number };
  writeFileSync(path("miscounted.json"), JSON.stringify({ ...plan, protectedBits: plan.protectedBits + 1 }));
});
afterAll(remove);

const vgg = inRepository("test/fixtures/vgg.onnx");
/** `plan` of a model on data, which would write `out.json`. */
const plan = (model: string, data = "data.npz", ...rest: string[]) => [
  "plan",
  model,
  "--data",
  data,
  ...(rest.length > 0 ? rest : ["--p", "0.1", "--budget", "0.1"]),
  "--quiet",
  "-o",
  "out.json",
];
const flip = (...rest: string[]) => [
  "flip",
  "--hold",
  "0.064",
  "--attempt",
  "1e13",
  "--energy",
  "0",
  ...rest,
];
const verify = (model: string, planFile: string, data = "data.npz") => [
  "verify",
  model,
  "--plan",
  planFile,
  "--data",
  data,
  "--trials",
  "2",
  "--quiet",
  "--json",
];
const harden = (planFile: string, model = lenet) => ["harden", model, "--plan", planFile, "-o", "out.onnx"];

const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["a missing model", plan("missing.onnx"), /missing\.onnx does not exist/],
  ["a folder for a model", plan("folder"), /folder is a folder; give a file/],
  ["a truncated model", plan("truncated.onnx"), /truncated\.onnx .*(cut short|not an ONNX model)/],
  ["text for a model", plan("garbage.onnx"), /garbage\.onnx .*not an ONNX model/],
  ["noise for a model", plan("binary.onnx"), /binary\.onnx .*(not an ONNX model|cut short)/],
  ["an empty model", plan("empty.onnx"), /empty\.onnx is empty/],
  ["an operator of another domain", plan("custom.onnx", "rows.npz"), /Frobnicate/],
  ["an operator that does not exist", plan("unknown.onnx", "rows.npz"), /Frobnicate/],
  ["a model without weights", plan("weightless.onnx", "rows.npz"), /no weights/],
  ["a NaN weight", plan("nan.onnx"), /NaN/],
  ["an infinite weight", plan("infinite.onnx"), /[Ii]nfinit/],
  ["data of another shape", plan(lenet, "wide.npz"), /\[N, 1, 16, 16\].*\[N, 3, 20, 20\]/],
  ["data of another rank", plan(lenet, "rows.npz"), /\[N, 1, 16, 16\].*\[N, 4\]/],
  ["a label out of range", verify(lenet, "plan.json", "labels.npz"), /Label 10 of sample 4 .*10 classes/],
  ["a negative label", verify(lenet, "plan.json", "negative.npz"), /Label -3 of sample 3/],
  ["data that are not npz", plan(lenet, "text.npz"), /text\.npz .*not a NumPy \.npz archive/],
  [
    "PyTorch's tensors for data",
    plan(lenet, "images.pt"),
    /images\.pt is a PyTorch file, .*numpy\.savez\("images\.npz", .* and give images\.npz/,
  ],
  [
    "PyTorch's older files for data",
    plan(lenet, "images.pth"),
    /images\.pth is a PyTorch file, .*numpy\.savez/,
  ],
  [
    "PyTorch's tensors for labels",
    [...verify(lenet, "plan.json", "unlabelled.npz"), "--labels", "images.pt"],
    /images\.pt is a PyTorch file, .*numpy\.savez/,
  ],
  ["a PyTorch file for a model", plan("images.pt"), /images\.pt is a PyTorch file; .*torch\.onnx\.export/],
  ["data without x", plan(lenet, "unnamed.npz"), /no input "images"; it takes "x" float \[N, 1, 16, 16\]/],
  [
    "an array beside x that is none of the model's",
    [...verify(lenet, "plan.json", "labelled.npz"), "--labels", "labelled.npz:label"],
    /labelled\.npz has the arrays x and label, but the model takes "x" .* alone; give --data labelled\.npz:x\.$/m,
  ],
  ["missing data", plan(lenet, "missing.npz"), /missing\.npz does not exist/],
  ["p above 0.5", plan(lenet, "data.npz", "--p", "0.6", "--budget", "0.1"), /\bp\b.*0\.6.*0\.5/],
  ["p below 0", plan(lenet, "data.npz", "--p", "-0.1", "--budget", "0.1"), /\bp\b.*-0\.1/],
  ["p01 above 1", plan(lenet, "data.npz", "--p01", "1.1", "--p10", "0", "--budget", "0.1"), /p01.*1\.1/],
  ["p10 below 0", plan(lenet, "data.npz", "--p01", "0", "--p10", "-1", "--budget", "0.1"), /p10.*-1/],
  ["no flip probability", plan(lenet, "data.npz", "--budget", "0.1"), /flip probability is missing/],
  [
    "probabilities for other widths",
    plan(lenet, "data.npz", "--p", "0.1,0.2", "--budget", "0.1"),
    /2 flip probabilities.*8 bits/,
  ],
  [
    "a feed without data",
    ["inspect", lenet, "--p", "0.1", "--feed", "state=zeros"],
    /--feed only goes with inputs, and no --data is given/,
  ],
  [
    "a column of labels where no data are a table",
    [...verify(lenet, "plan.json", "data.npz"), "--label-column", "species"],
    /--label-column species is of a table, and the data are none; leave it out/,
  ],
  ["a budget above 1", plan(lenet, "data.npz", "--p", "0.1", "--budget", "1.5"), /1\.5.*\[0, 1\]/],
  ["a budget below 0", plan(lenet, "data.npz", "--p", "0.1", "--budget", "-0.1"), /-0\.1.*\[0, 1\]/],
  ["keep of 1", plan(lenet, "data.npz", "--p", "0.1", "--keep", "1"), /keep 1 is outside \(0, 1\)/],
  [
    "keep of 0",
    ["compare", lenet, "--data", "data.npz", "--p", "0.1", "--keep", "0", "--quiet", "--json"],
    /[Kk]eep 0 is outside \(0, 1\)/,
  ],
  [
    "budgets above 1",
    [
      "compare",
      lenet,
      "--data",
      "unlabelled.npz",
      "--p",
      "0.1",
      "--budgets",
      "0,2",
      "--trials",
      "2",
      "--quiet",
      "--json",
      "-o",
      "out.json",
    ],
    /2.*\[0, 1\]/,
  ],
  ["neither budget nor keep", plan(lenet, "data.npz", "--p", "0.1"), /either --budget .* or --keep/],
  [
    "an unknown format",
    plan(lenet, "data.npz", "--p", "0.1", "--budget", "0.1", "--format", "int99"),
    /int99/,
  ],
  ["another model's plan (verify)", verify(vgg, "plan.json"), /made for lenet\.onnx .* not for vgg\.onnx/],
  ["another model's plan (harden)", harden("plan.json", vgg), /made for lenet\.onnx .* not for vgg\.onnx/],
  ["a plan that is cut short", harden("corrupt.json"), /corrupt\.json is not valid JSON/],
  ["a plan of something else", harden("other.json"), /other\.json is not a plan/],
  [
    "a plan whose sums are off",
    verify(lenet, "miscounted.json"),
    /miscounted\.json states \d+ protected bits/,
  ],
  [
    "results of something else",
    ["report", "--results", "other.json", "-o", "out.html"],
    /other\.json is not the output of qtaml compare/,
  ],
  ["nothing to report on", ["report", "-o", "out.html"], /nothing to report on/],
  ["an unknown material", flip("--material", "SiO3", "--thickness", "2"), /SiO3.*SiO2/],
  ["a negative thickness", flip("--material", "SiO2", "--thickness", "-2"), /thickness.*-2/i],
  ["a missing thickness", flip("--material", "SiO2"), /thickness/],
  [
    "a device file with an unknown key",
    ["flip", "--device", "bad-device.yaml"],
    /holds.*did you mean "holdS"/,
  ],
  ["an output below a file", [...plan(lenet).slice(0, -1), "file.txt/out.json"], /file\.txt/],
  [
    "an output far below a file",
    [...harden("plan.json").slice(0, -1), "file.txt/deep/out.onnx"],
    /file\.txt/,
  ],
  [
    "a folder for an output",
    [...harden("plan.json").slice(0, -1), "folder"],
    /folder is a folder; give a file/,
  ],
];

describe("bad input", () => {
  it.each(cases)("%s", async (_, args, sentence) => {
    const before = listing();
    const { status, stdout, stderr } = await run(args);
    expect(stderr).toMatch(/^qtaml: [^\n]*[.?]\n$/);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(status).toBe(2);
    expect(listing()).toEqual(before);
  });
});

describe("an output in the place of another file", () => {
  const over = (args: readonly string[], output: string) => [...args.slice(0, -1), output];
  const withDevice = plan(lenet, "data.npz", "--device", "bad-device.yaml", "--budget", "0.1");
  const codes = ["codes", lenet, "--p", "0.1", "--data", "data.npz", "-o"];
  it.each<readonly [string, string, readonly string[]]>([
    ["plan over its data", "data.npz", over(plan(lenet), "data.npz")],
    ["plan over its device", "bad-device.yaml", over(withDevice, "bad-device.yaml")],
    ["harden over its model", "garbage.onnx", over(harden("plan.json", "garbage.onnx"), "garbage.onnx")],
    ["harden over its plan", "plan.json", over(harden("plan.json"), "folder/../plan.json")],
    [
      "compare over its data",
      "data.npz",
      ["compare", lenet, "--data", "images=data.npz", "--p", "0.1", "-o", "data.npz"],
    ],
    ["report over results", "other.json", ["report", "--results", "other.json", "-o", "other.json"]],
    ["report over a plan", "plan.json", ["report", "--plan", "plan.json", "-o", "./plan.json"]],
    ["codes over data", "data.npz", [...codes, "data.npz"]],
    ["a picture over the data of codes", "data.npz", [...codes, "new", "--picture", "data.npz"]],
    ["a picture over the plan of codes", "data.npz", [...codes, "new", "--picture", "./new"]],
    [
      "an export over its store",
      "file.txt",
      ["campaign", "export", "file.txt", "--format", "csv", "-o", "file.txt"],
    ],
    ["a plan of a budget over the budget", "two.plan.json", ["budget", "two.plan.json", "-o", "."]],
  ])("%s", async (_, file, args) => {
    const before = readFileSync(path(file));
    const { status, stderr } = await run(args);
    expect(stderr).toMatch(/^qtaml: Output \S+ would take the place of another file of this command, \S+; /m);
    expect(status).toBe(2);
    expect(readFileSync(path(file))).toEqual(before);
  });
});

describe("bad usage", () => {
  it.each([
    [
      "an unknown flag",
      ["flip", "--thicknes", "2"],
      /unknown option '--thicknes'[\s\S]*Did you mean --thickness/,
    ],
    ["a misspelt command", ["inspct"], /unknown command 'inspct'[\s\S]*Did you mean inspect/],
    ["a word for a number", ["flip", "--thickness", "thin"], /"thin" is not a number/],
    ["no trials", ["verify", lenet, "--trials", "0"], /at least 1/],
    ["a seed with a fraction", ["plan", lenet, "--seed", "1.5"], /not a whole number/],
    ["no model", ["plan"], /missing required argument 'model'/],
    ["no plan", ["harden", lenet, "-o", "out.onnx"], /--plan/],
    ["one argument too many", ["inspect", lenet, lenet], /too many arguments/],
    ["no command", [], /Usage: qtaml/],
  ])("%s", async (_, args, message) => {
    const { status, stdout, stderr } = await run(args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });
});

describe("a defect of the program itself", () => {
  it("shows its stack and is neither a missed target nor bad input", async () => {
    const sabotage = `process.stdout.write = () => { throw new TypeError("injected"); };`;
    const { status, stdout, stderr } = await run(flip("--material", "SiO2", "--thickness", "2"), [
      "--import",
      `data:text/javascript,${encodeURIComponent(sabotage)}`,
    ]);
    expect(stderr).toMatch(/TypeError: injected\n\s+at /);
    expect(stdout).toBe("");
    expect([0, 1, 2]).not.toContain(status);
  });
});
