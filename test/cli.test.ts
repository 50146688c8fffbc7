/** @file The command line from end to end: names of flags, fields of JSON, exit statuses and files. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseNpz } from "../src/data/index.ts";
import { parseModel } from "../src/onnx/index.ts";
import { parsePlan } from "../src/protect/index.ts";
import { inRepository, makeWorkplace, shippedImages, type Run } from "./cli-run.ts";

const { path, run, folder, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const images = 40;
const commands = [
  "flip",
  "inspect",
  "plan",
  "verify",
  "compare",
  "harden",
  "image",
  "budget",
  "report",
  "serve",
  "demo",
];

/** The JSON on standard output, which holds nothing else. */
const json = (result: Run) => JSON.parse(result.stdout) as Record<string, unknown>;
const readPlan = (name: string) => parsePlan(JSON.parse(readFileSync(path(name), "utf8")), name);
const planning = (...rest: string[]) => [
  "plan",
  lenet,
  "--data",
  "inputs.npz",
  "--p",
  "0.1",
  "--samples",
  "16",
  "--quiet",
  ...rest,
];
const verifying = (plan: string, ...rest: string[]) => [
  "verify",
  lenet,
  "--plan",
  plan,
  "--data",
  "labelled.npz",
  "--p",
  "0.1",
  "--trials",
  "4",
  "--quiet",
  "--json",
  ...rest,
];

let budgeted: Run;

beforeAll(async () => {
  writeFileSync(path("labelled.npz"), shippedImages(images));
  writeFileSync(path("inputs.npz"), shippedImages(images, false));
  budgeted = await run(planning("--budget", "0.3", "--seed", "7", "--json", "-o", "plan.json"));
  if (budgeted.status !== 0) throw new Error(budgeted.stderr);
});
afterAll(remove);

