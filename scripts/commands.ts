/** @file Writes `docs/commands.md` from the program's help: `npm run docs:commands`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildProgram } from "../src/cli/program.ts";
import { commandReference } from "../src/cli/reference.ts";

writeFileSync(join(import.meta.dirname, "..", "docs", "commands.md"), commandReference(buildProgram("0")));
