import { describe, expect, it } from "vitest";
import {
  asymmetricFlips,
  bitContrast,
  perBitFlips,
  protectBits,
  symmetricFlips,
  topBitsMask,
} from "./flips.ts";
import { codedMask, segmentFlips, segmentKey, type CodedBits } from "./segment.ts";

const cells = perBitFlips([0.1, 0.2, 0.3, 0.4], [0.05, 0.15, 0.25, 0.35]);
const coded = (mask: number, p01: number, p10: number): CodedBits => ({
  mask,
  code: "secded(72,64)",
  p01,
  p10,
});
const probabilities = ({ p01, p10 }: { p01: Float64Array; p10: Float64Array }) => [[...p01], [...p10]];

describe("the channel of a segment", () => {
  it("is that of its cells, nothing where bits are protected ideally, and what a code leaves", () => {
    expect(probabilities(segmentFlips(cells, { protectedMask: 0 }))).toEqual(probabilities(cells));
    expect(probabilities(segmentFlips(cells, { protectedMask: 0b1010 }))).toEqual([
      [0.1, 0, 0.3, 0],
      [0.05, 0, 0.25, 0],
    ]);
    const codes = [coded(0b1000, 1e-3, 2e-3), coded(0b0010, 3e-3, 4e-3)];
    expect(probabilities(segmentFlips(cells, { protectedMask: 0b1110, codes }))).toEqual([
      [0.1, 3e-3, 0, 1e-3],
      [0.05, 4e-3, 0, 2e-3],
    ]);
    expect(codedMask({ codes })).toBe(0b1010);
    expect(codedMask({})).toBe(0);
  });

  it("takes for each bit what it is told that a code leaves of it", () => {
    const codes = [coded(0b1100, 9, 9)];
    const left = (of: CodedBits, bit: number) => ({ p01: bit / 100, p10: of.mask / 1000 });
    expect(probabilities(segmentFlips(cells, { protectedMask: 0b1111, codes }, left))).toEqual([
      [0, 0, 0.02, 0.03],
      [0, 0, 0.012, 0.012],
    ]);
  });

  it("has a name that tells apart whatever changes how weights are read", () => {
    const base = { protectedMask: 12, decoder: "none" } as const;
    const all = [
      base,
      { ...base, protectedMask: 8 },
      { ...base, decoder: "bayes" } as const,
      ...[coded(8, 0.1, 0.2), coded(4, 0.1, 0.2), coded(8, 0.3, 0.2), coded(8, 0.1, 0.3)].map((c) => ({
        ...base,
        codes: [c],
      })),
      { ...base, codes: [{ ...coded(8, 0.1, 0.2), code: "repetition(3)" }] },
      { ...base, codes: [coded(8, 0.1, 0.2), coded(4, 0.1, 0.2)] },
    ];
    expect(new Set(all.map(segmentKey)).size).toBe(all.length);
    expect(segmentKey({ ...base, codes: [] })).toBe(segmentKey(base));
  });
});

describe("flip probabilities", () => {
  it("are refused outside their range and for widths that no code has", () => {
    for (const p of [-1e-9, 0.5001, Number.NaN])
      expect(() => symmetricFlips(p, 8)).toThrow(/outside \[0, 0.5\]/);
    for (const bits of [0, 17, 2.5]) expect(() => symmetricFlips(0.1, bits)).toThrow(/is not supported/);
    expect(probabilities(symmetricFlips(0.5, 1))).toEqual([[0.5], [0.5]]);
    expect(symmetricFlips(0, 16).p01).toHaveLength(16);
    for (const p of [-1e-9, 1.0001, Number.NaN]) {
      expect(() => asymmetricFlips(p, 0, 3)).toThrow(/p01 = .* of bit 0/);
      expect(() => perBitFlips([0, 0, 0], [0, 0, p])).toThrow(/p10 = .* of bit 2/);
    }
    expect(probabilities(asymmetricFlips(0, 1, 2))).toEqual([
      [0, 0],
      [1, 1],
    ]);
    for (const [p01, p10] of [
      [[], []],
      [[0.1], [0.1, 0.1]],
      [Array<number>(17).fill(0), Array<number>(17).fill(0)],
    ] as const) {
      expect(() => perBitFlips(p01, p10)).toThrow(/for every bit of the code/);
    }
    expect(probabilities(perBitFlips([0.1, 0.2]))).toEqual([
      [0.1, 0.2],
      [0.1, 0.2],
    ]);
  });

  it("are protected by masks within the code", () => {
    for (const mask of [-1, 16, 1.5]) expect(() => protectBits(cells, mask)).toThrow(/does not fit/);
    expect(probabilities(protectBits(cells, 15))).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(() => protectBits(cells, 1, symmetricFlips(0.1, 3))).toThrow(/has 3 bits and the code 4/);
    expect([0, 1, 3, 4].map((count) => topBitsMask(count, 4))).toEqual([0, 8, 14, 15]);
    expect(topBitsMask(16, 16)).toBe(65_535);
    for (const count of [-1, 5, 1.5]) expect(() => topBitsMask(count, 4)).toThrow(/give 0 to 4/);
    expect([...bitContrast(cells)].map((v) => Number(v.toFixed(12)))).toEqual([0.85, 0.65, 0.45, 0.25]);
  });
});
