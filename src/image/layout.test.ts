import { describe, expect, it } from "vitest";
import { codeNamed } from "../ecc/index.ts";
import { imageRequest, randomTensors } from "../../test/silicon/image-parts.ts";
import { buildImage } from "./build.ts";
import {
  formatLayout,
  fromLayoutFloats,
  layoutJsonSchema,
  parseLayout,
  toLayoutFloat,
  type LayoutCode,
} from "./layout.ts";

describe("an image's layout", () => {
  const tensors = randomTensors();
  const build = (protectedMask: (bits: number) => number) => {
    const request = imageRequest(tensors, null);
    return buildImage({
      ...request,
      tensors: request.tensors.map(({ tensor, segments }) => ({
        tensor,
        segments: segments.map((s) => ({ ...s, protectedMask: protectedMask(tensor.format.bits) })),
      })),
    }).layout;
  };

  it("has one region where everything is protected, and one where nothing is", () => {
    const [all, none] = [build((bits) => 2 ** bits - 1), build(() => 0)];
    expect(all.regions.map(({ name }) => name)).toEqual(["protected"]);
    expect(all.totals.protectedBits).toBe(all.totals.storedBits);
    expect(none.regions.map(({ name }) => name)).toEqual(["unprotected"]);
    expect(none.totals).toMatchObject({ protectedBits: 0, checkBits: 0 });
    expect([all.protection, none.protection]).toEqual(["ideal", "ideal"]);
  });

  it("begins with the unprotected bits, whichever come first", () => {
    const all = (bits: number) => 2 ** bits - 1;
    const regions = (masks: readonly [number, number], only: number) =>
      buildImage({
        ...imageRequest(tensors, null),
        tensors: imageRequest(tensors, null).tensors.map(({ tensor, segments }, t) => ({
          tensor,
          segments: segments.map((s, i) => ({
            ...s,
            protectedMask: t === only ? masks[i]! : all(tensor.format.bits),
          })),
        })),
      }).layout.regions.map(({ name }) => name);
    const last = tensors.length - 1;
    const { bits } = tensors[last]!.format;
    expect(regions([all(bits), 0], last)).toEqual(["unprotected", "protected"]);
  });

  it("says what is stored, how it is scaled and by what it is protected", () => {
    const request = imageRequest(tensors, "bch(63,45,3)", { interleave: 2, plainRowBits: 24 });
    const { layout } = buildImage(request);
    expect(layout).toMatchObject({
      format: "qtaml-memory",
      version: 1,
      generator: "a test",
      protection: "coded",
      polarity: "true",
      model: request.model,
      plan: request.plan,
    });
    expect(layout.regions.map((r) => [r.name, r.interleave, r.rowBits, r.rowBytes])).toEqual([
      ["unprotected", 1, 24, 3],
      ["protected_bch_63_45_3", 2, 126, 16],
    ]);
    const [plain, coded] = layout.regions;
    expect([plain!.code, plain!.checkBits]).toEqual([null, 0]);
    expect(coded!.checkBits).toBe(coded!.rows * 2 * 18);
    const { name, corrects, parameters } = codeNamed("bch(63,45,3)");
    expect(coded!.code).toMatchObject({ name, corrects, parameters: { ...parameters } });
    expect(Object.keys(coded!.code!.parameters)).not.toEqual([]);
    expect(coded!.files).toEqual({
      binary: "protected_bch_63_45_3.bin",
      readmemh: "protected_bch_63_45_3.memh",
    });
    layout.tensors.forEach((found, t) => {
      const { dims, channelAxis, blockSize, steps, zeroPoints, format, count } = tensors[t]!;
      const isApart = channelAxis !== undefined || zeroPoints !== undefined;
      expect(found).toMatchObject({
        name: tensors[t]!.name,
        role: "weight",
        dims: [...dims],
        count,
        format: format.name,
        bits: format.bits,
        channelAxis: channelAxis ?? null,
        blockSize: blockSize ?? null,
        steps: isApart ? Array.from(steps, toLayoutFloat) : null,
        zeroPoints: zeroPoints === undefined ? null : Array.from(zeroPoints, toLayoutFloat),
      });
      // Most significant first, tables shared by both segments.
      expect(found.segments[0]!.planes.map(({ bit }) => bit)).toEqual(
        Array.from({ length: format.bits }, (_, i) => format.bits - 1 - i),
      );
      expect(found.segments[1]!.table).toBe(found.segments[0]!.table);
    });
    expect(new Set(layout.tables.map((table) => table.join(" "))).size).toBe(layout.tables.length);
    const floats = ["NaN", "Infinity", "-Infinity", "-0", 0.5] as const;
    expect([...fromLayoutFloats(floats)]).toEqual([Number.NaN, Infinity, -Infinity, -0, 0.5]);
  });

  it("is text with short lists on a line", () => {
    const { layout } = buildImage(imageRequest(tensors, "secded(22,16)"));
    const lines = formatLayout(layout).split("\n");
    expect(JSON.parse(lines.join("\n"))).toEqual({ $schema: "./layout.schema.json", ...layout });
    expect(lines.at(-1)).toBe("");
    const planes = lines.filter((line) => /^\s*\{ "bit": \d+, "region": \d+, "offset": \d+ \},?$/.test(line));
    const expected = layout.tensors.reduce((sum, t) => sum + t.segments.length * t.bits, 0);
    expect(planes).toHaveLength(expected);
    expect(lines.filter((line) => line.includes('"dims": [ '))).toHaveLength(layout.tensors.length);
  });

  it("is refused where steps, zero points, axes or totals of weights do not fit", () => {
    const { layout } = buildImage(imageRequest(tensors, null));
    const refused = (change: (copy: typeof layout) => void) => {
      const copy = structuredClone(layout);
      change(copy);
      return () => parseLayout(copy, "layout.json");
    };
    expect(refused((l) => l.tensors[2]!.zeroPoints!.push(1))).toThrow(/steps do not fit/);
    expect(refused((l) => Object.assign(l.tensors[1]!, { steps: null }))).toThrow(/steps do not fit/);
    expect(refused((l) => Object.assign(l.tensors[2]!, { steps: null, channelAxis: null }))).toThrow(
      /do not fit/,
    );
    expect(refused((l) => Object.assign(l.tensors[0]!, { channelAxis: 4 }))).toThrow(/channel axis|steps/);
    expect(refused((l) => l.tensors[0]!.segments.pop())).toThrow(/weights, \d+ of which have a place/);
    expect(refused((l) => l.tensors[0]!.segments[0]!.planes.pop())).toThrow(/each bit once/);
    expect(refused((l) => Object.assign(l.tensors[0]!.segments[0]!.planes[0]!, { bit: 8 }))).toThrow(
      /each bit once/,
    );
    expect(refused((l) => Object.assign(l.tensors[0]!.segments[0]!.planes[0]!, { region: 9 }))).toThrow(
      /outside/,
    );
    expect(refused((l) => Object.assign(l.tensors[0]!, { channelAxis: l.tensors[0]!.dims.length }))).toThrow(
      /without its channel axis/,
    );
    expect(
      refused((l) => l.tensors[0]!.segments[0]!.planes.push(l.tensors[0]!.segments[0]!.planes[0]!)),
    ).toThrow(/each bit once/);
    const beyond = (l: typeof layout) => {
      const [{ count, planes }] = l.tensors[0]!.segments as [(typeof l.tensors)[0]["segments"][0]];
      planes[0]!.offset = l.regions[planes[0]!.region]!.dataBits - count + 1;
    };
    expect(refused(beyond)).toThrow(/outside/);
    for (const change of [(hash: string) => `${hash}0`, (hash: string) => `0${hash}`]) {
      expect(refused((l) => Object.assign(l.model, { sha256: change(l.model.sha256) }))).toThrow(
        /model\.sha256/,
      );
    }
    expect(refused((l) => l.tables[0]!.pop())).toThrow(/decode table/);
    expect(refused((l) => Object.assign(l.regions[0]!, { rowBytes: 5 }))).toThrow(/rows do not fit/);
    expect(refused((l) => Object.assign(l.regions[0]!, { interleave: 2 }))).toThrow(/rows do not fit/);
    expect(() => parseLayout(5, "layout.json")).toThrow(/the whole file/);
  });

  it("is refused where the bits of a code do not fit its words", () => {
    const { layout } = buildImage(imageRequest(tensors, "secded(22,16)"));
    const broken = (change: (code: LayoutCode) => void) => {
      const copy = structuredClone(layout);
      change(copy.regions.find(({ code }) => code !== null)!.code!);
      return () => parseLayout(copy, "layout.json");
    };
    expect(broken((code) => code.dataPositions.push(code.dataPositions[0]!))).toThrow(/bits do not fit/);
    expect(broken((code) => (code.dataPositions[0] = code.dataPositions[1]!))).toThrow(/bits do not fit/);
    expect(broken((code) => (code.dataPositions[0] = 22))).toThrow(/bits do not fit/);
    expect(broken((code) => code.checks[0]!.push(22))).toThrow(/bits do not fit/);
  });

  it("has a schema with a title, whose words say something", () => {
    const schema = layoutJsonSchema();
    expect(schema).toMatchObject({
      title: "qtaml memory layout",
      type: "object",
      additionalProperties: false,
    });
    const words: unknown[] = [];
    JSON.stringify(schema, (key, value: unknown) => (key === "description" && words.push(value), value));
    expect(words.length).toBeGreaterThan(20);
    expect(words.filter((text) => typeof text !== "string" || !/\w{3}/.test(text))).toEqual([]);
  });

  it("fits to the last bit of a region", () => {
    const { layout } = buildImage(imageRequest(tensors, null));
    const planes = layout.tensors.flatMap((t) =>
      t.segments.flatMap((s) => s.planes.map((p) => ({ ...p, end: p.offset + s.count }))),
    );
    layout.regions.forEach(({ dataBits }, r) => {
      expect(Math.max(...planes.filter(({ region }) => region === r).map(({ end }) => end))).toBe(dataBits);
    });
  });
});
