import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { narrowFormatNames } from "../../test/formats.ts";
import { conditionalMoments, receivedWeights, variancesWithout } from "./butterfly.ts";
import { perBitFlips, protectBits, symmetricFlips, type FlipProbabilities } from "./flips.ts";
import { numberFormat, tableFormat } from "./format.ts";
import { channelMatrix } from "./matrix.ts";

/** The same moments by sums over a row of the channel matrix: enumeration, the independent method. */
function momentsByMatrix(decode: Float64Array, flips: FlipProbabilities) {
  const matrix = channelMatrix(flips);
  const size = decode.length;
  return Array.from({ length: size }, (_, c) => {
    const row = matrix.subarray(c * size, (c + 1) * size);
    const sum = (of: (r: number) => number) =>
      row.reduce((total, p, r) => (p > 0 && Number.isFinite(decode[r]!) ? total + p * of(r) : total), 0);
    const finite = sum(() => 1);
    const mean = sum((r) => decode[r]!) / finite;
    const nonFinite = row.reduce((total, p, r) => (Number.isFinite(decode[r]!) ? total : total + p), 0);
    return { mean, variance: sum((r) => (decode[r]! - mean) ** 2) / finite, nonFinite };
  });
}

const anyFlips = (bits: number): fc.Arbitrary<FlipProbabilities> => {
  const list = fc.array(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 1e-9)), {
    minLength: bits,
    maxLength: bits,
  });
  return fc.tuple(list, list).map(([p01, p10]) => perBitFlips(p01, p10));
};

/** A table of any values, some of them NaN or infinite. */
const anyTable = fc
  .integer({ min: 2, max: 6 })
  .chain((bits) =>
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: -8000, max: 8000 }).map((n) => n / 8) },
        { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
      ),
      { minLength: 2 ** bits, maxLength: 2 ** bits },
    ),
  )
  .filter((values) => values.some(Number.isFinite))
  .map((values) => Float64Array.from(values));

/** The largest distance from the moments of the matrix, in units of what rounding explains. */
function worstGap(decode: Float64Array, flips: FlipProbabilities): number {
  const { mean, shift, variance, nonFinite } = conditionalMoments(decode, flips);
  const scale = decode.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0) || 1;
  const gaps = momentsByMatrix(decode, flips).flatMap((expected, c) => {
    const finite = 1 - nonFinite[c]!;
    const chance = Math.abs(nonFinite[c]! - expected.nonFinite) / 2 ** -44;
    // Where hardly anything finite is left the matrix itself has no digits of it: 2^8 terms of 2^-53 over the mass.
    if (!(finite > 1e-6)) return [chance];
    const unit = (2 ** -44 / finite) * scale;
    const own = Number.isFinite(decode[c]!) ? decode[c]! : 0;
    return [
      chance,
      Math.abs(mean[c]! - expected.mean) / unit,
      Math.abs(shift[c]! - (expected.mean - own)) / unit,
      Math.abs(variance[c]! - expected.variance) / (8 * unit * scale),
    ];
  });
  return Math.max(...gaps);
}

describe("moments by the butterfly", () => {
  it("are those of the channel matrix for every format of at most 8 bits", () => {
    for (const name of narrowFormatNames) {
      const { values, bits } = numberFormat(name);
      fc.assert(
        fc.property(anyFlips(bits), (flips) => {
          expect(worstGap(values, flips)).toBeLessThanOrEqual(1);
        }),
        { seed: 41, numRuns: bits === 8 ? 2 : 4 },
      );
    }
  });

  it("are those of the channel matrix for any table with NaN and infinities in it", () => {
    const law = anyTable.chain((table) => anyFlips(Math.log2(table.length)).map((f) => [table, f] as const));
    fc.assert(
      fc.property(law, ([table, flips]) => {
        expect(worstGap(table, flips)).toBeLessThanOrEqual(1);
      }),
      { seed: 42, numRuns: 300 },
    );
  });

  it("lose no digit at p = 1e-12", () => {
    const p = 1e-12;
    const { values } = numberFormat("int8");
    const { shift, variance } = conditionalMoments(values, symmetricFlips(p, 8));
    for (let c = 0; c < 256; c++) {
      // -2p q - p and p (1-p) (4^8 - 1) / 3; where the drift is a small rest of terms of up to 128 p, that much less.
      const drift = -2 * p * values[c]! - p;
      expect(Math.abs(shift[c]! - drift)).toBeLessThanOrEqual(2 ** -48 * 256 * p);
      expect(Math.abs(variance[c]! / ((p * (1 - p) * (4 ** 8 - 1)) / 3) - 1)).toBeLessThan(2 ** -48);
    }
    // One flip away from NaN, in a table whose values differ by 2^120.
    const table = tableFormat("wide", [1, 2 ** 120, NaN, 3]).values;
    const wide = conditionalMoments(table, symmetricFlips(p, 2));
    expect(Math.abs(wide.nonFinite[0]! / (p * (1 - p)) - 1)).toBeLessThan(2 ** -48);
    expect(Math.abs(wide.variance[0]! / (p * (1 - p) * (2 ** 120) ** 2) - 1)).toBeLessThan(1e-11);
  });

  it("refuse a table of another width", () => {
    expect(() => conditionalMoments(new Float64Array(8), symmetricFlips(0.1, 4))).toThrow(RangeError);
    expect(() => receivedWeights(new Float64Array(8), symmetricFlips(0.1, 4))).toThrow(RangeError);
  });
});

