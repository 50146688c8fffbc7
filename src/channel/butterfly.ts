/**
 * @file What independent bit flips do to a table over codes, bit by bit: a butterfly of B stages over 2^B entries in
 * place of a product with a 2^B x 2^B matrix. Every term is positive and every variance is mixed as a variance, so
 * nothing cancels however small the flip probabilities are and however far apart the values lie.
 */

import type { FlipProbabilities } from "./flips.ts";

/** What is known of the result when one code was stored. */
export interface ConditionalMoments {
  /** [2^B] `E[decoded | stored code]`. */
  readonly mean: Float64Array;
  /** [2^B] `mean` less what the stored code itself decodes to (0 where that is not finite): exact where it is small. */
  readonly shift: Float64Array;
  /** [2^B] variance of the decoded value, given the stored code. */
  readonly variance: Float64Array;
  /** [2^B] probability that the decoded value is NaN or infinite, given the stored code. */
  readonly nonFinite: Float64Array;
}

/**
 * Mean, variance and probability of a non-finite result for each stored code. Mean and variance are those of the
 * finite results; they are NaN for a code that can only decode to something that is not finite.
 *
 * Stage k mixes the two laws of codes that differ in bit k: masses `a`, `b` of finite results, means `m`, `n`,
 * variances `v`, `w` become mass `a + b`, mean `m + b/(a+b) (n-m)`, variance
 * `(a v + b w)/(a+b) + a b/(a+b)^2 (n-m)^2`. Means are kept as shifts from each code's own decoded value, so that a
 * drift of 1e-12 of a weight has all its digits.
 * @param decode [2^B] what each received code is decoded to, or several such tables one after the other
 */
export function conditionalMoments(decode: Float64Array, flips: FlipProbabilities): ConditionalMoments {
  checkSize(decode, flips);
  const size = decode.length;
  const own = new Float64Array(size);
  const shift = new Float64Array(size);
  const variance = new Float64Array(size);
  const nonFinite = new Float64Array(size);
  let allFinite = true;
  for (let c = 0; c < size; c++) {
    if (Number.isFinite(decode[c]!)) own[c] = decode[c]!;
    else {
      nonFinite[c] = 1;
      allFinite = false;
    }
  }
  if (allFinite) for (let k = 0; k < flips.p01.length; k++) mixBit({ own, shift, variance }, flips, k);
  else mixMasses(own, shift, variance, nonFinite, flips);
  const mean = own;
  for (let c = 0; c < size; c++) mean[c]! += shift[c]!;
  return { mean, shift, variance, nonFinite };
}

/** The laws of all codes between stages, all results being finite. */
interface FiniteLaws {
  /** What each code itself decodes to. */
  readonly own: Float64Array;
  readonly shift: Float64Array;
  readonly variance: Float64Array;
}

/** One stage: bit k flips. */
function mixBit({ own, shift, variance }: FiniteLaws, { p01, p10 }: FlipProbabilities, k: number): void {
  const up = p01[k]!;
  const down = p10[k]!;
  const stride = 2 ** k;
  if (up === 0 && down === 0) return;
  for (let block = 0; block < own.length; block += 2 * stride) {
    for (let i = block, j = block + stride; i < block + stride; i++, j++) {
      const gap = own[j]! - own[i]! + (shift[j]! - shift[i]!);
      const square = gap * gap;
      const v = variance[i]!;
      const w = variance[j]!;
      shift[i]! += up * gap;
      shift[j]! -= down * gap;
      variance[i] = (1 - up) * v + up * w + up * (1 - up) * square;
      variance[j] = down * v + (1 - down) * w + down * (1 - down) * square;
    }
  }
}

/**
 * The variance for each stored code when one more bit is protected, for each of some bits: [bits] tables [2^B].
 * By halves: the stages of one half of the bits are shared by all tables of the other half.
 * @param decode [2^B], or several such tables one after the other; all finite
 * @param bits which bits are to be left out in turn; bits not among them do not flip
 * @param visit is given a bit and its table, which is valid until it returns
 */
