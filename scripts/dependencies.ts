/** @file Writes what is made of docs/dependencies.md: `npm run docs:dependencies`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dependencyProblems, withDependencies } from "./package/dependencies.ts";
import { root } from "./package/entries.ts";

const problems = dependencyProblems();
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exit(1);
const page = join(root, "docs", "dependencies.md");
writeFileSync(page, withDependencies(readFileSync(page, "utf8")));
