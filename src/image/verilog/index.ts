/**
 * @file SystemVerilog for the code of a memory image: encoder, decoder, and a self-checking test bench.
 */
import { QtamlError } from "../../errors.ts";
import type { WordCode } from "../../ecc/index.ts";
import { bchDecoder } from "./bch.ts";
import { encoderModule, erasingDecoder, majorityDecoder, syndromeDecoder } from "./linear.ts";
import { testbenchModule, vectorFile, type TestedRegion, type Vector } from "./testbench.ts";

export type { TestedRegion } from "./testbench.ts";

/** Families of codes that have a decoder in SystemVerilog, and how it works. */
const decoders: Readonly<
  Record<string, { readonly module: (code: WordCode, name: string) => string; readonly isClocked?: true }>
> = {
  sec: { module: syndromeDecoder },
  secded: { module: syndromeDecoder },
  repetition: { module: majorityDecoder },
  parity: { module: erasingDecoder },
  bch: { module: bchDecoder, isClocked: true },
};

/** Whether a code has hardware. */
export function hasHardware(code: WordCode): boolean {
  return code.family in decoders;
}

/** @throws QtamlError `invalid-argument` for a code without hardware */
export function checkHardware(code: WordCode): void {
  if (hasHardware(code)) return;
  throw new QtamlError(
    "invalid-argument",
    `${code.name} has no decoder in SystemVerilog: use a code of the families ${Object.keys(decoders).join(", ")}, or leave the hardware out with --no-rtl.`,
  );
}

/** A file's name and text. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** The name of a code within names of modules, such as secded_72_64. */
export const moduleStem = (code: Pick<WordCode, "name">) =>
  code.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_|_$/g, "");

/** Names of the files of a code's hardware. @param stem name of the code within names of modules */
export const hardwareFileNames = (stem: string) => ({
  encoder: `${stem}_encoder.sv`,
  decoder: `${stem}_decoder.sv`,
  testbench: `${stem}_tb.sv`,
  vectors: "vectors.memh",
});

/**
 * Encoder, decoder, test bench and its vectors.
 *
 * @param words data words of the memory image to test with
 * @throws QtamlError `invalid-argument` for a code without hardware
 */
export function hardwareFiles(
  code: WordCode,
  words: readonly Uint8Array[],
  region: TestedRegion,
): TextFile[] {
  checkHardware(code);
  const { module, isClocked = false } = decoders[code.family]!;
  const stem = moduleStem(code);
  const names = { encoder: `${stem}_encoder`, decoder: `${stem}_decoder`, testbench: `${stem}_tb` };
  const files = hardwareFileNames(stem);
  const vectors = testVectors(code, words, isClocked);
  return [
    { name: files.encoder, text: encoderModule(code, names.encoder) },
    { name: files.decoder, text: module(code, names.decoder) },
    {
      name: files.testbench,
      text: testbenchModule(code, names, vectors.length, region, isClocked),
    },
    { name: files.vectors, text: vectorFile(vectors) },
  ];
}

/** Numbers that look random and are the same everywhere (Marsaglia's xorshift32). */
function scatterer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * Vectors: each word clean; every single error (some 64 of them for a decoder that takes many clocks a word); then
 * words with 2 ... t errors, and with t + 1 and t + 2, at places that look random.
 */
function testVectors(code: WordCode, words: readonly Uint8Array[], isClocked: boolean): Vector[] {
  const next = scatterer(0x9e3779b9);
  const vectors: Vector[] = [];
  const add = (data: Uint8Array, errors: Iterable<number>) => {
    const codeword = code.encode(data);
    const received = Uint8Array.from(codeword);
    for (const j of errors) received[j]! ^= 1;
    const { data: expected, status } = code.decode(received);
    const flags = { corrected: status === "corrected", uncorrectable: status === "uncorrectable" };
    vectors.push({ data, codeword, received, expected, ...flags });
  };
  for (const data of words) add(data, []);
  const stride = isClocked ? Math.ceil(code.wordBits / 64) : 1;
  for (let j = 0; j < code.wordBits; j += stride) add(words[j % words.length]!, [j]);
  for (let errors = 2; errors <= Math.min(code.corrects + 2, code.wordBits); errors++) {
    for (let repeat = 0; repeat < (isClocked ? 8 : 32); repeat++) {
      const places = new Set<number>();
      while (places.size < errors) places.add(next(code.wordBits));
      add(words[next(words.length)]!, places);
    }
  }
  return vectors;
}

/** Data words to test with: those given, a word of ones and one that looks random. */
export function sampleWords(code: WordCode, stored: readonly Uint8Array[]): Uint8Array[] {
  const next = scatterer(0x85ebca6b);
  const noise = Uint8Array.from({ length: code.dataBits }, () => next(2));
  return [...stored, new Uint8Array(code.dataBits).fill(1), noise];
}