describe("variances without one bit", () => {
  const finite = fc
    .array(fc.integer({ min: -8000, max: 8000 }), { minLength: 32, maxLength: 32 })
    .map((values) => Float64Array.from(values));

  it("are those with that bit protected too, each bit once, for several tables at a time", () => {
    const some = fc.subarray([0, 1, 2, 3, 4], { minLength: 1 });
    fc.assert(
      fc.property(finite, finite, anyFlips(5), some, (a, b, flips, bits) => {
        const seen = new Map<number, Float64Array>();
        variancesWithout(Float64Array.of(...a, ...b), flips, bits, (bit, variance) => {
          expect(seen.has(bit)).toBe(false);
          seen.set(bit, variance.slice());
        });
        expect([...seen.keys()].toSorted((x, y) => x - y)).toEqual(bits);
        const others = 31 - bits.reduce((mask, bit) => mask + 2 ** bit, 0);
        for (const [bit, variance] of seen) {
          const left = protectBits(flips, others + 2 ** bit);
          const expected = [a, b].flatMap((table) => [...conditionalMoments(table, left).variance]);
          // Five stages, each rounding a few times to 2^-53 of squares of distances of at most 16,000.
          expect(Math.max(...expected.map((v, c) => Math.abs(variance[c]! - v)))).toBeLessThan(
            2 ** -48 * 16_000 ** 2,
          );
        }
      }),
      { seed: 44, numRuns: 50 },
    );
  });

  it("are none for no bit, and refuse a table of another width", () => {
    const visited: number[] = [];
    const visit = (bit: number) => void visited.push(bit);
    variancesWithout(new Float64Array(16), symmetricFlips(0.1, 4), [], visit);
    expect(visited).toEqual([]);
    expect(() => variancesWithout(new Float64Array(8), symmetricFlips(0.1, 4), [1], visit)).toThrow(
      RangeError,
    );
  });
});

describe("received weights", () => {
  it("are the histogram times the channel matrix", () => {
    fc.assert(
      fc.property(anyFlips(6), fc.array(fc.nat(1000), { minLength: 64, maxLength: 64 }), (flips, counts) => {
        const matrix = channelMatrix(flips);
        const received = receivedWeights(Float64Array.from(counts), flips);
        for (let r = 0; r < 64; r++) {
          const expected = counts.reduce((sum, n, c) => sum + n * matrix[c * 64 + r]!, 0);
          expect(Math.abs(received[r]! - expected)).toBeLessThanOrEqual(2 ** -44 * 64_000);
        }
      }),
      { seed: 43, numRuns: 100 },
    );
  });
});

/**
 * Moments of a received IEEE float in closed form: sign, exponent and mantissa are hit independently. Given the
 * exponent that is read, the value is `+-2^x (h + m / 2^M)`, with `h` 0 for subnormal numbers, and the mantissa `m` a
 * linear code, so that only sums over the received exponent are left. They are taken over a matrix of
 * exponents, of second moments, and in that order: a method that shares nothing with the butterfly.
 */
