/** @file Writes `docs/layout.schema.json` from the zod schema: `npm run docs:layout`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { layoutJsonSchema } from "../src/image/index.ts";

writeFileSync(
  join(import.meta.dirname, "..", "docs", "layout.schema.json"),
  `${JSON.stringify(layoutJsonSchema(), null, 2)}\n`,
);
