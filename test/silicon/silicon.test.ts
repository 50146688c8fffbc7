/** @file The hand-off as hardware people use it: simulators, a C compiler, other readers of hex files. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { buildImage, imageFiles, codeNamed, type MemoryImage } from "../../src/image/index.ts";
import { cleanWeights } from "../../src/stored/index.ts";
import { imageRequest, randomTensors } from "./image-parts.ts";
import { lacking, runTool, tools } from "./tools.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-silicon-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** Writes an image to a folder of its own. */
function writeImage(image: MemoryImage, codes: string[]): string {
  const place = join(folder, String(made++));
  const files = imageFiles(image, { plan: "{}", codes: codes.map((name) => codeNamed(name)) });
  for (const [name, content] of files) {
    const path = join(place, name);
    runTool("mkdir", ["-p", join(path, "..")], folder);
    writeFileSync(path, content);
  }
  return place;
}

const imageOf = (code: string | null, options: Parameters<typeof imageRequest>[2] = {}) =>
  buildImage(imageRequest(randomTensors(), code, options));

const simulated = [
  ["secded(72,64)", { interleave: 4 }],
  ["secded(22,16)", { polarity: "inverted" }],
  ["sec(38,32)", {}],
  ["bch(15,7,2)", { interleave: 3, polarity: "inverted" }],
  ["bch(63,45,3)", {}],
  ["repetition(3)", { interleave: 8 }],
  ["parity(9,8)", {}],
] as const;

/** Takes the last line away from a file. */
const cutShort = (path: string) =>
  writeFileSync(path, `${readFileSync(path, "utf8").trimEnd().split("\n").slice(0, -1).join("\n")}\n`);

