import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkOutput, outputProblem, readDevice, writeWhole } from "./files.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("checkOutput", () => {
  it("lets pass what can be written, also below folders that do not exist yet", () => {
    expect(() => checkOutput(join(folder, "new", "deep", "plan.json"))).not.toThrow();
    expect(readdirSync(folder)).not.toContain("new");
  });

  it("refuses a folder, and a place below a file", () => {
    const file = join(folder, "plain");
    writeFileSync(file, "");
    expect(() => checkOutput(folder)).toThrow(/is a folder; give a file/);
    expect(() => checkOutput(join(file, "plan.json"))).toThrow(/below something that is not a folder/);
    rmSync(file);
  });

  it("names what was given, and the folder that may not be written", () => {
    const folderOf = (code: string) =>
      outputProblem("ro/image", Object.assign(new Error(code), { code }), "ro").message;
    expect(folderOf("EACCES")).toBe(
      "Output ro/image may not be written; check the permissions of ro, or choose another place.",
    );
    expect(folderOf("ENOENT")).toBe("Output ro/image cannot be made there; choose another place.");
    expect(folderOf("EROFS")).toBe("Output ro/image is on a read-only disk; choose another place.");
    writeFileSync(join(folder, "plain"), "");
    expect(() => checkOutput(join(folder, "plain", "file"), "given")).toThrow(
      /^Output given lies below something/,
    );
    rmSync(join(folder, "plain"));
  });

  // There is no making files in it, whoever asks.
  it.runIf(process.platform === "linux")("or a place that takes none, found when it is written", () => {
    expect(() => writeWhole("/proc/qtaml.json", "{}")).toThrow(
      /^Output \/proc\/qtaml\.json cannot be made there; choose another place\.$/,
    );
  });
});

describe("writeWhole", () => {
  it("makes folders on the way and leaves nothing but the file", () => {
    const path = join(folder, "a", "b", "plan.json");
    writeWhole(path, "one");
    writeWhole(path, "two");
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["plan.json"]);
  });

  it("follows a link and leaves it a link", () => {
    const [target, link] = [join(folder, "target"), join(folder, "link")];
    writeFileSync(target, "old");
    symlinkSync(target, link);
    writeWhole(link, "new");
    expect(readFileSync(target, "utf8")).toBe("new");
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  // A device would show the same, and be gone if this failed.
  it.runIf(process.platform === "linux")("writes into a pipe, never in its place", () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    writeWhole(path, "through");
    const received = Buffer.alloc(16);
    expect(received.toString("utf8", 0, readSync(reader, received))).toBe("through");
    closeSync(reader);
    expect(statSync(path).isFIFO()).toBe(true);
  });

  it("names a folder that was given for a file", () => {
    expect(() => writeWhole(folder, "x")).toThrow(/is a folder; give a file/);
  });
});

it("names the device file that holds something else", () => {
  const path = join(folder, "plan.json");
  writeFileSync(path, '{"format": "qtaml-plan"}');
  expect(() => readDevice(path)).toThrow(`Device file ${path}: `);
});
