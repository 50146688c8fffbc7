/** @file Writes `docs/gradient-operators.md` from the rules: `npm run docs:operators`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gradientTable } from "../src/gradient/table.ts";

writeFileSync(join(import.meta.dirname, "..", "docs", "gradient-operators.md"), gradientTable());
