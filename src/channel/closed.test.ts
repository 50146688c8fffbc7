import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chargeLossMean,
  excessKurtosis,
  linearMean,
  linearVariance,
  protectedMean,
  protectedUnbiased,
  protectedVariance,
  relativeDeviation,
  signMagnitudeMean,
  symmetricMean,
  symmetricVariance,
  topBitVarianceShare,
  unprotectedPart,
} from "./closed.ts";
import { bitContributions, errorDistribution } from "./distribution.ts";
import { asymmetricFlips, perBitFlips, protectBits, symmetricFlips, topBitsMask } from "./flips.ts";
import { isLinear, numberFormat, type LinearFormat } from "./format.ts";
import { conditionalMoments } from "./butterfly.ts";

/**
 * Enumeration adds 2^B terms, each at most 2^B in magnitude (4^B squared), with some B roundings of 2^-53 in each
 * probability: errors stay below 2^(2B-50) for means and 2^(3B-50) for variances. For B = 8 that is 6e-11 and 1.5e-8,
 * against means of about 100 and variances of about 2000.
 */
const meanGap = (actual: number, expected: number, bits: number) =>
  Math.abs(actual - expected) * 2 ** (50 - 2 * bits);
const varianceGap = (actual: number, expected: number, bits: number) =>
  Math.abs(actual - expected) * 2 ** (50 - 3 * bits);

const linear = (name: string): LinearFormat => {
  const format = numberFormat(name);
  if (!isLinear(format)) throw new Error(name);
  return format;
};

const bitsRange = fc.integer({ min: 2, max: 8 });
const suffix = fc.constantFrom("", "-offset");
const half = fc.double({ min: 0, max: 0.5, noNaN: true });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const eight = fc.array(unit, { minLength: 8, maxLength: 8 });

describe("linear codes, any flip probabilities", () => {
  it("have the mean c0 + sum s_k (p01_k + lambda_k b_k) and the variance of independent bits", () => {
    fc.assert(
      fc.property(bitsRange, suffix, eight, eight, (bits, kind, p01, p10) => {
        const format = linear(`int${bits}${kind}`);
        const flips = perBitFlips(p01.slice(0, bits), p10.slice(0, bits));
        const { mean, variance } = conditionalMoments(format.values, flips);
        for (let code = 0; code < 2 ** bits; code++) {
          expect(meanGap(mean[code]!, linearMean(format, flips, code), bits)).toBeLessThan(1);
          expect(varianceGap(variance[code]!, linearVariance(format, flips, code), bits)).toBeLessThan(1);
        }
      }),
      { seed: 21, numRuns: 60 },
    );
  });
});

describe("symmetric flips of linear codes", () => {
  it("have E = (1-2p) q - p and variance p(1-p)(4^B-1)/3 for every q", () => {
    fc.assert(
      fc.property(bitsRange, suffix, half, (bits, kind, p) => {
        const { values } = linear(`int${bits}${kind}`);
        const { mean, variance } = conditionalMoments(values, symmetricFlips(p, bits));
        for (const [code, q] of values.entries()) {
          expect(meanGap(mean[code]!, symmetricMean(p, q), bits)).toBeLessThan(1);
          expect(varianceGap(variance[code]!, symmetricVariance(p, bits), bits)).toBeLessThan(1);
        }
      }),
      { seed: 22, numRuns: 60 },
    );
  });

  it("give the top bit (3/4) 4^B/(4^B-1) of the variance", () => {
    for (let bits = 2; bits <= 8; bits++) {
      const histogram = new Float64Array(2 ** bits).fill(1);
      for (const kind of ["", "-offset"]) {
        const { values } = linear(`int${bits}${kind}`);
        const { variance } = bitContributions(values, symmetricFlips(0.07, bits), histogram);
        const total = variance.reduce((a, b) => a + b, 0);
        expect(Math.abs(variance[bits - 1]! / total - topBitVarianceShare(bits))).toBeLessThan(2 ** -40);
      }
    }
    expect(topBitVarianceShare(8)).toBeCloseTo(0.750011, 6);
  });

  it("have heavy tails: the excess kurtosis of the enumerated error distribution", () => {
    fc.assert(
      fc.property(bitsRange, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (bits, p) => {
        const { values } = linear(`int${bits}`);
        const histogram = new Float64Array(2 ** bits);
        // Any one code: the fluctuation about the conditional mean has the same cumulants for all, up to sign.
        histogram[1] = 1;
        const flips = symmetricFlips(p, bits);
        const { support, probability } = errorDistribution({ values, decode: values, flips, histogram });
        const moment = (order: number, centre: number) =>
          support.reduce((sum, e, i) => sum + probability[i]! * (e - centre) ** order, 0);
        const centre = moment(1, 0);
        const measured = moment(4, centre) / moment(2, centre) ** 2 - 3;
        // Relative rounding 2^-44 of a kurtosis of at most 1 / (p(1-p)) = 101.
        expect(Math.abs(measured - excessKurtosis(p, bits))).toBeLessThan(101 * 2 ** -42);
      }),
      { seed: 23, numRuns: 60 },
    );
    expect(excessKurtosis(0.1, 8)).toBeCloseTo(3.07, 2);
    expect(excessKurtosis(0.05, 8)).toBeCloseTo(9.03, 2);
  });

  it("spread by 0.349 and 0.254 of the infinity norm at p = 0.1 and 0.05, 8 bits", () => {
    expect(relativeDeviation(0.1, 8)).toBeCloseTo(0.349, 3);
    expect(relativeDeviation(0.05, 8)).toBeCloseTo(0.254, 3);
  });
});

