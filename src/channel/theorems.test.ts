/**
 * The theorems of docs/error-law.md by sampling 2^24 (1.7e7) weights each. A statistic is compared with its closed form;
 * its standard error comes from enumeration. Each comparison demands |z| < 4 (false alarm 6e-5, and the seed is fixed)
 * and also that 1 % of the theoretical value is at least 6.5 standard errors, so that a theory or a sampler that is 1 %
 * off would be caught with a probability of at least 99.3 % by each (in most, 1 % is 9 standard errors or more).
 */

import { describe, expect, it } from "vitest";
import {
  chargeLossMean,
  excessKurtosis,
  protectedMean,
  protectedVariance,
  signMagnitudeMean,
  symmetricMean,
  symmetricVariance,
  topBitVarianceShare,
} from "./closed.ts";
import { decoder, type DecoderKind } from "./decoders.ts";
import { receiveInto } from "./faults.ts";
import {
  asymmetricFlips,
  protectBits,
  symmetricFlips,
  topBitsMask,
  type FlipProbabilities,
} from "./flips.ts";
import { numberFormat } from "./format.ts";
import { channelMatrix } from "./matrix.ts";
import { errorMoments } from "./moments.ts";
import { flipSampler } from "./sampler.ts";

const total = 2 ** 24;

/** How often each (stored, received) pair occurred, and the channel that should have made it. */
interface Sampled {
  readonly size: number;
  /** [size * size] */
  readonly pairs: Float64Array;
  /** [size] */
  readonly stored: Float64Array;
  readonly channel: Float64Array;
}

/** Stores the codes in turn, draws faults of the unprotected cells, masks the protected bits and counts. */
function sample(flips: FlipProbabilities, codesInTurn: ArrayLike<number>, mask = 0): Sampled {
  const size = 2 ** flips.p01.length;
  const pairs = new Float64Array(size * size);
  const stored = new Float64Array(size);
  const chunk = 2 ** 20;
  const [codes, patterns, read] = [new Uint8Array(chunk), new Uint8Array(chunk), new Uint8Array(chunk)];
  const sampler = flipSampler(flips);
  for (let first = 0; first < total; first += chunk) {
    for (let i = 0; i < chunk; i++) codes[i] = codesInTurn[(first + i) % codesInTurn.length]!;
    sampler.drawPatterns({ seed: 20261123, trial: 0, tensor: 0 }, codes, patterns, first);
    receiveInto(codes, patterns, mask, read);
    for (let i = 0; i < chunk; i++) {
      pairs[codes[i]! * size + read[i]!]! += 1;
      stored[codes[i]!]! += 1;
    }
  }
  return { size, pairs, stored, channel: channelMatrix(protectBits(flips, mask)) };
}

/**
 * The average of `of(stored, received)` over the weights for which `where(stored)` holds, against its theoretical
 * value: z, and how many standard errors 1 % of that value is.
 */
function confirm(
  sampled: Sampled,
  theory: number,
  of: (stored: number, received: number) => number,
  where: (stored: number) => boolean = () => true,
) {
  const { size, pairs, stored, channel } = sampled;
  let [count, sum, variance] = [0, 0, 0];
  for (let c = 0; c < size; c++) {
    if (stored[c] === 0 || !where(c)) continue;
    let [mean, square] = [0, 0];
    for (let r = 0; r < size; r++) {
      const value = of(c, r);
      sum += pairs[c * size + r]! * value;
      mean += channel[c * size + r]! * value;
      square += channel[c * size + r]! * value * value;
    }
    count += stored[c]!;
    variance += stored[c]! * (square - mean * mean);
  }
  const standardError = Math.sqrt(variance) / count;
  const z = (sum / count - theory) / standardError;
  return { agrees: Math.abs(z) < 4, power: (0.01 * Math.abs(theory)) / standardError > 6.5 };
}
const yes = { agrees: true, power: true };

const int8 = numberFormat("int8");
const everyCode = Uint8Array.from({ length: 256 }, (_, c) => c);

