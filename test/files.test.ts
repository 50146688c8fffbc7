/** @file docs/files.md names every field that commands write. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inspect, survey } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { fixtureBytes } from "./build-model.ts";
import { inRepository } from "./cli-run.ts";
import { sampleComparison } from "./report-sample.ts";

/** The sections of the page by heading. */
const sections = new Map(
  readFileSync(inRepository("docs/files.md"), "utf8")
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.split("\n", 1)[0]!, text]),
);

/** Names of all fields of a value, but for those within the fields `closed`. */
function fieldsOf(value: unknown, closed: ReadonlySet<string> = new Set()): Set<string> {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit);
    else if (typeof part === "object" && part !== null) {
      for (const [name, inner] of Object.entries(part)) {
        found.add(name);
        if (!closed.has(name)) visit(inner);
      }
    }
  };
  visit(JSON.parse(JSON.stringify(value)));
  return found;
}

const lenet = () =>
  survey(
    { name: "lenet.onnx", bytes: fixtureBytes("lenet") },
    { flips: (bits) => symmetricFlips(0.1, bits) },
  );

const missing = (section: string, fields: ReadonlySet<string>) =>
  [...fields].filter((field) => !sections.get(section)!.includes(`\`${field}\``));

describe("docs/files.md", () => {
  it("names the fields of plan.json", async () => {
    const plan = await makePlan(lenet(), { policy: "magnitude", overhead: 0.1 });
    const fields = fieldsOf(plan);
    expect(fields.size).toBeGreaterThan(25);
    expect(missing("plan.json", new Set([...fields, "keep", "criterion"]))).toEqual([]);
  });

  it("names the fields of results.json", () => {
    const closed = new Set(["overheadAtTarget", "overheadInterval", "firstOrder", "model"]);
    const fields = fieldsOf(sampleComparison, closed);
    for (const policy of ["uniform-msp", "tac"]) fields.delete(policy);
    expect(fields.size).toBeGreaterThan(25);
    expect(missing("results.json", fields)).toEqual([]);
  });

  it("names the fields of inspect --json", () => {
    const found = lenet();
    const rows = fieldsOf({ tensors: inspect(found), notInMemory: found.absent });
    expect(rows.size).toBeGreaterThan(20);
    expect(missing("inspect --json", rows)).toEqual([]);
  });
});
