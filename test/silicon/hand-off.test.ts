/** @file `harden --memory`, `image check` and `budget` from end to end: files, exit statuses, damage, refusals. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseNpz } from "../../src/data/index.ts";
import { parseLayout } from "../../src/image/index.ts";
import { parsePlan } from "../../src/protect/index.ts";
import { inRepository, makeWorkplace, shippedImages, type Run } from "../cli-run.ts";

const { path, run, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const harden = (folder: string, ...rest: string[]) =>
  run(["harden", lenet, "--plan", "plan.json", "-o", "hardened.onnx", "--memory", folder, ...rest]);
const check = (folder: string, ...rest: string[]) => run(["image", "check", folder, ...rest]);
const json = (result: Run) => JSON.parse(result.stdout) as Record<string, unknown>;
const layoutOf = (folder: string) =>
  parseLayout(JSON.parse(readFileSync(path(`${folder}/layout.json`), "utf8")), "layout.json");

/** Flips a bit of a file in each of its stretches of so many bytes. */
function flipEvery(file: string, bytes: number, bit = 3): void {
  const content = readFileSync(path(file));
  for (let i = 0; i < content.length; i += bytes) content[i]! ^= 1 << bit;
  writeFileSync(path(file), content);
}

/** What a run that failed said: one sentence on standard error; undefined where it did anything else. */
function refusal({ status, stdout, stderr }: Run): string | undefined {
  const lines = stderr.trimEnd().split("\n");
  return status === 2 && stdout === "" && lines.length === 1 ? lines[0] : undefined;
}

beforeAll(async () => {
  const planning = ["plan", lenet, "--p", "0.001", "--policy", "magnitude", "--budget", "0.1", "--quiet"];
  const plan = await run([...planning, "-o", "plan.json"]);
  if (plan.status !== 0) throw new Error(plan.stderr);
  for (const [folder, code] of [
    ["image", "secded(72,64)"],
    ["ideal", "none"],
  ] as const) {
    const made = await harden(folder, "--code", code, "--interleave", "2");
    if (made.status !== 0) throw new Error(made.stderr);
  }
});
afterAll(remove);

