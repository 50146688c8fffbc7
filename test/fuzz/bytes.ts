/** @file Mutators that know nothing of a format: bits, runs of bytes, cuts, splices and absurd numbers. */
import { edgeIntegers, type Random } from "./random.ts";

/** Makes a damaged copy of some bytes; `others` are further valid files of the kind. */
export type Mutator = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

/** Joins byte runs. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** A base-128 varint as protocol buffers write it, of the low 64 bits. */
export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const more = rest > 127n;
    bytes.push(Number(rest & 127n) | (more ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** Where to strike: mostly the first kilobytes, where headers are, else anywhere. */
function place(bytes: Uint8Array, random: Random): number {
  return random.below(random.chance(0.5) ? Math.min(bytes.byteLength, 512) : bytes.byteLength);
}

const flipBits: Mutator = (bytes, random) => {
  const out = bytes.slice();
  for (let k = random.span(16); k > 0 && out.byteLength > 0; k--)
    out[place(out, random)]! ^= 1 << random.below(8);
  return out;
};

const fillRun: Mutator = (bytes, random) => {
  const out = bytes.slice();
  const from = place(out, random);
  const value = random.pick([0, 255, 127, 128, 32, random.below(256)]);
  return out.fill(value, from, from + random.span(64));
};

const truncate: Mutator = (bytes, random) => bytes.slice(0, place(bytes, random));

const removeRun: Mutator = (bytes, random) => {
  const from = place(bytes, random);
  return concatBytes(bytes.subarray(0, from), bytes.subarray(from + random.span(bytes.byteLength - from)));
};

const repeatRun: Mutator = (bytes, random) => {
  const from = place(bytes, random);
  const end = from + random.span(Math.min(4096, bytes.byteLength - from));
  const run = bytes.subarray(from, end);
  const copies = Array.from({ length: random.span(16) }, () => run);
  return concatBytes(bytes.subarray(0, end), ...copies, bytes.subarray(end));
};

const insertNoise: Mutator = (bytes, random) => {
  const at = place(bytes, random);
  const noise = Uint8Array.from({ length: random.span(64) }, () => random.below(256));
  return concatBytes(bytes.subarray(0, at), noise, bytes.subarray(at));
};

const splice: Mutator = (bytes, random, others) => {
  const other = random.pick([bytes, ...others]);
  return concatBytes(bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random)));
};

/** Overwrites 2, 4 or 8 bytes with a number at an edge, in either byte order. */
const edgeInteger: Mutator = (bytes, random) => {
  const out = bytes.slice();
  const width = random.pick([1, 2, 4, 8]);
  if (out.byteLength < width) return out;
  const at = random.below(out.byteLength - width + 1);
  const isLittle = random.chance(0.7);
  const value = BigInt.asUintN(64, random.pick(edgeIntegers) - BigInt(random.below(2)));
  for (let k = 0; k < width; k++) {
    out[at + (isLittle ? k : width - 1 - k)] = Number((value >> BigInt(8 * k)) & 255n);
  }
  return out;
};

const edgeVarint: Mutator = (bytes, random) => {
  const at = place(bytes, random);
  const value = varint(random.pick(edgeIntegers));
  const skipped = random.pick([0, 1, value.byteLength]);
  return concatBytes(bytes.subarray(0, at), value, bytes.subarray(at + skipped));
};

/** Mutators for any kind of file. */
export const byteMutators: readonly Mutator[] = [
  flipBits,
  fillRun,
  truncate,
  removeRun,
  repeatRun,
  insertNoise,
  splice,
  edgeInteger,
  edgeVarint,
];
