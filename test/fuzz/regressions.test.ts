/** @file What the fuzzer found, each with its smallest file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readDevice } from "../../src/cli/files.ts";
import { readDataset } from "../../src/data/index.ts";
import { QtamlError } from "../../src/errors.ts";
import {
  floatTensor,
  makeNode,
  parseModel,
  prepareModel,
  serialiseModel,
  uint8Tensor,
} from "../../src/onnx/index.ts";
import { buildModel } from "../build-model.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-regressions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** The sentence of a refusal. */
async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof QtamlError) return error.message;
    throw error;
  }
  throw new Error("was not refused");
}

describe("found by the fuzzer", () => {
  it("an image of 46 bytes that unpacks to half a gigabyte", async () => {
    const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAsACwAAAAAAQABAAACAUQAOw==", "base64");
    written("images/cat/a.gif", gif);
    const message = await refusal(() =>
      readDataset({ data: [join(folder, "images")], preprocessing: "{resize: [4, 4]}" }),
    );
    expect(message).toMatch(/^Image cat\/a\.gif cannot be read \(.*pixel limit.*\); mend or remove it\.$/);
  });

  it("a quote in the middle of a table's cell", async () => {
    const path = written("t.csv", 'a,b\n1"x",2\n');
    expect(await refusal(() => readDataset({ data: [path] }))).toMatch(
      /^t\.csv is not a table \(.*\); mend it\.$/,
    );
  });

  it("a node without an output", async () => {
    const model = buildModel({
      nodes: [makeNode("Relu", ["x"], ["y"]), makeNode("DequantizeLinear", ["x", "x"], [])],
      inputs: { x: [1] },
      outputs: ["y"],
    });
    const message = await refusal(() => parseModel(serialiseModel(model), "m.onnx"));
    expect(message).toMatch(/^m\.onnx has a node with no output/);
  });

  it("codes whose dimensions ask for more memory than there is", async () => {
    const codes = uint8Tensor("q", [2 ** 31 - 1, 2 ** 20], Uint8Array.of(1, 2, 3));
    const model = buildModel({
      nodes: [makeNode("DequantizeLinear", ["q", "s"], ["w"]), makeNode("MatMul", ["x", "w"], ["y"])],
      inputs: { x: ["N", 4] },
      initialisers: [codes, floatTensor("s", [], Float32Array.of(1))],
      outputs: ["y"],
    });
    expect(await refusal(() => prepareModel(model))).toMatch(
      /^Tensor "q" stores 3 bytes .* the model file is damaged\.$/,
    );
  });

  it("a device file nested fifty thousand deep, on which its parser spends seconds", async () => {
    const path = written("device.yaml", `barrier: ${'{"a":'.repeat(50_000)}`);
    expect(await refusal(() => readDevice(path))).toMatch(/nests brackets more than 200 deep/);
  });

  it("names with control characters, which a terminal would obey", async () => {
    const path = written("\u001b[31mred.csv", "");
    expect(await refusal(() => readDataset({ data: [path] }))).not.toMatch(/\p{Cc}/u);
  });
});
