/** @file Writes the sizes in docs/package.md: `npm run docs:package`, which builds anew first. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withSection } from "../regenerate/section.ts";
import { root } from "./package/entries.ts";
import { measureEntries, packageSizes, sizeTable } from "./package/sizes.ts";

const page = join(root, "docs", "package.md");
const sized = withSection(readFileSync(page, "utf8"), "sizes", sizeTable(await measureEntries(root)));
writeFileSync(page, withSection(sized, "package", packageSizes()));
