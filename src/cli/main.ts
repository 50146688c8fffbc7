#!/usr/bin/env node
/** @file Entry of the command line: an older Node is refused before anything is loaded that it may not know. */
import { nodeProblem } from "./node-version.ts";
import { exitBad } from "./status.ts";

const problem = nodeProblem(process.versions.node);
if (problem === undefined) {
  const { start } = await import("./start.ts");
  await start();
} else {
  process.stderr.write(`qtaml: ${problem}\n`);
  process.exitCode = exitBad;
}
