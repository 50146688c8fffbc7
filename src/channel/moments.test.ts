import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { narrowFormatNames } from "../../test/formats.ts";
import { conditionalMoments } from "./butterfly.ts";
import { bitContributions, bitVarianceShares, errorDistribution, topBitShare } from "./distribution.ts";
import { asymmetricFlips, perBitFlips, symmetricFlips, type FlipProbabilities } from "./flips.ts";
import { isLinear, numberFormat } from "./format.ts";
import { channelMatrix } from "./matrix.ts";
import { driftLine, errorMoments, valueMoments, type StoredCodes } from "./moments.ts";

interface Law {
  readonly name: string;
  readonly flips: FlipProbabilities;
  readonly stored: StoredCodes;
}

/** Any format, channel and histogram, decoded as stored. */
const anyLaw = (names: readonly string[]): fc.Arbitrary<Law> =>
  fc.constantFrom(...names).chain((name) => {
    const { bits, values } = numberFormat(name);
    const probabilities = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: bits,
      maxLength: bits,
    });
    const counts = fc.array(fc.nat(1000), { minLength: 2 ** bits, maxLength: 2 ** bits });
    return fc.tuple(probabilities, probabilities, counts).map(([p01, p10, count]) => {
      const histogram = Float64Array.from(count, (n, c) => (Number.isFinite(values[c]!) ? n : 0));
      histogram[1]! += 1;
      const flips = perBitFlips(p01, p10);
      return { name, flips, stored: { values, decode: values, flips, histogram } };
    });
  });

/** Finite values of moderate size, so that one tolerance serves all: 2^8 terms * 2^-52 * 128^2 is 2^-30. */
const moderate = narrowFormatNames.filter((name) => !name.startsWith("fp8"));
const tolerance = 2 ** -29;
const gap = (actual: number, expected: number) =>
  Math.abs(actual - expected) / Math.max(1, Math.abs(expected));

