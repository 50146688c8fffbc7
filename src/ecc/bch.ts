/**
 * @file Binary BCH codes.
 */
import { QtamlError } from "../errors.ts";
import { numbersTo, systematic, type WordCode } from "./code.ts";
import { fieldOf, type Field } from "./field.ts";

/** Primitive polynomials of degree 3 to 10 (Lin and Costello, "Error Control Coding", table 2.7). */
const primitive: Readonly<Record<number, number>> = {
  3: 0b1011,
  4: 0b10011,
  5: 0b100101,
  6: 0b1000011,
  7: 0b10001001,
  8: 0b100011101,
  9: 0b1000010001,
  10: 0b10000001001,
};

/** Products and quotients by logarithms. */
function arithmetic(field: Field) {
  const order = 2 ** field.bits - 1;
  const powers = Uint16Array.from({ length: order }, (_, e) => field.power(e));
  const logs = new Int16Array(order + 1);
  powers.forEach((value, e) => (logs[value] = e));
  const product = (a: number, b: number) => (a === 0 || b === 0 ? 0 : powers[(logs[a]! + logs[b]!) % order]!);
  const inverse = (a: number) => powers[(order - logs[a]!) % order]!;
  return { order, powers, logs, product, inverse };
}

/** The generator polynomial: the least that has x, x^2, ... x^2t among its roots. [r+1] its coefficients */
function bchGenerator(field: Field, t: number): number[] {
  const { order, product } = arithmetic(field);
  const roots = new Set<number>();
  for (let i = 1; i <= 2 * t; i++) for (let e = i % order; !roots.has(e); e = (2 * e) % order) roots.add(e);
  let generator = [1];
  for (const e of roots) {
    const root = field.power(e);
    const next = Array.from({ length: generator.length + 1 }, () => 0);
    generator.forEach((value, d) => {
      next[d + 1]! ^= value;
      next[d]! ^= product(value, root);
    });
    generator = next;
  }
  return generator;
}

/** Narrow-sense binary BCH, shortened where n is below 2^m - 1. Bit j is the coefficient of x^j; check bits are the lowest. */
export function bch(wordBits: number, dataBits: number, t: number): WordCode {
  const name = `bch(${wordBits},${dataBits},${t})`;
  const m = Math.max(3, Math.ceil(Math.log2(wordBits + 1)));
  const polynomial = primitive[m];
  const refuse = (why: string) =>
    new QtamlError("invalid-argument", `${name} does not exist: ${why}; bch(63,45,3) and bch(127,85,6) do.`);
  if (polynomial === undefined || t < 1) throw refuse("words have at most 1,023 bits and t is at least 1");
  const field = fieldOf(m, polynomial);
  const generator = bchGenerator(field, t);
  const checkBits = generator.length - 1;
  if (dataBits !== wordBits - checkBits || dataBits < 1) {
    throw refuse(`${wordBits} bits that correct ${t} errors leave ${wordBits - checkBits} for data`);
  }
  // x^j modulo the generator, bit by bit: the check bits that data bit j needs.
  const remainders = numbersTo(wordBits).map(() => new Uint8Array(checkBits));
  for (let j = 0; j < wordBits; j++) {
    const remainder = remainders[j]!;
    if (j < checkBits) {
      remainder[j] = 1;
      continue;
    }
    const before = remainders[j - 1]!;
    for (let i = 0; i < checkBits; i++)
      remainder[i] = (before[i - 1] ?? 0) ^ (before[checkBits - 1]! & generator[i]!);
  }
  const checks = numbersTo(checkBits).map((i) => numbersTo(wordBits).filter((j) => remainders[j]![i] === 1));
  const dataPositions = numbersTo(dataBits, checkBits);
  return {
    name,
    family: "bch",
    wordBits,
    dataBits,
    corrects: t,
    detects: t,
    dataPositions,
    checks,
    parameters: { m, polynomial, exponents: numbersTo(wordBits) },
    encode: systematic(wordBits, dataPositions, checks),
    decode: bchDecoder(field, wordBits, checkBits, t),
  };
}

/** Berlekamp-Massey and a search for the roots; a locator without as many roots is of no codeword within t errors. */
function bchDecoder(field: Field, wordBits: number, checkBits: number, t: number): WordCode["decode"] {
  const { order, powers, logs, product, inverse } = arithmetic(field);
  /**
   * [2t-1] sums of x^(s j) over the bits j that are set; squares of former ones where s is even. The last, of order
   * 2t, would change no locator: of a binary code the discrepancies of even order are 0.
   */
  const syndromesOf = (word: Uint8Array) => {
    const syndromes: number[] = [];
    for (let s = 1; s < 2 * t; s++) {
      let sum = 0;
      if (s % 2 === 0) {
        const half = syndromes[s / 2 - 1]!;
        sum = half === 0 ? 0 : powers[(2 * logs[half]!) % order]!;
      } else for (let j = 0; j < wordBits; j++) if (word[j] === 1) sum ^= powers[(s * j) % order]!;
      syndromes.push(sum);
    }
    return syndromes;
  };
  return (word) => {
    const syndromes = syndromesOf(word);
    if (syndromes.every((s) => s === 0)) return { data: word.slice(checkBits), status: "clean" };
    let locator = [1];
    let support = [1];
    let length = 0;
    let shift = 1;
    let last = 1;
    syndromes.forEach((syndrome, i) => {
      let delta = syndrome;
      for (let j = 1; j <= length; j++) delta ^= product(locator[j] ?? 0, syndromes[i - j]!);
      if (delta === 0) {
        shift++;
        return;
      }
      const before = locator;
      const factor = product(delta, inverse(last));
      const size = Math.max(locator.length, support.length + shift);
      locator = numbersTo(size).map((j) => (before[j] ?? 0) ^ product(factor, support[j - shift] ?? 0));
      if (2 * length > i) {
        shift++;
        return;
      }
      length = i + 1 - length;
      support = before;
      last = delta;
      shift = 1;
    });
    const corrected = Uint8Array.from(word);
    let found = 0;
    // Logarithms of the terms of the locator at x^-j, from j = 0 on.
    const terms = locator.flatMap((c, i) => (c === 0 ? [] : [{ i, log: logs[c]! }]));
    for (let j = 0; j < wordBits; j++) {
      let value = 0;
      for (const term of terms) {
        value ^= powers[term.log]!;
        term.log = (term.log + order - (term.i % order)) % order;
      }
      if (value !== 0) continue;
      corrected[j]! ^= 1;
      found++;
    }
    // A locator of degree up to t all of whose roots lie in the word leads to a codeword: the syndromes determine it.
    return found === length && length <= t
      ? { data: corrected.slice(checkBits), status: "corrected" }
      : { data: word.slice(checkBits), status: "uncorrectable" };
  };
}
