import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBytes, fromText, hashOf, toParts, toText } from "./wire.ts";

const arrays = fc.oneof(
  fc.uint8Array(),
  fc.int16Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
);

/** Plain data of every kind that is written, keys that look like tags among them. */
const { tree: plainData } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    arrays,
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
    fc.string(),
    fc.boolean(),
    fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0),
  ),
  tree: fc.oneof(
    { maxDepth: 4 },
    tie("leaf"),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$", "__proto__")), tie("tree"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(fc.string(), tie("tree")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(fc.string(), { maxLength: 3 }).map((values) => new Set(values)),
  ),
}));

const joined = (value: unknown) => new Uint8Array(Buffer.concat(toParts(value)));

describe("plain data on its way", () => {
  it("comes back as it was, as bytes and as text", () => {
    fc.assert(
      fc.property(plainData, (value) => {
        expect(fromBytes(joined(value), "it")).toStrictEqual(value);
        expect(fromText(toText(value), "it")).toStrictEqual(value);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it("has one form, whatever the order of its keys", () => {
    const [a, b] = [
      { seed: 1, codes: Int8Array.of(-1, 2), map: new Map([["x", -0]]) },
      { map: new Map([["x", -0]]), codes: Int8Array.of(-1, 2), seed: 1 },
    ];
    expect(hashOf(toParts(a))).toBe(hashOf(toParts(b)));
    expect(toText(a)).toBe(toText(b));
    for (const other of [
      { ...a, seed: 2 },
      { ...a, codes: Uint8Array.of(255, 2) },
      { ...a, map: new Map([["x", 0]]) },
    ]) {
      expect(hashOf(toParts(other))).not.toBe(hashOf(toParts(a)));
    }
  });

  it("shares the memory of arrays both ways, wherever they lie", () => {
    const numbers = Float64Array.of(1, 2, 3).subarray(1);
    expect(toParts({ numbers }).some((part) => part.buffer === numbers.buffer)).toBe(true);
    const bytes = joined({ odd: Uint8Array.of(7), numbers });
    const back = fromBytes(bytes, "it") as { numbers: Float64Array };
    expect(back.numbers.buffer).toBe(bytes.buffer);
  });

  it("is refused where it is damaged, and runs nothing", () => {
    const bytes = joined({ numbers: Float32Array.of(1, 2) });
    for (const bad of [
      bytes.slice(0, 4),
      bytes.slice(0, -8),
      new Uint8Array(64),
      joined({ a: 1 }).map((b, i) => (i === 9 ? 0 : b)),
    ]) {
      expect(() => fromBytes(bad, "The campaign")).toThrow(/^The campaign is damaged/);
    }
    for (const text of [
      "",
      "{",
      '{"$":"function"}',
      '{"$":"array","type":"Function","base64":""}',
      '{"$":"number","text":"1"}',
    ]) {
      expect(() => fromText(text, "It")).toThrow(/^It is damaged/);
    }
  });

  it("must be plain", () => {
    expect(() => toText(() => 1)).toThrow(TypeError);
    expect(() => toText({ at: new Date() })).toThrow(TypeError);
    expect(() => toText(Symbol("x"))).toThrow(TypeError);
  });
});
