import { beforeAll, describe, expect, it } from "vitest";
import { codeNamed } from "../ecc/index.ts";
import { imageRequest, randomTensors } from "../../test/silicon/image-parts.ts";
import { uniformStream } from "../stats/random.ts";
import { bitAt, bitsToHex, bytesFor, flipBit, raiseBit, spreadBits, toHex } from "./bits.ts";
import { buildImage, codeBytes, invert, type MemoryImage } from "./build.ts";
import { imageFileNames, imageFiles } from "./files.ts";
import { cFloat } from "./firmware.ts";
import { intelHex, readmemh, type Block } from "./hex.ts";
import { formatLayout, layoutJsonSchema } from "./layout.ts";
import { readImage } from "./read.ts";

const random = uniformStream(9);
const randomBytes = (length: number) => Uint8Array.from({ length }, () => 256 * random());

describe("bits in bytes", () => {
  const bytes = randomBytes(7);
  /** The string as one little-endian number. */
  const number = (from: Uint8Array) => from.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

  it("are the binary digits of one little-endian number", () => {
    for (let j = 0; j < 56; j++) {
      expect(bitAt(bytes, j)).toBe(Number((number(bytes) >> BigInt(j)) & 1n));
      const flipped = bytes.slice();
      flipBit(flipped, j);
      expect(number(flipped) ^ number(bytes)).toBe(1n << BigInt(j));
      const raised = new Uint8Array(7);
      raiseBit(raised, j);
      expect(number(raised)).toBe(1n << BigInt(j));
    }
    expect([0, 1, 8, 9, 64].map(bytesFor)).toEqual([0, 1, 1, 2, 8]);
  });

  it("are written as one hexadecimal number", () => {
    for (const bits of [1, 4, 5, 8, 20, 53, 56]) {
      const low = number(bytes) & ((1n << BigInt(bits)) - 1n);
      const digits = low.toString(16).padStart(Math.ceil(bits / 4), "0");
      const spread = spreadBits(bytes, 0, bits);
      expect(bitsToHex(spread)).toBe(digits);
      const cut = Uint8Array.from({ length: bytesFor(bits) }, (_, i) =>
        Number((low >> BigInt(8 * i)) & 255n),
      );
      expect(toHex(cut, bits)).toBe(digits);
    }
    expect([...spreadBits(Uint8Array.of(0b1010_0110, 0xff), 3, 6)]).toEqual([0, 0, 1, 0, 1, 1]);
    expect([...spreadBits(Uint8Array.of(0xff), 5, 6)]).toEqual([1, 1, 1, 0, 0, 0]);
    expect([...spreadBits(Uint8Array.of(0xff), 9, 2)]).toEqual([0, 0]);
  });

  it("are turned over row by row, but for those beyond a row", () => {
    const inverted = (rowBits: number) => {
      const rows = new Uint8Array(2 * bytesFor(rowBits)).fill(0b0000_0001);
      invert(rows, rowBits);
      return [...rows];
    };
    expect(inverted(8)).toEqual([254, 254]);
    expect(inverted(11)).toEqual([254, 0b110, 254, 0b110]);
    expect(inverted(16)).toEqual([254, 254, 254, 254]);
  });

  it("hold codes of up to 16 bits, the lower byte first", () => {
    const narrow = Uint8Array.of(3, 200);
    expect(codeBytes(narrow)).toEqual(narrow);
    expect([...codeBytes(Uint16Array.of(0x1234, 0x00ff))]).toEqual([0x34, 0x12, 0xff, 0]);
  });
});

/** What an Intel HEX file puts where, by its specification alone. */
function parseIntelHex(text: string): Map<number, number> {
  const memory = new Map<number, number>();
  let upper = 0;
  let isEnded = false;
  for (const line of text.trimEnd().split("\n")) {
    if (isEnded || !/^:([0-9A-F]{2}){5,}$/.test(line)) throw new Error(`Not a record: ${line}`);
    const bytes = Array.from(line.slice(1).matchAll(/../g), ([pair]) => Number.parseInt(pair, 16));
    const [length, high, low, type] = bytes as [number, number, number, number];
    if (bytes.reduce((a, b) => a + b, 0) % 256 !== 0 || bytes.length !== length + 5)
      throw new Error("Checksum");
    const data = bytes.slice(4, -1);
    if (type === 0) data.forEach((byte, i) => memory.set(upper * 65536 + high * 256 + low + i, byte));
    else if (type === 4) upper = data[0]! * 256 + data[1]!;
    else isEnded = true;
    if (high * 256 + low + length > 65536) throw new Error("A record wraps round.");
  }
  if (!isEnded) throw new Error("No end record");
  return memory;
}

