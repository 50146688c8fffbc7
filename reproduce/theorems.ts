/**
 * @file The theorems of the error law, each against drawn faults: the closed form, the mean over batches of draws, and
 * how many standard errors lie between.
 */
import {
  channelMatrix,
  codeArray,
  decoder,
  flipSampler,
  numberFormat,
  perBitFlips,
  protectBits,
  receiveInto,
  symmetricFlips,
  topBitsMask,
  type FlipProbabilities,
  type NumberFormat,
} from "../src/channel/index.ts";
import { seed } from "./cases.ts";

/** One theorem, checked. */
export interface Check {
  readonly statement: string;
  readonly closed: number;
  readonly measured: number;
  readonly standardError: number;
  /** `(measured - closed) / standardError`. */
  readonly z: number;
}

const batches = 100;
const batchDraws = 40_000;

/** Draws what is read where one code is stored, batch by batch. */
function* readings(
  format: NumberFormat,
  flips: FlipProbabilities,
  stored: number,
  table: ArrayLike<number>,
  purpose: number,
): Generator<Float64Array> {
  const sampler = flipSampler(flips, { purpose });
  const codes = codeArray(format.bits, batchDraws).fill(stored);
  const patterns = codeArray(format.bits, batchDraws);
  const received = codeArray(format.bits, batchDraws);
  for (let batch = 0; batch < batches; batch++) {
    sampler.drawPatterns({ seed, trial: batch, tensor: stored }, codes, patterns);
    receiveInto(codes, patterns, 0, received);
    yield Float64Array.from(received, (code) => table[code]!);
  }
}

const average = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;

/** The mean over batches of a statistic, against its closed form. */
function check(
  statement: string,
  closed: number,
  drawn: Iterable<Float64Array>,
  statistic: (values: Float64Array) => number,
): Check {
  const results = Float64Array.from(drawn, statistic);
  const measured = average(results);
  const scatter = results.reduce((sum, v) => sum + (v - measured) ** 2, 0);
  const standardError = Math.sqrt(scatter / (results.length - 1) / results.length);
  return { statement, closed, measured, standardError, z: (measured - closed) / standardError };
}

const variance = (values: Float64Array) => {
  const mean = average(values);
  return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
};

/** Moments about a known mean: a batch's own mean would bias them. */
const centralMoment = (mean: number, order: number) => (values: Float64Array) =>
  average(values.map((v) => (v - mean) ** order));

const codeOf = (format: NumberFormat, q: number) => format.values.indexOf(q);

