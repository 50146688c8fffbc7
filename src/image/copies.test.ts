import { describe, expect, it } from "vitest";
import { imageRequest, randomTensors, sha256 } from "../../test/silicon/image-parts.ts";
import { uniformStream } from "../stats/random.ts";
import { fromHex, toHex } from "./bits.ts";
import { buildImage } from "./build.ts";
import { copyNames, isCopyAsWritten } from "./copies.ts";
import { imageFiles } from "./files.ts";
import { intelHex, parseIntelHex, parseReadmemh, readmemh } from "./hex.ts";

const shape = { interleave: 3, polarity: "inverted", plainRowBits: 20 } as const;
const image = buildImage(imageRequest(randomTensors(), "secded(22,16)", shape));
const files = imageFiles(image, { plan: "the plan", codes: [] });
const isAsWritten = (name: string, text: string) => isCopyAsWritten(image.layout, name, text, { sha256 });
const random = uniformStream(11);

describe("files that hold the memory once more", () => {
  it.each(copyNames(image.layout))("%s is as it was written, whatever ends its lines", (name) => {
    const text = String(files.get(name));
    expect(isAsWritten(name, text)).toBe(true);
    expect(isAsWritten(name, text.replaceAll("\n", "\r\n").toLowerCase())).toBe(true);
  });

  it.each(copyNames(image.layout))("%s is not, with any one digit changed", (name) => {
    const text = String(files.get(name));
    const from = text.startsWith("//") ? text.indexOf("\n") : 0;
    const digits = Array.from(text.matchAll(/[0-9a-f]/gi), ({ index }) => index).filter((at) => at > from);
    expect(digits.length).toBeGreaterThan(100);
    const unnoticed = digits.filter((at) => {
      const other = ((Number.parseInt(text[at]!, 16) + 1 + Math.floor(random() * 15)) % 16).toString(16);
      return isAsWritten(name, text.slice(0, at) + other + text.slice(at + 1));
    });
    expect(unnoticed).toEqual([]);
  });

  it.each(copyNames(image.layout))("%s is not, with a line too few or twice, or cut short", (name) => {
    const lines = String(files.get(name)).split("\n");
    const middle = lines.length >> 1;
    const damaged = [
      lines.toSpliced(middle, 1),
      lines.toSpliced(middle, 0, lines[middle]!),
      lines.slice(0, middle),
      lines.toSpliced(middle, 1, "something else"),
    ];
    expect(damaged.map((own) => isAsWritten(name, own.join("\n")))).toEqual(damaged.map(() => false));
  });
});

describe("reading text", () => {
  const bytes = Uint8Array.from({ length: 60 }, () => random() * 256);

  it("gives rows of $readmemh, past comments and underscores", () => {
    const whole = readmemh(bytes, 24, "three bytes");
    expect(parseReadmemh(whole, 24)).toEqual(bytes);
    expect(parseReadmemh("/* two\nlines */ ab_cd // one\n0123", 16)).toEqual(
      Uint8Array.of(0xcd, 0xab, 0x23, 0x01),
    );
    for (const text of ["@10 abcd", "xxxx", "abc", "abcde"]) expect(parseReadmemh(text, 16)).toBeUndefined();
  });

  it("gives blocks of Intel HEX, across 64 KiB", () => {
    const blocks = parseIntelHex(intelHex([{ address: 65_530, bytes }]))!;
    expect(blocks.map(({ address }) => address)).toEqual([65_530, 65_536, 65_552, 65_568, 65_584]);
    expect(Uint8Array.from(blocks.flatMap((block) => [...block.bytes]))).toEqual(bytes);
    // Without an end, behind the end, a start address (type 05).
    for (const text of ["", ":0000000001FF", ":00000001FF\n:00000001FF", ":0400000500000000F7\n:00000001FF"])
      expect(parseIntelHex(text)).toBeUndefined();
    expect(parseIntelHex(":00000001FF")).toEqual([]);
  });

  it("of hexadecimal numbers turns writing round", () => {
    for (let bits = 1; bits <= 70; bits++) {
      const own = fromHex(toHex(bytes, bits), bits)!;
      expect(toHex(own, bits)).toBe(toHex(bytes, bits));
    }
    expect(fromHex("g0", 8)).toBeUndefined();
    expect(fromHex("@0", 8)).toBeUndefined();
    expect(fromHex("`0", 8)).toBeUndefined();
  });
});
