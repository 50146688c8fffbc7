/**
 * @file A binary linear block code over words of fixed length, one bit an array element.
 */

/** What a decoder says of a word. */
export interface WordReading {
  /** [k] the data bits. */
  readonly data: Uint8Array;
  /** `uncorrectable`: errors were noticed and left as they are. */
  readonly status: "clean" | "corrected" | "uncorrectable";
}

/** A code of fixed words. */
export interface WordCode {
  /** The code and its parameters, such as "secded(72,64)". */
  readonly name: string;
  readonly family: string;
  /** Bits of a codeword, n. */
  readonly wordBits: number;
  /** Data bits of a codeword, k. */
  readonly dataBits: number;
  /** Errors in a word that are always corrected, t. */
  readonly corrects: number;
  /** Errors in a word that are never read as something else without notice. */
  readonly detects: number;
  /** [k] the codeword bit that holds each data bit. */
  readonly dataPositions: readonly number[];
  /** [n-k][...] codeword bits whose sum is even. */
  readonly checks: readonly (readonly number[])[];
  /** What else defines the code. */
  readonly parameters: Readonly<Record<string, number | string | number[]>>;
  /** @param data [k] @returns [n] */
  readonly encode: (data: Uint8Array) => Uint8Array;
  /** @param word [n] */
  readonly decode: (word: Uint8Array) => WordReading;
}

/** Probabilities that a stored 0 reads as 1, and a stored 1 as 0. */
export interface BitChannel {
  /** Chance that a 0 is read as 1. */
  readonly p01: number;
  /** Chance that a 1 is read as 0. */
  readonly p10: number;
}

/** The whole numbers from `start` on. */
export const numbersTo = (count: number, start = 0): number[] =>
  Array.from({ length: count }, (_, i) => start + i);

/** Encodes so that every parity equation holds: each check bit is in one equation, which it completes. */
export function systematic(
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
