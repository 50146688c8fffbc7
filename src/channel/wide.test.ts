import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { conditionalMoments } from "./butterfly.ts";
import { codeArray } from "./codes.ts";
import { decoder, decoders } from "./decoders.ts";
import { codeHistogram, encode, encodeInto } from "./encode.ts";
import { applyFaults, receiveInto } from "./faults.ts";
import { asymmetricFlips, perBitFlips, symmetricFlips, type FlipProbabilities } from "./flips.ts";
import { numberFormat } from "./format.ts";
import { errorMoments } from "./moments.ts";
import { blockWeights } from "./patterns.ts";
import { boundedTable, runawayLimit } from "./runaway.ts";
import { flipSampler } from "./sampler.ts";

const uneven = perBitFlips(
  Array.from({ length: 16 }, (_, k) => (k === 3 ? 0 : 0.01 * (k + 1))),
  Array.from({ length: 16 }, (_, k) => (k === 12 ? 1 : 0.3 / (k + 1))),
);
const channels: [string, FlipProbabilities][] = [
  ["16 bits, p = 0.1", symmetricFlips(0.1, 16)],
  ["16 bits, p = 1e-3", symmetricFlips(1e-3, 16)],
  ["16 bits, charge loss", asymmetricFlips(0, 0.05, 16)],
  ["16 bits, one probability a bit", uneven],
  ["12 bits, asymmetric", asymmetricFlips(0.02, 0.1, 12)],
  ["9 bits", symmetricFlips(0.03, 9)],
  ["only low bits flip", perBitFlips(Array.from({ length: 16 }, (_, k) => (k < 4 ? 0.02 : 0)))],
  ["only high bits flip", perBitFlips(Array.from({ length: 16 }, (_, k) => (k > 11 ? 0.02 : 0)))],
];
const both = channels.flatMap(([name, flips]) =>
  (["dense", "sparse"] as const).map((method) => [name, method, flips] as const),
);

const someCodes = (count: number, bits: number) => {
  const codes = codeArray(bits, count);
  for (let i = 0; i < count; i++) codes[i] = (Math.imul(i + 1, 0x9e3779b1) >>> 16) & (2 ** bits - 1);
  return codes;
};

describe("faults of codes wider than a byte", () => {
  it.each(both)(
    "flip each bit, and each pair of bits, as often as they should: %s, %s",
    (_, method, flips) => {
      const bits = flips.p01.length;
      const code = 0x5a96 & (2 ** bits - 1);
      const count = 2 ** 19;
      const codes = codeArray(bits, count).fill(code);
      const patterns = codeArray(bits, count);
      flipSampler(flips, { method }).drawPatterns({ seed: 12, trial: 1, tensor: 4 }, codes, patterns);
      const p = Array.from({ length: bits }, (_, k) => ((code >> k) & 1 ? flips.p10[k]! : flips.p01[k]!));
      const pairs = new Float64Array(bits * bits);
      for (const pattern of patterns) {
        for (let rest = pattern; rest > 0; rest &= rest - 1) {
          const j = 31 - Math.clz32(rest & -rest);
          for (let more = pattern; more > 0; more &= more - 1)
            pairs[j * bits + 31 - Math.clz32(more & -more)]! += 1;
        }
      }
      for (let j = 0; j < bits; j++) {
        for (let k = 0; k <= j; k++) {
          const share = j === k ? p[j]! : p[j]! * p[k]!;
          // 6 standard deviations of a binomial count, and 6 for the few where that is below one.
          const slack = 6 * Math.sqrt(count * share * (1 - share)) + (share > 0 && share < 1 ? 6 : 0);
          expect([j, k, Math.abs(pairs[j * bits + k]! - count * share) <= slack]).toEqual([j, k, true]);
        }
      }
    },
  );

  it.each(both)(
    "do not depend on how a tensor is split, and are the same as a list: %s, %s",
    (_, method, flips) => {
      const bits = flips.p01.length;
      const sampler = flipSampler(flips, { method });
      const codes = someCodes(2 * blockWeights + 999, bits);
      const address = { seed: 77, trial: 3, tensor: 1 };
      const whole = codeArray(bits, codes.length);
      sampler.drawPatterns(address, codes, whole);
      const list = sampler.drawFaults(address, codes);
      const listed = codeArray(bits, codes.length);
      list.indices.forEach((index, i) => (listed[index] = list.patterns[i]!));
      expect(listed).toEqual(whole);
      expect(list.patterns.BYTES_PER_ELEMENT).toBe(2);
      fc.assert(
        fc.property(fc.integer({ min: 0, max: codes.length }), (cut) => {
          const parts = codeArray(bits, codes.length);
          sampler.drawPatterns(address, codes.subarray(cut), parts.subarray(cut), cut);
          sampler.drawPatterns(address, codes.subarray(0, cut), parts.subarray(0, cut));
          expect(parts).toEqual(whole);
        }),
        { seed: 52, numRuns: 6 },
      );
    },
  );

  it("pass protection by bit position, for all weights and weight by weight", () => {
    const codes = someCodes(30_000, 16);
    const masks = Uint16Array.from(codes, (_, i) => (i % 2 ? 0xc000 : 0x7f80));
    const sampler = flipSampler(symmetricFlips(0.2, 16));
    const address = { seed: 1, trial: 0, tensor: 0 };
    const patterns = codeArray(16, codes.length);
    const read = codeArray(16, codes.length);
    sampler.drawPatterns(address, codes, patterns);
    for (const mask of [0, 0x8000, 0xffff, masks]) {
      receiveInto(codes, patterns, mask, read);
      const open = (i: number) => ~(typeof mask === "number" ? mask : mask[i]!);
      expect(read.findIndex((r, i) => (r ^ codes[i]!) !== (patterns[i]! & open(i)))).toBe(-1);
      const patched = codes.slice();
      applyFaults(patched, sampler.drawFaults(address, codes), mask);
      expect(patched).toEqual(read);
    }
    expect(() => sampler.drawPatterns(address, codes, new Uint8Array(codes.length))).toThrow(
      /Outputs of 8 bits/,
    );
  });

  it("keep their numbers from version to version", () => {
    const fingerprint = ([, method, flips]: (typeof both)[number]) => {
      const codes = someCodes(20_000, flips.p01.length);
      const { indices, patterns } = flipSampler(flips, { method }).drawFaults(
        { seed: 2026, trial: 11, tensor: 23 },
        codes,
      );
      const mix = (hash: number, word: number) => Math.imul(hash ^ word, 0x01000193) >>> 0;
      return indices.reduce((hash, index, i) => mix(mix(hash, index), patterns[i]!), 0x811c9dc5).toString(16);
    };
    expect(both.slice(0, 8).map(fingerprint)).toMatchInlineSnapshot(`
      [
        "29de35b",
        "d11a06ef",
        "881fee58",
        "11b2860a",
        "e230d209",
        "ef2f4582",
        "13e1417e",
        "9b1d4b34",
      ]
    `);
  });

  it("are refused beyond 16 bits", () => {
    expect(() => codeArray(17, 1)).toThrow(QtamlError);
    expect([8, 9].map((bits) => codeArray(bits, 3).BYTES_PER_ELEMENT)).toEqual([1, 2]);
  });
});