describe("Intel HEX", () => {
  it.each<[string, Block[]]>([
    ["nothing", []],
    ["a short block", [{ address: 5, bytes: randomBytes(3) }]],
    ["whole records", [{ address: 0, bytes: randomBytes(48) }]],
    [
      "two blocks with a gap",
      [
        { address: 16, bytes: randomBytes(17) },
        { address: 100, bytes: randomBytes(33) },
      ],
    ],
    ["a block across 64 KiB", [{ address: 65_530, bytes: randomBytes(40) }]],
    [
      "blocks far apart",
      [
        { address: 65_535, bytes: randomBytes(1) },
        { address: 0x0102_fff8, bytes: randomBytes(20) },
      ],
    ],
    ["the top of the address space", [{ address: 0xffff_fff0, bytes: randomBytes(16) }]],
  ])("puts every byte at its address: %s", (_, blocks) => {
    const expected = blocks.flatMap(({ address, bytes }) =>
      Array.from(bytes, (byte, i) => [address + i, byte]),
    );
    expect([...parseIntelHex(intelHex(blocks))]).toEqual(expected);
  });

  it("has records of 16 bytes and says once where the upper half of the address changes", () => {
    const lines = intelHex([{ address: 65_536, bytes: new Uint8Array(33) }]).split("\n");
    expect(lines.map((line) => line.slice(1, 3))).toEqual(["02", "10", "10", "01", "00", ""]);
    // The example of every description of the format.
    expect(intelHex([])).toBe(":00000001FF\n");
  });
});

describe("$readmemh", () => {
  it("is a row a line, from the first on", () => {
    const rows = Uint8Array.of(0x21, 0x03, 0xff, 0x07);
    expect(readmemh(rows, 11, "two rows")).toBe("// two rows\n321\n7ff\n");
    expect(readmemh(rows, 16, "two rows")).toBe("// two rows\n0321\n07ff\n");
    expect(readmemh(new Uint8Array(), 8, "none")).toBe("// none\n");
  });
});

describe("float32 constants of C", () => {
  const parse = (text: string) => {
    if (text === "NAN") return Number.NaN;
    if (text.endsWith("INFINITY")) return text.startsWith("-") ? -Infinity : Infinity;
    const parts = /^(-?)0x([01])(?:\.([0-9a-f]+))?p(-?\d+)f$/.exec(text);
    if (parts === null) return Number(text.replace("f", ""));
    const [, sign, whole, digits = "", exponent] = parts;
    const mantissa = Number.parseInt(`${whole}${digits}`, 16) / 16 ** digits.length;
    return (sign === "-" ? -1 : 1) * mantissa * 2 ** Number(exponent);
  };

  it("are the numbers, exactly", () => {
    const scratch = new DataView(new ArrayBuffer(4));
    const drawn = Array.from({ length: 500 }, () => {
      scratch.setUint32(0, random() * 2 ** 32);
      return scratch.getFloat32(0);
    });
    const least = 2 ** -149;
    const edges = [0, -0, 1, -1, 0.5, least, -3 * least, 2 ** -126, 2 ** -126 - least, 3.4028234663852886e38];
    for (const value of [...drawn, ...edges, Infinity, -Infinity, Number.NaN]) {
      expect(parse(cFloat(value))).toBe(value);
    }
    expect([1, -0, 2 ** -149, 1.5].map(cFloat)).toEqual(["0x1p0f", "-0.0f", "0x0.000002p-126f", "0x1.8p0f"]);
  });
});

