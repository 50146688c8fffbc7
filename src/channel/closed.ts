/**
 * @file The closed forms of docs/error-law.md, in units of the quantisation step. They are what the matrix gives by
 * enumeration, and serve as its check, as explanation, and where a formula is wanted in place of a table.
 */

import { bitContrast, type FlipProbabilities } from "./flips.ts";
import type { LinearFormat } from "./format.ts";

/** `E[q~|q] = c0 + sum s_k (p01_k + lambda_k b_k)` of a linear code. */
export function linearMean(format: LinearFormat, flips: FlipProbabilities, code: number): number {
  const contrast = bitContrast(flips);
  return format.placeValues.reduce(
    (sum, place, k) => sum + place * (flips.p01[k]! + contrast[k]! * ((code >> k) & 1)),
    format.offset,
  );
}

/** `Var[q~|q] = sum s_k^2 [b_k p10_k (1-p10_k) + (1-b_k) p01_k (1-p01_k)]` of a linear code. */
export function linearVariance(format: LinearFormat, flips: FlipProbabilities, code: number): number {
  return format.placeValues.reduce((sum, place, k) => {
    const p = (code >> k) & 1 ? flips.p10[k]! : flips.p01[k]!;
    return sum + place * place * p * (1 - p);
  }, 0);
}

/** `E[q~|q] = (1-2p) q - p`: two's complement and offset binary, every bit flipping with probability p. */
export function symmetricMean(p: number, q: number): number {
  return (1 - 2 * p) * q - p;
}

/** `p (1-p) (4^B - 1) / 3` for every q: linear codes of B bits, every bit flipping with probability p. */
export function symmetricVariance(p: number, bits: number): number {
  return (p * (1 - p) * (4 ** bits - 1)) / 3;
}

/** `(3/4) 4^B / (4^B - 1)`: the share of the top bit in the variance. */
export function topBitVarianceShare(bits: number): number {
  return (0.75 * 4 ** bits) / (4 ** bits - 1);
}

/** The standard deviation of the error over the tensor's infinity norm: 0.349 at p = 0.1 and 8 bits. */
export function relativeDeviation(p: number, bits: number): number {
  return Math.sqrt(symmetricVariance(p, bits)) / (2 ** (bits - 1) - 1);
}

/**
 * Excess kurtosis of the error of a linear code under symmetric flips: the fourth cumulants `16^k pq (1 - 6pq)` and
 * the variances `4^k pq` add up over bits, so it is `(1-6pq)/(pq) * 9/15 * (16^B - 1)/(4^B - 1)^2`, pq = p(1-p).
 */
export function excessKurtosis(p: number, bits: number): number {
  const pq = p * (1 - p);
  return (((1 - 6 * pq) / pq) * (9 / 15) * (16 ** bits - 1)) / (4 ** bits - 1) ** 2;
}

/**
 * Mean under charge loss alone (p01 = 0, p10 = loss) of a linear code: `c0 + (1-loss)(q - c0)`. Two's complement
 * (c0 = 0) shrinks toward 0; offset binary falls toward -2^(B-1).
 */
export function chargeLossMean(format: LinearFormat, loss: number, q: number): number {
  return format.offset + (1 - loss) * (q - format.offset);
}

/**
 * Mean of a sign-magnitude code under symmetric flips: `(1-2p) [(1-2p) q + p (2^(B-1)-1) s]`. Not affine in q.
 * @param sign s, the stored sign: -1 or 1. It is that of q unless told; a stored +0 has sign 1, and drifts.
 */
export function signMagnitudeMean(p: number, bits: number, q: number, sign: -1 | 1 = q < 0 ? -1 : 1): number {
  return (1 - 2 * p) * ((1 - 2 * p) * q + p * (2 ** (bits - 1) - 1) * sign);
}

/** `l = q mod 2^L`, the part of q that the L unprotected bits of a linear code hold. */
export function unprotectedPart(q: number, unprotectedBits: number): number {
  const modulus = 2 ** unprotectedBits;
  return ((q % modulus) + modulus) % modulus;
}

/**
 * `E[q~|q] = q - 2p (l - (2^L - 1)/2)`: linear codes whose top B - L >= 1 bits are protected, the L others flipping
 * with probability p.
 */
export function protectedMean(p: number, unprotectedBits: number, q: number): number {
  return q - 2 * p * (unprotectedPart(q, unprotectedBits) - (2 ** unprotectedBits - 1) / 2);
}

/** `p (1-p) (4^L - 1) / 3`: the variance that L unprotected bits leave. */
export function protectedVariance(p: number, unprotectedBits: number): number {
  return symmetricVariance(p, unprotectedBits);
}

/** `q^ = q~ + 2p (l~ - (2^L - 1)/2) / (1-2p)`: undoes `protectedMean` on average. */
export function protectedUnbiased(p: number, unprotectedBits: number, received: number): number {
  const part = unprotectedPart(received, unprotectedBits) - (2 ** unprotectedBits - 1) / 2;
  return received + (2 * p * part) / (1 - 2 * p);
}
