/**
 * @file Runs the blocks of documents that are marked `run`, in order, in a folder beside the zoo, and compares what
 * they print with what the document shows.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { inRepository } from "./cli-run.ts";
import { stampOf } from "../reproduce/stamp.ts";
import { asPrinted, isAsShown, partsOf, stepsOf, type Block } from "./documents.ts";

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of a document; its standard output is what a document shows. A pipe fails with its last command. */
function bash(script: string, cwd: string): Promise<Finished> {
  const env = {
    ...process.env,
    PATH: `${join(cwd, ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    NO_COLOR: "1",
    NODE_COMPILE_CACHE: join(tmpdir(), "qtaml-test-compile-cache"),
  };
  return new Promise((resolve, reject) => {
    execFile("bash", ["-eu", "-c", script], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === "number") resolve({ status, stdout, stderr });
      else reject(error!);
    });
  });
}

/** Whether `needs=PROGRAM`, `needs=python3:MODULE` or `needs=dist` (the built package) is met. */
function isHere(needed: string): boolean {
  if (needed === "dist") return existsSync(inRepository("dist/channel/index.js"));
  const [program = "", module] = needed.split(":");
  const args = module === undefined ? ["--version"] : ["-c", `import ${module}`];
  const { error, status } = spawnSync(program, args);
  return error === undefined && (module === undefined || status === 0);
}

/** Whether a document has blocks that are run, or blocks that are run and marked `slow`. */
export const isRunnable = (document: string, { slow = false } = {}): boolean =>
  partsOf(document).blocks.some(({ marks }) => marks.has("run") && (!slow || marks.has("slow")));

/** The stamp of a document's slow blocks: their commands, and the files of the zoo that these name. */
export function slowStamp(document: string): string {
  const commands = partsOf(document)
    .blocks.filter(({ marks }) => marks.has("run") && marks.has("slow"))
    .flatMap((block) => stepsOf(block).map(({ command }) => command));
  return stampOf(commands.join("\n").match(/zoo\/[\w.-]+/g) ?? [], commands);
}

/** What is wrong with a document. */
export interface Complaint {
  /** Line of the block. */
  readonly line: number;
  readonly text: string;
  /** For a command that prints something else than is shown. */
  readonly printed?: { readonly command: string; readonly shown: string; readonly stdout: string };
}

async function complaints(block: Block, folder: string, exact: boolean): Promise<Complaint[]> {
  const { line } = block;
  if (block.language !== "console") {
    const { status, stderr } = await bash(block.text, folder);
    return status === 0 ? [] : [{ line, text: `ends with status ${status}: ${stderr}` }];
  }
  const found: Complaint[] = [];
  for (const { command, output } of stepsOf(block)) {
    const { status, stdout, stderr } = await bash(command, folder);
    // 1: a target was missed, which the output says as well.
    if (status > 1) found.push({ line, text: `${command} ends with status ${status}: ${stderr}` });
    const isShown = exact ? asPrinted(stdout, output)?.trim() === output.trim() : isAsShown(stdout, output);
    if (!isShown) {
      found.push({ line, text: `${command} prints\n${stdout}`, printed: { command, shown: output, stdout } });
    }
  }
  return found;
}

/**
 * Runs a document and tells what it does otherwise than it says.
 *
 * @param slow whether blocks marked `slow` are run too; their numbers are refreshed now and then and not by every test
 * @param exact whether the last digit counts, as it does for who puts in what is printed
 */
export async function runDocument(
  document: string,
  { slow = false, exact = false } = {},
): Promise<Complaint[]> {
  const folder = mkdtempSync(join(tmpdir(), "qtaml-document-"));
  try {
    symlinkSync(inRepository("zoo"), join(folder, "zoo"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(inRepository(""), join(folder, "node_modules", "qtaml"));
    mkdirSync(join(folder, ".bin"));
    writeFileSync(
      join(folder, ".bin", "qtaml"),
      `#!/bin/sh\nexec '${process.execPath}' '${inRepository("src/cli/main.ts")}' "$@"\n`,
      { mode: 0o755 },
    );
    const found: Complaint[] = [];
    for (const block of partsOf(document).blocks) {
      const file = block.marks.get("file");
      if (file !== undefined) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), block.text);
      }
      const needed = block.marks.get("needs");
      if (!block.marks.has("run") || (block.marks.has("slow") && !slow)) continue;
      if (needed !== undefined && !isHere(needed)) continue;
      found.push(...(await complaints(block, folder, exact)));
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