describe("the files of an image", () => {
  const code = codeNamed("secded(22,16)");
  let image: MemoryImage;
  beforeAll(() => {
    image = buildImage(imageRequest(randomTensors(), code.name, { interleave: 3, polarity: "inverted" }));
  });
  const text = (files: ReadonlyMap<string, string | Uint8Array>, name: string) => String(files.get(name));

  it("are the layout, its schema, the plan, the memory in three formats and the header", () => {
    const { layout, regions } = image;
    const files = imageFiles(image, { plan: "the plan", codes: [] });
    const memories = layout.regions.flatMap((r) => [r.files.binary, r.files.readmemh]);
    expect([...files.keys()].toSorted()).toEqual(
      [
        "layout.json",
        "layout.schema.json",
        "plan.json",
        "image.hex",
        "qtaml_memory.h",
        ...memories,
      ].toSorted(),
    );
    expect(text(files, "layout.json")).toBe(formatLayout(layout));
    expect(JSON.parse(text(files, "layout.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(layoutJsonSchema())),
    );
    expect(text(files, "plan.json")).toBe("the plan");
    const memory = parseIntelHex(text(files, "image.hex"));
    layout.regions.forEach((region, r) => {
      const { address, rows, rowBits, rowBytes } = region;
      expect(files.get(region.files.binary)).toBe(regions[r]);
      expect(Array.from(regions[r]!, (_, i) => memory.get(address + i))).toEqual([...regions[r]!]);
      const [title, ...lines] = text(files, region.files.readmemh).trimEnd().split("\n");
      const content = region.code === null ? "no code" : "secded(22,16)";
      expect(title).toBe(`// ${region.name}: ${rows} rows of ${rowBits} bits, ${content}`);
      expect(lines).toEqual(
        Array.from({ length: rows }, (_, i) =>
          toHex(regions[r]!.subarray(i * rowBytes, (i + 1) * rowBytes), rowBits),
        ),
      );
    });
  });

  it("are all known by the layout alone", () => {
    const names = [...imageFiles(image, { plan: "", codes: [code] }).keys()];
    expect([...imageFileNames(image.layout)].toSorted()).toEqual(names.toSorted());
    const ideal = buildImage(imageRequest(randomTensors(), null));
    const bare = [...imageFiles(ideal, { plan: "", codes: [code] }).keys()];
    expect([...imageFileNames(ideal.layout)].toSorted()).toEqual(bare.toSorted());
  });

  it("hold hardware for the codes that are asked for, whose test bench has the words of the memory", () => {
    const { layout, regions } = image;
    const files = imageFiles(image, { plan: "", codes: [code, codeNamed("repetition(3)")] });
    const hardware = [...files.keys()].filter((name) => name.startsWith("rtl/"));
    expect(hardware.length).toBeGreaterThanOrEqual(3);
    expect(hardware.every((name) => name.startsWith("rtl/secded_22_16/"))).toBe(true);
    // The data of the first codewords, read from the memory by hand.
    const region = layout.regions.find((r) => r.code !== null)!;
    const rows = regions[layout.regions.indexOf(region)]!;
    const bench = hardware.map((name) => text(files, name)).join("\n");
    for (const word of [0, 1, 2, 3]) {
      const start = Math.floor(word / 3) * region.rowBytes * 8 + (word % 3);
      const data = code.dataPositions.map((j) => 1 - bitAt(rows, start + j * 3));
      expect(bench).toContain(bitsToHex(data));
    }
    expect(bench).toContain(`localparam int ROWS = ${region.rows};`);
    expect(bench).toContain("localparam int INTERLEAVE = 3;");
    expect(bench).toContain(`logic [65:0] rows [0:ROWS-1];`);
    expect(bench).toContain(`$readmemh("../../${region.files.readmemh}", rows);`);
    const upright = buildImage(imageRequest(randomTensors(), code.name, { interleave: 3 }));
    const other = [...imageFiles(upright, { plan: "", codes: [code] })].map(([, content]) => String(content));
    const turned = (text: string) => /= ~\w*rows?\[/.test(text);
    expect([turned(bench), turned(other.join("\n"))]).toEqual([true, false]);
  });

  it("lie at multiples of 64 bytes, one after the other", () => {
    let end = 0;
    image.layout.regions.forEach(({ address, rows, rowBytes }) => {
      expect(address % 64).toBe(0);
      expect(address - end).toBeGreaterThanOrEqual(0);
      expect(address - end).toBeLessThan(64);
      end = address + rows * rowBytes;
    });
  });
});

describe("an image that was damaged", () => {
  it("is read with what the code notices and what it cannot mend", () => {
    const code = codeNamed("secded(22,16)");
    const { sha256, ...request } = imageRequest(randomTensors(), code.name, { interleave: 2 });
    const { layout, regions } = buildImage({ ...request, sha256 });
    const r = layout.regions.findIndex((region) => region.code !== null);
    const { rowBytes, rows } = layout.regions[r]!;
    // One flip in word 0, two in word 3: row 1, the second of the row.
    flipBit(regions[r]!, 4);
    flipBit(regions[r]!, rowBytes * 8 + 2 * 5 + 1);
    flipBit(regions[r]!, rowBytes * 8 + 2 * 9 + 1);
    const { regions: read } = readImage(layout, regions, { codeOf: () => code, sha256 });
    expect(read[r]).toEqual({
      name: "protected_secded_22_16",
      words: 2 * rows,
      corrected: 1,
      uncorrectable: 1,
      isAsWritten: false,
    });
    expect(read[1 - r]).toMatchObject({
      name: "unprotected",
      corrected: 0,
      uncorrectable: 0,
      isAsWritten: true,
    });
    expect(read[1 - r]!.words).toBe(layout.regions[1 - r]!.rows);
  });
});
