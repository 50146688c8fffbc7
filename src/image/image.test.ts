import { beforeAll, describe, expect, it } from "vitest";
import { cleanWeights, decodeInto } from "../stored/index.ts";
import { uniformStream } from "../stats/random.ts";
import { imageRequest, randomTensors, sha256 } from "../../test/silicon/image-parts.ts";
import { bitAt, flipBit } from "./bits.ts";
import { buildImage, type MemoryImage } from "./build.ts";
import { codeNamed } from "../ecc/index.ts";
import { formatLayout, parseLayout, toLayoutFloat, type Layout } from "./layout.ts";
import { readImage } from "./read.ts";

const codeOf = ({ name }: { name: string }) => codeNamed(name);
const read = (layout: Layout, regions: readonly Uint8Array[]) =>
  readImage(layout, regions, { codeOf, sha256 });

const codes = [null, "secded(72,64)", "secded(22,16)", "bch(63,45,3)", "repetition(3)"];
const shapes = [
  {},
  { interleave: 5, plainRowBits: 20 },
  { interleave: 3, polarity: "inverted", plainRowBits: 7 },
] as const;

describe("an image", () => {
  it.each(codes.flatMap((code) => shapes.map((shape) => ({ code, shape }))))(
    "is read back bit for bit: $code, $shape",
    ({ code, shape }) => {
      const tensors = randomTensors();
      const { layout, regions } = buildImage(imageRequest(tensors, code, shape));
      const again = parseLayout(JSON.parse(formatLayout(layout)), "layout.json");
      delete again.$schema;
      expect(again).toEqual(layout);
      const reading = read(again, regions);
      expect(reading.regions.every((r) => r.isAsWritten && r.corrected === 0 && r.uncorrectable === 0)).toBe(
        true,
      );
      reading.tensors.forEach((found, t) => {
        expect(found.isAsWritten).toBe(true);
        expect(found.codes).toEqual(tensors[t]!.codes);
        // As bits: NaN, and zeros of both signs.
        expect(new Uint32Array(found.weights.buffer)).toEqual(
          new Uint32Array(cleanWeights(tensors[t]!).buffer),
        );
      });
      const bits = layout.regions.reduce((sum, r) => sum + r.rows * r.rowBits, 0);
      const { storedBits, checkBits, paddingBits } = layout.totals;
      expect(storedBits).toBe(tensors.reduce((sum, t) => sum + t.count * t.format.bits, 0));
      expect(storedBits + checkBits + paddingBits).toBe(bits);
    },
  );

  it("holds each bit where the layout says", () => {
    const tensors = randomTensors();
    const { layout, regions } = buildImage(imageRequest(tensors, null, { plainRowBits: 32 }));
    layout.tensors.forEach(({ segments }, t) => {
      for (const { start, count, planes } of segments)
        for (const { bit, region, offset } of planes)
          for (let i = 0; i < count; i++)
            expect(bitAt(regions[region]!, offset + i)).toBe((tensors[t]!.codes[start + i]! >> bit) & 1);
    });
    const protectedBits = tensors.reduce((sum, t) => sum + t.count + Math.floor(t.count / 3), 0);
    expect(layout.totals.protectedBits).toBe(protectedBits);
  });

  it("reads steps and zero points as the hardened model does", () => {
    const tensors = randomTensors();
    const request = imageRequest(tensors, null);
    const stretched = request.tensors.map(({ tensor, segments }) => ({
      tensor,
      segments: segments.map((s, i) => ({ ...s, table: Array.from(s.table, (v) => v * (1.1 + i) - 0.3) })),
    }));
    const { layout, regions } = buildImage({ ...request, tensors: stretched });
    read(layout, regions).tensors.forEach((found, t) => {
      const expected = new Float32Array(found.weights.length);
      decodeInto(tensors[t]!, stretched[t]!.segments, tensors[t]!.codes, expected);
      expect(found.weights).toEqual(expected);
    });
  });

  it.each(["secded(72,64)", "bch(63,45,3)", "repetition(3)"])(
    "survives as many flips in every word of its protected region as %s corrects",
    (name) => {
      const tensors = randomTensors();
      const { layout, regions } = buildImage(imageRequest(tensors, name, { interleave: 2 }));
      const uniform = uniformStream(7);
      const { corrects } = codeOf({ name });
      const r = layout.regions.findIndex((region) => region.code !== null);
      const { rowBytes, rows, interleave, code } = layout.regions[r]!;
      for (let word = 0; word < rows * interleave; word++) {
        const places = new Set<number>();
        while (places.size < corrects) places.add(Math.floor(uniform() * code!.wordBits));
        const start = Math.floor(word / interleave) * rowBytes * 8 + (word % interleave);
        for (const j of places) flipBit(regions[r]!, start + j * interleave);
      }
      const reading = read(layout, regions);
      expect(reading.regions[r]).toMatchObject({
        isAsWritten: false,
        corrected: rows * interleave,
        uncorrectable: 0,
      });
      reading.tensors.forEach((found, t) => expect(found.codes).toEqual(tensors[t]!.codes));
    },
  );

  it("says which tensors a flip in the unprotected region hits", () => {
    const tensors = randomTensors();
    const { layout, regions } = buildImage(imageRequest(tensors, "secded(22,16)"));
    const { region, offset } = layout.tensors[2]!.segments[1]!.planes.at(-1)!;
    flipBit(regions[region]!, offset);
    const damaged = read(layout, regions).tensors.filter((t) => !t.isAsWritten);
    expect(damaged.map((t) => t.name)).toEqual([tensors[2]!.name]);
  });
});

