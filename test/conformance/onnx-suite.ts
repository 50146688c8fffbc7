/** @file The ONNX project's own tests, as its package carries them. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { superviseRange } from "../support/supervise.ts";
import type { CaseResult } from "./onnx-case.ts";
import type { CaseMessage } from "./onnx-child.ts";
import { packageFolder, type Package } from "./packages.ts";

/** The package with the tests; none of its code is run. Later ones carry no node tests. */
export const onnxPackage: Package = {
  registry: "pypi",
  name: "onnx",
  version: "1.22.0",
  licence: "Apache-2.0",
  sha256: "955e02e1f6d385b53d52f9cd7b9cdf5caf417c300bcfe3c64c6d542be763845b",
  keep: /^onnx\/backend\/test\/data\/(?!real)/,
};

/** The folders of tests. */
export const suites = ["node", "simple", "light", "pytorch-converted", "pytorch-operator"] as const;

/** A test and what came of it. */
export interface SuiteCase {
  readonly suite: (typeof suites)[number];
  readonly name: string;
  readonly result: CaseResult | { readonly death: string };
}

const root = () => join(packageFolder(onnxPackage), "onnx", "backend", "test", "data");

/** Paths of the models of a suite. */
function modelsOf(suite: string): string[] {
  const folder = join(root(), suite);
  return readdirSync(folder)
    .toSorted()
    .map((entry) => join(folder, entry))
    .map((entry) => (entry.endsWith(".onnx") ? entry : join(entry, "model.onnx")))
    .filter((path) => path.endsWith(".onnx") && existsSync(path));
}

const childPath = fileURLToPath(new URL("onnx-child.ts", import.meta.url));

/** Runs all tests, a suite's in one child after another. @param filter only tests whose path holds it */
export async function runSuites(filter = ""): Promise<SuiteCase[]> {
  const cases: SuiteCase[] = [];
  const folder = mkdtempSync(join(tmpdir(), "qtaml-onnx-"));
  try {
    for (const suite of suites) {
      const paths = modelsOf(suite).filter((path) => path.includes(filter));
      const list = join(folder, suite);
      writeFileSync(list, paths.join("\n"));
      const nameOf = (index: number) =>
        paths[index]!.slice(join(root(), suite).length + 1).replace("/model.onnx", "");
      await superviseRange<CaseMessage>({
        script: childPath,
        args: [list],
        cases: paths.length,
        onMessage: ({ index, result }) => cases.push({ suite, name: nameOf(index), result }),
        onDeath: (index, death) => cases.push({ suite, name: nameOf(index), result: { death } }),
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return cases;
}
