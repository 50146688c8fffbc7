import { describe, expect, it } from "vitest";
import { parseStructured } from "./structured.ts";

describe("structured text", () => {
  it("is read as JSON or YAML", () => {
    expect(parseStructured('{"a": [1, 2]}', "x", "json")).toEqual({ a: [1, 2] });
    expect(parseStructured("a: [1, 2]\nb: {c: d}", "x", "yaml")).toEqual({ a: [1, 2], b: { c: "d" } });
  });

  it.each([
    ["JSON", "[".repeat(100_000), "json"],
    ["flow sequences", `a: ${"[".repeat(100_000)}`, "yaml"],
    ["flow mappings", "{a: ".repeat(100_000), "yaml"],
  ] as const)("refuses %s nested without end before a parser spends seconds on it", (_, text, language) => {
    expect(() => parseStructured(text, "x.yaml", language)).toThrow(
      /^x\.yaml nests brackets more than 200 deep/,
    );
  });

  it("refuses aliases that grow without end", () => {
    const lines = ["a0: &a0 [x, x]"];
    for (let k = 1; k < 40; k++) lines.push(`a${k}: &a${k} [*a${k - 1}, *a${k - 1}, *a${k - 1}]`);
    expect(() => parseStructured(lines.join("\n"), "x.yaml", "yaml")).toThrow(/not valid JSON or YAML/);
  });

  it("names the place of a mistake", () => {
    expect(() => parseStructured("a: [1", "x.yaml", "yaml")).toThrow(
      /^x\.yaml is not valid JSON or YAML \(.*line 1/,
    );
  });
});
