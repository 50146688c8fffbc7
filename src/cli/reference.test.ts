import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { buildProgram } from "./program.ts";
import { commandReference } from "./reference.ts";

it("is the page in docs; npm run docs:commands makes it anew", () => {
  const page = readFileSync(new URL("../../docs/commands.md", import.meta.url), "utf8");
  expect(page).toBe(commandReference(buildProgram("0")));
});
