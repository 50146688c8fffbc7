import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { refusal } from "../../../test/refusal.ts";
import { readBudget } from "./budget-file.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-budget-"));
const path = join(folder, "shared.yaml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (limit: string, more = "") =>
  writeFileSync(path, `limit: ${limit}\nmodels: [{ name: a, model: a.onnx, data: a.npz }]\n${more}`);

describe("a budget file", () => {
  it.each(["{ overhead: 0.1 }", "{ parityBits: 80 }", "{ areaUm2: 5, cellUm2: 0.1 }"])(
    "has a limit %s",
    (limit) => {
      write(limit);
      expect(readBudget(path).models).toMatchObject([{ name: "a", data: ["a.npz"], weight: 1 }]);
    },
  );

  it.each([
    [
      "{ overhaed: 0.1 }",
      "",
      'limit has an unknown key "overhaed"; known are overhead, protectedBits, parityBits, areaUm2, cellUm2, protectedCellUm2',
    ],
    ["{ overhead: 0.1, cells: 3 }", "", 'limit has an unknown key "cells"; known are overhead, '],
    [
      "{ overhead: 0.1, parityBits: 3 }",
      "",
      "limit: give a number for overhead, protectedBits or parityBits alone, or numbers for areaUm2 and cellUm2",
    ],
    ["{}", "", "limit: give a number for overhead, "],
    ["0.1", "", "limit: give a number for overhead, "],
    ["{ areaUm2: 5 }", "", "limit: give a number for overhead, "],
    ["{ overhead: 2 }", "", "limit.overhead: "],
    ['{ overhead: "0.1" }', "", "limit: give a number for overhead, "],
    ["{ overhead: 0.1 }", "p: 0.1%", "p: give a number from 0 to 1, or a list"],
    [
      "{ overhead: 0.1 }",
      "cod: none",
      'the whole file has an unknown key "cod"; known are limit, code, models, ',
    ],
  ])("with limit %s and %s is refused by name", (limit, more, words) => {
    write(limit, more);
    const { code, message } = refusal(() => readBudget(path));
    expect(code).toBe("invalid-schema");
    expect(message).toContain(`shared.yaml is not a budget: ${words}`);
    expect(message).toMatch(/; docs\/silicon\.md shows one\.$/);
  });
});
