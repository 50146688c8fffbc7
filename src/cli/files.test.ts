import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
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
import { join, relative } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { refusal } from "../../test/refusal.ts";
import { checkOutput, outputProblem, readDevice, writeWhole } from "./files.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("checkOutput", () => {
  it("lets pass what can be written, also below folders that do not exist yet", () => {
    expect(() => checkOutput(join(folder, "new", "deep", "plan.json"), [])).not.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("refuses a folder, and a place below a file", () => {
    const file = join(folder, "plain");
    writeFileSync(file, "");
    expect(() => checkOutput(folder, [])).toThrow(/is a folder; give a file/);
    expect(() => checkOutput(join(file, "plan.json"), [])).toThrow(/below something that is not a folder/);
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
    expect(() => checkOutput(join(folder, "plain", "file"), [], "given")).toThrow(
      /^Output given lies below something/,
    );
    rmSync(join(folder, "plain"));
  });

  // There is no making files in it, whoever asks.
  it.runIf(process.platform === "linux")("or a place that takes none, before it is written and then", () => {
    for (const path of ["/proc/qtaml.json", "/proc/qtaml/deep/plan.json"]) {
      const words = `Output ${path} cannot be made there; choose another place.`;
      expect(refusal(() => checkOutput(path, [])).message).toBe(words);
      expect(refusal(() => writeWhole(path, "{}")).message).toBe(words);
    }
  });

  it.runIf(process.platform === "linux")("asks no folder of a device that is written to where it is", () => {
    expect(() => checkOutput("/dev/null", ["/dev/null"])).not.toThrow();
  });

  it("refuses the place of another file of the command, also by other names", () => {
    const [model, link, dangling] = ["model.onnx", "link.onnx", "dangling"].map((name) => join(folder, name));
    writeFileSync(model!, "");
    symlinkSync(model!, link!);
    symlinkSync("later.json", dangling!);
    const words = (path: string, others: string[]) => refusal(() => checkOutput(path, others)).message;
    expect(words(model!, ["data.npz", model!])).toBe(
      `Output ${model} would take the place of another file of this command, ${model}; give the output another name.`,
    );
    expect(words(join(folder, "none", "..", "model.onnx"), [link!])).toContain("would take the place of");
    expect(words(link!, [relative(process.cwd(), model!)])).toContain("would take the place of");
    expect(words(join(folder, "later.json"), [dangling!])).toContain("would take the place of");
    expect(() => checkOutput(`${model}.json`, [model!, link!])).not.toThrow();
    for (const path of [model!, link!, dangling!]) rmSync(path);
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

  it("also where the file is still to come", () => {
    mkdirSync(join(folder, "links"));
    const link = join(folder, "links", "plan.json");
    symlinkSync(join("..", "made", "later.json"), link);
    expect(() => checkOutput(link, [])).not.toThrow();
    writeWhole(link, "new");
    expect(readFileSync(join(folder, "made", "later.json"), "utf8")).toBe("new");
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("says so where links go round", () => {
    const link = join(folder, "round");
    symlinkSync("round", link);
    for (const write of [() => checkOutput(link, []), () => writeWhole(link, "x")]) {
      expect(refusal(write).message).toBe(`Output ${link} is a link that leads to itself; check the path.`);
    }
    rmSync(link);
  });

  it("takes names as long as names can be, and refuses longer ones in a sentence", () => {
    const long = join(folder, "long", "n".repeat(255));
    expect(() => checkOutput(long, [])).not.toThrow();
    writeWhole(long, "x");
    expect(readdirSync(join(folder, "long"))).toEqual(["n".repeat(255)]);
    for (const write of [() => checkOutput(`${long}n`, []), () => writeWhole(`${long}n`, "x")]) {
      expect(refusal(write).message).toMatch(/ has a name that is too long; choose a shorter one\.$/);
    }
    expect(readdirSync(join(folder, "long"))).toHaveLength(1);
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
