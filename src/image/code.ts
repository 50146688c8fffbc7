/**
 * @file A binary linear block code as the memory image needs it: words of bits, one bit an element.
 */

/** What a decoder says of a word. */
export interface WordReading {
  /** [k] the data bits. */
  readonly data: Uint8Array;
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
