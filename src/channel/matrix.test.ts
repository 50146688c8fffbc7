import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import {
  asymmetricFlips,
  bitContrast,
  perBitFlips,
  protectBits,
  symmetricFlips,
  topBitsMask,
  type FlipProbabilities,
} from "./flips.ts";
import { channelMatrix, composeChannels } from "./matrix.ts";

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const anyFlips = (bits: number): fc.Arbitrary<FlipProbabilities> =>
  fc
    .tuple(
      fc.array(probability, { minLength: bits, maxLength: bits }),
      fc.array(probability, { minLength: bits, maxLength: bits }),
    )
    .map(([p01, p10]) => perBitFlips(p01, p10));

const entry = ({ p01, p10 }: FlipProbabilities, stored: number, received: number) =>
  p01.reduce((product, up, k) => {
    const flip = (stored >> k) & 1 ? p10[k]! : up;
    return product * (((stored ^ received) >> k) & 1 ? flip : 1 - flip);
  }, 1);

describe("the channel matrix", () => {
  it("is the product over bits, and its rows sum to 1", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }).chain(anyFlips), (flips) => {
        const size = 2 ** flips.p01.length;
        const matrix = channelMatrix(flips);
        for (let c = 0; c < size; c++) {
          let sum = 0;
          for (let r = 0; r < size; r++) {
            // B factors in another order: at most 2B roundings of 2^-53 each, relative.
            expect(Math.abs(matrix[c * size + r]! - entry(flips, c, r))).toBeLessThanOrEqual(2 ** -49);
            sum += matrix[c * size + r]!;
          }
          expect(Math.abs(sum - 1)).toBeLessThan(2 ** -44);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("composes: two passages flip with p + r - 2pr", () => {
    const twice = composeChannels(
      channelMatrix(symmetricFlips(0.1, 8)),
      channelMatrix(symmetricFlips(0.2, 8)),
    );
    const once = channelMatrix(symmetricFlips(0.1 + 0.2 - 2 * 0.1 * 0.2, 8));
    for (let i = 0; i < once.length; i++) expect(Math.abs(twice[i]! - once[i]!)).toBeLessThan(2 ** -44);
    expect(() => composeChannels(once, channelMatrix(symmetricFlips(0.1, 4)))).toThrow(/256 and 16 codes/);
  });

  it("never changes a protected bit, and gives a protected bit its residual error", () => {
    fc.assert(
      fc.property(anyFlips(5), anyFlips(5), fc.integer({ min: 0, max: 31 }), (flips, residual, mask) => {
        const ideal = channelMatrix(protectBits(flips, mask));
        ideal.forEach((p, i) => {
          expect(p > 0 && (((i >> 5) ^ i) & mask) !== 0).toBe(false);
        });
        const real = protectBits(flips, mask, residual);
        for (let k = 0; k < 5; k++) {
          const from = (mask >> k) & 1 ? residual : flips;
          expect([real.p01[k], real.p10[k]]).toEqual([from.p01[k], from.p10[k]]);
        }
      }),
      { seed: 2, numRuns: 40 },
    );
  });
});

describe("a channel matrix", () => {
  it("is refused above 12 bits", () => {
    expect(() => channelMatrix(symmetricFlips(0.1, 13))).toThrow(RangeError);
  });
});

describe("flip probabilities", () => {
  it("mask the top bits", () => {
    expect([0, 1, 3, 8].map((m) => topBitsMask(m, 8))).toEqual([0, 0x80, 0xe0, 0xff]);
    expect(() => topBitsMask(5, 4)).toThrow(QtamlError);
  });

  it("leave a contrast of 1 - p01 - p10", () => {
    expect([...bitContrast(asymmetricFlips(0.25, 0.5, 2))]).toEqual([0.25, 0.25]);
  });

  it("are refused outside their domain, in words", () => {
    for (const p of [-0.01, 0.51, NaN]) expect(() => symmetricFlips(p, 8)).toThrow(/outside \[0, 0.5\]/);
    expect(() => asymmetricFlips(0.1, 1.01, 8)).toThrow(/p10 = 1.01 of bit 0 is outside \[0, 1\]/);
    expect(() => perBitFlips([0.1], [0.1, 0.2])).toThrow(/1 \(0 to 1\) and 2 bits/);
    expect(() => symmetricFlips(0.1, 17)).toThrow(/17 bits/);
    expect(() => protectBits(symmetricFlips(0.1, 4), 16)).toThrow(/mask 16/);
    expect(() => protectBits(symmetricFlips(0.1, 4), 1, symmetricFlips(0.1, 3))).toThrow(/3 bits/);
  });
});
