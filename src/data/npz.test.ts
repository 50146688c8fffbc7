import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { memorySource, type ByteSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import type { NpyArray } from "./decode.ts";
import { formatNpy } from "./npy.ts";
import { parseNpz, readNpz } from "./npz.ts";

interface Member {
  readonly key: string;
  readonly content: Uint8Array;
  readonly isStored?: boolean;
  /** Sizes in zip64 fields, as NumPy writes them. */
  readonly isWide?: boolean;
  /** Size and checksum after the data, as a stream is written. */
  readonly isStreamed?: boolean;
  readonly crc?: number;
  /** Size to claim. */
  readonly claimed?: number;
  readonly flags?: number;
  readonly method?: number;
}

function numbers(layout: readonly (readonly [bits: 16 | 32 | 64, value: number])[]): Buffer {
  return Buffer.concat(
    layout.map(([bits, value]) => {
      const part = Buffer.alloc(bits / 8);
      if (bits === 64) part.writeBigUInt64LE(BigInt(value));
      else part.writeUIntLE(value, 0, bits / 8);
      return part;
    }),
  );
}

/** A zip archive as its specification (APPNOTE 6.3) lays it out. */
function archive(members: readonly Member[], options: { isWide?: boolean; comment?: string } = {}): Buffer {
  const body: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const m of members) {
    const name = Buffer.from(m.key);
    const stored = m.isStored === true ? Buffer.from(m.content) : deflateRawSync(m.content);
    const method = m.method ?? (m.isStored === true ? 0 : 8);
    const crc = m.crc ?? crc32(m.content);
    const size = m.claimed ?? m.content.length;
    const isStreamed = m.isStreamed === true;
    const flags = (m.flags ?? 0) | (isStreamed ? 8 : 0);
    const wide =
      m.isWide === true
        ? numbers([
            [16, 1],
            [16, 16],
            [64, size],
            [64, stored.length],
          ])
        : Buffer.alloc(0);
    const [shownSize, shownStored] = m.isWide === true ? [0xffffffff, 0xffffffff] : [size, stored.length];
    const local = isStreamed ? [0, 0, 0] : [crc, shownStored, shownSize];
    const head = numbers([
      [32, 0x04034b50],
      [16, 45],
      [16, flags],
      [16, method],
      [32, 0],
      [32, local[0]!],
      [32, local[1]!],
      [32, local[2]!],
      [16, name.length],
      [16, wide.length],
    ]);
    const tail = isStreamed
      ? numbers([
          [32, 0x08074b50],
          [32, crc],
          [32, stored.length],
          [32, size],
        ])
      : Buffer.alloc(0);
    body.push(head, name, wide, stored, tail);
    directory.push(
      numbers([
        [32, 0x02014b50],
        [16, 45],
        [16, 45],
        [16, flags],
        [16, method],
        [32, 0],
        [32, crc],
        [32, shownStored],
        [32, shownSize],
        [16, name.length],
        [16, wide.length],
        [16, 0],
        [16, 0],
        [16, 0],
        [32, 0],
        [32, offset],
      ]),
      name,
      wide,
    );
    offset += head.length + name.length + wide.length + stored.length + tail.length;
  }
  const list = Buffer.concat(directory);
  const count = members.length;
  const wideEnd = numbers([
    [32, 0x06064b50],
    [64, 44],
    [16, 45],
    [16, 45],
    [32, 0],
    [32, 0],
    [64, count],
    [64, count],
    [64, list.length],
    [64, offset],
    [32, 0x07064b50],
    [32, 0],
    [64, offset + list.length],
    [32, 1],
  ]);
  const isWide = options.isWide === true;
  const comment = Buffer.from(options.comment ?? "");
  const shown = isWide ? [0xffff, 0xffffffff, 0xffffffff] : [count, list.length, offset];
  const end = numbers([
    [32, 0x06054b50],
    [32, 0],
    [16, shown[0]!],
    [16, shown[0]!],
    [32, shown[1]!],
    [32, shown[2]!],
    [16, comment.length],
  ]);
  return Buffer.concat([...body, list, ...(isWide ? [wideEnd] : []), end, comment]);
}

const x: NpyArray = { dims: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i / 8) };
const y: NpyArray = { dims: [4], data: BigInt64Array.of(3n, 1n, 2n, 0n) };
const [xBytes, yBytes] = [formatNpy(x), formatNpy(y)];