describe("harden --memory", () => {
  it("writes every file of the image, and counts parity", () => {
    expect(readdirSync(path("image")).sort()).toEqual([
      "image.hex",
      "layout.json",
      "layout.schema.json",
      "plan.json",
      "protected_secded_72_64.bin",
      "protected_secded_72_64.memh",
      "qtaml_memory.h",
      "rtl",
      "unprotected.bin",
      "unprotected.memh",
    ]);
    const { totals, protection } = layoutOf("image");
    expect(protection).toBe("coded");
    expect(totals.storedBits).toBe(491_760);
    expect(totals.checkBits).toBe(Math.ceil(totals.protectedBits / 128) * 16);
    expect(layoutOf("ideal")).toMatchObject({ protection: "ideal", totals: { checkBits: 0 } });
  });

  it("replaces an image, and nothing else", async () => {
    mkdirSync(path("other"));
    writeFileSync(path("other/thesis.tex"), "x");
    writeFileSync(path("file"), "x");
    expect(refusal(await harden("other"))).toMatch(
      /other holds thesis\.tex, and nothing .*; give a folder that is new/,
    );
    expect(refusal(await harden("file"))).toMatch(/file is a file; give a folder/);
    expect(readdirSync(path("other"))).toEqual(["thesis.tex"]);
    expect((await harden("image", "--code", "none")).status).toBe(0);
    expect(readdirSync(path("image"))).not.toContain("rtl");
    expect((await harden("image", "--code", "secded(72,64)", "--interleave", "2")).status).toBe(0);
    expect(layoutOf("image").protection).toBe("coded");
    expect(readdirSync(path(".")).filter((name) => /partial|former/.test(name))).toEqual([]);
  });

  it("leaves a folder whose image has other things beside its files", async () => {
    const others = {
      "notes.txt": "notes.txt",
      "rtl/secded_72_64/netlist.v": "rtl/secded_72_64/netlist.v",
      "rtl/mine/top.v": "rtl/mine",
      "sub/deep/thesis.tex": "sub",
    };
    for (const [other, named] of Object.entries(others)) {
      const file = path(`image/${other}`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "mine");
      expect(refusal(await harden("image"))).toContain(`image holds ${named}, `);
      expect(readFileSync(file, "utf8")).toBe("mine");
      rmSync(path(`image/${named}`), { recursive: true });
    }
    writeFileSync(path("other/layout.json"), '{ "format": "qtaml-memory" }');
    expect(refusal(await harden("other"))).toContain("other holds ");
    expect(readdirSync(path("other"))).toEqual(["layout.json", "thesis.tex"]);
  });

  it("refuses a model, a plan and an output in the folder that it replaces", async () => {
    copyFileSync(lenet, path("image/lenet.onnx"));
    const made = (model: string, plan: string, output: string, folder: string) =>
      run(["harden", model, "--plan", plan, "-o", output, "--memory", folder]);
    for (const [wrong, words] of [
      [made("image/lenet.onnx", "plan.json", "h.onnx", "image"), "Model image/lenet.onnx lies in image, "],
      [made(lenet, "image/plan.json", "h.onnx", "image"), "Plan image/plan.json lies in image, "],
      [made(lenet, "plan.json", "new/h.onnx", "./new"), "Output new/h.onnx lies in ./new, "],
      [made(lenet, "plan.json", "new", "./new"), "Output new would take the place of "],
    ] as const) {
      expect(refusal(await wrong)).toContain(words);
    }
    expect(existsSync(path("image/lenet.onnx"))).toBe(true);
    expect(refusal(await check("image", "-o", "image/unprotected.bin"))).toContain(
      "image/unprotected.bin would take the place of ",
    );
    rmSync(path("image/lenet.onnx"));
  });

  it("refuses what it cannot do before it writes", async () => {
    rmSync(path("hardened.onnx"));
    expect(refusal(await harden("new", "--code", "turbo(9)"))).toMatch(/turbo\(9\)/);
    expect(
      refusal(await run(["harden", lenet, "--plan", "plan.json", "-o", "h.onnx", "--code", "secded(72,64)"])),
    ).toMatch(/--code goes with a memory image/);
    expect([existsSync(path("new")), existsSync(path("hardened.onnx"))]).toEqual([false, false]);
  });
});

