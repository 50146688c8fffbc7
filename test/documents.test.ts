/** @file Documents are true: what is marked as run is run (`run-document.ts`), and links lead somewhere. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { rooms, siteLink } from "../docs/.vitepress/pages.ts";
import { inRepository } from "./cli-run.ts";
import {
  anchorsOf,
  asPrinted,
  copies,
  documentPaths,
  documentText,
  isAsShown,
  linksOf,
  partsOf,
} from "./documents.ts";
import { isRunnable, runDocument } from "./run-document.ts";

const paths = documentPaths();
const runnable = paths.filter((path) => isRunnable(documentText(path)));

// Where only numbers have changed, `npm run docs:outputs` puts the new ones in.
describe.concurrent("what a document runs, works", () => {
  it.each(runnable)("%s", { timeout: 600_000 }, async (path) => {
    const found = await runDocument(documentText(path));
    expect(found.map(({ line, text }) => `${path}:${line}: ${text}`)).toEqual([]);
  });
});

describe("links", () => {
  it.each(paths)("of %s lead somewhere", (path) => {
    const broken = linksOf(documentText(path)).flatMap(({ target, line }) => {
      if (/^[a-z]+:/i.test(target)) return [];
      const [file = "", anchor] = decodeURI(target).split("#");
      const to = file === "" ? path : join(dirname(path), file);
      // What the site is built into is not there in a fresh clone.
      const isBuilt = [...copies].some((folder) => to.startsWith(`${folder}/`));
      if (isBuilt || !existsSync(inRepository(to))) return [`${path}:${line}: ${target}`];
      if (anchor === undefined || !to.endsWith(".md")) return [];
      return anchorsOf(documentText(to)).has(anchor) ? [] : [`${path}:${line}: ${target}`];
    });
    expect(broken).toEqual([]);
  });

  it("to the sources of a room lead to the reference on the site", () => {
    expect(rooms.filter((room) => !existsSync(inRepository(`src/${room}/index.ts`)))).toEqual([]);
    const targets = linksOf(documentText("docs/library.md")).map(({ target }) => target);
    const led = targets.filter((target) => target.startsWith("../src/"));
    expect(rooms.filter((room) => !led.includes(`../src/${room}/index.ts`))).toEqual([]);
    expect(led.map((target) => siteLink("library.md", target)).filter((to) => to === undefined)).toEqual([]);
    expect(siteLink("library.md", "../src/protect/plan-types.ts#plan")).toBe("/api/protect.md#plan");
    expect(siteLink("library.md", "../src/report/browser.ts")).toBe("/api/report/browser.md");
    expect(siteLink("library.md", "../src/cli/main.ts")).toBeUndefined();
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

describe("output put in anew", () => {
  it("keeps what a document leaves out, and takes the rest from the program", () => {
    expect(asPrinted("a 1\nb 2 %\nc\n", "...\nb 3 %\n...")).toBe("...\nb 2 %\n...\n");
    expect(asPrinted("a 1\nb 2\n", "a 0\n")).toBe("a 1\nb 2\n");
    expect(asPrinted("a 1\n", "...\nz 3\n")).toBeUndefined();
    const rows = "code(1,2) 3 %\ncode(3,4) 5 %\ncode(5,6) 7 %\n";
    expect(asPrinted(rows, "...\ncode(3,4) 6 %\n...")).toBe("...\ncode(3,4) 5 %\n...\n");
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

describe("CITATION.cff", () => {
  it("is of this version and licence", () => {
    const manifest = JSON.parse(documentText("package.json")) as { version: string; license: string };
    const citation = parse(documentText("CITATION.cff")) as Record<string, unknown>;
    expect(citation).toMatchObject({
      "cff-version": "1.2.0",
      type: "software",
      version: manifest.version,
      license: manifest.license,
    });
  });
});
