import { describe, expect, it } from "vitest";
import { conditionalMoments } from "./butterfly.ts";
import { perBitFlips, protectBits, symmetricFlips, topBitsMask } from "./flips.ts";
import { numberFormat } from "./format.ts";
import { errorMoments } from "./moments.ts";
import { reachableCodes, tableOver } from "./reachable.ts";

const counted = (codes: readonly number[], bits: number) => {
  const histogram = new Float64Array(2 ** bits);
  for (const code of codes) histogram[code] = 1;
  return histogram;
};

describe("reachableCodes", () => {
  it("are all that flips of the open bits make of the stored ones, and no others", () => {
    const flips = perBitFlips([0.1, 0, 0.2, 0], [0.1, 0, 0, 0]);
    const { codes, place, flips: open } = reachableCodes([counted([0b0010], 4), counted([0b1111], 4)], flips);
    expect(Array.from(codes)).toEqual([0b0010, 0b0011, 0b0110, 0b0111, 0b1010, 0b1011, 0b1110, 0b1111]);
    codes.forEach((code, at) => expect(place[code]).toBe(at));
    expect(open).toEqual(perBitFlips([0.1, 0.2], [0.1, 0]));
    expect(
      Array.from(
        tableOver(
          codes,
          Float64Array.from({ length: 16 }, (_, c) => -c),
        ),
      ),
    ).toEqual(Array.from(codes, (c) => -c));
  });

  it("are the stored ones where no bit is open", () => {
    const { codes, flips } = reachableCodes([counted([3, 5], 3)], symmetricFlips(0.1, 3), []);
    expect(Array.from(codes)).toEqual([3, 5]);
    expect(flips.p01.length).toBe(0);
  });

  it("refuse histograms of another width", () => {
    expect(() => reachableCodes([new Float64Array(8)], symmetricFlips(0.1, 4))).toThrow(RangeError);
  });
});

describe("errorMoments", () => {
  it.each([
    ["fp8-e5m2", 0],
    ["fp8-e5m2", topBitsMask(3, 8)],
    ["fp16", topBitsMask(6, 16)],
    ["bf16", 0b0100_0001_0010_0001],
  ] as const)("of %s with mask %i are those of the table of all codes", (name, mask) => {
    const format = numberFormat(name);
    const flips = protectBits(symmetricFlips(0.01, format.bits), mask);
    const { values } = format;
    const histogram = values.map((v, c) => (Math.abs(v) > 1e-3 && Math.abs(v) < 0.3 && c % 3 === 0 ? c : 0));
    const total = histogram.reduce((a, b) => a + b, 0);
    const whole = conditionalMoments(values, flips);
    let [finite, nonFinite, variance] = [0, 0, 0];
    histogram.forEach((count, c) => {
      if (count === 0) return;
      nonFinite += (count / total) * whole.nonFinite[c]!;
      const share = (count / total) * (1 - whole.nonFinite[c]!);
      finite += share;
      variance += share * whole.variance[c]!;
    });
    const found = errorMoments({ values, decode: values, flips, histogram });
    // The same operations in the same order.
    expect(found.variance).toBe(variance / finite);
    expect(found.nonFinite).toBe(nonFinite);
    expect(found.variance).toBeGreaterThan(0);
  });
});
