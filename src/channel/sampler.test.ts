import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aliasTable, drawAlias } from "./alias.ts";
import { applyFaults, receiveInto } from "./faults.ts";
import {
  asymmetricFlips,
  perBitFlips,
  protectBits,
  symmetricFlips,
  type FlipProbabilities,
} from "./flips.ts";
import { channelMatrix } from "./matrix.ts";
import { blockWeights } from "./patterns.ts";
import { flipSampler, sparseLimit } from "./sampler.ts";
import { addressedStreams } from "./stream.ts";

const mixed = perBitFlips([0.02, 0.3, 0, 0.1, 0.5, 1e-3, 0.05, 0.9], [0.02, 0.1, 0.2, 0, 0.5, 0.3, 0.06, 1]);
const channels: [string, FlipProbabilities][] = [
  ["symmetric, p = 0.1", symmetricFlips(0.1, 8)],
  ["symmetric, p = 0.003", symmetricFlips(0.003, 8)],
  ["asymmetric", asymmetricFlips(0.03, 0.12, 8)],
  ["charge loss", asymmetricFlips(0, 0.08, 8)],
  ["one probability a bit", mixed],
  ["4 bits", asymmetricFlips(0.2, 0.1, 4)],
];
const methods = ["dense", "sparse"] as const;
const both = channels.flatMap(([name, flips]) => methods.map((method) => [name, method, flips] as const));

const someCodes = (count: number, bits: number) =>
  Uint8Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 24) & (2 ** bits - 1));

/**
 * Pearson's statistic against its limit at a false-alarm rate of 1e-6 (Wilson and Hilferty: the cube root of chi^2
 * over its degrees of freedom is normal). Cells that expect fewer than 10 are pooled.
 */
function chiSquareRatio(counts: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [statistic, freedom, restCount, restExpected] = [0, -1, 0, 0];
  const add = (count: number, mean: number) => {
    statistic += (count - mean) ** 2 / mean;
    freedom++;
  };
  for (let i = 0; i < counts.length; i++) {
    if (expected[i]! >= 10) add(counts[i]!, expected[i]!);
    else {
      restCount += counts[i]!;
      restExpected += expected[i]!;
    }
  }
  if (restExpected >= 10) add(restCount, restExpected);
  if (freedom === 0) return 0;
  const spread = 2 / (9 * freedom);
  return statistic / (freedom * (1 - spread + 4.75 * Math.sqrt(spread)) ** 3);
}