describe("help", () => {
  it.each(commands)("%s shows an example", async (command) => {
    const { status, stdout, stderr } = await run([command, "--help"]);
    expect(status).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Usage: qtaml ${command}`);
    expect(stdout).toMatch(new RegExp(`Example:\\n  \\$ qtaml ${command} `));
    expect(stdout).toContain("--json");
    expect(stdout).toContain("--seed");
  });

  it("lists the commands", async () => {
    const { status, stdout } = await run(["--help"]);
    expect(status).toBe(0);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  it("tells the version of the package", async () => {
    const manifest = JSON.parse(readFileSync(inRepository("package.json"), "utf8")) as { version: string };
    expect(await run(["--version"])).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });
});

describe("flip", () => {
  const oxide = ["--material", "SiO2", "--hold", "0.064", "--attempt", "1e13", "--energy", "0"];

  it("gives the probabilities of an oxide", async () => {
    const result = await run(["flip", ...oxide, "--thickness", "2.5", "--json"]);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const report = json(result) as { transmission: number; rate: number; p01: number; p10: number };
    expect(Object.keys(report)).toEqual([
      "transmission",
      "exactTransmission",
      "rate",
      "p01",
      "p10",
      "parameters",
      "warnings",
    ]);
    // The exponent is 29.5 and half an electron mass enters it: CODATA's 1e-9 of that makes at most 3e-8 of T.
    // T = exp(-2 d sqrt(2 m phi) / hbar) with d = 2.5 nm, m = 0.42, phi = 3.15 eV; p = (1 - exp(-2 nu T t)) / 2.
    const kappa = Math.sqrt(2 * 0.42 * 9.1093837139e-31 * 3.15 * 1.602176634e-19) / 1.054571817e-34;
    const transmission = Math.exp(-2 * kappa * 2.5e-9);
    expect(report.transmission / transmission).toBeCloseTo(1, 7);
    expect(report.rate / (1e13 * transmission)).toBeCloseTo(1, 7);
    expect(report.p01).toBeCloseTo((1 - Math.exp(-2 * 1e13 * transmission * 0.064)) / 2, 8);
    expect(report.p10).toBe(report.p01);
    expect(report).toMatchObject({ parameters: { material: "SiO2", thicknessNm: 2.5 } });
  });

  it("tells a person the same, with warnings aside", async () => {
    const { status, stdout, stderr } = await run(["flip", ...oxide, "--thickness", "2.5"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/p01 .*0\.09258009/);
    expect(stdout).not.toContain("Warning");
    expect(stderr).toMatch(/^Warning: .*stress regime/m);
  });

  it.each([
    ["thickness", "thicknessNm", ["--hold", "0.064"]],
    ["hold", "holdS", ["--thickness", "2.5"]],
  ])("solves for the %s that gives p", async (what, field, given) => {
    const fixed = ["--material", "SiO2", "--attempt", "1e13", "--energy", "0"];
    const answer = json(await run(["flip", ...fixed, ...given, "--solve", what, "--p", "0.1", "--json"]));
    expect(answer["p01"]).toBeCloseTo(0.1, 6);
    const back = await run(["flip", ...fixed, ...given, `--${what}`, String(answer[field]), "--json"]);
    expect(json(back)["p01"]).toBeCloseTo(0.1, 6);
  });
});

describe("inspect", () => {
  it("gives a row a tensor", async () => {
    const result = await run(["inspect", lenet, "--data", "inputs.npz", "--p", "0.1", "--quiet", "--json"]);
    expect(result.status).toBe(0);
    expect(result.stderr).toMatch(/^(Warning: [^\n]+\n)+$/);
    const rows = json(result)["tensors"] as Record<string, unknown>[];
    expect(rows.map((r) => r["operator"])).toEqual(["Conv", "Conv", "Gemm", "Gemm", "Gemm"]);
    for (const row of rows) {
      expect(row).toMatchObject({ name: expect.any(String) as unknown, format: "int8" });
      expect((row["shape"] as number[]).reduce((a, b) => a * b, 1)).toBe(row["count"]);
      for (const field of [
        "scale",
        "infinityNorm",
        "variance",
        "topBitShare",
        "jacobianMeanSquare",
        "score",
      ]) {
        expect(row[field]).toBeGreaterThan(0);
      }
      const step = row["scale"] as number;
      // int8 at p: E[error] = -2p w - p step, and the top bit holds 4^7 / ((4^8 - 1) / 3) of the variance.
      expect(row["driftSlope"]).toBeCloseTo(0.8, 9);
      expect((row["driftOffset"] as number) / step).toBeCloseTo(-0.1, 9);
      expect(row["variance"] as number).toBeCloseTo(0.09 * step ** 2 * ((4 ** 8 - 1) / 3), 9);
      expect(row["topBitShare"]).toBeCloseTo((3 * 4 ** 7) / (4 ** 8 - 1), 9);
      expect(row["infinityNorm"]).toBeCloseTo(127 * step, 6);
    }
  });

  it("holds the tensors that were chosen, and says what it does not hold", async () => {
    const chosen = [
      "inspect",
      lenet,
      "--p",
      "0.1",
      "--quiet",
      "--include",
      "{3,7}*",
      "--exclude",
      "*.weight",
    ];
    const { status, stdout } = await run([...chosen, "--biases", "--parameter-format", "fp16", "--json"]);
    expect(status).toBe(0);
    const parsed = JSON.parse(stdout) as Record<"tensors" | "notInMemory", Record<string, unknown>[]>;
    expect(parsed.tensors.map(({ name, role, format }) => [name, role, format])).toEqual([
      ["3.bias", "bias", "fp16"],
      ["7.bias", "bias", "fp16"],
    ]);
    expect(parsed.notInMemory).toHaveLength(8);
    expect(parsed).toMatchObject({ storage: { include: ["{3,7}*"], exclude: ["*.weight"], biases: true } });
    const mistaken = await run([...chosen, "--json"]);
    expect(mistaken).toMatchObject({ status: 2, stdout: "" });
    expect(mistaken.stderr).toContain("The patterns leave no tensor in the memory");
    const missing = await run(["inspect", lenet, "--include", "3.wieght"]);
    expect(missing.stderr).toMatch(/--include "3.wieght" matches no tensor; near names are "3.weight"/);
  });

  it("needs no data for the error law", async () => {
    const result = await run(["inspect", lenet, "--p01", "0.1", "--p10", "0.02", "--json"]);
    expect(result.status).toBe(0);
    expect((json(result)["tensors"] as Record<string, unknown>[])[0]).toMatchObject({
      jacobianMeanSquare: null,
      score: null,
    });
    const words = await run(["inspect", lenet, "--p", "0.1"]);
    expect(words.stdout.match(/^Sensitivities .* not measured: .*--data.*$/gm)).toHaveLength(1);
  });
});

describe("plan", () => {
  it("fills a budget and says what it wrote", () => {
    const plan = readPlan("plan.json");
    expect(json(budgeted)).toEqual(plan);
    expect(plan).toMatchObject({
      policy: "tac",
      seed: 7,
      goal: { budget: 0.3 },
      model: { name: "lenet.onnx" },
    });
    expect(plan.protectedBits).toBe(Math.floor(0.3 * plan.storedBits));
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("is byte-identical for the same seed", async () => {
    await run(planning("--budget", "0.3", "--seed", "7", "-o", "again.json"));
    expect(readFileSync(path("again.json"))).toEqual(readFileSync(path("plan.json")));
  });

  it("keeps a share of the result, whatever the number of threads", async () => {
    const keeping = ["--policy", "uniform-msp", "--keep", "0.9", "--trials", "2"];
    const one = await run(planning(...keeping, "--threads", "1", "-o", "keep.json"));
    expect(one.status).toBe(0);
    expect(one.stdout).toContain("Written to keep.json.");
    await run(planning(...keeping, "--threads", "2", "-o", "keep2.json"));
    const plan = readPlan("keep.json");
    expect(plan.goal).toEqual({ keep: 0.9, criterion: "expected-accuracy" });
    expect(plan.overhead).toBeGreaterThan(0);
    expect(plan.overhead).toBeLessThan(1);
    expect(readFileSync(path("keep2.json"))).toEqual(readFileSync(path("keep.json")));
  });
});

describe("joint plans", () => {
  it("go from plan to verify, harden and the memory image, and keep more than TAC", async () => {
    const asked = ["--policy", "joint", "--budget", "0.05", "-o", "joint.json"];
    const planned = await run(planning(...asked));
    expect(planned.status).toBe(0);
    expect(planned.stdout).toMatch(/Predicted by Gaussian errors/);
    expect(planned.stdout).toMatch(
      /predicted noise is at most [\d.]+ % above the optimum .*\nCost at inference: \d+ decode tables/,
    );
    const isFolded = readPlan("joint.json").shifts.length > 0;
    expect(planned.stdout.includes("Biases of 5 layers are shifted")).toBe(isFolded);
    await run(planning("--budget", "0.05", "-o", "tac.json"));
    const [joint, tac] = [await run(verifying("joint.json")), await run(verifying("tac.json"))];
    expect(json(joint)["accuracy"]).toBeGreaterThan(Number(json(tac)["accuracy"]));
    expect(json(joint)["clean"]).toBe(json(tac)["clean"]);
    const hard = await run(["harden", lenet, "--plan", "joint.json", "-o", "j.onnx", "--memory", "jimage"]);
    expect(hard.status).toBe(0);
    const checked = await run(["image", "check", "jimage", "--model", lenet, "--json"]);
    expect(json(checked)).toMatchObject({ isWhole: true, tensorsUnlikeModel: [] });
    const both = await run([...verifying("joint.json"), "--plan", "tac.json"]);
    expect(both.status).toBe(2);
    expect(both.stderr).toContain("different memories");
  });

  it("fold into scale and zero point where decoding is to be free", async () => {
    await run(planning("--policy", "joint", "--decoder-class", "free", "--budget", "0.3", "-o", "free.json"));
    expect(readPlan("free.json")).toMatchObject({ policy: "joint", decoderClass: "free" });
    const hard = await run(["harden", lenet, "--plan", "free.json", "-o", "f.onnx", "--form", "qdq"]);
    expect(hard.status).toBe(0);
  });
});

describe("verify", () => {
  it("ends with 0 when the target is kept, with the same numbers on any number of threads", async () => {
    await run(planning("--policy", "everything", "--budget", "1", "-o", "all.json"));
    const kept = await run(verifying("all.json", "--threads", "1"));
    expect(kept.status).toBe(0);
    expect(json(kept)).toMatchObject({ kept: true, yield: 1, overhead: 1, chips: 4, samples: images });
    const [one, two] = [
      await run(verifying("plan.json", "--threads", "1")),
      await run(verifying("plan.json", "--threads", "2")),
    ];
    expect(two).toEqual(one);
    const result = json(one) as Record<"clean" | "accuracy" | "low" | "high" | "target", number> & {
      scores: number[];
    };
    expect(result.scores).toHaveLength(4);
    expect(result.accuracy).toBeCloseTo(result.scores.reduce((a, b) => a + b, 0) / 4, 12);
    expect(result.target).toBeCloseTo(0.95 * result.clean, 12);
    expect(result.low).toBeLessThanOrEqual(result.accuracy);
    expect(result.high).toBeGreaterThanOrEqual(result.accuracy);
    const other = json(await run(verifying("plan.json", "--seed", "1")));
    expect(other["scores"]).not.toEqual(result.scores);
  });

  it("ends with 1 when it is missed", async () => {
    await run(planning("--policy", "none", "--budget", "0", "-o", "none.json"));
    const missed = await run(verifying("none.json"));
    expect(missed.status).toBe(1);
    expect(json(missed)).toMatchObject({ kept: false, overhead: 0 });
    expect(missed.stderr).toMatch(/^(Warning: [^\n]+\n)+$/);
  });
});

describe("compare and report", () => {
  it("gives the curves, the overheads and their ratio, and a page of them", async () => {
    const compared = await run([
      "compare",
      lenet,
      "--data",
      "labelled.npz",
      "--p",
      "0.1",
      "--keep",
      "0.9",
      "--trials",
      "2",
      "--samples",
      "8",
      "--budgets",
      "0.2",
      "--quiet",
      "--json",
      "-o",
      "results.json",
    ]);
    expect(compared.status).toBe(0);
    const result = json(compared) as {
      clean: number;
      policies: { name: string; points: Record<string, number>[] }[];
      overheadAtTarget: Record<"uniform-msp" | "tac" | "joint", number>;
      joint: { decoderClass: string };
      ratio: number;
    };
    expect(result).toEqual(JSON.parse(readFileSync(path("results.json"), "utf8")));
    expect(result).toMatchObject({ p: 0.1, saturationRatio: expect.any(Number) as unknown });
    expect(result.clean).toBeGreaterThan(0.8);
    expect(result.policies.map((c) => c.name).sort()).toEqual([
      "everything",
      "joint",
      "magnitude",
      "mean-correction",
      "none",
      "random",
      "tac",
      "uniform-msp",
    ]);
    for (const point of result.policies.flatMap((c) => c.points)) {
      for (const field of ["overhead", "accuracy", "low", "high", "yield"]) {
        expect(point[field]).toBeGreaterThanOrEqual(0);
        expect(point[field]).toBeLessThanOrEqual(1);
      }
    }
    const { "uniform-msp": uniform, tac } = result.overheadAtTarget;
    expect(result.ratio).toBeCloseTo(uniform / tac, 9);
    expect(result.overheadAtTarget.joint).toBeLessThan(tac);
    expect(result.joint.decoderClass).toBe("table");

    const reported = await run([
      "report",
      lenet,
      "--data",
      "inputs.npz",
      "--p",
      "0.1",
      "--plan",
      "plan.json",
      "--results",
      "results.json",
      "--quiet",
      "--json",
      "-o",
      "pages/report.html",
    ]);
    expect(reported.status).toBe(0);
    const html = readFileSync(path("pages/report.html"), "utf8");
    expect(json(reported)).toEqual({ output: "pages/report.html", bytes: Buffer.byteLength(html) });
    expect(html).toMatch(/^<!doctype html>/i);
    expect(html).toContain("<svg");
    expect(html).toContain("lenet.onnx");
    expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/);
    expect(readdirSync(path("pages"))).toEqual(["report.html"]);
  });
});

describe("harden", () => {
  it.each([
    ["gather", "plan.json"],
    ["qdq", "uniform.json"],
  ])("writes a model that runs, with the plan inside (%s)", async (form, plan) => {
    if (form === "qdq") await run(planning("--policy", "uniform-msp", "--budget", "0.25", "-o", plan));
    const name = `${form}.onnx`;
    const result = await run(["harden", lenet, "--plan", plan, "--form", form, "-o", name, "--json"]);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const bytes = readFileSync(path(name));
    expect(json(result)).toMatchObject({ output: name, form, bytes: bytes.byteLength });
    const metadata = parseModel(new Uint8Array(bytes)).metadataProps;
    expect(JSON.parse(metadata.find((p) => p.key === "qtaml.plan")!.value)).toEqual(readPlan(plan));

    const x = parseNpz(new Uint8Array(readFileSync(path("inputs.npz"))), "inputs.npz").get("x")!;
    const feed = new Tensor(
      "float32",
      Float32Array.from(x.data as Uint8Array, (v) => v / 255),
      x.dims,
    );
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const output = (await session.run({ [session.inputNames[0]!]: feed }))[session.outputNames[0]!]!;
    expect(output.dims).toEqual([images, 10]);
    expect(Array.from(output.data as Float32Array).every(Number.isFinite)).toBe(true);
    await session.release();

    const again = await run(["inspect", name, "--p", "0.01"]);
    // Look-ups are recognised; `DequantizeLinear` is a form like any other.
    expect([again.status, again.stderr.includes("hardened by qtaml")]).toEqual(
      form === "qdq" ? [0, false] : [2, true],
    );
  });
});
