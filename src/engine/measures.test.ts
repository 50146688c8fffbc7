import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { makeNode } from "../onnx/index.ts";
import { declaredScale, isModuleName, loadMeasure, openMeasure } from "./measures.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-measures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A module of one's own with the given text. */
function moduleOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("loadMeasure", () => {
  it("takes a function and what else is exported", async () => {
    const path = moduleOf(
      "loss.mjs",
      'export const name = "own loss"; export const unit = "dB"; export const higherIsBetter = false; export const nonFinite = 9; export default () => 1;',
    );
    expect((await loadMeasure(path)).description).toMatchObject({
      name: "own loss",
      unit: "dB",
      higherIsBetter: false,
    });
    const plain = await openMeasure({ name: moduleOf("plain.mjs", "export default () => 1;") });
    expect(plain.description).toMatchObject({ name: "plain", unit: "", higherIsBetter: true });
  });

  it.each([
    ["invalid-schema", "none.mjs", "export const name = 'x';", /none.mjs.*"default".*function/],
    ["invalid-schema", "number.mjs", "export default 3;", /"default".*function/],
    ["invalid-schema", "name.mjs", "export default () => 1; export const name = 3;", /"name"/],
    ["invalid-schema", "unit.mjs", "export default () => 1; export const unit = 'm';", /"unit"/],
    [
      "invalid-schema",
      "lower.mjs",
      "export default () => 1; export const higherIsBetter = false;",
      /"nonFinite".*lower is better/,
    ],
    ["invalid-file", "syntax.mjs", "export default (", /syntax.mjs cannot be loaded/],
    ["invalid-file", "throws.mjs", "throw new Error('at once');", /throws.mjs cannot be loaded: at once/],
    ["invalid-file", "import.mjs", "import './nowhere.mjs';", /import.mjs cannot be loaded/],
  ])("tells what is wrong: %s of %s", async (code, name, text, message) => {
    const error: unknown = await loadMeasure(moduleOf(name, text)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("\n");
  });

  it("tells of a file that is not there, and of a name that is none", async () => {
    await expect(openMeasure({ name: join(folder, "lost.mjs") })).rejects.toMatchObject({
      code: "file-access",
    });
    await expect(openMeasure({ name: "top1" })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("knows a module by its path or its extension", () => {
    expect(["./a.mjs", "a.js", "b.ts", "c/d", "C:\\d", "e.cjs"].map(isModuleName)).not.toContain(false);
    expect(["top-1", "mse", "a.json"].map(isModuleName)).not.toContain(true);
  });
});

describe("declaredScale", () => {
  const ending = (...operators: string[]) =>
    declaredScale(
      buildModel({
        nodes: operators.map((o, i) => makeNode(o, [`v${i}`], [`v${i + 1}`])),
        inputs: { v0: ["N", 4] },
        outputs: [`v${operators.length}`],
      }),
    );

  it.each([
    ["probabilities", ["Conv", "Softmax"]],
    ["probabilities", ["Sigmoid", "Flatten", "Identity"]],
    ["logits", ["Softmax", "Gemm"]],
    ["logits", ["LogSoftmax"]],
    [undefined, ["Softmax", "Relu"]],
    [undefined, ["Identity"]],
  ])("is %s for a graph that ends in %j", (scale, operators) => {
    expect(ending(...operators)).toBe(scale);
  });
});
