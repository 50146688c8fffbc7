/** @file Documents are true: what is marked as run is run, in order, in a folder beside the zoo; links lead somewhere. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { inRepository } from "./cli-run.ts";
import {
  anchorsOf,
  documentPaths,
  documentText,
  isAsShown,
  linksOf,
  partsOf,
  stepsOf,
  type Block,
} from "./documents.ts";

const paths = documentPaths();
const tools = mkdtempSync(join(tmpdir(), "qtaml-documents-"));
writeFileSync(
  join(tools, "qtaml"),
  `#!/bin/sh\nexec '${process.execPath}' '${inRepository("src/cli/main.ts")}' "$@"\n`,
  { mode: 0o755 },
);
afterAll(() => rmSync(tools, { recursive: true, force: true }));

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of a document; its standard output is what a document shows. A pipe fails with its last command. */
function bash(script: string, cwd: string): Promise<Finished> {
  const env = {
    ...process.env,
    PATH: `${tools}${delimiter}${process.env["PATH"] ?? ""}`,
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

const runnable = paths.filter((path) =>
  partsOf(documentText(path)).blocks.some(({ marks }) => marks.has("run")),
);

/** What a block does otherwise than it shows; nothing where all is well. */
async function complaints(block: Block, folder: string): Promise<string[]> {
  if (block.language !== "console") {
    const { status, stderr } = await bash(block.text, folder);
    return status === 0 ? [] : [`line ${block.line} ends with status ${status}: ${stderr}`];
  }
  const found: string[] = [];
  for (const { command, output } of stepsOf(block)) {
    const { status, stdout, stderr } = await bash(command, folder);
    // 1: a target was missed, which the output says as well.
    if (status > 1) found.push(`line ${block.line}: ${command} ends with status ${status}: ${stderr}`);
    if (!isAsShown(stdout, output)) found.push(`line ${block.line}: ${command} prints\n${stdout}`);
  }
  return found;
}

describe.concurrent("what a document runs, works", () => {
  it.each(runnable)("%s", { timeout: 120_000 }, async (path) => {
    const folder = mkdtempSync(join(tools, "run-"));
    symlinkSync(inRepository("zoo"), join(folder, "zoo"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(inRepository(""), join(folder, "node_modules", "qtaml"));
    const found: string[] = [];
    for (const block of partsOf(documentText(path)).blocks) {
      const file = block.marks.get("file");
      if (file !== undefined) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), block.text);
      }
      const needed = block.marks.get("needs");
      if (!block.marks.has("run") || (needed !== undefined && !isHere(needed))) continue;
      found.push(...(await complaints(block, folder)));
    }
    expect(found).toEqual([]);
  });
});

describe("links", () => {
  it.each(paths)("of %s lead somewhere", (path) => {
    const broken = linksOf(documentText(path)).flatMap(({ target, line }) => {
      if (/^[a-z]+:/i.test(target)) return [];
      const [file = "", anchor] = decodeURI(target).split("#");
      const to = file === "" ? path : join(dirname(path), file);
      if (!existsSync(inRepository(to))) return [`${path}:${line}: ${target}`];
      if (anchor === undefined || !to.endsWith(".md")) return [];
      return anchorsOf(documentText(to)).has(anchor) ? [] : [`${path}:${line}: ${target}`];
    });
    expect(broken).toEqual([]);
  });

  it("are found, with anchors, outside of code", () => {
    const text =
      '# A `b`: c\n[x](a.md#b "t") `[no](n.md)` ![p](p.svg)\n```sh run needs=x\n[no](n.md)\n```\n## A b c\n';
    expect(linksOf(text)).toEqual([
      { target: "a.md#b", line: 2 },
      { target: "p.svg", line: 2 },
    ]);
    expect([...anchorsOf(text)]).toEqual(["a-b-c", "a-b-c-1"]);
    expect([...partsOf(text).blocks[0]!.marks]).toEqual([
      ["run", ""],
      ["needs", "x"],
    ]);
  });
});

describe("output as a document shows it", () => {
  it.each([
    ["a  1.000 b\n", "a 1.01 b", true],
    ["a 1.00 b\n", "a 1.05 b", false],
    ["a 1 b\n", "a 1 c", false],
    ["one\ntwo\nthree\n", "one\n...\nthree", true],
    ["one\ntwo\nthree\n", "one\n...\nfour", false],
    ["one\n", "one\ntwo", false],
    ["one\ntwo\n", "one", false],
    ["1,000 bits\n", "1,001 bits", true],
  ])("%j against %j: %s", (output, shown, same) => {
    expect(isAsShown(output, shown)).toBe(same);
  });
});

describe("documents that the program names", () => {
  it("exist", () => {
    const { stdout } = spawnSync("grep", ["-rhoE", "docs/[a-z-]+\\.md", inRepository("src")], {
      encoding: "utf8",
    });
    const named = [...new Set(stdout.trim().split("\n"))];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(inRepository(path)))).toEqual([]);
  });
});
