/**
 * @file Rebuilds codes and weights from a memory image, correcting what the code can.
 */
import { codeArray, type Codes } from "../channel/index.ts";
import { forEachStepRow } from "../stored/index.ts";
import { bitAt, bytesFor, raiseBit } from "./bits.ts";
import { codeBytes, describeCode, invert } from "./build.ts";
import type { WordCode } from "../ecc/index.ts";
import {
  fromLayoutFloats,
  type Layout,
  type LayoutCode,
  type LayoutRegion,
  type LayoutTensor,
} from "./layout.ts";
import { QtamlError } from "../errors.ts";

/** What reading a region found. */
export interface RegionReading {
  readonly name: string;
  readonly words: number;
  /** Words in which errors were corrected. */
  readonly corrected: number;
  /** Words with more errors than the code can correct, as far as it notices. */
  readonly uncorrectable: number;
  /** Whether the bytes are those that were written. */
  readonly isAsWritten: boolean;
}

/** What reading a tensor found. */
export interface TensorReading {
  readonly name: string;
  readonly dims: readonly number[];
  readonly codes: Codes;
  /** [count] float32 weights. */
  readonly weights: Float32Array<ArrayBuffer>;
  /** Whether the codes are those that were written. */
  readonly isAsWritten: boolean;
}

/** What an image holds. */
export interface ImageReading {
  readonly regions: readonly RegionReading[];
  readonly tensors: readonly TensorReading[];
}

/** What reading needs beside the image. */
export interface ReadOptions {
  /** The code of that description. */
  readonly codeOf: (description: LayoutCode) => WordCode;
  readonly sha256: (bytes: Uint8Array) => string;
}

/**
 * Reads an image.
 *
 * @param contents rows of each region of the layout, as its binary file holds them
 * @param options codes by their description, and the digest to compare with
 * @throws QtamlError `invalid-file` for a region of another size, `invalid-schema` for a code of another definition
 */
export function readImage(
  layout: Layout,
  contents: readonly Uint8Array[],
  { codeOf, sha256 }: ReadOptions,
): ImageReading {
  const data: Uint8Array[] = [];
  const regions = layout.regions.map((region, r): RegionReading => {
    const bytes = contents[r]!;
    if (bytes.length !== region.rows * region.rowBytes) {
      throw new QtamlError(
        "invalid-file",
        `${region.files.binary} holds ${bytes.length} bytes where the layout says ${region.rows * region.rowBytes}; write the image again with qtaml harden.`,
      );
    }
    const isAsWritten = sha256(bytes) === region.sha256;
    const levels = Uint8Array.from(bytes);
    if (layout.polarity === "inverted") invert(levels, region.rowBits);
    const found =
      region.code === null
        ? readPlain(levels, region)
        : readCoded(levels, region, checkedCode(region.code, codeOf));
    data.push(found.data);
    return { name: region.name, isAsWritten, ...found.counts };
  });
  const tensors = layout.tensors.map((tensor): TensorReading => {
    const codes = gather(tensor, data);
    return {
      name: tensor.name,
      dims: tensor.dims,
      codes,
      weights: decode(tensor, layout.tables, codes),
      isAsWritten: sha256(codeBytes(codes)) === tensor.codesSha256,
    };
  });
  return { regions, tensors };
}

/** The code that a layout describes. @throws QtamlError `invalid-schema` when ours of that name is another one */
function checkedCode(described: LayoutCode, codeOf: ReadOptions["codeOf"]): WordCode {
  const code = codeOf(described);
  if (JSON.stringify(describeCode(code)) !== JSON.stringify(described)) {
    throw new QtamlError(
      "invalid-schema",
      `The layout's ${described.name} has other parity equations than that of this version; read the image with the version that wrote it.`,
    );
  }
  return code;
}

type Found = { readonly data: Uint8Array; readonly counts: Omit<RegionReading, "name" | "isAsWritten"> };

function readPlain(bytes: Uint8Array, { rowBits, rowBytes, rows }: LayoutRegion): Found {
  const counts = { words: rows, corrected: 0, uncorrectable: 0 };
  if (rowBits % 8 === 0) return { data: bytes, counts };
  const data = new Uint8Array(bytesFor(rows * rowBits));
  for (let j = 0; j < rows * rowBits; j++) {
    if (bitAt(bytes, Math.floor(j / rowBits) * rowBytes * 8 + (j % rowBits)) === 1) raiseBit(data, j);
  }
  return { data, counts };
}

function readCoded(bytes: Uint8Array, { rowBytes, rows, interleave }: LayoutRegion, code: WordCode): Found {
  const words = rows * interleave;
  const data = new Uint8Array(bytesFor(words * code.dataBits));
  const word = new Uint8Array(code.wordBits);
  let corrected = 0;
  let uncorrectable = 0;
  for (let w = 0; w < words; w++) {
    const start = Math.floor(w / interleave) * rowBytes * 8 + (w % interleave);
    for (let j = 0; j < word.length; j++) word[j] = bitAt(bytes, start + j * interleave);
    const reading = code.decode(word);
    if (reading.status === "corrected") corrected++;
    if (reading.status === "uncorrectable") uncorrectable++;
    for (let i = 0; i < code.dataBits; i++) if (reading.data[i] === 1) raiseBit(data, w * code.dataBits + i);
  }
  return { data, counts: { words, corrected, uncorrectable } };
}

/** Collects the bits of a tensor's codes. */
function gather({ bits, count, segments }: LayoutTensor, data: readonly Uint8Array[]): Codes {
  const codes = codeArray(bits, count);
  for (const segment of segments) {
    for (const { bit, region, offset } of segment.planes) {
      const from = data[region]!;
      for (let i = 0; i < segment.count; i++) codes[segment.start + i]! |= bitAt(from, offset + i) << bit;
    }
  }
  return codes;
}

/** Codes to weights, by the operations of the hardened model in the same order. */
function decode(tensor: LayoutTensor, tables: Layout["tables"], codes: Codes): Float32Array<ArrayBuffer> {
  const weights = new Float32Array(tensor.count);
  for (const { start, count, table } of tensor.segments) {
    const values = fromLayoutFloats(tables[table]!);
    for (let i = start; i < start + count; i++) weights[i] = values[codes[i]!]!;
  }
  if (tensor.steps === null) return weights;
  const steps = fromLayoutFloats(tensor.steps);
  const zeros = tensor.zeroPoints === null ? undefined : fromLayoutFloats(tensor.zeroPoints);
  const { dims, channelAxis, blockSize } = tensor;
  const layout = { dims, channelAxis: channelAxis ?? undefined, blockSize: blockSize ?? undefined };
  forEachStepRow(layout, (start, count, step, stride) => {
    for (let k = 0; k < count; k++) {
      const s = step + k * stride;
      weights[start + k] = Math.fround(weights[start + k]! - (zeros?.[s] ?? 0)) * steps[s]!;
    }
  });
  return weights;
}
