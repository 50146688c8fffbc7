/** @file The site of the documents: `dev`, `build` or `preview` (`npm run docs:dev` and so on). */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { copiedPages } from "../docs/.vitepress/pages.ts";

const root = join(import.meta.dirname, "..");
const docs = join(root, "docs");

/** Runs a script of a package with this Node; ends with its status where it fails. */
function run(script: string, ...args: string[]): void {
  const { status } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

const [action = "build"] = process.argv.slice(2);
for (const folder of ["api", "project", "zoo"]) rmSync(join(docs, folder), { recursive: true, force: true });
for (const [page, file] of copiedPages) {
  mkdirSync(dirname(join(docs, page)), { recursive: true });
  copyFileSync(join(root, file), join(docs, page));
}
run("typedoc/bin/typedoc");
const nameless = readdirSync(join(docs, "api"), { encoding: "utf8", recursive: true }).filter(
  (page) =>
    page.endsWith(".md") && readFileSync(join(docs, "api", page), "utf8").includes("__namedParameters"),
);
if (nameless.length > 0) {
  process.stderr.write(
    `The reference has parameters without a name in ${nameless.join(", ")}: a parameter that is taken apart is called by its @param.\n`,
  );
  process.exit(1);
}
run("vitepress/bin/vitepress.js", action, "docs");
