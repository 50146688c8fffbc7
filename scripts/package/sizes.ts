/** @file The table of sizes in docs/package.md: what it says, and whether it still holds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundle, sizeOf, type Size } from "./bundle.ts";
import { productionFolders } from "./dependencies.ts";
import { entryPoints, type Entry } from "./entries.ts";
import { bytesUnder, listPacked } from "./project.ts";

/** An entry point with its size. */
export interface SizedEntry extends Entry, Size {}

/**
 * The sizes of entry points of a package, all unless told: of pure ones with everything that they need, of the others qtaml's own
 * code alone.
 *
 * @param packageFolder where its package.json and dist/ are
 * @throws Error where a pure entry point imports what no browser has
 */
export async function measureEntries(
  packageFolder: string,
  entries: readonly Entry[] = entryPoints(),
): Promise<SizedEntry[]> {
  const sized: SizedEntry[] = [];
  for (const entry of entries) {
    const isForeign = (id: string) => !entry.isPure && /^[a-z@]/.test(id);
    const made = await bundle(join(packageFolder, entry.file), packageFolder, isForeign);
    if (entry.isPure && made.imports.length > 0) {
      throw new Error(`${entry.name} does not run in a browser: it imports ${made.imports.join(", ")}.`);
    }
    sized.push({ ...entry, ...sizeOf(made) });
  }
  return sized;
}

const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1);

/** The table in Markdown. */
export function sizeTable(entries: readonly SizedEntry[]): string {
  const rows = entries.map(
    ({ name, isPure, minified, gzip }) =>
      `| \`${name}\` | ${isPure ? "yes" : "no"} | ${kilobytes(minified)} | ${kilobytes(gzip)} |`,
  );
  return ["| entry point | in a browser | minified, kB | gzip, kB |", "|---|---|---:|---:|", ...rows].join(
    "\n",
  );
}

/** The sizes that a page tells, in bytes, by entry point. */
export function sizesIn(page: string): Map<string, Size> {
  const rows = page.matchAll(/^\| `([^`]+)` \| (?:yes|no) \| ([\d.]+) \| ([\d.]+) \|$/gm);
  return new Map(
    Array.from(rows, ([, name, minified, gzip]) => [
      name!,
      { minified: 1000 * Number(minified), gzip: 1000 * Number(gzip) },
    ]),
  );
}

/** Pure entry points may grow by this share before somebody has to look. */
const allowance = 0.1;

/** A sentence for each pure entry point that is not in the table or has grown beyond the allowance. */
export function grownEntries(entries: readonly SizedEntry[], recorded: ReadonlyMap<string, Size>): string[] {
  return entries
    .filter(({ isPure }) => isPure)
    .flatMap(({ name, gzip }) => {
      const before = recorded.get(name)?.gzip;
      if (before !== undefined && gzip <= before * (1 + allowance)) return [];
      return [
        `${name} has ${kilobytes(gzip)} kB (gzip), recorded ${before === undefined ? "never" : kilobytes(before)}.`,
      ];
    });
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** What is packed and what is installed, as a table: from `npm pack` and from the packages of this checkout. */
export function packageSizes(): string {
  const packed = listPacked();
  const folders = productionFolders().filter((folder) => existsSync(folder));
  const bytes = new Map(folders.map((folder) => [folder, bytesUnder(folder)]));
  const total = [...bytes.values()].reduce((a, b) => a + b, 0);
  const largest = [...bytes].sort(([, a], [, b]) => b - a).slice(0, 8);
  return [
    "| what | MB |",
    "|---|---:|",
    `| archive | ${megabytes(packed.size)} |`,
    `| unpacked, ${packed.files.length} files | ${megabytes(packed.unpackedSize)} |`,
    `| with ${folders.length} packages that it needs | ${megabytes(total + packed.unpackedSize)} |`,
    ...largest.map(
      ([folder, size]) => `| of them \`${folder.split("node_modules/").at(-1)}\` | ${megabytes(size)} |`,
    ),
  ].join("\n");
}
