import { readFileSync } from "node:fs";
import { strToU8, zipSync } from "fflate";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { ArrayDecoder, type NpyArray, type NpyData } from "./decode.ts";
import { formatNpy, npyFormat, parseNpy } from "./npy.ts";
import { formatNpz, parseNpz } from "./npz.ts";

interface Header {
  readonly descr: string;
  readonly order?: "True" | "False";
  readonly shape: string;
  readonly version?: 1 | 2 | 3;
}

/** A file as NumPy lays it out (numpy.lib.format): magic, version, header length, padded header, data. */
function npy(
  { descr, order = "False", shape, version = 1 }: Header,
  data: ArrayBufferView<ArrayBuffer>,
): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const start = version === 1 ? 10 : 12;
  const header = Buffer.from(`${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`);
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  return Buffer.concat([
    magic,
    length,
    header,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

const refusal = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    if (!(error instanceof QtamlError)) return error;
    return /^(x|Array "[a-z]+" of x) [^;]+; write it again with numpy\.save or numpy\.savez\.$/.test(
      error.message,
    )
      ? error.code
      : error.message;
  }
  return "accepted";
};

const arrays: readonly (readonly [string, NpyData])[] = [
  ["<f4", Float32Array.of(1.5, -0, NaN, Infinity, 2 ** -149, 3)],
  ["<f8", Float64Array.of(0.1, -0, NaN, -Infinity, 1e-310, 3)],
  ["|i1", Int8Array.of(-128, -1, 0, 1, 127, 3)],
  ["|u1", Uint8Array.of(0, 1, 2, 128, 255, 3)],
  ["<i2", Int16Array.of(-32768, -1, 0, 1, 32767, 3)],
  ["<u2", Uint16Array.of(0, 1, 2, 32768, 65535, 3)],
  ["<i4", Int32Array.of(-(2 ** 31), -1, 0, 1, 2 ** 31 - 1, 3)],
  ["<u4", Uint32Array.of(0, 1, 2, 2 ** 31, 2 ** 32 - 1, 3)],
  ["<i8", BigInt64Array.of(-(2n ** 63n), -1n, 0n, 1n, 2n ** 63n - 1n, 3n)],
  ["<u8", BigUint64Array.of(0n, 1n, 2n, 2n ** 63n, 2n ** 64n - 1n, 3n)],
];

