/** @file `qtaml codes` with a model: which code for which bits, from the price to the memory image. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlan } from "../src/protect/index.ts";
import { inRepository, makeWorkplace, shippedImages, type Run } from "./cli-run.ts";

const { path, run, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const images = 400;

interface Way {
  readonly name: string;
  readonly kind: string;
  readonly isReached: boolean;
  readonly storedBits: number | null;
  readonly left: number;
}
interface Found {
  readonly model: {
    readonly keep: number;
    readonly plan: unknown;
    readonly noise: number;
    readonly ways: readonly Way[];
  };
}

const json = (result: Run) => JSON.parse(result.stdout) as Found;
const refusal = ({ status, stderr }: Run) => (status === 2 ? stderr.split("\n")[0]! : "");
const codes = (...rest: string[]) =>
  run(["codes", lenet, "--data", "inputs.npz", "--samples", "32", "--json", "--quiet", ...rest]);
let found: Run;

beforeAll(async () => {
  writeFileSync(path("labelled.npz"), shippedImages(images));
  writeFileSync(path("inputs.npz"), shippedImages(images, false));
  found = await codes("--p", "0.02", "--keep", "0.97", "--trials", "8", "-o", "plan.json");
});
afterAll(remove);

const planFile = (name: string) => parsePlan(JSON.parse(readFileSync(path(name), "utf8")), name);

describe("codes for a model", () => {
  it("finds a plan whose parity is that of its codewords, and prices the ways to the same noise", () => {
    expect(found.status).toBe(0);
    const { plan, ways } = json(found).model;
    const written = planFile("plan.json");
    expect(parsePlan(plan, "output")).toEqual(written);
    expect(written).toMatchObject({ protection: "coded", goal: { keep: 0.97 } });
    const held = new Map<string, number>();
    for (const { segments } of written.tensors)
      for (const { count, codes: own = [] } of segments)
        for (const { code, mask } of own)
          held.set(code, (held.get(code) ?? 0) + count * mask.toString(2).replaceAll("0", "").length);
    let parity = 0;
    for (const [name, bits] of held) {
      const [n, k = 1] = /\((.*)\)/.exec(name)![1]!.split(",").map(Number);
      parity += Math.ceil(bits / k) * (n! - k);
    }
    expect(written.parityBits).toBe(parity);
    expect(written.overhead).toBe(parity / written.storedBits);
    const stored = (name: string) => ways.find((way) => way.name === name)!.storedBits;
    const together = stored("these codes together")!;
    expect(together / written.storedBits - 1).toBeCloseTo(written.overhead, 2);
    // The floor is below, each code alone above.
    expect(stored("Shannon's floor")).toBeLessThan(together);
    expect(stored("Shannon's floor")).toBeGreaterThan(written.storedBits);
    for (const way of ways.filter(({ kind, isReached }) => kind === "code" && isReached))
      expect(way.storedBits).toBeGreaterThanOrEqual(together - 16);
    expect(stored("ideal protection")).toBe(written.storedBits);
  });

  it("says at p = 0.1 that SECDED does not get there and what does", async () => {
    const both = ["--code", "secded(72,64)", "--code", "bch(127,29,21)"];
    const { status, stdout } = await codes("--p", "0.1", "--trials", "4", ...both);
    expect(status).toBe(0);
    const { ways, plan } = (JSON.parse(stdout) as Found).model;
    const way = (name: string) => ways.find((w) => w.name === name)!;
    expect(way("secded(72,64)")).toMatchObject({ isReached: false, storedBits: null });
    expect(way("zero-space(64,57)").isReached).toBe(false);
    expect(way("bch(127,29,21)").isReached).toBe(true);
    const used = parsePlan(plan, "output").tensors.flatMap((t) => t.segments.flatMap((s) => s.codes ?? []));
    expect(new Set(used.map(({ code }) => code))).toEqual(new Set(["bch(127,29,21)"]));
    const alone = await codes("--p", "0.1", "--trials", "4", "--code", "secded(72,64)");
    expect(alone.status).toBe(1);
    expect((JSON.parse(alone.stdout) as Found).model).toMatchObject({ plan: null });
  });

  it("is kept in all three ways of trying it, statistical and exact alike", async () => {
    const verify = async (mode: string, seed: string) => {
      const flags = ["--plan", "plan.json", "--data", "labelled.npz", "--trials", "60", "--seed", seed];
      const { stdout } = await run(["verify", lenet, ...flags, "--protection", mode, "--json", "--quiet"]);
      return JSON.parse(stdout) as { accuracy: number; deviation: number; protection: string };
    };
    const ideal = await verify("ideal", "1");
    const residual = await verify("residual", "2");
    const exact = await verify("exact", "3");
    expect([ideal.protection, residual.protection, exact.protection]).toEqual(["ideal", "residual", "exact"]);
    // Independent means of 60 chips: 4 standard errors, by chance once in 15,000.
    const error = Math.hypot(residual.deviation, exact.deviation) / Math.sqrt(60);
    expect(Math.abs(residual.accuracy - exact.accuracy)).toBeLessThan(4 * error);
    expect(4 * error).toBeLessThan(0.02);
    expect(ideal.accuracy).toBeGreaterThan(exact.accuracy - 4 * error);
  });

  it("goes on to the memory image with all its codes, and is read back", async () => {
    const made = await run([
      "harden",
      lenet,
      "--plan",
      "plan.json",
      "-o",
      "h.onnx",
      "--memory",
      "image",
      "--json",
    ]);
    expect(made.status).toBe(0);
    const { parityBits } = planFile("plan.json");
    expect((JSON.parse(made.stdout) as { memory: { checkBits: number } }).memory.checkBits).toBe(parityBits);
    expect((await run(["image", "check", "image", "--model", lenet])).status).toBe(0);
    const again = await run([
      "harden",
      lenet,
      "--plan",
      "plan.json",
      "-o",
      "h.onnx",
      "--memory",
      "x",
      "--code",
      "secded(72,64)",
    ]);
    expect(refusal(again)).toMatch(/names its codes; leave --code out/);
  });

  it("spends a parity that is given", async () => {
    const { status, stdout } = await codes("--p", "0.02", "--parity", "0.05");
    expect(status).toBe(0);
    const { overhead, goal } = parsePlan((JSON.parse(stdout) as Found).model.plan, "output");
    expect(overhead).toBeGreaterThan(0.049);
    // Whole words: at most one word of each code more.
    expect(overhead).toBeLessThan(0.051);
    expect(goal).toEqual({ budget: overhead });
  });

  it("refuses in one sentence what it cannot do", async () => {
    expect(refusal(await run(["codes", lenet, "--p", "0.1"]))).toMatch(/give --data/);
    expect(refusal(await run(["codes", "--p", "0.1", "--keep", "0.9"]))).toMatch(/--keep goes with a model/);
    expect(refusal(await codes("--p", "0.1", "--keep", "0.9", "--parity", "1"))).toMatch(/not both/);
    expect(refusal(await codes("--p", "0.1", "--parity", "-1"))).toMatch(/below 0/);
    expect(refusal(await codes("--p", "0.1", "--parity", "1", "--code", "zero-space(64,57)"))).toMatch(
      /inside whole int8 weights/,
    );
    expect(
      refusal(
        await run([
          "verify",
          lenet,
          "--plan",
          "plan.json",
          "--data",
          "labelled.npz",
          "--code",
          "secded(72,64)",
        ]),
      ),
    ).toMatch(/names its codes/);
  });
});
