/**
 * @file Repetition and parity.
 */
import { QtamlError } from "../errors.ts";
import { numbersTo, systematic, type WordCode } from "./code.ts";

/** N copies of a bit and their majority. */
export function repetition(copies: number): WordCode {
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
    detects: (copies - 1) / 2,
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
export function parity(wordBits: number, dataBits: number): WordCode {
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
    detects: 1,
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
