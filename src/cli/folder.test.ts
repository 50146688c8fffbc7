import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { refusal } from "../../test/refusal.ts";
import { checkFolder, checkOutside, writeFolder, type Owned } from "./folder.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-folder-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** Whole folders hold a list of their own files, as an image does. */
const owned: Owned = (place) => {
  try {
    return new Set(readFileSync(join(place, "list"), "utf8").split("\n"));
  } catch {
    return new Set();
  }
};

/** Writes a folder of these files and their list. */
function write(place: string, names: readonly string[], content: string): void {
  const files = [["list", ["list", ...names].join("\n")], ...names.map((name) => [name, content])] as const;
  writeFolder(place, new Map(files as readonly (readonly [string, string])[]), owned);
}

/** Files below a folder. */
const listing = (place: string) =>
  readdirSync(place, { recursive: true, withFileTypes: true })
    .map(({ name, parentPath }) => join(parentPath, name).slice(place.length + 1))
    .toSorted();

describe("writeFolder", () => {
  it("makes a new folder, and leaves nothing beside it", () => {
    write(path("new/deep"), ["a", "sub/b"], "1");
    expect(listing(path("new"))).toEqual(["deep", "deep/a", "deep/list", "deep/sub", "deep/sub/b"]);
  });

  it("fills the folder that is there, a link to it too, without what was there before", () => {
    write(path("old"), ["a", "sub/b", "sub/deeper/c"], "1");
    symlinkSync("old", path("link"));
    const { ino } = statSync(path("old"));
    write(path("link"), ["a", "other/d"], "2");
    expect(listing(path("old"))).toEqual(["a", "list", "other", "other/d"]);
    expect(readFileSync(path("old/a"), "utf8")).toBe("2");
    // A folder of its own cannot be renamed where a disk is mounted.
    expect(statSync(path("old")).ino).toBe(ino);
    expect(lstatSync(path("link")).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(["link", "new", "old"]);
  });

  it("makes the folder that a link names", () => {
    symlinkSync("still-to-come", path("dangling"));
    checkFolder(path("dangling"), owned);
    write(path("dangling"), ["a"], "1");
    expect(listing(path("still-to-come"))).toEqual(["a", "list"]);
    expect(lstatSync(path("dangling")).isSymbolicLink()).toBe(true);
  });

  it("removes and replaces nothing of what came while the files were made", () => {
    write(path("busy"), ["a"], "1");
    checkFolder(path("busy"), owned);
    writeFileSync(path("busy/b"), "mine");
    expect(refusal(() => write(path("busy"), ["a", "b"], "2")).message).toContain("busy holds b, and");
    expect(readFileSync(path("busy/a"), "utf8")).toBe("1");
    expect(readFileSync(path("busy/b"), "utf8")).toBe("mine");
  });
});

describe("what is no place for a folder", () => {
  it("is a file, a name that is too long, and a folder with links in the place of its files", () => {
    writeFileSync(path("file"), "");
    expect(refusal(() => checkFolder(path("file"), owned)).message).toContain(
      "file is a file; give a folder",
    );
    expect(refusal(() => checkFolder(path("n".repeat(256)), owned)).message).toContain(
      "name that is too long",
    );
    write(path("linked"), ["a"], "1");
    rmSync(path("linked/a"));
    symlinkSync("../file", path("linked/a"));
    expect(refusal(() => checkFolder(path("linked"), owned)).message).toContain("linked holds a, and");
  });

  it("is one that other files of the command lie in, by whatever name", () => {
    symlinkSync("busy", path("alias"));
    const lost = (files: Record<string, string>, place = "busy") =>
      refusal(() => checkOutside(path(place), files)).message;
    expect(lost({ Model: path("busy/m.onnx") })).toContain(
      `Model ${path("busy/m.onnx")} lies in ${path("busy")}, `,
    );
    expect(lost({ Output: path("alias/deep/h.onnx") })).toContain("lies in");
    expect(lost({ Output: path("busy/h.onnx") }, "alias")).toContain("lies in");
    expect(() => checkOutside(path("busy"), { Plan: path("busy.json"), Output: path("h") })).not.toThrow();
  });
});
