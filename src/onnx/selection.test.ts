import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import type { TensorRole } from "../stored/index.ts";
import { editDistance, namePattern, selectTensors, type Selection } from "./selection.ts";

const tensors = (
  [
    ["encoder.0/weight", "weight"],
    ["encoder.1/weight", "weight"],
    ["/head/Constant_output_0", "weight"],
    ["onnx::MatMul_[17]", "weight"],
    ["words", "embedding"],
    ["encoder.0/bias", "bias"],
    ["gamma", "normalisation"],
    ["shape", "integer"],
  ] as const
).map(([name, role]) => ({ name, role: role as TensorRole }));

const chosen = (selection: Selection) => selectTensors(tensors, selection).map(({ name }) => name);

const refusal = (selection: Selection): string => {
  try {
    chosen(selection);
  } catch (error) {
    return error instanceof QtamlError ? `${error.code}: ${error.message}` : String(error);
  }
  return "nothing thrown";
};

describe("selectTensors", () => {
  it("chooses weights and embeddings unless told, other roles on request", () => {
    expect(chosen({})).toEqual(tensors.slice(0, 5).map(({ name }) => name));
    expect(chosen({ roles: ["bias"] })).toHaveLength(6);
    expect(chosen({ roles: ["bias", "integer"] })).toContain("shape");
    expect(chosen({ roles: ["bias", "integer"] })).not.toContain("gamma");
  });

  it("takes what any pattern includes, less what any excludes; a slash is no border", () => {
    expect(chosen({ include: ["encoder*"] })).toEqual(["encoder.0/weight", "encoder.1/weight"]);
    expect(chosen({ include: ["*weight", "words"] })).toHaveLength(3);
    expect(chosen({ include: ["encoder*"], exclude: ["encoder.1*"] })).toEqual(["encoder.0/weight"]);
    expect(chosen({ exclude: ["/head/*", "onnx*"] })).toEqual([
      "encoder.0/weight",
      "encoder.1/weight",
      "words",
    ]);
    expect(chosen({ include: ["encoder.[01]/weight"] })).toHaveLength(2);
    expect(chosen({ include: ["{words,/head*}"] })).toEqual(["/head/Constant_output_0", "words"]);
    expect(chosen({ include: ["encoder*"], roles: ["bias"] })).toHaveLength(3);
  });

  it("takes a name that has a pattern's letters for itself", () => {
    expect(chosen({ include: ["onnx::MatMul_[17]"] })).toEqual(["onnx::MatMul_[17]"]);
    expect(namePattern("!a")("!a")).toBe(true);
    expect(namePattern("!a")("b")).toBe(false);
    expect(namePattern("*")(".hidden/name")).toBe(true);
  });

  it("refuses a pattern that matches nothing, with the nearest names", () => {
    expect(refusal({ include: ["encoder.0/weigth"] })).toMatch(
      /^invalid-argument: --include "encoder.0\/weigth" matches no tensor; near names are "encoder.0\/weight"/,
    );
    expect(refusal({ exclude: ["nothing*"] })).toMatch(/^invalid-argument: --exclude "nothing\*" matches no/);
  });

  it("says which flag brings in what a pattern matches", () => {
    expect(refusal({ include: ["*bias"] })).toMatch(
      /matches only biases, .*: add --biases, or drop the pattern/,
    );
    expect(refusal({ include: ["shape"] })).toMatch(/add --integers/);
    expect(refusal({ exclude: ["gamma"] })).toMatch(/add --normalisation/);
  });
});

describe("editDistance", () => {
  it("counts single changes", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("same", "same")).toBe(0);
  });
});