describe("the distribution of what is read", () => {
  // With 2^18 weights a code this sees a flip probability that is 5 % off (below); theorems.test.ts sees 1 %.
  it.each(both)("is the row of the channel matrix: %s, %s", (_name, method, flips) => {
    const bits = flips.p01.length;
    const size = 2 ** bits;
    const stored = Uint8Array.of(0, 0x5a & (size - 1), 0x93 & (size - 1), size - 1);
    const codes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => stored[i & 3]!);
    const patterns = new Uint8Array(codes.length);
    flipSampler(flips, { method }).drawPatterns({ seed: 7, trial: 3, tensor: 1 }, codes, patterns);
    const matrix = channelMatrix(flips);
    for (const [lane, code] of stored.entries()) {
      const counts = new Float64Array(size);
      for (let i = lane; i < codes.length; i += 4) counts[code ^ patterns[i]!]! += 1;
      const expected = matrix.slice(code * size, (code + 1) * size).map((p) => p * (codes.length / 4));
      expect(counts.some((n, r) => n > 0 && expected[r] === 0)).toBe(false);
      expect(chiSquareRatio(counts, expected)).toBeLessThan(1);
    }
  });

  it("is tested by a statistic that sees a wrong row", () => {
    const row = channelMatrix(symmetricFlips(0.1, 8))
      .slice(0, 256)
      .map((p) => p * 2 ** 18);
    const other = channelMatrix(symmetricFlips(0.105, 8))
      .slice(0, 256)
      .map((p) => p * 2 ** 18);
    expect(chiSquareRatio(row, row)).toBe(0);
    expect(chiSquareRatio(other, row)).toBeGreaterThan(1);
  });

  it.each(methods)("is independent between neighbours, across blocks and between trials: %s", (method) => {
    const p = 0.02;
    const sampler = flipSampler(symmetricFlips(p, 8), { method });
    const codes = new Uint8Array(64 * blockWeights);
    const [here, other] = [new Uint8Array(codes.length), new Uint8Array(codes.length)];
    sampler.drawPatterns({ seed: 1, trial: 0, tensor: 0 }, codes, here);
    sampler.drawPatterns({ seed: 1, trial: 1, tensor: 0 }, codes, other);
    const hit = 1 - (1 - p) ** 8;
    const expectedPairs = [(1 - hit) ** 2, hit * (1 - hit), hit * (1 - hit), hit * hit];
    const ratio = (shift: number, second: Uint8Array) => {
      const counts = [0, 0, 0, 0];
      const pairs = codes.length - shift;
      for (let i = 0; i < pairs; i++)
        counts[(here[i] === 0 ? 0 : 2) + (second[i + shift] === 0 ? 0 : 1)]! += 1;
      return chiSquareRatio(
        counts,
        expectedPairs.map((q) => q * pairs),
      );
    };
    expect(ratio(1, here)).toBeLessThan(1);
    expect(ratio(2, here)).toBeLessThan(1);
    expect(ratio(blockWeights, here)).toBeLessThan(1);
    expect(ratio(0, other)).toBeLessThan(1);
  });

  it("spreads sparse hits evenly over a block, with binomial numbers of them", () => {
    const p = 2e-4;
    const blocks = 2000;
    const hit = 1 - (1 - p) ** 8;
    const { indices } = flipSampler(symmetricFlips(p, 8)).drawFaults(
      { seed: 3, trial: 0, tensor: 0 },
      new Uint8Array(blocks * blockWeights),
    );
    const places = new Float64Array(64);
    const perBlock = new Float64Array(blocks);
    for (const i of indices) {
      places[(i % blockWeights) >> 8]! += 1;
      perBlock[Math.floor(i / blockWeights)]! += 1;
    }
    expect(
      chiSquareRatio(
        places,
        places.map(() => (hit * blocks * blockWeights) / 64),
      ),
    ).toBeLessThan(1);
    const mean = hit * blockWeights;
    const variance = perBlock.reduce((sum, n) => sum + (n - mean) ** 2, 0) / blocks;
    // The variance of a near-Poisson variance estimate is (2 mean^2 + mean)/blocks.
    expect(Math.abs(variance - mean * (1 - hit))).toBeLessThan(
      5 * Math.sqrt((2 * mean * mean + mean) / blocks),
    );
  });
});