/** A source that counts the bytes it is asked for. */
function counting(bytes: Uint8Array): ByteSource & { read: () => number } {
  let read = 0;
  return {
    byteLength: bytes.byteLength,
    readInto(offset, target) {
      read += target.byteLength;
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    read: () => read,
  };
}

describe("npz", () => {
  it.each<[string, Omit<Member, "key" | "content">, Parameters<typeof archive>[1]]>([
    ["deflated", {}, {}],
    ["stored", { isStored: true }, {}],
    ["with wide sizes", { isWide: true, isStored: true }, {}],
    ["streamed, with a wide directory", { isStreamed: true }, { isWide: true }],
    ["with a comment", {}, { comment: "PK\x05\x06 made by hand" }],
  ])("%s is read at once and in pieces", async (_, form, options) => {
    const bytes = archive(
      [
        { key: "x.npy", content: xBytes, ...form },
        { key: "folder/", content: new Uint8Array(0), isStored: true },
        { key: "y.npy", content: yBytes, ...form },
      ],
      options,
    );
    const expected = new Map([
      ["x", x],
      ["y", y],
    ]);
    expect(parseNpz(bytes, "a.npz")).toEqual(expected);
    expect(await readNpz(memorySource(bytes), "a.npz")).toEqual(expected);
    const two = await readNpz(counting(bytes), "a.npz", 2);
    expect(two.get("x")).toEqual({ dims: [2, 3], data: x.data.subarray(0, 6) });
    expect(two.get("y")).toEqual({ dims: [2], data: y.data.subarray(0, 2) });
  });

  it.each([true, false])(
    "reads no more of a large array than its first samples (stored: %s)",
    async (isStored) => {
      // Numbers that do not compress: 16 MiB of them, of which a few pieces of 1 MiB are enough.
      let state = 1;
      const words = Uint32Array.from(
        { length: 2 ** 22 },
        () => (state = (state * 1664525 + 1013904223) >>> 0),
      );
      const bytes = archive([
        { key: "x.npy", content: formatNpy({ dims: [2 ** 12, 2 ** 10], data: words }), isStored },
      ]);
      const source = counting(bytes);
      const found = await readNpz(source, "a.npz", 3);
      expect(found.get("x")).toEqual({ dims: [3, 1024], data: words.subarray(0, 3072) });
      expect(source.read()).toBeLessThan(0.5 * bytes.length);
    },
  );

  const one = (member: Partial<Member>) => archive([{ key: "x.npy", content: xBytes, ...member }]);
  it.each<[string, Buffer, RegExp]>([
    ["a wrong checksum", one({ crc: 1 }), /Array "x" of a\.npz is damaged: its checksum is wrong/],
    ["a wrong checksum, stored", one({ crc: 1, isStored: true }), /checksum is wrong/],
    ["a size that is too small", one({ claimed: 60 }), /is damaged/],
    ["a size that is too large", one({ claimed: 5000 }), /is damaged: its size/],
    ["a bomb's size", one({ claimed: 2 ** 31 }), /claims 2147483648 bytes out of \d+/],
    ["an unknown method", one({ method: 12 }), /unknown method 12/],
    ["encryption", one({ flags: 1 }), /is encrypted/],
    [
      "two arrays of one name",
      archive([0, 1].map(() => ({ key: "x.npy", content: xBytes }))),
      /two arrays "x"/,
    ],
    ["no array inside", one({ content: Buffer.from("hello, I am a readme file") }), /not a NumPy array/],
    ["a zip in the zip", one({ content: one({}) }), /not a NumPy array/],
  ])("with %s is refused", async (_, bytes, message) => {
    for (const read of [async () => parseNpz(bytes, "a.npz"), () => readNpz(counting(bytes), "a.npz")]) {
      const error = await read().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(QtamlError);
      expect(error).toMatchObject({
        code: "invalid-file",
        message: expect.stringMatching(message) as string,
      });
    }
  });

  it("that would fill the memory is refused before it does", async () => {
    let state = 1;
    const noise = Uint32Array.from(
      { length: 2_500_000 },
      () => (state = (state * 1664525 + 1013904223) >>> 0),
    );
    const header = Buffer.from(formatNpy({ dims: [0, 1], data: new Uint8Array(0) }));
    // 9 GiB of bytes, as much as deflate could make of 10 MB.
    const shape = "(9663676416, 1)";
    header.write(header.toString("latin1").replace(/\(0, 1\)(.*?) {14}/s, `${shape}$1`), "latin1");
    const content = Buffer.concat([header, new Uint8Array(noise.buffer)]);
    const bytes = one({ content, claimed: 9663676416 + header.length, isWide: true });
    for (const read of [async () => parseNpz(bytes, "a"), () => readNpz(counting(bytes), "a")]) {
      const error: unknown = await read().catch((e: unknown) => e);
      expect(error).toMatchObject({
        code: "data-mismatch",
        message: expect.stringMatching(/^Array "x" of a takes more than .* GiB of memory/) as string,
      });
    }
    const first = await readNpz(counting(bytes), "a", 2);
    expect(first.get("x")).toEqual({ dims: [2, 1], data: new Uint8Array(noise.buffer, 0, 2) });
  });

  it("whose members overlap is refused", () => {
    const bytes = archive([
      { key: "a.npy", content: xBytes },
      { key: "b.npy", content: xBytes },
    ]);
    const second = bytes.lastIndexOf(Buffer.from("PK\x01\x02", "latin1"));
    bytes.writeUInt32LE(0, second + 42);
    expect(() => parseNpz(bytes, "a.npz")).toThrow(/lies over another array/);
  });

  it("of damaged deflate data ends in an error", async () => {
    const good = one({});
    for (let at = 40; at < good.length; at += 3) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 0x55;
      for (const read of [async () => parseNpz(bytes, "a"), () => readNpz(counting(bytes), "a")]) {
        const result = await read().catch((e: unknown) => e);
        expect(result instanceof Map || result instanceof QtamlError).toBe(true);
      }
    }
  });
});
