/**
 * @file Floating-point numbers piece by piece, so that a tensor larger than memory can be gone through.
 */
import type { TensorProto } from "onnx-buf";
import { numberFormat } from "../channel/index.ts";
import { rawLength, rawRange } from "./lazy.ts";
import type { ByteRange } from "../bytes/index.ts";
import { DataType, damagedTensor, floatData, isExternal, isFloatTensor, storedByteLength } from "./tensor.ts";

/** The element types that are floating-point numbers of their own, without a scale. */
export type FloatType = DataType.FLOAT | DataType.DOUBLE | DataType.FLOAT16 | DataType.BFLOAT16;

/** Floating-point numbers that lie somewhere as little-endian bytes, in C order. */
export interface FloatStore {
  readonly dataType: FloatType;
  readonly range: ByteRange;
}

/** Numbers in a piece: a megabyte of float32, which stays in the processor's cache. */
const pieceLength = 2 ** 18;

const bytesPer = {
  [DataType.FLOAT]: 4,
  [DataType.DOUBLE]: 8,
  [DataType.FLOAT16]: 2,
  [DataType.BFLOAT16]: 2,
} as const satisfies Record<FloatType, number>;

/** Rounds numbers of a type to float32. The bytes must be aligned to the type. */
function toFloat32(dataType: FloatType, bytes: Uint8Array<ArrayBuffer>, out: Float32Array): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  const n = byteLength / bytesPer[dataType];
  switch (dataType) {
    case DataType.FLOAT:
      return new Float32Array(buffer, byteOffset, n);
    case DataType.DOUBLE: {
      out.set(new Float64Array(buffer, byteOffset, n));
      break;
    }
    case DataType.FLOAT16: {
      const bits = new Uint16Array(buffer, byteOffset, n);
      const table = numberFormat("fp16").values;
      for (let i = 0; i < n; i++) out[i] = table[bits[i]!]!;
      break;
    }
    case DataType.BFLOAT16: {
      const bits = new Uint16Array(buffer, byteOffset, n);
      const words = new Uint32Array(out.buffer, out.byteOffset, n);
      for (let i = 0; i < n; i++) words[i] = bits[i]! << 16;
      break;
    }
  }
  return out.subarray(0, n);
}

/** Goes through numbers in order, rounded to float32. The pieces may share one buffer: use each before the next comes. */
export function* streamFloats({ dataType, range }: FloatStore): Generator<Float32Array> {
  const size = bytesPer[dataType];
  const { source, offset, length } = range;
  const out = new Float32Array(dataType === DataType.FLOAT ? 0 : Math.min(pieceLength, length / size));
  const memory = source.bytes;
  const inPlace = memory !== undefined && (memory.byteOffset + offset) % size === 0;
  const buffer = new Uint8Array(inPlace ? 0 : Math.min(pieceLength * size, length));
  for (let done = 0; done < length; done += pieceLength * size) {
    const bytes = Math.min(pieceLength * size, length - done);
    let piece = buffer.subarray(0, bytes);
    if (inPlace) {
      piece = new Uint8Array(memory.buffer as ArrayBuffer, memory.byteOffset + offset + done, bytes);
    } else {
      source.readInto(offset + done, piece);
    }
    yield toFloat32(dataType, piece, out);
  }
}

/** Goes through 16-bit patterns in order. The pieces may share one buffer: use each before the next comes. */
export function* streamHalves({ source, offset, length }: ByteRange): Generator<Uint16Array> {
  const buffer = new Uint8Array(Math.min(2 * pieceLength, length));
  for (let done = 0; done < length; done += buffer.byteLength) {
    const piece = buffer.subarray(0, Math.min(buffer.byteLength, length - done));
    source.readInto(offset + done, piece);
    yield new Uint16Array(piece.buffer, 0, piece.byteLength / 2);
  }
}

/**
 * Goes through the elements of a float, float16, bfloat16 or double tensor as `floatData` gives them, without holding
 * them all.
 *
 * @throws QtamlError as `floatData`
 */
export function* tensorFloats(tensor: TensorProto): Generator<Float32Array> {
  if (!isFloatTensor(tensor) || isExternal(tensor) || rawLength(tensor) === 0) {
    yield floatData(tensor);
    return;
  }
  const range = rawRange(tensor);
  if (range.length !== storedByteLength(tensor)) throw damagedTensor(tensor, `${range.length} bytes`);
  yield* streamFloats({ dataType: tensor.dataType, range });
}
