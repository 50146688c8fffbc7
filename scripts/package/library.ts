/** @file The installed package as a library: its types under each way to resolve them, and its modules when they run. */
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { entryPoints, readManifest, root } from "./entries.ts";
import { run, runAnyhow, type Project } from "./project.ts";

/**
 * What is wrong with the types by are-the-types-wrong, in its words. Two things are meant: the package is ESM alone
 * (programs in CommonJS require it at run time, which Node does from 22.12 on), and `exports` are all there is, which
 * the resolution of Node 10 does not read.
 */
export async function typeProblems({ archive }: Project): Promise<string[]> {
  const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(archive))));
  if (checked.types === false) return ["The package has no types."];
  const isMeant = (kind: string, resolution: string) =>
    (kind === "NoResolution" && resolution === "node10") ||
    (kind === "CJSResolvesToESM" && resolution === "node16-cjs");
  return checked.problems
    .filter((problem) => !("resolutionKind" in problem && isMeant(problem.kind, problem.resolutionKind)))
    .map((problem) => JSON.stringify(problem));
}

/** What publint says of the files as they were packed; nothing is left out. */
export async function packageProblems({ folder }: Project): Promise<string[]> {
  const pkgDir = join(folder, "node_modules", "qtaml");
  const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true });
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
}

/** Ways to resolve types that are in use: a module of its own, module resolution, and what the file is. */
const resolutions = [
  ["node16", "node16", "types.mts"],
  ["node20", "node16", "types.mts"],
  ["nodenext", "nodenext", "types.mts"],
  // A program in CommonJS, which requires modules.
  ["nodenext", "nodenext", "types.cts"],
  ["esnext", "bundler", "types.ts"],
  ["preserve", "bundler", "types.ts"],
] as const;

/** Checks the types of a consumer in each way, declarations of all packages included. @returns what was checked */
export function checkTypes({ folder }: Project): string[] {
  const all = entryPoints().map(
    ({ name }, i) =>
      `import * as entry${i} from "${name}";\nexport const any${i}: 0 extends 1 & typeof entry${i} ? true : false = false;\n`,
  );
  const own = join(folder, "types.mts");
  appendFileSync(own, all.join(""));
  copyFileSync(own, join(folder, "types.ts"));
  copyFileSync(own, join(folder, "types.cts"));
  const compilers = ["@typescript/native/bin/tsc", "typescript/bin/tsc6"];
  return compilers.flatMap((compiler) =>
    resolutions.map(([module, resolution, file]) => {
      const flags = ["--noEmit", "--strict", "--target", "es2022", "--ignoreConfig"];
      const how = ["--module", module, "--moduleResolution", resolution];
      run(process.execPath, [join(root, "node_modules", compiler), ...flags, ...how, file], folder);
      return `${compiler.split("/bin")[0]}: module ${module}, resolution ${resolution}, ${file}`;
    }),
  );
}

/** Imports and requires every entry point on a Node, and compares the two. @returns how many names each exports */
export function loadEntries({ folder }: Project, node: string): Record<string, number> {
  const names = entryPoints().map(({ name }) => name);
  writeFileSync(
    join(folder, "load.mjs"),
    `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const counts = {};
for (const name of ${JSON.stringify(names)}) {
  const imported = Object.keys(await import(name));
  const required = Object.keys(require(name)).filter((key) => imported.includes(key));
  if (imported.length === 0 || required.length !== imported.length) throw new Error(name + " is not what is required");
  counts[name] = imported.length;
}
if (require("qtaml/package.json").version !== "${readManifest().version}") throw new Error("another version");
console.log(JSON.stringify(counts));
`,
  );
  return JSON.parse(run(node, ["load.mjs"], folder).stdout) as Record<string, number>;
}

/** Asks the registry for advisories on what is installed. @throws Error where there are any */
export function knownVulnerabilities({ folder }: Project): string {
  const { stdout } = runAnyhow("npm", ["audit", "--omit=dev", "--json"], folder);
  const { metadata, vulnerabilities } = JSON.parse(stdout) as {
    metadata?: { vulnerabilities: { total: number } };
    vulnerabilities?: Record<string, unknown>;
  };
  if (metadata === undefined) return "the registry does not tell advisories here: nothing is known";
  if (metadata.vulnerabilities.total > 0) throw new Error(Object.keys(vulnerabilities ?? {}).join(", "));
  return "none is known";
}
