import { describe, expect, it } from "vitest";
import { exposedFlips } from "./exposure.ts";
import { asymmetricFlips, perBitFlips, symmetricFlips, type FlipProbabilities } from "./flips.ts";
import { channelMatrix, composeChannels } from "./matrix.ts";

const largestDifference = (a: Float64Array, b: Float64Array) =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

describe("exposedFlips", () => {
  it.each<[string, FlipProbabilities]>([
    ["symmetric", symmetricFlips(0.1, 3)],
    ["charge loss", asymmetricFlips(0, 0.07, 3)],
    ["unequal bits, one inverted, one sound", perBitFlips([0.2, 0.9, 0], [0.05, 0.8, 0])],
  ])("%s: n holds are the matrix of one, multiplied n times", (_, flips) => {
    const once = channelMatrix(flips);
    let product = once;
    for (let n = 2; n <= 30; n++) {
      product = composeChannels(product, once);
      // Thirty products of sums of eight terms of at most 1.
      expect(largestDifference(channelMatrix(exposedFlips(flips, n)), product)).toBeLessThan(
        30 * 8 * 2 ** -52,
      );
    }
  });

  it("is closed under halves", () => {
    const flips = perBitFlips([0.1, 0.02], [0.3, 0]);
    const half = exposedFlips(flips, 0.5);
    const twice = composeChannels(channelMatrix(half), channelMatrix(half));
    expect(largestDifference(twice, channelMatrix(flips))).toBeLessThan(8 * 2 ** -52);
  });

  it("is the cell itself for one hold, and sound for none, also of a cell that forgets at once", () => {
    const flips = perBitFlips([0.3, 0.1], [0.7, 0.2]);
    expect(exposedFlips(flips, 1)).toBe(flips);
    expect(exposedFlips(flips, 0)).toEqual(perBitFlips([0, 0], [0, 0]));
    expect(exposedFlips(flips, 2).p01[0]).toBe(0.3);
  });

  it("tends to what it must", () => {
    expect(exposedFlips(symmetricFlips(0.01, 1), 1e5)).toEqual(symmetricFlips(0.5, 1));
    expect(exposedFlips(asymmetricFlips(0, 0.01, 1), 1e5)).toEqual(asymmetricFlips(0, 1, 1));
    expect(exposedFlips(symmetricFlips(0.1, 2), 0)).toEqual(symmetricFlips(0, 2));
    // To first order a thousand holds flip a thousand times as often: relative 1000 * 2p / 2.
    expect(exposedFlips(symmetricFlips(1e-12, 1), 1000).p01[0]! / 1e-9).toBeCloseTo(1, 8);
    expect(() => exposedFlips(asymmetricFlips(0.7, 0.7, 1), 0.5)).toThrow(/No exposure/);
  });
});