describe.each(["fp16", "bf16"])("weights stored as %s", (name) => {
  const format = numberFormat(name);
  const { values } = format;
  const weights = Float32Array.from({ length: 4096 }, (_, i) => 0.2 * Math.sin(i * i));
  const codes = codeArray(16, weights.length);
  encodeInto(format, weights, 1, codes);
  const histogram = codeHistogram(codes, 16);

  it("are read with the moments and the non-finite results that sampling finds", () => {
    const p = 0.02;
    const flips = symmetricFlips(p, 16);
    // 0.75, 1.5 (one flip from NaN in bf16) and the largest value.
    const stored = [0.75, -1.5, format.largest].map((x) => encode(format, x));
    const count = 2 ** 20;
    const limit = 100;
    for (const [lane, code] of stored.entries()) {
      const block = codeArray(16, count).fill(code);
      const patterns = codeArray(16, count);
      flipSampler(flips).drawPatterns({ seed: 5, trial: lane, tensor: 0 }, block, patterns);
      let [special, beyond, within, sum, square] = [0, 0, 0, 0, 0];
      for (const pattern of patterns) {
        const v = values[code ^ pattern]!;
        if (!Number.isFinite(v)) special++;
        else if (Math.abs(v) > limit) beyond++;
        else {
          within++;
          sum += v;
          square += v * v;
        }
      }
      const within6 = (seen: number, q: number) => {
        expect(Math.abs(seen - count * q)).toBeLessThanOrEqual(6 * Math.sqrt(count * q * (1 - q)));
      };
      const law = conditionalMoments(values, flips);
      const bounded = conditionalMoments(boundedTable(values, limit), flips);
      within6(special, law.nonFinite[code]!);
      within6(special + beyond, bounded.nonFinite[code]!);
      const mean = sum / within;
      const deviation = Math.sqrt(bounded.variance[code]! / within);
      // Six standard errors; the bounded values are below 100, so the mean of a million of them is normal.
      expect(Math.abs(mean - bounded.mean[code]!)).toBeLessThanOrEqual(6 * deviation);
      // The squared deviation has a standard deviation below limit * deviation of one value.
      const spread = 6 * 2 * limit * deviation;
      expect(Math.abs(square / within - mean * mean - bounded.variance[code]!)).toBeLessThanOrEqual(spread);
    }
  });

  it("have all decoders, and the Bayes decoder undoes flips of the exponent", () => {
    const flips = symmetricFlips(1e-3, 16);
    const made = decoders({ format, flips, histogram });
    expect(made.map((d) => d.kind)).toEqual(["none", "unbiased-affine", "linear-mmse", "unbiased", "bayes"]);
    const line = made[1]!.affine!;
    expect(Math.abs(line.slope - 1)).toBeLessThan(0.02);
    const mse = (table: Float64Array) =>
      errorMoments({ values, decode: table, flips, histogram }).meanSquareError;
    const bayes = decoder("bayes", { format, flips, histogram }).table;
    expect(bayes.every((v) => Math.abs(v) <= 0.2001)).toBe(true);
    const bounded = boundedTable(values, runawayLimit(format, histogram));
    expect(mse(bayes)).toBeLessThan(mse(bounded));
    expect(mse(bayes)).toBeLessThan(1e-3 * mse(values));
    // A weight whose highest exponent bit flipped: no weight is so large, so it is taken for the one it came from.
    const code = encode(format, weights[1]!);
    expect(bayes[code ^ 0x4000]! / values[code]!).toBeCloseTo(1, 2);
  });
});