describe("one draw", () => {
  it.each(both)(
    "is the same as patterns and as a list, in ascending order and without a pattern of zero: %s, %s",
    (_n, method, flips) => {
      const sampler = flipSampler(flips, { method });
      const codes = someCodes(3 * blockWeights + 77, flips.p01.length);
      const address = { seed: 9, trial: 4, tensor: 2 };
      const patterns = new Uint8Array(codes.length).fill(99);
      sampler.drawPatterns(address, codes, patterns);
      const faults = sampler.drawFaults(address, codes);
      const scattered = new Uint8Array(codes.length);
      let previous = -1;
      let disorder = 0;
      for (const [i, index] of faults.indices.entries()) {
        if (index <= previous || faults.patterns[i] === 0) disorder++;
        previous = index;
        scattered[index] = faults.patterns[i]!;
      }
      expect(disorder).toBe(0);
      expect(scattered).toEqual(patterns);
    },
  );

  it.each(both)("does not depend on how a tensor is split, nor on the order: %s, %s", (_n, method, flips) => {
    const sampler = flipSampler(flips, { method });
    const codes = someCodes(2 * blockWeights + 1234, flips.p01.length);
    const address = { seed: 2n ** 63n, trial: 1, tensor: 5 };
    const whole = new Uint8Array(codes.length);
    sampler.drawPatterns(address, codes, whole);
    const cut = fc.integer({ min: 0, max: codes.length });
    fc.assert(
      fc.property(cut, cut, (a, b) => {
        const parts = new Uint8Array(codes.length);
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        for (const [from, to] of [
          [high, codes.length],
          [0, low],
          [low, high],
        ] as const) {
          sampler.drawPatterns(address, codes.subarray(from, to), parts.subarray(from, to), from);
        }
        expect(parts).toEqual(whole);
        const list = sampler.drawFaults(address, codes.subarray(low, high), low);
        list.indices.forEach((index, i) => (parts[low + index]! ^= list.patterns[i]!));
        expect(parts.subarray(low, high).every((pattern) => pattern === 0)).toBe(true);
      }),
      { seed: 51, numRuns: 12 },
    );
  });

  it("has no faults where no bit flips", () => {
    const sampler = flipSampler(symmetricFlips(0, 4));
    const codes = new Uint8Array(100);
    const [address, out] = [{ seed: 1, trial: 0, tensor: 0 }, new Uint8Array(100).fill(9)];
    expect(sampler.drawFaults(address, codes)).toEqual({
      indices: new Uint32Array(0),
      patterns: new Uint8Array(0),
    });
    sampler.drawPatterns(address, codes, out);
    expect(out).toEqual(new Uint8Array(100));
  });

  it("differs between seeds, trials, tensors and purposes", () => {
    const codes = new Uint8Array(4096);
    const draw = (seed: number, trial: number, tensor: number, purpose = 0) => {
      const out = new Uint8Array(codes.length);
      flipSampler(symmetricFlips(0.1, 8), { purpose }).drawPatterns({ seed, trial, tensor }, codes, out);
      return out.join();
    };
    const draws = [draw(1, 1, 1), draw(2, 1, 1), draw(1, 2, 1), draw(1, 1, 2), draw(1, 1, 1, 1)];
    expect(new Set(draws).size).toBe(5);
    expect(draw(1, 1, 1)).toBe(draws[0]);
  });

  it("goes on past 2^32 weights", () => {
    const sampler = flipSampler(symmetricFlips(0.1, 8));
    const draw = (firstWeight: number) => {
      const out = new Uint8Array(64);
      sampler.drawPatterns({ seed: 1, trial: 0, tensor: 0 }, out.slice(), out, firstWeight);
      return out.join();
    };
    expect(draw(2 ** 32)).not.toBe(draw(0));
    expect(() => draw(-1)).toThrow(RangeError);
  });

  it("takes the alias draw of each word in turn, also where a tie wants a second word", () => {
    const flips = symmetricFlips(0.1, 8);
    const table = aliasTable(channelMatrix(flips).slice(0, 256));
    const sampler = flipSampler(flips);
    // Blocks of this seed whose words at these places equal the threshold of their column, found by search.
    for (const [block, at, drawn] of [
      [163, 13523, 10],
      [968, 837, 0],
    ] as const) {
      const out = new Uint8Array(blockWeights);
      sampler.drawPatterns(
        { seed: 1, trial: 0, tensor: 0 },
        new Uint8Array(blockWeights),
        out,
        block * blockWeights,
      );
      const state = addressedStreams({ seed: 1, trial: 0, tensor: 0 })(block);
      expect(out).toEqual(Uint8Array.from(out, () => drawAlias(table, state)));
      expect(out[at]).toBe(drawn);
    }
  });

  it("keeps its numbers from version to version", () => {
    const fingerprint = (flips: FlipProbabilities) => {
      const codes = someCodes(20_000, 8);
      const out = new Uint8Array(codes.length);
      flipSampler(flips).drawPatterns({ seed: 2026, trial: 11, tensor: 23 }, codes, out);
      return out.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5).toString(16);
    };
    expect(channels.slice(0, 5).map(([, flips]) => fingerprint(flips))).toMatchInlineSnapshot(`
      [
        "bf3479ba",
        "1418f37d",
        "f4aa1853",
        "1a94eea4",
        "1a91dd9e",
      ]
    `);
  });
});

