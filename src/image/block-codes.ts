/**
 * @file Block codes with words of fixed length: SEC, SECDED, BCH, repetition, parity. All are linear and systematic.
 */
import { QtamlError } from "../errors.ts";
import type { WordCode, WordReading } from "./code.ts";
import { fieldOf, type Field } from "./verilog/field.ts";

/** Encodes so that every parity equation holds: each check bit is in one equation, which it completes. */
function systematic(
  wordBits: number,
  dataPositions: readonly number[],
  checks: readonly (readonly number[])[],
): WordCode["encode"] {
  const isData = new Set(dataPositions);
  const own = checks.map((list) => list.find((j) => !isData.has(j))!);
  return (data) => {
    const word = new Uint8Array(wordBits);
    dataPositions.forEach((j, i) => (word[j] = data[i]!));
    checks.forEach((list, i) => (word[own[i]!] = list.reduce((sum, j) => sum ^ word[j]!, 0)));
    return word;
  };
}

const numbersTo = (count: number, start = 0) => Array.from({ length: count }, (_, i) => start + i);

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest &= rest - 1) count++;
  return count;
}

/**
 * Codes that correct one error: the column of each bit in the parity equations is different. SECDED takes columns of
 * odd weight (Hsiao, "A class of optimal minimum odd-weight-column SEC-DED codes", 1970), so that two errors never look
 * like one.
 */
function singleError(family: "sec" | "secded", wordBits: number, dataBits: number): WordCode {
  const name = `${family}(${wordBits},${dataBits})`;
  const checkBits = wordBits - dataBits;
  const isAllowed = (column: number) => {
    const weight = bitCount(column);
    return weight > 1 && (family === "sec" || weight % 2 === 1);
  };
  const candidates = checkBits > 0 && checkBits <= 12 ? numbersTo(2 ** checkBits).filter(isAllowed) : [];
  candidates.sort((a, b) => bitCount(a) - bitCount(b) || a - b);
  if (dataBits < 1 || candidates.length < dataBits) {
    throw new QtamlError(
      "invalid-argument",
      `${name} does not exist: ${checkBits} check bits are too few or too many for ${dataBits} data bits; secded(72,64), secded(39,32), secded(22,16) and secded(13,8) are usual.`,
    );
  }
  const columns = [...candidates.slice(0, dataBits), ...numbersTo(checkBits).map((i) => 1 << i)];
  const checks = numbersTo(checkBits).map((i) =>
    numbersTo(wordBits).filter((j) => ((columns[j]! >> i) & 1) === 1),
  );
  const place = new Map(columns.map((column, j) => [column, j]));
  const decode = (word: Uint8Array): WordReading => {
    const data = word.slice(0, dataBits);
    const syndrome = word.reduce((sum, bit, j) => (bit === 1 ? sum ^ columns[j]! : sum), 0);
    if (syndrome === 0) return { data, status: "clean" };
    const error = place.get(syndrome);
    if (error === undefined) return { data, status: "uncorrectable" };
    if (error < dataBits) data[error]! ^= 1;
    return { data, status: "corrected" };
  };
  const dataPositions = numbersTo(dataBits);
  const encode = systematic(wordBits, dataPositions, checks);
  return {
    name,
    family,
    wordBits,
    dataBits,
    corrects: 1,
    dataPositions,
    checks,
    parameters: {},
    encode,
    decode,
  };
}

function repetition(copies: number): WordCode {
  const name = `repetition(${copies})`;
  if (copies % 2 === 0 || copies < 3) {
    throw new QtamlError("invalid-argument", `${name} has no majority: give an odd number of copies from 3.`);
  }
  const checks = numbersTo(copies - 1, 1).map((j) => [0, j]);
  return {
    name,
    family: "repetition",
    wordBits: copies,
    dataBits: 1,
    corrects: (copies - 1) / 2,
    dataPositions: [0],
    checks,
    parameters: {},
    encode: (data) => new Uint8Array(copies).fill(data[0]!),
    decode: (word) => {
      const ones = word.reduce((a, b) => a + b, 0);
      const status = ones === 0 || ones === copies ? "clean" : "corrected";
      return { data: Uint8Array.of(2 * ones > copies ? 1 : 0), status };
    },
  };
}