describe("error moments", () => {
  it("agree with the error distribution", () => {
    fc.assert(
      fc.property(anyLaw(moderate), ({ stored }) => {
        const moments = errorMoments(stored);
        const { support, probability, nonFinite } = errorDistribution(stored);
        const sum = (of: (error: number) => number) =>
          support.reduce((s, error, i) => s + probability[i]! * of(error), 0);
        expect(gap(sum(() => 1) + nonFinite, 1)).toBeLessThanOrEqual(2 ** -40);
        expect(
          gap(
            sum((e) => e),
            moments.mean,
          ),
        ).toBeLessThanOrEqual(tolerance);
        expect(
          gap(
            sum((e) => e * e),
            moments.meanSquareError,
          ),
        ).toBeLessThanOrEqual(tolerance);
        expect([...support]).toEqual([...new Set(support)].sort((a, b) => a - b));
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it("of an error distribution come from errors that occur: those of a protected bit do not", () => {
    const { values } = numberFormat("int4");
    const flips = perBitFlips([0.1, 0, 0.1, 0], [0.2, 0, 0, 0]);
    const histogram = values.map((v) => (v === 1 || v === 4 ? 1 : 0));
    const { support, probability } = errorDistribution({ values, decode: values, flips, histogram });
    // 1 may lose its one and gain a four, 4 may gain a one.
    expect([...support]).toEqual([-1, 0, 1, 3, 4]);
    const expected = [0.2 * 0.9, 0.8 * 0.9 + 0.9, 0.1, 0.2 * 0.1, 0.8 * 0.1];
    probability.forEach((p, i) => expect(p).toBeCloseTo(expected[i]! / 2, 15));
  });

  it("split into variance given the code and squared bias, and biasSquare is at least the squared mean", () => {
    fc.assert(
      fc.property(anyLaw(moderate), ({ stored }) => {
        const { mean, variance, biasSquare, meanSquareError, nonFinite } = errorMoments(stored);
        expect(meanSquareError).toBe(variance + biasSquare);
        expect(biasSquare).toBeGreaterThanOrEqual(mean * mean * (1 - 2 ** -40) - 2 ** -40);
        expect(nonFinite).toBe(0);
      }),
      { seed: 4, numRuns: 60 },
    );
  });

  it("do not change when the histogram is scaled", () => {
    fc.assert(
      fc.property(anyLaw(moderate), ({ stored }) => {
        const scaled = { ...stored, histogram: stored.histogram.map((n) => 3 * n) };
        expect(
          gap(errorMoments(scaled).meanSquareError, errorMoments(stored).meanSquareError),
        ).toBeLessThanOrEqual(tolerance);
        expect(
          gap(
            valueMoments(stored.values, scaled.histogram).variance,
            valueMoments(stored.values, stored.histogram).variance,
          ),
        ).toBeLessThanOrEqual(tolerance);
      }),
      { seed: 5, numRuns: 30 },
    );
  });

  it("are conditional on a finite result in fp8, whose NaN probability is exact", () => {
    const { values } = numberFormat("fp8-e4m3");
    const p = 0.1;
    const flips = symmetricFlips(p, 8);
    const histogram = new Float64Array(256);
    histogram[0x7e] = 1;
    // 448 is one flip away from NaN (0x7f) and two from the other NaN (0xff).
    const nan = (1 - p) ** 7 * p + (1 - p) ** 6 * p * p;
    const moments = errorMoments({ values, decode: values, flips, histogram });
    expect(gap(moments.nonFinite, nan)).toBeLessThanOrEqual(2 ** -44);
    const row = channelMatrix(flips).subarray(0x7e * 256, 0x7f * 256);
    const mean =
      values.reduce((s, v, r) => (Number.isFinite(v) ? s + row[r]! * (v - 448) : s), 0) / (1 - nan);
    expect(gap(moments.mean, mean)).toBeLessThanOrEqual(tolerance);
    expect(errorDistribution({ values, decode: values, flips, histogram }).nonFinite).toBeCloseTo(nan, 14);
  });

  it("refuse empty histograms and weights that are not finite", () => {
    const { values } = numberFormat("fp8-e4m3");
    const flips = symmetricFlips(0.1, 8);
    const histogram = new Float64Array(256);
    expect(() => errorMoments({ values, decode: values, flips, histogram })).toThrow(/holds no weights/);
    histogram[0x7f] = 2;
    expect(() => errorMoments({ values, decode: values, flips, histogram })).toThrow(
      /2 weights are stored as code 127/,
    );
    histogram[0x7f] = -1;
    expect(() => errorMoments({ values, decode: values, flips, histogram })).toThrow(/counts -1/);
  });

  it("know codes that can only be read as NaN", () => {
    const values = numberFormat("fp8-e4m3").values;
    const { mean, nonFinite } = conditionalMoments(values, symmetricFlips(0, 8));
    expect([mean[0x7f], nonFinite[0x7f], nonFinite[0x7e]]).toEqual([NaN, 1, 0]);
  });
});

describe("the drift line", () => {
  const flat = (name: string) => numberFormat(name).values.map((v) => (Number.isFinite(v) ? 1 : 0));

  it("is exactly affine for a linear code when all contrasts agree, and only then", () => {
    const linear = moderate.filter((name) => isLinear(numberFormat(name)));
    const shared = fc.record({
      name: fc.constantFrom(...linear),
      contrast: fc.double({ min: 0.05, max: 1, noNaN: true }),
      ups: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
      odd: fc.nat(7),
    });
    fc.assert(
      fc.property(shared, ({ name, contrast, ups, odd }) => {
        const { bits, values } = numberFormat(name);
        const p01 = ups.slice(0, bits).map((u) => u * (1 - contrast));
        const p10 = p01.map((p) => 1 - contrast - p);
        const lineOf = (flips: FlipProbabilities) =>
          driftLine({ values, decode: values, flips, histogram: flat(name) });
        const line = lineOf(
          perBitFlips(
            p01,
            p10.map((p) => Math.max(0, p)),
          ),
        );
        expect(line.exact).toBe(true);
        expect(gap(line.slope, contrast)).toBeLessThanOrEqual(2 ** -36);
        // The same channel with one bit's contrast changed by 1 % is not affine (with two bits or more of them).
        const bit = odd % bits;
        p10[bit] = Math.max(0, p10[bit]!) + 0.01 * contrast;
        expect(
          lineOf(
            perBitFlips(
              p01,
              p10.map((p) => Math.max(0, p)),
            ),
          ).exact,
        ).toBe(false);
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it("is finite for weights that are never read as a finite value", () => {
    // With all bits flipped, zero is read as NaN.
    const { values } = numberFormat("fp16");
    const histogram = values.map((v) => (v === 0 ? 1 : 0));
    const flips = perBitFlips(new Float64Array(16).fill(1));
    const line = driftLine({ values, decode: values, flips, histogram });
    expect([line.slope, line.offset].every(Number.isFinite)).toBe(true);
  });

  it("is drawn through the codes that stand for and decode to finite values", () => {
    // Of four codes the third is read as NaN and the last stands for nothing: neither ever flips, nor do the others.
    const values = Float64Array.of(0, 1, 2, NaN);
    const decode = Float64Array.of(1, 3, NaN, 100);
    const histogram = Float64Array.of(1, 1, 0, 0);
    const line = driftLine({ values, decode, flips: symmetricFlips(0, 2), histogram });
    expect(line).toEqual({ slope: 2, offset: 1, exact: true, maximumDeviation: 0 });
  });

  it("does not depend on the histogram where it is exact, even if only one code is stored", () => {
    const { values } = numberFormat("int8");
    const histogram = new Float64Array(256);
    histogram[5] = 10;
    const line = driftLine({
      values,
      decode: values,
      flips: symmetricFlips(0.1, 8),
      histogram,
    });
    expect(line.exact).toBe(true);
    expect(gap(line.slope, 0.8)).toBeLessThanOrEqual(2 ** -40);
    expect(gap(line.offset, -0.1)).toBeLessThanOrEqual(2 ** -36);
  });

  it("is right on average where it is not exact", () => {
    fc.assert(
      fc.property(anyLaw(moderate), ({ stored }) => {
        const line = driftLine(stored);
        const { mean } = valueMoments(stored.values, stored.histogram);
        expect(gap(line.slope * mean + line.offset, mean + errorMoments(stored).mean)).toBeLessThanOrEqual(
          tolerance,
        );
        expect(line.exact && line.maximumDeviation > 2 ** -28).toBe(false);
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it("is not affine for sign-magnitude and Gray codes", () => {
    for (const name of ["int8-sign-magnitude", "int8-gray"]) {
      const { values } = numberFormat(name);
      const line = driftLine({
        values,
        decode: values,
        flips: symmetricFlips(0.1, 8),
        histogram: flat(name),
      });
      expect(line.exact).toBe(false);
      expect(line.maximumDeviation).toBeGreaterThan(1);
    }
  });
});

describe("what each bit carries", () => {
  it("adds up to the variance exactly for linear codes", () => {
    fc.assert(
      fc.property(anyLaw(moderate.filter((n) => isLinear(numberFormat(n)))), ({ stored, flips }) => {
        const { variance } = bitContributions(stored.values, flips, stored.histogram);
        expect(
          gap(
            variance.reduce((a, b) => a + b, 0),
            errorMoments(stored).variance,
          ),
        ).toBeLessThanOrEqual(tolerance);
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  it("adds up to the mean-square error to first order in p for every format of one scale", () => {
    for (const name of moderate) {
      const { values, bits } = numberFormat(name);
      const histogram = new Float64Array(2 ** bits).fill(1);
      const p = 1e-7;
      const flips = asymmetricFlips(p, 0.5 * p, bits);
      const sum = bitContributions(values, flips, histogram).meanSquareError.reduce((a, b) => a + b, 0);
      const whole = errorMoments({ values, decode: values, flips, histogram });
      // Pairs of flips are a share of at most B p; their errors at most 2^B times those of one flip, squared.
      expect(Math.abs(sum / whole.meanSquareError - 1)).toBeLessThan(bits * bits * 4 * p);
    }
  });

  it("is given a finite result: what becomes NaN counts for no error, and for no weight", () => {
    const { values } = numberFormat("fp8-e5m2");
    const flips = asymmetricFlips(0.03, 0.2, 8);
    const histogram = values.map((v, c) => (Number.isFinite(v) ? 1 + (c % 5) : 0));
    const { variance, meanSquareError } = bitContributions(values, flips, histogram);
    for (let k = 0; k < 8; k++) {
      let [mass, spread, square] = [0, 0, 0];
      for (const [c, count] of histogram.entries()) {
        if (count === 0) continue;
        const p = (c >> k) % 2 === 1 ? 0.2 : 0.03;
        const outcomes = [
          { chance: 1 - p, error: 0 },
          { chance: p, error: values[c ^ (2 ** k)]! - values[c]! },
        ].filter(({ error }) => Number.isFinite(error));
        const finite = outcomes.reduce((sum, { chance }) => sum + chance, 0);
        const mean = outcomes.reduce((sum, { chance, error }) => sum + (chance / finite) * error, 0);
        mass += count * finite;
        spread += count * outcomes.reduce((sum, { chance, error }) => sum + chance * (error - mean) ** 2, 0);
        square += count * outcomes.reduce((sum, { chance, error }) => sum + chance * error ** 2, 0);
      }
      expect(variance[k]! / (spread / mass)).toBeCloseTo(1, 12);
      expect(meanSquareError[k]! / (square / mass)).toBeCloseTo(1, 12);
    }
  });

  it("gives the top bit 0.750011 of an 8-bit variance, and nothing when no bit flips", () => {
    const { values } = numberFormat("int8");
    const histogram = new Float64Array(256).fill(1);
    expect(topBitShare(values, symmetricFlips(0.1, 8), histogram)).toBeCloseTo(0.750011, 6);
    expect([...bitVarianceShares(values, symmetricFlips(0, 8), histogram)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});