describe("image check", () => {
  it("rebuilds the weights of the model, bit for bit", async () => {
    for (const folder of ["image", "ideal"]) {
      const result = await check(folder, "--model", lenet, "-o", "weights.npz");
      expect(result.status).toBe(0);
      expect(result.stdout).toContain("All 5 tensors are rebuilt bit for bit.");
      expect(result.stdout).toMatch(/are those of .*lenet\.onnx hardened by the plan, bit for bit/);
    }
    const arrays = parseNpz(readFileSync(path("weights.npz")), "weights.npz");
    expect(arrays.get("0.weight")!.dims).toEqual([6, 1, 5, 5]);
  });

  it("corrects one flip in every codeword, and tells so", async () => {
    expect((await harden("hit", "--code", "secded(72,64)")).status).toBe(0);
    flipEvery("hit/protected_secded_72_64.bin", 9);
    const result = await check("hit", "--json", "--model", lenet);
    expect(result.status).toBe(0);
    const { rows } = layoutOf("hit").regions[1]!;
    expect(json(result)).toMatchObject({
      isWhole: true,
      damagedTensors: [],
      tensorsUnlikeModel: [],
      regions: [
        { isAsWritten: true },
        { words: rows, corrected: rows, uncorrectable: 0, isAsWritten: false },
      ],
    });
  });

  it("tells which tensors are hit beyond that", async () => {
    expect((await harden("hit-twice", "--code", "secded(72,64)")).status).toBe(0);
    flipEvery("hit-twice/protected_secded_72_64.bin", 9);
    flipEvery("hit-twice/unprotected.bin", 1e9);
    flipEvery("hit-twice/protected_secded_72_64.bin", 900, 4);
    const result = await check("hit-twice", "--json");
    expect(result.status).toBe(1);
    const found = json(result) as { regions: { uncorrectable: number }[]; damagedTensors: string[] };
    expect(found.regions[1]!.uncorrectable).toBeGreaterThan(0);
    expect(found.damagedTensors).toContain("0.weight");
  });

  it("holds the files for programmers against what was written, and names those that differ or lack", async () => {
    expect((await harden("copies", "--code", "secded(72,64)", "--no-rtl")).status).toBe(0);
    const whole = await check("copies");
    expect(whole.status).toBe(0);
    expect(whole.stdout).toContain(
      "unprotected.memh, protected_secded_72_64.memh and image.hex hold what was written.\n",
    );
    const [hex, rows] = ["image.hex", "unprotected.memh"].map((name) => path(`copies/${name}`));
    const last = /[0-9a-f](?=[0-9a-f]*\n$)/;
    writeFileSync(
      rows!,
      readFileSync(rows!, "utf8").replace(last, (digit) => (digit === "0" ? "1" : "0")),
    );
    const one = await check("copies");
    expect([one.status, one.stderr]).toEqual([1, ""]);
    expect(one.stdout).toContain(
      "All 5 tensors are rebuilt bit for bit.\nunprotected.memh does not hold what was written; write the image again with qtaml harden.\n",
    );
    rmSync(hex!);
    const both = await check("copies", "--json");
    expect(both.status).toBe(1);
    expect(json(both)).toMatchObject({
      isWhole: false,
      damagedTensors: [],
      differingFiles: ["unprotected.memh"],
      missingFiles: ["image.hex"],
    });
    expect((await check("copies")).stdout).toContain("\nimage.hex is missing; write the image again");
  });

  it("says that errors beyond the code lie in bits that hold no weight", async () => {
    expect((await harden("checks", "--code", "secded(72,64)", "--no-rtl")).status).toBe(0);
    const { code, files } = layoutOf("checks").regions[1]!;
    const data = new Set(code!.dataPositions);
    const [one, other] = Array.from({ length: code!.wordBits }, (_, j) => j).filter((j) => !data.has(j));
    const bytes = readFileSync(path(`checks/${files.binary}`));
    for (const j of [one!, other!]) bytes[j >> 3]! ^= 1 << (j & 7);
    writeFileSync(path(`checks/${files.binary}`), bytes);
    const { status, stdout } = await check("checks");
    expect(status).toBe(0);
    expect(stdout).toContain("1 word could not be corrected, with errors in bits that hold no weight.\n");
  });

  it("says in one sentence what is missing or damaged", async () => {
    expect(refusal(await check("nowhere"))).toMatch(/nowhere.* does not exist/);
    mkdirSync(path("empty"));
    writeFileSync(path("empty/notes.txt"), "");
    expect(refusal(await check("empty"))).toMatch(/empty holds no layout\.json/);
    await harden("broken", "--no-rtl");
    writeFileSync(path("broken/plan.json"), "{}");
    expect(refusal(await check("broken", "--model", lenet))).toMatch(
      /not the plan that the image was made for/,
    );
    const bytes = readFileSync(path("broken/unprotected.bin"));
    writeFileSync(path("broken/unprotected.bin"), bytes.subarray(1));
    expect(refusal(await check("broken"))).toMatch(
      /unprotected\.bin holds \d+ bytes where the layout says \d+/,
    );
    rmSync(path("broken/unprotected.bin"));
    expect(refusal(await check("broken"))).toMatch(/unprotected\.bin does not exist/);
    const layout = readFileSync(path("broken/layout.json"), "utf8");
    await harden("misnamed", "--code", "secded(72,64)", "--no-rtl");
    const coded = readFileSync(path("misnamed/layout.json"), "utf8");
    writeFileSync(
      path("misnamed/layout.json"),
      coded.replace('"name": "secded(72,64)"', '"name": "cecded(72,64)"'),
    );
    expect(refusal(await check("misnamed"))).toMatch(
      /layout\.json names a code that does not exist, "cecded\(72,64\)", so it is damaged or of another version; write/,
    );
    writeFileSync(path("broken/layout.json"), layout.slice(0, 900));
    expect(refusal(await check("broken"))).toMatch(/layout\.json is not valid JSON/);
    writeFileSync(path("broken/layout.json"), layout.replace('"offset": 0', '"offset": -1'));
    expect(refusal(await check("broken"))).toMatch(
      /layout\.json is not a memory layout of this version: tensors\.0/,
    );
  });
});

