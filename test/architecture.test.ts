/** @file ARCHITECTURE.md is true: its rooms, arrows and commands are those of the sources and of the rules of rooms. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { buildProgram } from "../src/cli/program.ts";
import { inRepository } from "./cli-run.ts";

const page = readFileSync(inRepository("ARCHITECTURE.md"), "utf8");

/** The rows of the tables of a section, as cells. */
function rowsOf(heading: string): string[][] {
  const section = page.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** Files with code under a folder, tests left out. */
function sourcesUnder(folder: string): string[] {
  return readdirSync(inRepository(folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Rooms of `src/` that a folder imports from. */
function imported(folder: string): Set<string> {
  const rooms = new Set<string>();
  const src = inRepository("src");
  for (const file of sourcesUnder(folder)) {
    for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:from|import\(|import)\s*"(\.[^"]+)"/g)) {
      const parts = relative(src, join(dirname(file), path!)).split("/");
      const [room] = parts;
      if (parts.length > 1 && room !== ".." && `src/${room}` !== folder) rooms.add(room!);
    }
  }
  return rooms;
}

const folders = readdirSync(inRepository("src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const rooms = new Map(rowsOf("Rooms").map(([name, , imports]) => [name!.replaceAll("`", ""), imports!]));

/** The rooms that a cell of the page names. */
function named(cell: string, own: string): Set<string> {
  if (cell === "") return new Set();
  const except = /^all but (.*)$/.exec(cell)?.[1]?.split(", ");
  if (except === undefined) return new Set(cell.split(", "));
  return new Set(folders.filter((name) => `src/${name}` !== own && !except.includes(name)));
}

interface Rule {
  readonly name: string;
  readonly comment: string;
}
const rules = (
  createRequire(import.meta.url)(inRepository(".dependency-cruiser.cjs")) as { forbidden: readonly Rule[] }
).forbidden;

const pure = rules.flatMap(({ name }) => /^(.*)-is-pure$/.exec(name)?.[1] ?? []);

describe("rooms", () => {
  it("are the folders of src, and the page in web", () => {
    expect([...rooms.keys()].sort()).toEqual([...folders.map((name) => `src/${name}`), "web"].sort());
  });

  it.each([...rooms].filter(([folder]) => folder !== "web"))(
    "%s imports what the page says",
    (folder, cell) => {
      expect([...imported(folder)].sort()).toEqual([...named(cell, folder)].sort());
    },
  );

  it("web imports pure rooms and the report", () => {
    expect(rooms.get("web")).toBe("the pure rooms, report");
    expect([...imported("web")].filter((name) => name !== "report" && !pure.includes(name))).toEqual([]);
  });

  it("import what the rules allow, and the pure ones are those of the rules", () => {
    for (const { name, comment } of rules) {
      const room = /^(.*)-imports$/.exec(name)?.[1];
      if (room === undefined) continue;
      const allowed = /may import (.*)$/.exec(comment)![1]!.split(", ");
      expect(allowed).toEqual(
        expect.arrayContaining([...named(rooms.get(`src/${room}`)!, `src/${room}`)].slice()),
      );
    }
    const sentence = /^(`.*) are pure:/m.exec(page)![1]!;
    expect([...sentence.matchAll(/`(\w+)`/g)].map((m) => m[1]!).sort()).toEqual(pure.sort());
  });
});

it("the pure rooms import nothing but pure rooms", () => {
  const impure = pure.flatMap((room) =>
    [...imported(`src/${room}`)].filter((name) => !pure.includes(name)).map((name) => `${room} > ${name}`),
  );
  expect(impure).toEqual([]);
});

describe("commands", () => {
  const rows = rowsOf("The command line");

  it("are those of the program", () => {
    const names = buildProgram("0").commands.map((command) => command.name());
    expect(rows.map(([name]) => name!.replaceAll("`", "")).sort()).toEqual(names.sort());
  });

  it("are run by files that there are", () => {
    const files = page
      .split("## The command line\n")[1]!
      .split("\n## ")[0]!
      .matchAll(/`((?:commands|completion)\/[\w-]+\.ts|[\w-]+\.ts)`/g);
    const missing = [...files]
      .map((m) => m[1]!)
      .filter((file) => !existsSync(inRepository(`src/cli/${file}`)));
    expect(missing).toEqual([]);
  });
});
