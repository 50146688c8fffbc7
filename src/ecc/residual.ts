/**
 * @file What a code leaves of the errors: the probability that a data bit is wrong after decoding, data and check bits
 * alike being faulty. Data are taken as uniform and independent.
 */
import type { BitChannel, WordCode } from "./code.ts";

/** The channel that a data bit sees behind the decoder. */
export interface Residual extends BitChannel {
  /** `exact` under uniform data; `estimate` where decoding failures are taken to fall at random. */
  readonly kind: "exact" | "estimate";
}

/** The mean of both errors: what a uniform bit sees. @param channel of one bit */
export const meanError = ({ p01, p10 }: BitChannel): number => (p01 + p10) / 2;

/** `P(Binomial(n, p) >= least)`, summed term by term from the side that keeps its digits. */
export function binomialTail(n: number, p: number, least: number): number {
  if (least <= 0) return 1;
  if (least > n || p === 0) return 0;
  if (p === 1) return 1;
  const term = (w: number) => {
    let logarithm = w * Math.log(p) + (n - w) * Math.log1p(-p);
    for (let i = 1; i <= Math.min(w, n - w); i++) logarithm += Math.log((n - i + 1) / i);
    return Math.exp(logarithm);
  };
  const sum = (from: number, to: number) => {
    let total = 0;
    for (let w = from; w <= to; w++) total += term(w);
    return total;
  };
  return least > n * p ? sum(least, n) : 1 - sum(0, least - 1);
}

/** Largest number of check bits for which every syndrome is decoded once. */
const mostSyndromeBits = 12;

/** Words of the dual code: the support of each combination of check equations. */
function dualWords({ wordBits, checks }: WordCode): Uint8Array[] {
  const words = [new Uint8Array(wordBits)];
  checks.forEach((list) => {
    const count = words.length;
    for (let u = 0; u < count; u++) {
      const word = words[u]!.slice();
      for (const j of list) word[j]! ^= 1;
      words.push(word);
    }
  });
  return words;
}

const weight = (word: Uint8Array, without: number) => word.reduce((a, b) => a + b, 0) - word[without]!;

/**
 * [2^r] `E[(-1)^(u . s')]` for the syndrome `s'` of all bits but bit i, whose stored value is known. A bit that holds x
 * contributes `a + beta (-1)^x`; the products of signs average to one over the words of the dual code and to nothing
 * elsewhere (characters of a linear code), so that the sum runs over dual words within the support of u.
 */
function characteristic(dual: readonly Uint8Array[], i: number, stored: 0 | 1, channel: BitChannel) {
  const a = 1 - channel.p01 - channel.p10;
  const beta = channel.p10 - channel.p01;
  const weights = dual.map((word) => weight(word, i));
  // What is left out is below the rounding of the sum.
  const counted = dual
    .map((word, v) => ({ word, w: weights[v]!, sign: word[i] === 1 && stored === 1 ? -1 : 1 }))
    .filter(({ w }) => dual.length * Math.abs(beta) ** w > 1e-20);
  return Float64Array.from(dual, (word, u) => {
    let sum = 0;
    for (const { word: inner, w, sign } of counted) {
      if (w > weights[u]! || !inner.every((bit, j) => bit === 0 || j === i || word[j] === 1)) continue;
      sum += sign * a ** (weights[u]! - w) * beta ** w;
    }
    return sum;
  });
}

/** In place: `sum over u of (-1)^(u . s) values[u]`. */
function walshHadamard(values: Float64Array): void {
  for (let half = 1; half < values.length; half *= 2) {
    for (let start = 0; start < values.length; start += 2 * half) {
      for (let j = start; j < start + half; j++) {
        const x = values[j]!;
        const y = values[j + half]!;
        values[j] = x + y;
        values[j + half] = x - y;
      }
    }
  }
}

/** [2^r] the data bits a decoder turns over at each syndrome, found by decoding a word that has it. */
function corrections(code: WordCode): Uint8Array[] {
  const isData = new Set(code.dataPositions);
  const own = code.checks.map((list) => list.find((j) => !isData.has(j))!);
  return Array.from({ length: 2 ** code.checks.length }, (_, syndrome) => {
    const word = new Uint8Array(code.wordBits);
    own.forEach((j, c) => (word[j] = (syndrome >> c) & 1));
    return code.decode(word).data;
  });
}