describe("SystemVerilog", () => {
  it.skipIf(!tools.iverilog).each(simulated)(
    `%s passes its test bench in Icarus Verilog${lacking("iverilog")}`,
    (code, options) => {
      const place = join(writeImage(imageOf(code, options), [code]), "rtl");
      const rtl = join(place, readdirSync(place)[0]!);
      const sources = readdirSync(rtl).filter((name) => name.endsWith(".sv"));
      runTool("iverilog", ["-g2012", "-Wall", "-o", "tb.vvp", ...sources], rtl);
      expect(runTool("vvp", ["tb.vvp"], rtl)).toMatch(
        /^PASS: \d+ vectors, \d+ codewords of the memory image$/m,
      );
    },
  );

  it.skipIf(!tools.iverilog)(`a decoder that is wrong fails the test bench${lacking("iverilog")}`, () => {
    const rtl = join(writeImage(imageOf("secded(22,16)"), ["secded(22,16)"]), "rtl", "secded_22_16");
    const path = join(rtl, "secded_22_16_decoder.sv");
    writeFileSync(path, readFileSync(path, "utf8").replace("assign flip[3] =", "assign flip[3] = ~"));
    const sources = readdirSync(rtl).filter((name) => name.endsWith(".sv"));
    runTool("iverilog", ["-g2012", "-o", "tb.vvp", ...sources], rtl);
    expect(() => runTool("vvp", ["tb.vvp"], rtl)).toThrow(/Command failed/);
  });

  /** Takes away what a test bench reads, in part or whole. */
  const withheld: [string, (rtl: string) => void][] = [
    ["the vectors", (rtl) => rmSync(join(rtl, "vectors.memh"))],
    ["the memory", (rtl) => rmSync(join(rtl, "../../protected_secded_22_16.memh"))],
    ["the end of the vectors", (rtl) => cutShort(join(rtl, "vectors.memh"))],
    ["the end of the memory", (rtl) => cutShort(join(rtl, "../../protected_secded_22_16.memh"))],
  ];
  const polarities = ["true", "inverted"] as const;

  it
    .skipIf(!tools.iverilog)
    .each(withheld.flatMap(([what, take]) => polarities.map((polarity) => ({ what, take, polarity }))))(
    `a test bench without $what fails, polarity $polarity${lacking("iverilog")}`,
    ({ take, polarity }) => {
      const image = imageOf("secded(22,16)", { polarity, interleave: 3 });
      const rtl = join(writeImage(image, ["secded(22,16)"]), "rtl", "secded_22_16");
      const sources = readdirSync(rtl).filter((name) => name.endsWith(".sv"));
      runTool("iverilog", ["-g2012", "-o", "tb.vvp", ...sources], rtl);
      take(rtl);
      expect(() => runTool("vvp", ["tb.vvp"], rtl)).toThrow(/Command failed/);
    },
  );

  it.skipIf(!tools.verilator).each(simulated)(
    `%s is clean to Verilator's linter${lacking("verilator")}`,
    (code, options) => {
      const place = join(writeImage(imageOf(code, options), [code]), "rtl");
      const rtl = join(place, readdirSync(place)[0]!);
      for (const name of readdirSync(rtl).filter((n) => n.endsWith("coder.sv"))) {
        expect(runTool("verilator", ["--lint-only", "-Wall", name], rtl)).toBe("");
      }
    },
  );

  // One decoder without a clock and one with: a build takes some ten seconds.
  it.skipIf(!tools.simulation).each(simulated.filter(([code]) => /^(secded\(22|bch\(15)/.test(code)))(
    `%s passes its test bench in Verilator${lacking("simulation")}`,
    (code, options) => {
      const place = join(writeImage(imageOf(code, options), [code]), "rtl");
      const [stem] = readdirSync(place);
      const rtl = join(place, stem!);
      const sources = readdirSync(rtl).filter((name) => name.endsWith(".sv"));
      const built = ["--binary", "--timing", "-Wall", "-CFLAGS", "-O0", "--top-module", `${stem}_tb`];
      runTool("verilator", [...built, ...sources], rtl);
      const run = () => runTool(join(rtl, "obj_dir", `V${stem}_tb`), [], rtl);
      expect(run()).toMatch(/^PASS: \d+ vectors, \d+ codewords of the memory image$/m);
      cutShort(join(rtl, "../..", `protected_${stem}.memh`));
      expect(run).toThrow(/Command failed/);
      rmSync(join(rtl, "vectors.memh"));
      expect(run).toThrow(/Command failed/);
    },
  );
});

describe("C", () => {
  it.skipIf(!tools.gcc).each([null, "secded(72,64)", "bch(15,7,2)"])(
    `firmware reads the weights of an image coded by %s, bit for bit${lacking("gcc")}`,
    (code) => {
      const tensors = randomTensors();
      const image = buildImage(
        imageRequest(tensors, code, { interleave: 2, polarity: "inverted", plainRowBits: 20 }),
      );
      const place = writeImage(image, []);
      const source = fileURLToPath(new URL("firmware.c", import.meta.url));
      runTool(
        "gcc",
        [
          "-std=c99",
          "-Wall",
          "-Wextra",
          "-Werror",
          "-pedantic",
          "-O1",
          "-ffp-contract=off",
          "-I",
          place,
          source,
          "-o",
          "firmware",
        ],
        place,
      );
      runTool(
        join(place, "firmware"),
        ["weights.bin", ...image.layout.regions.map((r) => r.files.binary)],
        place,
      );
      const expected = tensors.map((t) => cleanWeights(t));
      const found = readFileSync(join(place, "weights.bin"));
      const bytes = Buffer.concat(expected.map((w) => Buffer.from(w.buffer)));
      expect(found.equals(bytes)).toBe(true);
    },
  );
});

describe("Intel HEX", () => {
  it.skipIf(!tools.objcopy)(`is read by binutils, every region at its address${lacking("objcopy")}`, () => {
    const image = imageOf("secded(72,64)");
    const place = writeImage(image, []);
    runTool("objcopy", ["-I", "ihex", "-O", "binary", "image.hex", "image.bin"], place);
    const found = readFileSync(join(place, "image.bin"));
    image.layout.regions.forEach((region, r) => {
      const bytes = image.regions[r]!;
      expect(found.subarray(region.address, region.address + bytes.length).equals(bytes)).toBe(true);
    });
  });
});