describe.each([0.1, 0.05])("symmetric flips, p = %f", (p) => {
  const sampled = sample(symmetricFlips(p, 8), everyCode);

  it("hit each bit with probability p, whatever it holds", () => {
    for (let k = 0; k < 8; k++) {
      for (const held of [0, 1]) {
        const flipped = (c: number, r: number) => ((c ^ r) >> k) & 1;
        expect(confirm(sampled, p, flipped, (c) => ((c >> k) & 1) === held)).toEqual(yes);
      }
    }
  });

  it("hit pairs of bits with probability p^2: independent bits", () => {
    // Two given bits are hit too rarely for the power asked for; the 28 pairs together are not.
    const pairsHit = (c: number, r: number) => {
      let n = 0;
      for (let k = 0; k < 8; k++) n += ((c ^ r) >> k) & 1;
      return (n * (n - 1)) / 2;
    };
    expect(confirm(sampled, 28 * p * p, pairsHit)).toEqual(yes);
  });

  it.each(["int8", "int8-offset"])("shrink %s by 2p", (name) => {
    const { values } = numberFormat(name);
    const power = values.reduce((sum, q) => sum + (q + 0.5) ** 2, 0) / 256;
    // Regression through the fixed point q = -1/2 of E = (1-2p) q - p.
    const lost = (c: number, r: number) => ((values[c]! - values[r]!) * (values[c]! + 0.5)) / power;
    expect(symmetricMean(p, -0.5)).toBeCloseTo(-0.5, 15);
    expect(confirm(sampled, 2 * p, lost)).toEqual(yes);
  });

  it("have variance p(1-p)(4^B-1)/3 about the closed-form mean, and its top bit 3/4 of it", () => {
    const { values } = int8;
    const variance = symmetricVariance(p, 8);
    const squared = (c: number, r: number) => (values[r]! - symmetricMean(p, values[c]!)) ** 2;
    expect(confirm(sampled, variance, squared)).toEqual(yes);
    const top = (c: number, r: number) => {
      const bit = c >> 7;
      return (128 * ((r >> 7) - (p + (1 - 2 * p) * bit))) ** 2;
    };
    expect(confirm(sampled, topBitVarianceShare(8) * variance, top)).toEqual(yes);
  });

  it("have the fourth moment of the stated excess kurtosis", () => {
    const { values } = int8;
    const fourth = (c: number, r: number) => (values[r]! - symmetricMean(p, values[c]!)) ** 4;
    expect(confirm(sampled, (3 + excessKurtosis(p, 8)) * symmetricVariance(p, 8) ** 2, fourth)).toEqual(yes);
  });

  it("keep the drift of a protected code at 2p(l - (2^L-1)/2), and the variance at p(1-p)(4^L-1)/3", () => {
    const { values } = int8;
    for (const top of [1, 3]) {
      const rest = 8 - top;
      // Stored codes whose unprotected bits are all 0 or all 1: the ends of the drift.
      const ends = Uint8Array.from(
        { length: 2 ** (top + 1) },
        (_, i) => ((i >> 1) << rest) + (i & 1) * (2 ** rest - 1),
      );
      const masked = sample(symmetricFlips(p, 8), ends, topBitsMask(top, 8));
      for (const end of [0, 2 ** rest - 1]) {
        const drift = protectedMean(p, rest, end) - end;
        const error = (c: number, r: number) => values[r]! - values[c]!;
        expect(confirm(masked, drift, error, (c) => c % 2 ** rest === end)).toEqual(yes);
      }
      const squared = (c: number, r: number) => (values[r]! - protectedMean(p, rest, values[c]!)) ** 2;
      expect(confirm(masked, protectedVariance(p, rest), squared)).toEqual(yes);
    }
  });

  it("pull sign-magnitude codes toward a mean that is not affine", () => {
    const { values } = numberFormat("int8-sign-magnitude");
    // Both zeros and both ends: intercept and slope of the law.
    const four = sample(symmetricFlips(p, 8), [0, 128, 127, 255]);
    for (const magnitude of [0, 127]) {
      const signed = (c: number, r: number) => (c < 128 ? 1 : -1) * values[r]!;
      const theory = signMagnitudeMean(p, 8, magnitude, 1);
      expect(confirm(four, theory, signed, (c) => c % 128 === magnitude)).toEqual(yes);
    }
  });
});

describe("the constant drift", () => {
  it("is -p: seen in codes of 2 bits, whose spread does not hide it", () => {
    const { values } = numberFormat("int2");
    // E[q~ - q] = -p - 2p q: codes of mean zero leave the constant alone.
    const zeroMean = [0, 0, 1, 3];
    const sampled = sample(symmetricFlips(0.25, 2), zeroMean);
    expect(confirm(sampled, -0.25, (c, r) => values[r]! - values[c]!)).toEqual(yes);
  });
});

describe("charge loss alone", () => {
  it("shrinks two's complement and lets offset binary fall to -2^(B-1)", () => {
    const loss = 0.1;
    for (const name of ["int8", "int8-offset"]) {
      const { values, integerCodes, placeValues, offset, ...format } = numberFormat(name);
      const linear = { ...format, values, placeValues: placeValues!, offset: offset! };
      const sampled = sample(asymmetricFlips(0, loss, 8), [integerCodes![254]!, integerCodes![27]!]);
      for (const q of [127, -100]) {
        const drift = chargeLossMean(linear, loss, q) - q;
        const error = (c: number, r: number) => values[r]! - values[c]!;
        expect(confirm(sampled, drift, error, (c) => values[c] === q)).toEqual(yes);
      }
    }
  });
});

describe("decoders on a bell-shaped tensor", () => {
  const p = 0.1;
  // A triangular histogram of the middle codes, about as wide as a Gaussian with its maximum at 5 sigma.
  const bell = Array.from(
    { length: 4096 },
    (_, i) => int8.integerCodes![127 + (i & 63) - 32 + ((i >> 6) - 32)]!,
  );
  const histogram = new Float64Array(256);
  for (const code of bell) histogram[code]! += 1;

  it.each([0, 1])("have the predicted mean-square error with %i protected bits", (top) => {
    const mask = topBitsMask(top, 8);
    const flips = protectBits(symmetricFlips(p, 8), mask);
    const sampled = sample(symmetricFlips(p, 8), bell, mask);
    for (const kind of [
      "none",
      "unbiased-affine",
      "unbiased",
      "linear-mmse",
      "bayes",
    ] satisfies DecoderKind[]) {
      const { table } = decoder(kind, { format: int8, flips, histogram });
      const predicted = errorMoments({
        values: int8.values,
        decode: table,
        flips,
        histogram,
      });
      const squared = (c: number, r: number) => (table[r]! - int8.values[c]!) ** 2;
      expect(confirm(sampled, predicted.meanSquareError, squared)).toEqual(yes);
    }
  });
});