describe("a layout", () => {
  let image: MemoryImage;
  beforeAll(() => {
    image = buildImage(imageRequest(randomTensors(), "secded(22,16)"));
  });
  const changed = (change: (layout: Layout) => void) => {
    const copy = structuredClone(image.layout);
    change(copy);
    return () => parseLayout(copy, "layout.json");
  };

  it.each<[string, (l: Layout) => void, RegExp]>([
    ["a version that is not ours", (l) => Object.assign(l, { version: 9 }), /version/],
    ["a region without rows", (l) => Object.assign(l.regions[0]!, { rows: 1 }), /rows do not fit/],
    [
      "a code beyond its word",
      (l) => l.regions.find((r) => r.code)!.code!.checks[0]!.push(99),
      /do not fit its words/,
    ],
    [
      "a plane beyond its region",
      (l) => Object.assign(l.tensors[0]!.segments[0]!.planes[0]!, { offset: 1e9 }),
      /outside its region/,
    ],
    [
      "a bit placed twice",
      (l) => Object.assign(l.tensors[0]!.segments[0]!.planes[0]!, { bit: 0 }),
      /each bit once/,
    ],
    ["a gap", (l) => Object.assign(l.tensors[0]!.segments[1]!, { start: 99 }), /gap or an overlap/],
    ["steps that are missing", (l) => l.tensors[1]!.steps!.pop(), /steps do not fit/],
    [
      "a table that is missing",
      (l) => Object.assign(l.tensors[0]!.segments[0]!, { table: 99 }),
      /decode table/,
    ],
    ["dimensions that do not fit", (l) => l.tensors[0]!.dims.push(2), /dimensions do not fit/],
    [
      "a file elsewhere",
      (l) => Object.assign(l.regions[0]!.files, { binary: "../../etc/passwd" }),
      /without folders/,
    ],
  ])("with %s is refused in one sentence", (_what, change, message) => {
    expect(changed(change)).toThrow(message);
    expect(changed(change)).toThrow(/^layout\.json .*; write the image again with qtaml harden\.$/);
  });

  it("with a region of another size is refused", () => {
    expect(() => read(image.layout, [image.regions[0]!.slice(1), ...image.regions.slice(1)])).toThrow(
      /holds \d+ bytes where/,
    );
  });

  it("with other parity equations than ours is refused", () => {
    const copy = structuredClone(image.layout);
    copy.regions.find((r) => r.code)!.code!.checks[0]!.pop();
    expect(() => read(copy, image.regions)).toThrow(/other parity equations/);
  });

  it("holds float32 numbers that JSON has no word for", () => {
    expect([Number.NaN, Infinity, -Infinity, -0, 0.5].map(toLayoutFloat)).toEqual([
      "NaN",
      "Infinity",
      "-Infinity",
      "-0",
      0.5,
    ]);
  });
});