describe("charge loss alone", () => {
  it("shrinks two's complement to (1-loss) q and lets offset binary fall toward -2^(B-1)", () => {
    fc.assert(
      fc.property(bitsRange, unit, (bits, loss) => {
        const flips = asymmetricFlips(0, loss, bits);
        for (const kind of ["", "-offset"]) {
          const format = linear(`int${bits}${kind}`);
          const { mean } = conditionalMoments(format.values, flips);
          for (const [code, q] of format.values.entries()) {
            const floor = kind === "" ? 0 : -(2 ** (bits - 1));
            expect(meanGap(mean[code]!, chargeLossMean(format, loss, q), bits)).toBeLessThan(1);
            expect(meanGap(mean[code]!, floor + (1 - loss) * (q - floor), bits)).toBeLessThan(1);
          }
        }
      }),
      { seed: 24, numRuns: 40 },
    );
  });
});

describe("sign-magnitude codes", () => {
  it("have E = (1-2p)[(1-2p) q + p (2^(B-1)-1) s] with the stored sign s, also of the two zeros", () => {
    fc.assert(
      fc.property(bitsRange, half, (bits, p) => {
        const { values } = numberFormat(`int${bits}-sign-magnitude`);
        const { mean } = conditionalMoments(values, symmetricFlips(p, bits));
        for (const [code, q] of values.entries()) {
          const sign = code < 2 ** (bits - 1) ? 1 : -1;
          expect(meanGap(mean[code]!, signMagnitudeMean(p, bits, q, sign), bits)).toBeLessThan(1);
          const implied = q === 0 ? signMagnitudeMean(p, bits, q, sign) : signMagnitudeMean(p, bits, q);
          expect(implied).toBe(signMagnitudeMean(p, bits, q, sign));
        }
      }),
      { seed: 25, numRuns: 40 },
    );
    expect(signMagnitudeMean(0.1, 8, 0)).toBeCloseTo(0.8 * 0.1 * 127, 12);
  });
});

describe("the top bits protected", () => {
  it("have E = q - 2p (l - (2^L-1)/2) and variance p(1-p)(4^L-1)/3", () => {
    fc.assert(
      fc.property(bitsRange, suffix, half, fc.integer({ min: 1, max: 8 }), (bits, kind, p, top) => {
        const protectedBits = Math.min(top, bits);
        const rest = bits - protectedBits;
        const { values } = linear(`int${bits}${kind}`);
        const flips = protectBits(symmetricFlips(p, bits), topBitsMask(protectedBits, bits));
        const { mean, variance } = conditionalMoments(values, flips);
        for (const [code, q] of values.entries()) {
          expect(unprotectedPart(q, rest)).toBe(code % 2 ** rest);
          expect(meanGap(mean[code]!, protectedMean(p, rest, q), bits)).toBeLessThan(1);
          expect(varianceGap(variance[code]!, protectedVariance(p, rest), bits)).toBeLessThan(1);
        }
      }),
      { seed: 26, numRuns: 60 },
    );
  });

  it("are undone without bias by q~ + 2p (l~ - (2^L-1)/2)/(1-2p), and made worse by the unprotected correction", () => {
    fc.assert(
      fc.property(bitsRange, suffix, fc.double({ min: 0, max: 0.4, noNaN: true }), (bits, kind, p) => {
        const { values } = linear(`int${bits}${kind}`);
        const flips = protectBits(symmetricFlips(p, bits), topBitsMask(1, bits));
        const { mean } = conditionalMoments(
          values.map((v) => protectedUnbiased(p, bits - 1, v)),
          flips,
        );
        // The correction is at most 1/(1-2p) = 5 times as large as the values.
        for (const [code, q] of values.entries())
          expect(meanGap(mean[code]! / 5, q / 5, bits)).toBeLessThan(1);
      }),
      { seed: 27, numRuns: 40 },
    );
    const { values } = linear("int8");
    const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(1, 8));
    const worst = (decode: Float64Array) =>
      conditionalMoments(decode, flips).mean.reduce((m, e, c) => Math.max(m, Math.abs(e - values[c]!)), 0);
    expect(worst(values)).toBeCloseTo(2 * 0.1 * 63.5, 9);
    // (|q| + p)/(1-2p) - |q| is 2p/(1-2p) of the whole value, where the drift is 2p of its low half.
    expect(worst(values.map((v) => (v + 0.1) / 0.8))).toBeCloseTo(16, 9);
  });

  it("no longer drift on average over the low bits", () => {
    for (let rest = 1; rest <= 7; rest++) {
      let sum = 0;
      for (let q = -128; q < 128; q++) sum += protectedMean(0.1, rest, q) - q;
      expect(Math.abs(sum)).toBeLessThan(1e-9);
    }
  });
});
