#!/usr/bin/env node
/** @file Entry of the command line: runs a command and turns its errors into one sentence and an exit status. */
import { CommanderError } from "@commander-js/extra-typings";
import { QtamlError } from "../errors.ts";
import { buildProgram, exitBad } from "./program.ts";
import { version } from "./version.ts";

const program = buildProgram(version);
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitBad;
  } else if (error instanceof QtamlError) {
    process.stderr.write(`qtaml: ${error.message}\n`);
    process.exitCode = exitBad;
  } else {
    throw error;
  }
}
