/** @file Writes the sizes in docs/package.md: `npm run docs:package`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./package/entries.ts";
import { withParts } from "./package/page.ts";
import { measureEntries, packageSizes, sizeTable } from "./package/sizes.ts";

const page = join(root, "docs", "package.md");
const parts = { sizes: sizeTable(await measureEntries(root)), package: packageSizes() };
writeFileSync(page, withParts(readFileSync(page, "utf8"), parts));
