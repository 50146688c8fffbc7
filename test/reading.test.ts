/** @file Models with external data, and weights without a graph, through the command line. */
import { readFileSync, writeFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { forEachTensor, parseModel, serialiseModel } from "../src/onnx/index.ts";
import { parsePlan } from "../src/protect/index.ts";
import { fixtureBytes } from "./build-model.ts";
import { inRepository, makeWorkplace } from "./cli-run.ts";
import { formatSafetensors } from "./safetensors.ts";

const { path, run, remove } = makeWorkplace();
const lenet = inRepository("test/fixtures/lenet.onnx");
const jsonOf = async (...args: string[]) => {
  const result = await run([...args, "--json"]);
  expect(result.stderr.replace(/^Warning.*\n/gm, "")).toBe("");
  return JSON.parse(result.stdout) as Record<string, unknown>;
};
const plan = ["--p", "0.05", "--policy", "magnitude", "--budget", "0.1"];

/** The float tensors of LeNet with two axes or more. */
const matrices = () =>
  parseModel(fixtureBytes("lenet")).graph.initializer.filter((t) => t.dims.length >= 2 && t.dataType === 1);

beforeAll(() => {
  const model = parseModel(fixtureBytes("lenet"));
  const data: number[] = [];
  forEachTensor(model, (tensor) => {
    if (tensor.rawData.byteLength < 100) return;
    while (data.length % 64 > 0) data.push(0);
    const entries = { location: "lenet.data", offset: data.length, length: tensor.rawData.byteLength };
    data.push(...tensor.rawData);
    tensor.rawData = new Uint8Array(0);
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    );
  });
  writeFileSync(path("external.onnx"), serialiseModel(model));
  writeFileSync(path("lenet.data"), Uint8Array.from(data));
  const parts = matrices().map((t) => [
    t.name,
    { dtype: "F32", shape: t.dims.map(Number), bytes: t.rawData },
  ]);
  writeFileSync(
    path("lenet.safetensors"),
    formatSafetensors(Object.fromEntries(parts) as Parameters<typeof formatSafetensors>[0]),
  );
});
afterAll(remove);

describe("a model with external data", () => {
  it("is inspected and planned as the model that holds its own, and hardens to one that stands alone", async () => {
    const own = await jsonOf("inspect", lenet);
    const external = await jsonOf("inspect", "external.onnx");
    expect(external["tensors"]).toEqual(own["tensors"]);
    await jsonOf("plan", "external.onnx", ...plan, "-o", "plan.json");
    await jsonOf("harden", "external.onnx", "--plan", "plan.json", "-o", "hardened.onnx");
    forEachTensor(parseModel(readFileSync(path("hardened.onnx"))), (tensor) => {
      expect(tensor.externalData).toEqual([]);
      expect(tensor.dataLocation).toBe(TensorProto_DataLocation.DEFAULT);
    });
    // A plan is for the external data too.
    const data = readFileSync(path("lenet.data"));
    data[500]! ^= 1;
    writeFileSync(path("lenet.data"), data);
    const refused = await run(["harden", "external.onnx", "--plan", "plan.json", "-o", "other.onnx"]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("The plan was made for external.onnx");
  }, 30_000);
});

describe("weights without a graph", () => {
  it("are inspected and planned as those of the model", async () => {
    const rows = (await jsonOf("inspect", "lenet.safetensors"))["tensors"] as Record<string, unknown>[];
    const own = (await jsonOf("inspect", lenet))["tensors"] as Record<string, unknown>[];
    const strip = (row: Record<string, unknown>) => ({ ...row, operator: "" });
    expect(rows.map(strip)).toEqual(own.map(strip));
    const made = parsePlan(await jsonOf("plan", "lenet.safetensors", ...plan), "plan");
    expect(made.tensors.map((t) => t.name)).toEqual(rows.map((r) => r["name"]));
    expect(made.overhead).toBeCloseTo(0.1, 3);
  }, 30_000);

  it.each([
    ["TAC", ["plan", "lenet.safetensors", "--p", "0.1", "--budget", "0.1"]],
    ["data", ["inspect", "lenet.safetensors", "--data", "x.npz"]],
    ["harden", ["harden", "lenet.safetensors", "--plan", "plan.json", "-o", "h.onnx"]],
  ])("are refused for %s, with what to do", async (_, args) => {
    const { status, stderr } = await run(args);
    expect(status).toBe(2);
    const sentence = stderr.replace(/^Warning.*\n/gm, "");
    expect(sentence).toMatch(
      /^qtaml: [^\n]* holds weights without a graph, and so without a Jacobian; [^\n]*\.\n$/,
    );
  });
});
