/** @file The hardened model in the hands of others: the runtimes of Node and Python, and a fault simulator that is not ours. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseNpz } from "../../src/data/index.ts";
import { inRepository, makeWorkplace, shippedImages } from "../cli-run.ts";
import { lacking, python, runTool, tools } from "./tools.ts";

const { path, run, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const images = 300;
const chips = 40;

beforeAll(async () => {
  if (!tools.python) return;
  writeFileSync(path("labelled.npz"), shippedImages(images));
  const planning = ["plan", lenet, "--data", "labelled.npz", "--p", "0.1", "--samples", "16"];
  for (const args of [
    [...planning, "--budget", "0.2", "-o", "plan.json", "--quiet"],
    ["harden", lenet, "--plan", "plan.json", "-o", "hardened.onnx"],
    ["codes", lenet, ...planning.slice(2), "--parity", "0.5", "-o", "coded.json", "--quiet"],
    ["harden", lenet, "--plan", "coded.json", "-o", "coded.onnx"],
  ]) {
    const { status, stderr } = await run(args);
    if (status !== 0) throw new Error(stderr);
  }
});
afterAll(remove);

interface Corrupted {
  readonly outputs: number[];
  readonly accuracies: number[];
}

function corrupt(count: number, model = "hardened.onnx"): Corrupted {
  const script = fileURLToPath(new URL("corrupt.py", import.meta.url));
  const args = [script, path(model), path("labelled.npz"), String(count), "1"];
  return JSON.parse(runTool(python, args, path("."))) as Corrupted;
}

/** Mean and its standard error. */
function meanOf(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

describe("a hardened model", () => {
  it.skipIf(!tools.python)(
    `gives the same outputs in Python's runtime as in Node's${lacking("python")}`,
    async () => {
      const { outputs } = corrupt(0);
      const session = await InferenceSession.create(readFileSync(path("hardened.onnx")));
      const { dims, data } = parseNpz(readFileSync(path("labelled.npz")), "labelled.npz").get("x")!;
      const found = await session.run({
        [session.inputNames[0]!]: new Tensor(
          "float32",
          Float32Array.from(data as Uint8Array, (v) => v / 255),
          [...dims],
        ),
      });
      const ours = Array.from(found[session.outputNames[0]!]!.data as Float32Array);
      expect(outputs).toHaveLength(ours.length);
      // The two runtimes may be of different versions and add in another order: sums of some 400 products, each rounded
      // to 2^-24 of logits up to 32, in four layers.
      const tolerance = 4 * 400 * 2 ** -24 * 32;
      outputs.forEach((value, i) => expect(Math.abs(value - ours[i]!)).toBeLessThan(tolerance));
    },
  );

  it.skipIf(!tools.python).each([
    ["plan.json", "hardened.onnx", []],
    ["coded.json", "coded.onnx", ["--protection", "residual"]],
  ] as const)(
    `loses as much to another's fault simulator as to ours: %s${lacking("python")}`,
    async (plan, model, how) => {
      const theirs = meanOf(corrupt(chips, model).accuracies);
      const verify = ["verify", lenet, "--plan", plan, "--data", "labelled.npz", "--p", "0.1", ...how];
      const { stdout, stderr } = await run([...verify, "--trials", String(chips), "--json", "--quiet"]);
      expect(stderr).not.toMatch(/defect/);
      const ours = JSON.parse(stdout) as { accuracy: number; deviation: number };
      const error = Math.hypot(theirs.error, ours.deviation / Math.sqrt(chips));
      // Two independent means of 40 chips: 3.5 standard errors, by chance 8 times in 10,000 (Student's t).
      expect(Math.abs(theirs.mean - ours.accuracy)).toBeLessThan(3.5 * error);
      // The interval says something: half a budget less would be seen.
      expect(3.5 * error).toBeLessThan(0.05);
    },
  );
});
