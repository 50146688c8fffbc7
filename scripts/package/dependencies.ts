/** @file What docs/dependencies.md says that can be found out: versions, licences and where dependencies are used. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { withSection } from "../../regenerate/section.ts";
import { readManifest, root } from "./entries.ts";
import { reasons } from "./reasons.ts";

/** A package as package-lock.json has it. */
interface LockedPackage {
  readonly name?: string;
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

function lockedPackages(): Map<string, LockedPackage> {
  const text = readFileSync(join(root, "package-lock.json"), "utf8");
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  return new Map(Object.entries(packages).filter(([path]) => path !== ""));
}

/** Folders of the packages that are installed with qtaml, those of other machines among them. */
export function productionFolders(): string[] {
  return Array.from(lockedPackages())
    .filter(([, { dev }]) => dev !== true)
    .map(([path]) => join(root, path));
}

/** Folders with code. */
const folders = [
  "src",
  "web",
  "test",
  "bench",
  "scripts",
  "reproduce",
  "regenerate",
  "docs/.vitepress",
] as const;

/** The packages that each place of the repository imports: a room of `src`, or a folder. */
function importers(): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (
        !entry.isFile() ||
        !/\.(ts|tsx|mts|mjs)$/.test(entry.name) ||
        entry.parentPath.includes("/consumer")
      )
        continue;
      const path = join(entry.parentPath, entry.name).slice(root.length + 1);
      const place =
        folder !== "src"
          ? folder
          : entry.name.includes(".test.")
            ? "test"
            : path.split("/").slice(0, 2).join("/");
      const text = readFileSync(join(root, path), "utf8");
      for (const [, name] of text.matchAll(
        /(?:from|import|import\(|require\)?\(|\)\()\s*"((?:@[\w.-]+\/)?[a-z][\w.-]*)[^"]*"/g,
      )) {
        const known = places.get(name!) ?? new Set();
        places.set(name!, known.add(place));
      }
    }
  }
  return places;
}

/** Licences that a package under the MIT licence may depend on, with what they ask of those who pass it on. */
const permissive = new Set([
  "MIT",
  "ISC",
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "CC-BY-4.0",
  "Python-2.0",
  "Unlicense",
]);
/** Licences that ask for their own files to stay under them, and no more of those who use these unchanged. */
const weak = new Set(["MPL-2.0", "LGPL-3.0-or-later"]);

/** The licences that a licence expression names. */
const named = (expression: string) => expression.replace(/[()]/g, "").split(/ (?:AND|OR) /);

/** Direct dependencies without a reason, reasons without a dependency, and licences that nobody has looked at. */
export function dependencyProblems(): string[] {
  const { dependencies, devDependencies } = readManifest();
  const direct = Object.keys({ ...dependencies, ...devDependencies });
  const locked = lockedPackages();
  return [
    ...direct
      .filter((name) => !(name in reasons))
      .map((name) => `${name} has no reason in scripts/package/reasons.ts`),
    ...Object.keys(reasons)
      .filter((name) => !direct.includes(name))
      .map((name) => `${name} has a reason and is no dependency`),
    ...Array.from(locked).flatMap(([path, { license = "none", dev }]) => {
      const unknown = named(license).filter((one) => !permissive.has(one) && !weak.has(one));
      return unknown.map((one) => `${path}${dev === true ? " (development)" : ""} is under ${one}`);
    }),
  ];
}

function table(names: readonly string[], locked: ReadonlyMap<string, LockedPackage>): string {
  const places = importers();
  const rows = names.toSorted().map((name) => {
    const { version, license = "" } = locked.get(`node_modules/${name}`)!;
    const { why, where, released } = reasons[name]!;
    const found = [...(places.get(name) ?? [])].sort();
    const typed = name.startsWith("@types/") ? [`with ${name.slice("@types/".length)}`] : [];
    const used =
      where ?? [...found, ...(found.length === 0 ? typed : [])].map((place) => `\`${place}\``).join(", ");
    return `| \`${name}\` ${version} | ${why} | ${used.replaceAll("`with ", "with `")} | ${license.replace(/^\((.*)\)$/, "$1")} | ${released} |`;
  });
  return ["| package | what for | where | licence | newest release |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

function licenceTable(locked: ReadonlyMap<string, LockedPackage>): string {
  const counts = new Map<string, [production: number, development: number]>();
  for (const { license = "none", dev } of locked.values()) {
    const count = counts.get(license) ?? [0, 0];
    count[dev === true ? 1 : 0]++;
    counts.set(license, count);
  }
  const rows = [...counts]
    .sort(([, a], [, b]) => b[0] + b[1] - a[0] - a[1])
    .map(([licence, [production, development]]) => `| ${licence} | ${production} | ${development} |`);
  return ["| licence | with qtaml | for development |", "|---|---:|---:|", ...rows].join("\n");
}

/** The page with its tables as they are today. */
export function withDependencies(page: string): string {
  const { dependencies, devDependencies } = readManifest();
  const locked = lockedPackages();
  const parts = {
    dependencies: table(Object.keys(dependencies), locked),
    development: table(Object.keys(devDependencies), locked),
    licences: licenceTable(locked),
  };
  return Object.entries(parts).reduce((text, [name, part]) => withSection(text, name, part), page);
}
