/**
 * @file The codewords of a memory: which data bit lies in which word, and what a decoder makes of hit words. Words are
 * laid out as the memory image lays them out (`image.buildImage`): bit plane after bit plane, a region a code.
 */
import type { Codes, ProtectionSegment } from "../channel/index.ts";
import { codeNamed, type WordCode } from "../ecc/index.ts";
import { QtamlError } from "../errors.ts";
import type { TensorDamage } from "../faults/index.ts";
import type { StoredTensor } from "../stored/index.ts";

/** One bit of neighbouring weights of a tensor. */
interface CodedPlane {
  readonly tensor: number;
  readonly start: number;
  readonly count: number;
  readonly bit: number;
  /** Data bit of the region that the first weight's bit is. */
  readonly offset: number;
}

/** All words of one code. Cells that fill up the last word do not fail. */
export interface CodedRegion {
  readonly code: WordCode;
  readonly planes: readonly CodedPlane[];
  readonly dataBits: number;
  /** [words * (n - k)] the check bits as they are written. */
  readonly checkBits: Uint8Array;
  /** Forgets all hits. */
  clear(): void;
  /** Takes faults of check bits. */
  hitChecks(damage: TensorDamage): void;
  /** Takes faults of all weights of a tensor. @param patterns [n] XOR patterns */
  hitTensor(tensor: number, patterns: Codes): void;
  /** Takes faults of a weight. @param hit the bits that flipped, of all codes */
  hitWeight(tensor: number, weight: number, hit: number): void;
  /** Decodes the words that are hit. @param wrong called with each data bit that is read wrongly */
  decode(wrong: (tensor: number, weight: number, bit: number) => void): void;
}

/**
 * A code that can hold bit planes.
 *
 * @throws QtamlError `invalid-argument` for a code that does not exist, or holds whole weights
 */
export function planeCode(name: string): WordCode {
  const code = codeNamed(name);
  if (code.family !== "zero-space") return code;
  throw new QtamlError(
    "invalid-argument",
    `${code.name} keeps its check bits inside whole int8 weights and holds no single bit planes: take secded(64,57) for the same words with parity beside them.`,
  );
}

/** The regions of a protection, in the order in which codes are first met. */
export function codedRegions(
  tensors: readonly StoredTensor[],
  protection: readonly (readonly ProtectionSegment[])[],
): CodedRegion[] {
  const open = new Map<
    string,
    { readonly code: WordCode; readonly planes: CodedPlane[]; dataBits: number }
  >();
  for (const [tensor, segments] of protection.entries()) {
    for (const { start, count, codes = [] } of segments) {
      for (let bit = tensors[tensor]!.format.bits - 1; bit >= 0; bit--) {
        const name = codes.find(({ mask }) => ((mask >> bit) & 1) === 1)?.code;
        if (name === undefined || count === 0) continue;
        const region = open.get(name) ?? { code: planeCode(name), planes: [], dataBits: 0 };
        open.set(name, region);
        region.planes.push({ tensor, start, count, bit, offset: region.dataBits });
        region.dataBits += count;
      }
    }
  }
  return [...open.values()].map((region) => openRegion(region, tensors));
}

function openRegion(
  {
    code,
    planes,
    dataBits,
  }: { readonly code: WordCode; readonly planes: readonly CodedPlane[]; readonly dataBits: number },
  tensors: readonly StoredTensor[],
): CodedRegion {
  const { dataBits: k, wordBits: n, dataPositions } = code;
  const words = Math.ceil(dataBits / k);
  const checkPositions = Array.from({ length: n }, (_, j) => j).filter((j) => !dataPositions.includes(j));
  const byTensor = Map.groupBy(planes, ({ tensor }) => tensor);

  /** Calls back with the place of each data bit of a word, in order. */
  const placesOf = (word: number, use: (i: number, plane: CodedPlane, weight: number) => void) => {
    let at = word * k;
    const end = Math.min(at + k, dataBits);
    let p = planeAt(planes, at);
    for (let i = 0; at < end; at++, i++) {
      if (at >= planes[p]!.offset + planes[p]!.count) p++;
      const plane = planes[p]!;
      use(i, plane, plane.start + at - plane.offset);
    }
  };
  const dataOf = (word: number): Uint8Array => {
    const data = new Uint8Array(k);
    placesOf(word, (i, { tensor, bit }, weight) => {
      data[i] = (tensors[tensor]!.codes[weight]! >> bit) & 1;
    });
    return data;
  };

  const checkBits = new Uint8Array(words * checkPositions.length);
  for (let word = 0; word < words; word++) {
    const encoded = code.encode(dataOf(word));
    checkPositions.forEach((j, c) => (checkBits[word * checkPositions.length + c] = encoded[j]!));
  }

  const hits = new Map<number, Uint8Array>();
  const hit = (word: number, position: number) => {
    let errors = hits.get(word);
    if (errors === undefined) hits.set(word, (errors = new Uint8Array(n)));
    errors[position] = 1;
  };
  const hitCheck = (i: number) => {
    const word = Math.floor(i / checkPositions.length);
    hit(word, checkPositions[i - word * checkPositions.length]!);
  };
  const hitData = (at: number) => hit(Math.floor(at / k), dataPositions[at % k]!);

  return {
    code,
    planes,
    dataBits,
    checkBits,
    clear: () => hits.clear(),
    hitChecks({ touched, patterns }) {
      if (touched === undefined) patterns.forEach((pattern, i) => pattern !== 0 && hitCheck(i));
      else for (const i of touched) if (patterns[i] !== 0) hitCheck(i);
    },
    hitTensor(tensor, patterns) {
      for (const { start, count, bit, offset } of byTensor.get(tensor) ?? [])
        for (let i = 0; i < count; i++) if ((patterns[start + i]! >> bit) & 1) hitData(offset + i);
    },
    hitWeight(tensor, weight, flipped) {
      for (const { start, count, bit, offset } of byTensor.get(tensor) ?? [])
        if ((flipped >> bit) & 1 && weight >= start && weight < start + count)
          hitData(offset + weight - start);
    },
    decode(wrong) {
      for (const [word, errors] of hits) {
        const data = dataOf(word);
        const read = new Uint8Array(n);
        dataPositions.forEach((j, i) => (read[j] = data[i]! ^ errors[j]!));
        checkPositions.forEach((j, c) => {
          read[j] = checkBits[word * checkPositions.length + c]! ^ errors[j]!;
        });
        const found = code.decode(read).data;
        placesOf(word, (i, { tensor, bit }, weight) => {
          if (found[i] !== data[i]) wrong(tensor, weight, bit);
        });
      }
    },
  };
}

/** Ordinal of the plane that holds a data bit. @param planes in the order of their offsets */
function planeAt(planes: readonly CodedPlane[], at: number): number {
  let [low, high] = [0, planes.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { offset, count } = planes[middle]!;
    if (offset + count <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