export function variancesWithout(
  decode: Float64Array,
  flips: FlipProbabilities,
  bits: readonly number[],
  visit: (bit: number, variance: Float64Array) => void,
): void {
  checkSize(decode, flips);
  const halve = (laws: FiniteLaws, left: readonly number[]): void => {
    if (left.length === 1) {
      visit(left[0]!, laws.variance);
      return;
    }
    const middle = left.length >> 1;
    for (const [kept, mixed] of [
      [left.slice(0, middle), left.slice(middle)],
      [left.slice(middle), left.slice(0, middle)],
    ] as const) {
      const copy = { own: laws.own, shift: laws.shift.slice(), variance: laws.variance.slice() };
      for (const k of mixed) mixBit(copy, flips, k);
      halve(copy, kept);
    }
  };
  const { length } = decode;
  if (bits.length > 0)
    halve({ own: decode, shift: new Float64Array(length), variance: new Float64Array(length) }, bits);
}

/** As `mixBit` for all bits, with the probability of a non-finite result beside the moments of the finite ones. */
function mixMasses(
  own: Float64Array,
  shift: Float64Array,
  variance: Float64Array,
  nonFinite: Float64Array,
  { p01, p10 }: FlipProbabilities,
): void {
  const mass = nonFinite.map((p) => 1 - p);
  for (let k = 0; k < p01.length; k++) {
    const up = p01[k]!;
    const down = p10[k]!;
    const stride = 2 ** k;
    if (up === 0 && down === 0) continue;
    for (let block = 0; block < own.length; block += 2 * stride) {
      for (let i = block, j = block + stride; i < block + stride; i++, j++) {
        const gap = own[j]! - own[i]! + (shift[j]! - shift[i]!);
        const square = gap * gap;
        const v = variance[i]!;
        const w = variance[j]!;
        const zeroStays = (1 - up) * mass[i]!;
        const zeroLeaves = up * mass[j]!;
        const oneStays = (1 - down) * mass[j]!;
        const oneLeaves = down * mass[i]!;
        const zeroMass = zeroStays + zeroLeaves;
        const oneMass = oneStays + oneLeaves;
        mass[i] = zeroMass;
        mass[j] = oneMass;
        if (zeroMass > 0) {
          const share = zeroLeaves / zeroMass;
          const rest = zeroStays / zeroMass;
          shift[i]! += share * gap;
          variance[i] = rest * v + share * w + rest * share * square;
        }
        if (oneMass > 0) {
          const share = oneLeaves / oneMass;
          const rest = oneStays / oneMass;
          shift[j]! -= share * gap;
          variance[j] = share * v + rest * w + rest * share * square;
        }
        const x = nonFinite[i]!;
        const y = nonFinite[j]!;
        nonFinite[i] = (1 - up) * x + up * y;
        nonFinite[j] = down * x + (1 - down) * y;
      }
    }
  }
  mass.forEach((m, c) => {
    if (!(m > 0)) shift[c] = variance[c] = NaN;
  });
}

/**
 * How a distribution over stored codes is received: `out[r] = sum_c weight[c] P(r | c)`, the transposed butterfly.
 * @param weight [2^B]
 */
export function receivedWeights(weight: Float64Array, flips: FlipProbabilities): Float64Array {
  checkSize(weight, flips);
  const result = Float64Array.from(weight);
  flips.p01.forEach((up, k) => {
    const down = flips.p10[k]!;
    const stride = 2 ** k;
    if (up === 0 && down === 0) return;
    for (let block = 0; block < result.length; block += 2 * stride) {
      for (let i = block, j = block + stride; i < block + stride; i++, j++) {
        const [zero, one] = [result[i]!, result[j]!];
        result[i] = (1 - up) * zero + down * one;
        result[j] = up * zero + (1 - down) * one;
      }
    }
  });
  return result;
}

function checkSize(table: Float64Array, { p01 }: FlipProbabilities): void {
  if (table.length % 2 ** p01.length !== 0)
    throw new RangeError(`A table of ${table.length} entries does not fit codes of ${p01.length} bits`);
}