describe("budget", () => {
  const budget = (text: string) => {
    writeFileSync(path("memory.yaml"), text);
    return run(["budget", "memory.yaml", "-o", "plans", "--samples", "8", "--quiet", "--json"]);
  };
  const models = `models:
  - { name: plain, model: "${lenet}", data: inputs.npz }
  - { name: dear, model: "${lenet}", data: inputs.npz, weight: 1000 }
`;

  it("writes a plan for each model, and counts parity", async () => {
    writeFileSync(path("inputs.npz"), shippedImages(16, false));
    const result = await budget(`p: 0.001\ncode: secded(72,64)\nlimit: { parityBits: 8000 }\n${models}`);
    expect(result.status).toBe(0);
    const found = json(result) as {
      parityBits: number;
      protectedBits: number;
      models: { protectedBits: number; overhead: number }[];
    };
    // Each model begins a word of its own.
    expect(found.parityBits).toBe(
      8 * found.models.reduce((words, m) => words + Math.ceil(m.protectedBits / 64), 0),
    );
    expect(found.parityBits).toBeLessThanOrEqual(8_000);
    expect(found.parityBits).toBeGreaterThan(7_980);
    const [plain, dear] = ["plain", "dear"].map((name) =>
      parsePlan(JSON.parse(readFileSync(path(`plans/${name}.plan.json`), "utf8")), name),
    );
    expect(plain!.protectedBits).toBeLessThan(dear!.protectedBits);
    expect(plain!.protectedBits + dear!.protectedBits).toBe(found.protectedBits);
    expect(dear).toMatchObject({ protection: "coded", overhead: found.models[1]!.overhead });
    expect(plain!.parityBits! + dear!.parityBits!).toBe(found.parityBits);
    const code = ["--code", "secded(72,64)"];
    const hardening = [
      "harden",
      lenet,
      "--plan",
      "plans/dear.plan.json",
      "-o",
      "dear.onnx",
      "--memory",
      "dear",
    ];
    expect(refusal(await run([...hardening, ...code]))).toMatch(/names its codes; leave --code out/);
    expect((await run(hardening)).status).toBe(0);
    expect(layoutOf("dear").totals.checkBits).toBe(dear!.parityBits);
  });

  it.each([
    ["no limit", models, /memory\.yaml is not a budget: limit/],
    ["parity without a code", `p: 0.1\nlimit: { parityBits: 9 }\n${models}`, /parityBits needs a code/],
    [
      "too little area",
      `p: 0.1\nlimit: { areaUm2: 9, cellUm2: 1, protectedCellUm2: 2 }\n${models}`,
      /more than the 9 um2/,
    ],
    [
      "no price of protection",
      `p: 0.1\nlimit: { areaUm2: 9e6, cellUm2: 1 }\n${models}`,
      /protectedCellUm2 above cellUm2/,
    ],
    ["no flips", `limit: { overhead: 0.1 }\n${models}`, /flip probability is missing/],
    [
      "twice the same name",
      `p: 0.1\nlimit: { overhead: 0.1 }\n${models.replace("dear", "plain")}`,
      /same name/,
    ],
  ])("refuses %s", async (_what, text, message) => {
    expect(refusal(await budget(text))).toMatch(message);
  });
});
