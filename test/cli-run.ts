/** @file Runs the command line as a user does: as a process of its own, in a folder of its own. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatNpz, parseNpz } from "../src/data/index.ts";

/** What a run left behind. */
export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** Compiled sources, kept between runs: half of a short run would be spent on compiling. */
const cache = join(tmpdir(), "qtaml-test-compile-cache");

/** Path of a file of the repository. */
export const inRepository = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** A folder that commands run in, and its end. */
export interface Workplace {
  readonly folder: string;
  readonly path: (name: string) => string;
  /** Runs `qtaml`. @param nodeFlags flags for Node itself */
  readonly run: (args: readonly string[], nodeFlags?: readonly string[]) => Promise<Run>;
  readonly remove: () => void;
}

/** Makes a temporary folder to run commands in. */
export function makeWorkplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), "qtaml-cli-"));
  return {
    folder,
    path: (name) => join(folder, name),
    run: (args, nodeFlags = []) =>
      new Promise((resolve, reject) => {
        execFile(
          process.execPath,
          [...nodeFlags, main, ...args],
          {
            cwd: folder,
            timeout: 50_000,
            maxBuffer: 1 << 26,
            env: { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: cache },
          },
          (error, stdout, stderr) => {
            const status = error === null ? 0 : error.code;
            if (typeof status === "number") resolve({ status, stdout, stderr });
            else reject(error!);
          },
        );
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The first samples of the shipped test set as `.npz`, with or without labels. */
export function shippedImages(count: number, labelled = true): Uint8Array {
  const name = "zoo/fashion-mnist-test-2000.npz";
  const arrays = parseNpz(readFileSync(inRepository(name)), name);
  const head = Object.fromEntries(
    Array.from(arrays)
      .filter(([key]) => key === "x" || labelled)
      .map(([key, { dims, data }]) => {
        const size = dims.slice(1).reduce((a, b) => a * b, 1);
        return [key, { dims: [count, ...dims.slice(1)], data: data.slice(0, count * size) }] as const;
      }),
  );
  return formatNpz(head);
}