function floatLaw(exponentBits: number, mantissaBits: number, flips: FlipProbabilities) {
  const part = (from: number, to: number) =>
    perBitFlips(flips.p01.slice(from, to), flips.p10.slice(from, to));
  const exponents = 2 ** exponentBits;
  const sign = part(exponentBits + mantissaBits, exponentBits + mantissaBits + 1);
  const exponentMatrix = channelMatrix(part(mantissaBits, mantissaBits + exponentBits));
  const mantissaFlips = part(0, mantissaBits);
  return (code: number) => {
    const isNegative = code >> (exponentBits + mantissaBits) === 1;
    const minus = isNegative ? 1 - sign.p10[0]! : sign.p01[0]!;
    let [mantissaMean, mantissaVariance] = [0, 0];
    for (let k = 0; k < mantissaBits; k++) {
      const one = (code >> k) & 1 ? 1 - mantissaFlips.p10[k]! : mantissaFlips.p01[k]!;
      mantissaMean += one * 2 ** (k - mantissaBits);
      mantissaVariance += one * (1 - one) * 4 ** (k - mantissaBits);
    }
    const stored = (code >> mantissaBits) & (exponents - 1);
    const bias = exponents / 2 - 1;
    let [finite, nonFinite, first, second] = [0, 0, 0, 0];
    for (let e = 0; e < exponents; e++) {
      const p = exponentMatrix[stored * exponents + e]!;
      if (e === exponents - 1) {
        nonFinite = p;
        continue;
      }
      const unit = 2 ** (Math.max(e, 1) - bias);
      const centre = (e === 0 ? 0 : 1) + mantissaMean;
      finite += p;
      first += p * unit * centre;
      second += p * unit * unit * (centre * centre + mantissaVariance);
    }
    const mean = ((1 - 2 * minus) * first) / finite;
    return { mean, variance: second / finite - mean * mean, square: second / finite, nonFinite };
  };
}

describe.each([
  ["fp16", 5, 10],
  ["bf16", 8, 7],
] as const)("the error law of %s", (name, exponentBits, mantissaBits) => {
  const { values } = numberFormat(name);
  const uneven = perBitFlips(
    Array.from({ length: 16 }, (_, k) => 0.01 + 0.005 * k),
    Array.from({ length: 16 }, (_, k) => 0.2 - 0.01 * k),
  );
  const channels: [string, FlipProbabilities][] = [
    ["p = 0.1", symmetricFlips(0.1, 16)],
    ["p = 1e-3", symmetricFlips(1e-3, 16)],
    ["p = 1e-12", symmetricFlips(1e-12, 16)],
    ["a probability for each bit", uneven],
    ["the top two bits protected", protectBits(symmetricFlips(1e-3, 16), 0xc000)],
    ["the exponent protected", protectBits(uneven, (2 ** exponentBits - 1) << mantissaBits)],
  ];

  it.each(channels)("is the closed form of sign, exponent and mantissa: %s", (_, flips) => {
    const { mean, variance, nonFinite } = conditionalMoments(values, flips);
    const law = floatLaw(exponentBits, mantissaBits, flips);
    let [seen, worstMean, worstVariance, worstNonFinite] = [0, 0, 0, 0];
    for (let code = 0; code < 65536; code += 7) {
      const expected = law(code);
      worstNonFinite = Math.max(
        worstNonFinite,
        Math.abs(nonFinite[code]! - expected.nonFinite) / (expected.nonFinite || 1),
      );
      if (!Number.isFinite(values[code]!)) continue;
      seen++;
      // Second moments minus squared means cancel: the closed form is good to some roundings of the former.
      const size = Math.sqrt(expected.square);
      worstMean = Math.max(worstMean, Math.abs(mean[code]! - expected.mean) / size);
      worstVariance = Math.max(
        worstVariance,
        Math.abs(variance[code]! - expected.variance) / expected.square,
      );
    }
    expect(seen).toBeGreaterThan(8000);
    expect([worstMean < 2 ** -46, worstVariance < 2 ** -44, worstNonFinite < 2 ** -44]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it("has the variance of single flips at p = 1e-12, each squared distance by itself", () => {
    const p = 1e-12;
    const { variance, nonFinite } = conditionalMoments(values, symmetricFlips(p, 16));
    const few = Array.from({ length: 65536 }, (_, x) => x).filter((x) =>
      [2, 3].includes(x.toString(2).replaceAll("0", "").length),
    );
    for (let code = 3; code < 65536; code += 1009) {
      if (!Number.isFinite(values[code]!)) continue;
      const others = Array.from({ length: 16 }, (_, k) => values[code ^ (1 << k)]!);
      const sum = others.reduce((s, v) => (Number.isFinite(v) ? s + p * (v - values[code]!) ** 2 : s), 0);
      // What more flips can add, and what they take from the single ones.
      const pairs = few.reduce((s, x) => {
        const v = values[code ^ x]!;
        return Number.isFinite(v) ? s + p * p * (v - values[code]!) ** 2 : s;
      }, 0);
      expect(Math.abs(variance[code]! - sum)).toBeLessThanOrEqual(pairs + 2 ** -30 * sum);
      expect(nonFinite[code]! > 0).toBe(true);
    }
  });
});
