/** @file Bundles of entry points, as a page would load them, and how large they are. */
import { builtinModules } from "node:module";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";

/** What a bundler makes of a module and all that it needs. */
export interface Bundle {
  readonly code: string;
  /** Node built-ins and packages that are left to import when the bundle runs. */
  readonly imports: readonly string[];
}

const builtIns = new Set(builtinModules);

/** Whether a module is one of Node. */
export const isBuiltIn = (id: string) => id.startsWith("node:") || builtIns.has(id);

/**
 * Bundles a module for browsers, minified.
 *
 * @param folder where packages are looked for
 * @param isApart which imports, besides Node's, are left alone
 */
export async function bundle(
  file: string,
  folder: string,
  isApart: (id: string) => boolean = () => false,
): Promise<Bundle> {
  const built = await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: {
        input: file,
        external: (id) => isBuiltIn(id) || isApart(id),
        preserveEntrySignatures: "strict",
        output: { format: "es", codeSplitting: false },
      },
    },
  });
  const { output } = (Array.isArray(built) ? built[0]! : built) as Rolldown.RolldownOutput;
  const chunks = output.filter((part) => part.type === "chunk");
  return {
    code: chunks.map(({ code }) => code).join(""),
    imports: [...new Set(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]))],
  };
}

/** Bytes of a bundle, and of what a server sends of it. */
export interface Size {
  readonly minified: number;
  readonly gzip: number;
}

/** How large a bundle is. */
export function sizeOf({ code }: Bundle): Size {
  return { minified: Buffer.byteLength(code), gzip: gzipSync(code, { level: 9 }).length };
}