/** One parity bit; the data of a word whose parity is odd are read as zeros. */
function parity(wordBits: number, dataBits: number): WordCode {
  const name = `parity(${wordBits},${dataBits})`;
  if (wordBits !== dataBits + 1) {
    throw new QtamlError(
      "invalid-argument",
      `${name} does not exist: parity adds one bit, as in parity(9,8).`,
    );
  }
  const dataPositions = numbersTo(dataBits);
  const checks = [numbersTo(wordBits)];
  return {
    name,
    family: "parity",
    wordBits,
    dataBits,
    corrects: 0,
    dataPositions,
    checks,
    parameters: {},
    encode: systematic(wordBits, dataPositions, checks),
    decode: (word) =>
      word.reduce((a, b) => a ^ b, 0) === 0
        ? { data: word.slice(0, dataBits), status: "clean" }
        : { data: new Uint8Array(dataBits), status: "uncorrectable" },
  };
}

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
  const logs = new Map(numbersTo(order).map((e) => [field.power(e), e]));
  const product = (a: number, b: number) =>
    a === 0 || b === 0 ? 0 : field.power(logs.get(a)! + logs.get(b)!);
  const inverse = (a: number) => field.power(order - logs.get(a)!);
  return { order, product, inverse };
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
function bch(wordBits: number, dataBits: number, t: number): WordCode {
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
    dataPositions,
    checks,
    parameters: { m, polynomial, exponents: numbersTo(wordBits) },
    encode: systematic(wordBits, dataPositions, checks),
    decode: bchDecoder(field, wordBits, checkBits, t),
  };
}

/** Berlekamp-Massey and a search for the roots; a result that is no codeword within t errors is not taken. */
function bchDecoder(field: Field, wordBits: number, checkBits: number, t: number): WordCode["decode"] {
  const { order, product, inverse } = arithmetic(field);
  const syndromesOf = (word: Uint8Array) =>
    numbersTo(2 * t, 1).map((s) =>
      word.reduce((sum, bit, j) => (bit === 1 ? sum ^ field.power(s * j) : sum), 0),
    );
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
    for (let j = 0; j < wordBits; j++) {
      const value = locator.reduce((sum, c, i) => sum ^ product(c, field.power(i * (order - j))), 0);
      if (value !== 0) continue;
      corrected[j]! ^= 1;
      found++;
    }
    const isFound = found === length && length <= t && syndromesOf(corrected).every((s) => s === 0);
    return isFound
      ? { data: corrected.slice(checkBits), status: "corrected" }
      : { data: word.slice(checkBits), status: "uncorrectable" };
  };
}

/**
 * The code of that name: `sec(n,k)`, `secded(n,k)`, `bch(n,k,t)`, `repetition(n)`, `parity(k+1,k)`.
 *
 * @throws QtamlError `invalid-argument` for a name or parameters that no code has
 */
export function codeNamed(name: string): WordCode {
  const parts = /^([a-z]+)\(([\d,\s]+)\)$/.exec(name.trim());
  const [n, k, t] = (parts?.[2] ?? "").split(",").map(Number);
  const family = parts?.[1];
  if (family === "repetition" && n !== undefined && k === undefined) return repetition(n);
  if (n !== undefined && k !== undefined && t === undefined) {
    if (family === "sec" || family === "secded") return singleError(family, n, k);
    if (family === "parity") return parity(n, k);
  }
  if (family === "bch" && n !== undefined && k !== undefined && t !== undefined) return bch(n, k, t);
  throw new QtamlError(
    "invalid-argument",
    `There is no code ${name}: give sec(n,k), secded(n,k), bch(n,k,t), repetition(n), parity(k+1,k), or none.`,
  );
}
