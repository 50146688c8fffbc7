/** @file The entry points of the package, and which of them are pure: no Node built-ins, so they run in a browser. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** What of package.json is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly files: readonly string[];
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The package.json of a folder; the repository's unless told. */
export function readManifest(folder = root): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** An entry point that is a module. */
export interface Entry {
  /** As it is imported, such as `qtaml/physics`. */
  readonly name: string;
  /** Path within the package. */
  readonly file: string;
  readonly isPure: boolean;
}

/** Those that run in a browser: the pure rooms, and the charts. */
const pure: ReadonlySet<string> = new Set([
  "./physics",
  "./channel",
  "./faults",
  "./stats",
  "./measure",
  "./stored",
  "./protect",
  "./ecc",
  "./image",
  "./report/browser",
]);

/** Every entry point that is a module, in the order of package.json. */
export function entryPoints({ name, exports } = readManifest()): Entry[] {
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === "string"
      ? []
      : [{ name: name + path.slice(1), file: target.default, isPure: pure.has(path) }],
  );
}
