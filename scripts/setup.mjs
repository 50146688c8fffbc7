/**
 * @file Makes a checkout ready: installs what package-lock.json names when it is missing or older, and builds
 * `dist/` and the explorer's page when a source is newer. Then runs the script named by its arguments, if any, on the
 * Node that was installed. `npm run demo` and `npm test` start here; it works on any Node from 20 and depends on
 * nothing. `--anew`, before the script if there is one, builds in any case: what is packed and measured holds nothing of
 * files that are gone. `--help`, behind a script of this repository, prints what its first comment says of it.
 *
 * The script is started here rather than by `&&` in package.json because a shell remembers where it found `node`
 * before the installation.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const isAnew = process.argv[2] === "--anew";
const [script, ...args] = process.argv.slice(isAnew ? 3 : 2);

const isOwnScript = script?.endsWith(".ts") ?? false;
if (isOwnScript && args.some((arg) => arg === "--help" || arg === "-h")) {
  const [, comment] = /\/\*\*\s*(?:\* )?@file ([\s\S]*?)\s*\*\//.exec(
    readFileSync(join(root, script), "utf8"),
  );
  process.stdout.write(`${comment.replace(/^ \* ?/gm, "")}\n`);
  process.exit();
}

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : modified(path));
  }
  return latest;
}

function run(what, command, args, env = {}) {
  process.stderr.write(`qtaml: ${what} ...\n`);
  const started = Date.now();
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    process.stderr.write(
      `qtaml: ${what} failed (${result.error?.message ?? `exit status ${result.status}`}).\n`,
    );
    process.exit(result.status ?? 1);
  }
  process.stderr.write(`qtaml: ${what} took ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

const installed = join(root, "node_modules", ".package-lock.json");
if (modified(installed) < modified(join(root, "package-lock.json"))) {
  // npm before 11 runs install scripts unasked; this one would download CUDA libraries that qtaml does not use.
  const env = { ONNXRUNTIME_NODE_INSTALL: "skip", ONNXRUNTIME_NODE_INSTALL_CUDA: "skip" };
  const what = "installing dependencies (once, about 450 MB, without a word in between)";
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  if (npm?.endsWith(".js")) run(what, process.execPath, [npm, ...args], env);
  else run(what, "npm", args, env);
}

if (isAnew) rmSync(join(root, "dist"), { recursive: true, force: true });

const sources = Math.max(newest(join(root, "src")), modified(join(root, "tsconfig.build.json")));
if (modified(join(root, "dist", ".built")) < sources) {
  const tsc = join(root, "node_modules", "@typescript", "native", "bin", "tsc");
  run("building", process.execPath, [tsc, "-p", "tsconfig.build.json"]);
  writeFileSync(join(root, "dist", ".built"), "");
}

// The page computes with the same modules, so it is older when any of them is newer.
const pageSources = Math.max(sources, newest(join(root, "web")));
if (modified(join(root, "dist", "web", "index.html")) < pageSources) {
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  run("building the explorer's page", process.execPath, [vite, "build", "web", "--logLevel", "warn"]);
}

if (script !== undefined) {
  const installedNode = join(
    root,
    "node_modules",
    "node",
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  const node = existsSync(installedNode) ? installedNode : process.execPath;
  const flagMistakes = pathToFileURL(join(root, "scripts", "flag-mistakes.mjs")).href;
  const before = isOwnScript ? ["--import", flagMistakes] : [];
  const result = spawnSync(node, [...before, join(root, script), ...args], { stdio: "inherit" });
  process.exitCode = result.status ?? 1;
}