describe("npy", () => {
  it.each(arrays)("%s is read in every format version and at any address", (descr, data) => {
    for (const version of [1, 2, 3] as const) {
      const file = npy({ descr, shape: "(2, 3)", version }, data as ArrayBufferView<ArrayBuffer> & NpyData);
      expect(parseNpy(file, "x")).toEqual({ dims: [2, 3], data });
      const shifted = Buffer.concat([Buffer.from([0]), file]).subarray(1);
      expect(parseNpy(shifted, "x")).toEqual({ dims: [2, 3], data });
    }
    const native = npy(
      { descr: descr.replace("<", "="), shape: "(6,)" },
      data as NpyData & ArrayBufferView<ArrayBuffer>,
    );
    expect(parseNpy(native, "x")).toEqual({ dims: [6], data });
  });

  it("widens float16 to float32 and gives booleans as bytes", () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x8000);
    expect(parseNpy(npy({ descr: "<f2", shape: "(5,)" }, halves), "x")).toEqual({
      dims: [5],
      data: Float32Array.of(1, -2, 2 ** -24, Infinity, -0),
    });
    expect(parseNpy(npy({ descr: "|b1", shape: "(2,)" }, Uint8Array.of(1, 0)), "x")).toEqual({
      dims: [2],
      data: Uint8Array.of(1, 0),
      isBoolean: true,
    });
  });

  it("reads scalars, empty arrays and headers in another order", () => {
    expect(parseNpy(npy({ descr: "<f4", shape: "()" }, Float32Array.of(2)), "x")).toEqual({
      dims: [],
      data: Float32Array.of(2),
    });
    expect(parseNpy(npy({ descr: "<f4", shape: "(0, 5)" }, new Float32Array(0)), "x")).toEqual({
      dims: [0, 5],
      data: new Float32Array(0),
    });
    const text = "{'shape':(2,),'fortran_order':False,'descr':'|u1'}\n";
    const file = Buffer.from([
      0x93,
      ...Buffer.from("NUMPY"),
      1,
      0,
      text.length,
      0,
      ...Buffer.from(text),
      7,
      8,
    ]);
    expect(parseNpy(file, "x")).toEqual({ dims: [2], data: Uint8Array.of(7, 8) });
  });

  it("reads the other byte order", () => {
    for (const [descr, data] of arrays) {
      const bytes = new Uint8Array(data.buffer.slice(0)) as Uint8Array<ArrayBuffer>;
      const size = data.BYTES_PER_ELEMENT;
      for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
      const file = npy({ descr: descr.replace("<", ">"), shape: "(6,)" }, bytes);
      expect(parseNpy(file, "x")).toEqual({ dims: [6], data });
    }
    const half = npy({ descr: ">f2", shape: "(1,)" }, Uint8Array.of(0x3c, 0));
    expect(parseNpy(half, "x").data).toEqual(Float32Array.of(1));
  });

  it("keeps the first entries, in pieces of any size, in either order", () => {
    const [rows, columns] = [7, 6];
    const element = (row: number, column: number) => 100 * row + column;
    for (const order of ["True", "False"] as const) {
      const values = Int32Array.from({ length: rows * columns }, (_, i) =>
        order === "True"
          ? element(i % rows, Math.floor(i / rows))
          : element(Math.floor(i / columns), i % columns),
      );
      const file = npy({ descr: "<i4", order, shape: `(${rows}, 2, 3)` }, values);
      // In Fortran order the later axes run over columns with the first of them fastest.
      const place = (j: number) => (order === "True" ? Math.floor(j / 3) + 2 * (j % 3) : j);
      for (const limit of [1, 3, rows, 99]) {
        const kept = Math.min(rows, limit);
        const expected = Int32Array.from({ length: kept * columns }, (_, i) =>
          element(Math.floor(i / columns), place(i % columns)),
        );
        expect(parseNpy(file, "x", limit)).toEqual({ dims: [kept, 2, 3], data: expected });
        for (const step of [1, 5, 64, 131]) {
          const decoder = new ArrayDecoder(npyFormat, { name: "x", available: file.length, limit });
          for (let at = 0; at < file.length && !decoder.isDone; at += step)
            decoder.push(file.subarray(at, at + step));
          expect(decoder.finish().data).toEqual(expected);
        }
      }
    }
  });

  it("turns Fortran order into C order", () => {
    const wide = Int16Array.of(0, 10, 1, 11, 2, 12);
    expect(parseNpy(npy({ descr: "<i2", order: "True", shape: "(2, 3)" }, wide), "x").data).toEqual(
      Int16Array.of(0, 1, 2, 10, 11, 12),
    );
    // Element (a, b, c) holds 100 a + 10 b + c, first index fastest.
    const cube: number[] = [];
    for (let c = 0; c < 4; c++)
      for (let b = 0; b < 3; b++) for (let a = 0; a < 2; a++) cube.push(100 * a + 10 * b + c);
    const { data } = parseNpy(
      npy({ descr: "<f8", order: "True", shape: "(2, 3, 4)" }, Float64Array.from(cube)),
      "x",
    );
    expect(data).toEqual(Float64Array.from(cube).sort());
    const line = npy({ descr: "<f4", order: "True", shape: "(3,)" }, Float32Array.of(3, 1, 2));
    expect(parseNpy(line, "x").data).toEqual(Float32Array.of(3, 1, 2));
  });

  it("writes what it reads, aligned to 64 bytes", () => {
    const array = fc.tuple(
      fc.constantFrom(...arrays.map(([, data]) => data)),
      fc.constantFrom([6], [2, 3], [1, 6, 1]),
    );
    fc.assert(
      fc.property(array, ([data, dims]) => {
        const bytes = formatNpy({ dims, data });
        expect((bytes.length - data.byteLength) % 64).toBe(0);
        expect(parseNpy(bytes, "x")).toEqual({ dims, data });
      }),
      { seed: 30, numRuns: 60 },
    );
    const part = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(parseNpy(formatNpy({ dims: [2], data: part }), "x").data).toEqual(Float32Array.of(2, 3));
    expect(parseNpy(formatNpy({ dims: [], data: Float32Array.of(5) }), "x").dims).toEqual([]);
  });

  it("of another kind or damaged is refused in one sentence", () => {
    const data = Float32Array.of(1, 2);
    const good = npy({ descr: "<f4", shape: "(2,)" }, data);
    expect(refusal(() => parseNpy(good, "x"))).toBe("accepted");
    for (const header of [
      { descr: ">f3", shape: "(2,)" },
      { descr: "|O", shape: "(2,)" },
      { descr: "<U4", shape: "(2,)" },
      { descr: "<c8", shape: "(1,)" },
      { descr: "<f4", shape: "(3,)" },
      { descr: "<f4", shape: "(-2,)" },
      { descr: "<f4", shape: "(1.5,)" },
      { descr: "<f4", shape: "(two,)" },
      { descr: "<f4", shape: "(99999999999, 99999999999)" },
      { descr: "<f4", shape: "(99999999999, 99999999999, 0)" },
      { descr: "<f4", shape: "(9999999,)" },
      { descr: "<f16", shape: "(1,)" },
      { descr: "<f4", shape: "(0x2,)" },
      { descr: "<f4", shape: "2" },
    ]) {
      expect([header, refusal(() => parseNpy(npy(header, data), "x"))]).toEqual([header, "invalid-file"]);
    }
    const structured = Buffer.from(good.toString("latin1").replace("'<f4'", "[('a', '<f4')]"), "latin1");
    expect(refusal(() => parseNpy(structured, "x"))).toBe("invalid-file");
    const unknown = npy({ descr: "<f4", shape: "(2,)", version: 2 }, data);
    unknown[6] = 9;
    expect(refusal(() => parseNpy(unknown, "x"))).toBe("invalid-file");
    for (let length = 0; length < good.length; length++) {
      expect(refusal(() => parseNpy(good.subarray(0, length), "x"))).toBe("invalid-file");
    }
  });
});

