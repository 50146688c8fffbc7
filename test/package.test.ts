/**
 * @file The package: what its files import is in it or among its dependencies, every room is an entry point, and those
 * that run in a browser need nothing of Node and have not grown. `npm run package:check` installs and uses it.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { isBuiltIn } from "../scripts/package/bundle.ts";
import { entryPoints, readManifest, root } from "../scripts/package/entries.ts";
import {
  grownEntries,
  measureEntries,
  sizeTable,
  sizesIn,
  type SizedEntry,
} from "../scripts/package/sizes.ts";
import { documentText } from "./documents.ts";

const manifest = readManifest();

/** Without the build, which `npm test` makes, nothing can be said of what is packed. */
const isBuilt = existsSync(join(root, "dist", "cli", "main.js"));
if (!isBuilt) process.stderr.write("Skipped: the package. Run npm test, which builds it.\n");

/** What a built module imports. */
const importsOf = (text: string) =>
  Array.from(
    text.matchAll(/(?:\bfrom |\bimport |\bimport\(|\(import\.meta\.url\)\(|new URL\()"([^"\n]+)"/g),
    ([, path]) => path!,
  );

describe("entry points", () => {
  it("are the rooms, but for the command line, the explorer and its server", () => {
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const own = rooms.map(({ name }) => name).filter((name) => !["cli", "explorer", "server"].includes(name));
    const named = entryPoints().map(({ name }) => name);
    expect(named.sort()).toEqual(
      ["qtaml", "qtaml/report/browser", ...own.map((name) => `qtaml/${name}`)].sort(),
    );
  });

  it("that run in a browser are those that the library's page names", () => {
    const page = documentText("docs/package.md");
    const pure = entryPoints().filter(({ isPure }) => isPure);
    expect([...page.matchAll(/^\| `([^`]+)` \| yes \|/gm)].map(([, name]) => name)).toEqual(
      pure.map(({ name }) => name),
    );
  });
});

describe("the table of what is installed", () => {
  it("tells about as many files as a build makes: a module and its declarations of each source", () => {
    const sources = readdirSync(join(root, "src"), { encoding: "utf8", recursive: true }).filter(
      (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"),
    );
    const [, files] = /^\| unpacked, (\d+) files/m.exec(documentText("docs/package.md")) ?? [];
    expect(Number(files) / (2 * sources.length), "npm run docs:package counts anew").toBeGreaterThan(0.95);
    expect(Number(files) / (2 * sources.length), "npm run docs:package counts anew").toBeLessThan(1.1);
  });
});

/** Whether a path is a file or a folder, or within it. */
const isWithin = (path: string, place: string) => path === place || path.startsWith(`${place}/`);

describe.skipIf(!isBuilt)("the package", () => {
  /** Whether a built file is packed, as `files` of package.json has it. */
  const isPacked = (path: string) =>
    existsSync(join(root, path)) &&
    manifest.files.some((pattern) => isWithin(path, pattern)) &&
    !manifest.files.some((pattern) => pattern.startsWith("!") && isWithin(path, pattern.slice(1)));

  it("holds every file that its files import, and depends on every package", () => {
    const modules = readdirSync(join(root, "dist"), { withFileTypes: true, recursive: true })
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .replaceAll("\\", "/"),
      )
      .filter((path) => path.endsWith(".js") && !isWithin(path, "dist/web") && isPacked(path));
    const imported = modules.flatMap((path) =>
      importsOf(readFileSync(join(root, path), "utf8")).map((id) => ({ path, id })),
    );
    const missing = imported.filter(({ path, id }) => {
      const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(id)!;
      const isThere = id.startsWith(".")
        ? id.endsWith("/") || id.endsWith("package.json") || isPacked(posix.join(posix.dirname(path), id))
        : isBuiltIn(id) || name in manifest.dependencies;
      return !isThere;
    });
    expect(missing).toEqual([]);
    expect(imported.length).toBeGreaterThan(1000);
    expect(imported.some(({ path, id }) => isWithin(path, "dist/server") && id.includes("/explorer/"))).toBe(
      true,
    );
  });

  it("has types that need those of packages with types of their own alone", () => {
    const foreign = new Set<string>();
    const seen = new Set<string>();
    const walk = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const id of importsOf(readFileSync(join(root, path), "utf8"))) {
        if (id.startsWith(".")) walk(posix.join(posix.dirname(path), id.replace(/\.ts$/, ".d.ts")));
        else foreign.add(id);
      }
    };
    for (const { file } of entryPoints()) walk(file.replace(/\.js$/, ".d.ts"));
    expect([...foreign].sort()).toEqual(["onnx-buf", "onnxruntime-node", "zod"]);
    expect(seen.size).toBeGreaterThan(100);
  });

  it(
    "needs nothing of Node where it says so, and has not grown by more than a tenth",
    { timeout: 300_000 },
    async () => {
      const measured = await measureEntries(
        root,
        entryPoints().filter(({ isPure }) => isPure),
      );
      const recorded = sizesIn(documentText("docs/package.md"));
      expect(grownEntries(measured, recorded), "npm run docs:package records new sizes").toEqual([]);
    },
  );
});

describe("the table of sizes", () => {
  const entry: SizedEntry = { name: "qtaml/x", file: "x.js", isPure: true, minified: 20_000, gzip: 10_000 };
  const recorded = sizesIn(sizeTable([entry]));

  it("is read as it was written", () => {
    expect(recorded).toEqual(new Map([["qtaml/x", { minified: 20_000, gzip: 10_000 }]]));
  });

  it("notices growth of more than a tenth, and entry points that are new", () => {
    expect(grownEntries([{ ...entry, gzip: 11_000 }], recorded)).toEqual([]);
    expect(grownEntries([{ ...entry, gzip: 11_010 }], recorded)).toEqual([
      "qtaml/x has 11.0 kB (gzip), recorded 10.0.",
    ]);
    expect(grownEntries([{ ...entry, name: "qtaml/y" }], recorded)).toHaveLength(1);
    expect(grownEntries([{ ...entry, isPure: false, gzip: 1e6 }], recorded)).toEqual([]);
  });
});