/** Checks every closed form that is about single weights. */
export function checkTheorems(): Check[] {
  const checks: Check[] = [];
  let purpose = 100;
  const draw = (format: NumberFormat, flips: FlipProbabilities, q: number, table = format.values) =>
    readings(format, flips, codeOf(format, q), table, purpose++);
  const int8 = numberFormat("int8");
  const offset = numberFormat("int8-offset");
  const signMagnitude = numberFormat("int8-sign-magnitude");

  for (const [format, q, p] of [
    [int8, -127, 0.1],
    [int8, 64, 0.05],
    [offset, 100, 0.1],
  ] as const) {
    const label = `${format.name}, q = ${q}, p = ${p}`;
    const mean = (1 - 2 * p) * q - p;
    checks.push(check(`mean (1-2p)q - p: ${label}`, mean, draw(format, symmetricFlips(p, 8), q), average));
    const closed = (p * (1 - p) * (4 ** 8 - 1)) / 3;
    checks.push(
      check(`variance p(1-p)(4^B-1)/3: ${label}`, closed, draw(format, symmetricFlips(p, 8), q), variance),
    );
  }

  for (const p of [0.05, 0.1]) {
    const flips = symmetricFlips(p, 8);
    const sigma2 = (p * (1 - p) * (4 ** 8 - 1)) / 3;
    // Fourth cumulants of independent bits add up: kappa_4 = p(1-p)(1-6p(1-p)) sum 16^k.
    const kurtosis = (p * (1 - p) * (1 - 6 * p * (1 - p)) * (16 ** 8 - 1)) / 15 / sigma2 ** 2;
    const mean = (1 - 2 * p) * 3 - p;
    checks.push(
      check(
        `excess kurtosis, p = ${p}`,
        kurtosis,
        draw(int8, flips, 3),
        (values) => centralMoment(mean, 4)(values) / sigma2 ** 2 - 3,
      ),
    );
    checks.push(
      check(
        `variance over the squared infinity norm, p = ${p}`,
        sigma2 / 127 ** 2,
        draw(int8, flips, 3),
        (values) => variance(values) / 127 ** 2,
      ),
    );
  }

  // The most significant bit alone over all bits: what protecting it takes away.
  const p = 0.1;
  const onlyTop = protectBits(symmetricFlips(p, 8), 0x7f);
  checks.push(
    check(
      "share of the most significant bit in the variance, (3/4) 4^B/(4^B-1)",
      (0.75 * 4 ** 8) / (4 ** 8 - 1),
      draw(int8, onlyTop, 5),
      (values) => variance(values) / ((p * (1 - p) * (4 ** 8 - 1)) / 3),
    ),
  );

  const loss = perBitFlips(new Float64Array(8), new Float64Array(8).fill(0.2));
  checks.push(
    check("charge loss b = 0.2, two's complement: (1-b) q, q = 77", 0.8 * 77, draw(int8, loss, 77), average),
  );
  checks.push(
    check(
      "charge loss b = 0.2, offset binary: (1-b)(q+128) - 128, q = 77",
      0.8 * 205 - 128,
      draw(offset, loss, 77),
      average,
    ),
  );
  for (const q of [-50, 90]) {
    checks.push(
      check(
        `sign-magnitude mean (1-2p)[(1-2p) q + p 127 sgn q], q = ${q}, p = 0.1`,
        0.8 * (0.8 * q + 0.1 * 127 * Math.sign(q)),
        draw(signMagnitude, symmetricFlips(0.1, 8), q),
        average,
      ),
    );
  }

  for (const m of [1, 2, 3]) {
    const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(m, 8));
    const levels = 2 ** (8 - m);
    const q = 45;
    const low = ((q % levels) + levels) % levels;
    checks.push(
      check(
        `top ${m} bits protected: mean q - 2p(l - (2^L-1)/2), q = ${q}`,
        q - 0.2 * (low - (levels - 1) / 2),
        draw(int8, flips, q),
        average,
      ),
    );
    checks.push(
      check(
        `top ${m} bits protected: variance p(1-p)(4^L-1)/3`,
        (0.09 * (levels ** 2 - 1)) / 3,
        draw(int8, flips, q),
        variance,
      ),
    );
    const histogram = new Float64Array(256).fill(1);
    const table = decoder("unbiased", { format: int8, flips, histogram }).table;
    checks.push(
      check(`top ${m} bits protected: unbiased table, q = ${q}`, q, draw(int8, flips, q, table), average),
    );
  }
  const affine = int8.values.map((v) => (v + 0.1) / 0.8);
  checks.push(
    check(
      "unbiased affine (q~ + p)/(1-2p), q = -90, p = 0.1",
      -90,
      draw(int8, symmetricFlips(0.1, 8), -90, affine),
      average,
    ),
  );
  checks.push(...gaussianWeights(int8));
  return checks;
}

/**
 * Mean squared error over the variance of Gaussian weights whose largest is 6 sigma, int8 at p = 0.1: exact by
 * summing the channel matrix, measured by drawing codes and faults.
 */
function gaussianWeights(format: NumberFormat): Check[] {
  const sigma = format.largest / 6;
  const prior = Float64Array.from(format.values, (v) =>
    Math.abs(v) > format.largest ? 0 : Math.exp(-(v * v) / (2 * sigma * sigma)),
  );
  const total = prior.reduce((a, b) => a + b, 0);
  const tau2 = format.values.reduce((sum, v, c) => sum + (prior[c]! / total) * v * v, 0);
  // Stored codes in the proportions of the prior: what a tensor of so many weights holds.
  const codes = Uint8Array.from(
    Array.from(prior.keys()).flatMap((code) =>
      Array.from({ length: Math.round((prior[code]! / total) * batchDraws) }, () => code),
    ),
  );
  const histogram = new Float64Array(256);
  for (const code of codes) histogram[code]!++;
  return [0, 1, 2].flatMap((m) => {
    const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(m, 8));
    const matrix = channelMatrix(flips);
    return (["none", "unbiased", "linear-mmse", "bayes"] as const).map((kind, k) => {
      const { table } = decoder(kind, { format, flips, histogram });
      let exact = 0;
      for (let c = 0; c < 256; c++)
        for (let r = 0; r < 256; r++)
          exact +=
            (histogram[c]! / codes.length) * matrix[c * 256 + r]! * (table[r]! - format.values[c]!) ** 2;
      const sampler = flipSampler(flips, { purpose: 1000 + 10 * m + k });
      const patterns = new Uint8Array(codes.length);
      const received = new Uint8Array(codes.length);
      const drawn = Array.from({ length: batches }, (_, trial) => {
        sampler.drawPatterns({ seed, trial, tensor: 0 }, codes, patterns);
        receiveInto(codes, patterns, 0, received);
        return Float64Array.from(received, (code, i) => (table[code]! - format.values[codes[i]!]!) ** 2);
      });
      return check(
        `mean squared error over tau², ${kind}, ${m} protected`,
        exact / tau2,
        drawn,
        (squares) => average(squares) / tau2,
      );
    });
  });
}