describe("npz", () => {
  const content: Record<string, NpyArray> = {
    x: { dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    y: { dims: [2], data: BigInt64Array.of(3n, 7n) },
  };

  it("is read as it is written, deflated or stored", () => {
    expect(Object.fromEntries(parseNpz(formatNpz(content), "x"))).toEqual(content);
    const entries = Object.entries(content).map(([key, array]) => [`${key}.npy`, formatNpy(array)]);
    const stored = zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { level: 0 });
    expect(Object.fromEntries(parseNpz(Buffer.from(stored), "x"))).toEqual(content);
  });

  it("written by NumPy is read", () => {
    const file = new URL("../../zoo/fashion-mnist-calibration-256.npz", import.meta.url);
    const x = parseNpz(readFileSync(file), "calibration").get("x")!;
    expect(x.dims[0]).toBe(256);
    expect(x.data.length).toBe(x.dims.reduce((a, b) => a * b, 1));
  });

  it("that is garbage, cut short or holds something else is refused", () => {
    const bytes = formatNpz(content);
    expect(refusal(() => parseNpz(bytes, "x"))).toBe("accepted");
    for (let part = 0; part < 64; part++) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * part) / 64));
      expect(refusal(() => parseNpz(cut, "x"))).toBe("invalid-file");
    }
    expect(
      refusal(() =>
        parseNpz(
          Uint8Array.from({ length: 500 }, (_, i) => (i * 37) & 255),
          "x",
        ),
      ),
    ).toBe("invalid-file");
    expect(refusal(() => parseNpz(zipSync({ readme: strToU8("hello") }), "x"))).toBe("invalid-file");
    const damagedArray = formatNpy(content["x"]!).subarray(0, 140);
    expect(() => parseNpz(zipSync({ "x.npy": damagedArray }), "d.npz")).toThrow(
      'Array "x" of d.npz declares 24 bytes',
    );
  });
});