describe("the choice of method", () => {
  it("follows the probability of a hit", () => {
    const at = (p: number) => flipSampler(symmetricFlips(p, 8));
    expect([at(0.1), at(0.02), at(0.01), at(1e-6)].map((s) => s.method)).toEqual([
      "dense",
      "dense",
      "sparse",
      "sparse",
    ]);
    expect(at(0.01).hitProbability).toBeCloseTo(1 - 0.99 ** 8, 14);
    expect(at(0.01).hitProbability).toBeLessThan(sparseLimit);
    expect(at(1e-20).hitProbability).toBeCloseTo(8e-20, 30);
  });

  it.each(methods)("allows certain and impossible flips: %s", (method) => {
    const codes = someCodes(1000, 8);
    const out = new Uint8Array(codes.length);
    const draw = (flips: FlipProbabilities) => {
      flipSampler(flips, { method }).drawPatterns({ seed: 0, trial: 0, tensor: 0 }, codes, out);
      return out;
    };
    expect(draw(symmetricFlips(0, 8)).every((pattern) => pattern === 0)).toBe(true);
    expect(draw(asymmetricFlips(1, 1, 8)).every((pattern) => pattern === 255)).toBe(true);
    expect(draw(asymmetricFlips(0, 1, 8)).every((pattern, i) => pattern === codes[i])).toBe(true);
    expect(draw(asymmetricFlips(1, 0, 8)).every((pattern, i) => pattern === (codes[i]! ^ 255))).toBe(true);
  });
});

describe("protection", () => {
  const address = { seed: 4, trial: 0, tensor: 0 };

  it("leaves protected bits as they are and meets the same faults elsewhere", () => {
    const sampler = flipSampler(mixed);
    const codes = someCodes(50_000, 8);
    const masks = codes.map((_, i) => (i < 20_000 ? 0xe0 : 0xc0));
    const [patterns, read] = [new Uint8Array(codes.length), new Uint8Array(codes.length)];
    sampler.drawPatterns(address, codes, patterns);
    for (const mask of [0, 0x80, 0xff, masks]) {
      receiveInto(codes, patterns, mask, read);
      const wrong = read.filter((r, i) => {
        const kept = typeof mask === "number" ? mask : mask[i]!;
        return (r ^ codes[i]!) !== (patterns[i]! & ~kept);
      });
      expect(wrong).toHaveLength(0);
      const patched = codes.slice();
      const faults = sampler.drawFaults(address, codes);
      applyFaults(patched, faults, mask);
      expect(patched).toEqual(read);
      applyFaults(patched, faults, mask);
      expect(patched).toEqual(codes);
    }
  });

  it.each(methods)("of the channel itself never flips a protected bit: %s", (method) => {
    const codes = someCodes(200_000, 8);
    const out = new Uint8Array(codes.length);
    flipSampler(protectBits(mixed, 0xb2), { method }).drawPatterns(address, codes, out);
    expect(out.some((pattern) => (pattern & 0xb2) !== 0)).toBe(false);
    expect(out.some((pattern) => pattern !== 0)).toBe(true);
  });

  it("wants arrays of one length", () => {
    const sampler = flipSampler(mixed);
    const [four, five] = [new Uint8Array(4), new Uint8Array(5)];
    expect(() => sampler.drawPatterns(address, four, five)).toThrow(RangeError);
    expect(() => flipSampler(symmetricFlips(1e-4, 8)).drawPatterns(address, four, five)).toThrow(RangeError);
    expect(() => receiveInto(four, five, 0, four)).toThrow(/5 patterns/);
    expect(() => receiveInto(four, four, 0, five)).toThrow(/5 outputs/);
    expect(() => receiveInto(four, four, five, four)).toThrow(/5 masks/);
    expect(() => applyFaults(four, sampler.drawFaults(address, four), five)).toThrow(/5 masks/);
  });
});