function syndromeResidual(code: WordCode, channel: BitChannel): Residual {
  const dual = dualWords(code);
  const turned = corrections(code);
  const errorOf = (stored: 0 | 1) => {
    const p = stored === 0 ? channel.p01 : channel.p10;
    let sum = 0;
    code.dataPositions.forEach((position, d) => {
      const law = characteristic(dual, position, stored, channel);
      walshHadamard(law);
      let column = 0;
      code.checks.forEach((list, c) => (column |= list.includes(position) ? 1 << c : 0));
      // Rounding of the transform leaves an absolute error near 1e-16.
      turned.forEach((data, s) => {
        const faulty = law[s ^ column]! / dual.length;
        const sound = law[s]! / dual.length;
        sum += data[d] === 1 ? (1 - p) * sound : p * faulty;
      });
    });
    return Math.max(0, sum / code.dataBits);
  };
  const [p01, p10] = [errorOf(0), errorOf(1)];
  if (code.corrects === 1 && Math.max(p01, p10) < leastTransformed)
    return pairResidual(code, turned, channel, dual);
  return { p01, p10, kind: "exact" };
}

/** Below this residual error, rounding of the transform would show in the fourth digit. */
const leastTransformed = 1e-11;

/**
 * Codes that correct one error, by their words with two: all that is left to be seen where errors are rare. Words with
 * three weigh n p of it. Any two other cells of a word hold independent bits, whatever the data bit is, where no sum of
 * up to three positions is always even, that is where the dual code has no word lighter than 4; otherwise, in codes of
 * very short words, it is an estimate.
 *
 * @param turned [2^r][k] the data bits that are turned over at each syndrome
 */
function pairResidual(
  code: WordCode,
  turned: readonly Uint8Array[],
  channel: BitChannel,
  dual: readonly Uint8Array[],
): Residual {
  const columns = Array.from({ length: code.wordBits }, (_, j) =>
    code.checks.reduce((column, list, c) => column | (list.includes(j) ? 1 << c : 0), 0),
  );
  const mean = meanError(channel);
  let own = 0;
  let others = 0;
  code.dataPositions.forEach((position, d) => {
    for (let a = 0; a < code.wordBits; a++) {
      if (a === position) continue;
      if (turned[columns[a]! ^ columns[position]!]![d] === 0) own++;
      for (let b = 0; b < a; b++) if (b !== position && turned[columns[a]! ^ columns[b]!]![d] === 1) others++;
    }
  });
  const errorOf = (p: number) => (own * p * mean + others * mean * mean) / code.dataBits;
  const lightest = Math.min(...dual.slice(1).map((word) => word.reduce((a, b) => a + b, 0)));
  return {
    p01: errorOf(channel.p01),
    p10: errorOf(channel.p10),
    kind: lightest >= 4 || channel.p01 === channel.p10 ? "exact" : "estimate",
  };
}

/** A word of odd parity reads as zeros: a 0 survives, a 1 does not. */
function parityResidual(code: WordCode, channel: BitChannel): Residual {
  const dual = dualWords(code);
  const even = (stored: 0 | 1) => (1 + characteristic(dual, code.dataPositions[0]!, stored, channel)[1]!) / 2;
  return {
    p01: channel.p01 * (1 - even(0)),
    p10: 1 - (1 - channel.p10) * even(1),
    kind: "exact",
  };
}

/**
 * Bounded-distance decoding: more than t errors stay as they are, except that a share of the words, the volume of the
 * spheres of radius t, is taken for a neighbouring codeword and gets t more errors.
 */
function boundedDistanceResidual(
  { wordBits: n, dataBits, corrects: t }: WordCode,
  channel: BitChannel,
): Residual {
  const p = meanError(channel);
  let volume = 0;
  for (let i = 0, ways = 2 ** (dataBits - n); i <= t; i++) {
    volume += ways;
    ways *= (n - i) / (i + 1);
  }
  const added = (Math.min(1, volume) * t) / n;
  const errorOf = (own: number) =>
    own * binomialTail(n - 1, p, t) * (1 - added) + (1 - own) * binomialTail(n - 1, p, t + 1) * added;
  return { p01: errorOf(channel.p01), p10: errorOf(channel.p10), kind: "estimate" };
}

/**
 * The channel of a data bit behind a code, averaged over the data bits of a word.
 *
 * Repetition: binomial. Parity and codes of at most twelve check bits: exact, from the law of the syndrome given the
 * bit (characters of the dual code and one Walsh-Hadamard transform). Longer BCH codes: an estimate.
 */
export function residualChannel(code: WordCode, channel: BitChannel): Residual {
  if (code.family === "repetition") {
    const majority = code.corrects + 1;
    return {
      p01: binomialTail(code.wordBits, channel.p01, majority),
      p10: binomialTail(code.wordBits, channel.p10, majority),
      kind: "exact",
    };
  }
  if (code.family === "parity") return parityResidual(code, channel);
  const isShort =
    code.checks.length <= mostSyndromeBits && code.checks.length + Math.log2(code.dataBits) <= 16;
  return isShort ? syndromeResidual(code, channel) : boundedDistanceResidual(code, channel);
}
