/** @file The package as its users get it: packed, and installed into an empty project. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./entries.ts";

/** How a process ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, however it ends. */
export function runAnyhow(command: string, args: readonly string[], cwd: string): Ended {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 27,
    env: { ...process.env, NO_COLOR: "1", ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** Runs a program to its end. @throws Error with what it said where its status is another one than expected */
export function run(command: string, args: readonly string[], cwd: string, expected = 0): Ended {
  const ended = runAnyhow(command, args, cwd);
  if (ended.status !== expected) {
    const said = `${ended.stdout}${ended.stderr}`.trim().split("\n").slice(-25).join("\n");
    throw new Error(`${[command, ...args].join(" ")} ended with ${ended.status}:\n${said}`);
  }
  return ended;
}

/** What `npm pack` says. */
export interface Packed {
  readonly filename: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** What would be packed of the repository as it is built. */
export function listPacked(): Packed {
  const { stdout } = run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], root);
  // Newer npm keys its answer by the package's name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, Packed>);
  return packed!;
}

/** A project with the package in it, and its end. */
export interface Project {
  readonly folder: string;
  /** The archive that it was installed from. */
  readonly archive: string;
  readonly packed: Packed;
  /** Packages that were installed, this one among them. */
  readonly packages: number;
  /** Bytes of node_modules. */
  readonly installedBytes: number;
  readonly remove: () => void;
}

/** Bytes of the files under a folder. */
export function bytesUnder(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/**
 * Builds and packs the package and installs it, with what it depends on, into an empty project: from npm's cache where
 * that has it. Install scripts are left out, because none is needed.
 */
export function makeProject(): Project {
  const place = mkdtempSync(join(tmpdir(), "qtaml-package-"));
  const npm = "npm";
  run(npm, ["pack", "--pack-destination", place], root);
  // Asked apart, because scripts that run before packing may write to the same output.
  const packed = listPacked();
  const archive = join(place, packed.filename);
  const folder = join(place, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ private: true, type: "module" })}\n`);
  run(npm, ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", archive], folder);
  cpSync(join(import.meta.dirname, "consumer"), folder, { recursive: true });
  const modules = join(folder, "node_modules");
  return {
    folder,
    archive,
    packed,
    packages: run(npm, ["ls", "--all", "--parseable"], folder).stdout.trim().split("\n").length - 1,
    installedBytes: bytesUnder(modules),
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

/** Installs a version of Node from npm beside a project and gives its executable. @param version such as 22 */
export function installNode(project: Project, version: string): string {
  const folder = join(dirname(project.folder), `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}\n");
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", `node@${version}`], folder);
  return join(folder, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}
