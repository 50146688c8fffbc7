/**
 * @file Values of ONNX tensors: numbers out of a `TensorProto` in whichever field they are stored, and back.
 */
import { create } from "@bufbuild/protobuf";
import {
  TensorProto_DataLocation,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  type TensorProto,
} from "onnx-buf";
import { numberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { elementCount } from "../stored/index.ts";

export { DataType, elementCount };

/** Sizes along each axis; an empty list is a scalar. */
export type Dims = readonly number[];

/** Dimensions of a stored tensor. @throws QtamlError `invalid-file` when one is negative or absurdly large */
export function tensorDims(tensor: TensorProto): number[] {
  const dims = tensor.dims.map(Number);
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0) || !Number.isSafeInteger(elementCount(dims))) {
    throw new QtamlError(
      "invalid-file",
      `Tensor "${tensor.name}" has impossible dimensions [${dims.join(", ")}]; the model file is damaged.`,
    );
  }
  return dims;
}

/** Whether a tensor holds floating-point numbers that can be read as float32 weights. */
export function isFloatTensor(tensor: TensorProto): boolean {
  return (
    tensor.dataType === DataType.FLOAT ||
    tensor.dataType === DataType.FLOAT16 ||
    tensor.dataType === DataType.BFLOAT16 ||
    tensor.dataType === DataType.DOUBLE
  );
}

/** The ONNX name of an element type, for messages. */
export function dataTypeName(dataType: number): string {
  return DataType[dataType]?.toLowerCase() ?? `type ${dataType}`;
}

/** Bits of one element as `raw_data` holds it, by element type; strings have none. */
const elementBits: Readonly<Partial<Record<DataType, number>>> = {
  [DataType.FLOAT]: 32,
  [DataType.UINT8]: 8,
  [DataType.INT8]: 8,
  [DataType.UINT16]: 16,
  [DataType.INT16]: 16,
  [DataType.INT32]: 32,
  [DataType.INT64]: 64,
  [DataType.BOOL]: 8,
  [DataType.FLOAT16]: 16,
  [DataType.DOUBLE]: 64,
  [DataType.UINT32]: 32,
  [DataType.UINT64]: 64,
  [DataType.COMPLEX64]: 64,
  [DataType.COMPLEX128]: 128,
  [DataType.BFLOAT16]: 16,
  [DataType.FLOAT8E4M3FN]: 8,
  [DataType.FLOAT8E4M3FNUZ]: 8,
  [DataType.FLOAT8E5M2]: 8,
  [DataType.FLOAT8E5M2FNUZ]: 8,
  [DataType.UINT4]: 4,
  [DataType.INT4]: 4,
  [DataType.FLOAT4E2M1]: 4,
  [DataType.FLOAT8E8M0]: 8,
  [DataType.UINT2]: 2,
  [DataType.INT2]: 2,
};

/**
 * Bytes that a tensor of its type and dimensions takes in `raw_data` (elements below a byte are packed, the last byte
 * may be part empty); undefined for strings and unknown types.
 *
 * @throws QtamlError `invalid-file` for impossible dimensions
 */
export function storedByteLength(tensor: TensorProto): number | undefined {
  const bits = elementBits[tensor.dataType as DataType];
  return bits === undefined ? undefined : Math.ceil((elementCount(tensorDims(tensor)) * bits) / 8);
}

/** The error of a tensor that stores more or less than its dimensions say. */
export const damagedTensor = (tensor: TensorProto, stored: string) =>
  new QtamlError(
    "invalid-file",
    `Tensor "${tensor.name}" declares ${elementCount(tensorDims(tensor))} elements but stores ${stored}; the model file is damaged.`,
  );

/** The raw bytes of a tensor as a typed array of the given kind; copies only when they are not aligned to it. */
function rawView<T>(
  tensor: TensorProto,
  bytesPerElement: number,
  construct: (buffer: ArrayBufferLike, byteOffset: number, length: number) => T,
): T {
  const raw = tensor.rawData;
  const length = elementCount(tensorDims(tensor));
  if (raw.byteLength !== length * bytesPerElement) throw damagedTensor(tensor, `${raw.byteLength} bytes`);
  if (raw.byteOffset % bytesPerElement === 0) return construct(raw.buffer, raw.byteOffset, length);
  return construct(new Uint8Array(raw).buffer, 0, length);
}

function checkLength(tensor: TensorProto, found: number): void {
  if (found !== elementCount(tensorDims(tensor))) throw damagedTensor(tensor, String(found));
}

/** Whether a tensor's data are in another file that has not been looked for. */
export function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
}

function externalLocation(tensor: TensorProto): string {
  return tensor.externalData.find((e) => e.key === "location")?.value ?? "unnamed";
}

/** @throws QtamlError `unsupported-model` when the data are in another file that has not been looked for */
export function checkPresent(tensor: TensorProto): void {
  if (!isExternal(tensor)) return;
  throw new QtamlError(
    "unsupported-model",
    `The data of tensor "${tensor.name}" are in another file (${externalLocation(tensor)}); open the model by its path, or save it with its weights inside.`,
  );
}

/** Whether the data are in `raw_data`. @throws QtamlError `unsupported-model` when they are in another file */
function isRaw(tensor: TensorProto): boolean {
  checkPresent(tensor);
  return tensor.rawData.byteLength > 0;
}

/** The bits of each element of a float16 or bfloat16 tensor, in C order; do not write to them. */
export function floatBits(tensor: TensorProto): Uint16Array {
  const bits = isRaw(tensor)
    ? rawView(tensor, 2, (b, o, n) => new Uint16Array(b, o, n))
    : Uint16Array.from(tensor.int32Data);
  checkLength(tensor, bits.length);
  return bits;
}

/** The values of bit patterns, which are exact in float32. */
function widened(bits: Uint16Array, format: "fp16" | "bf16"): Float32Array {
  const { values } = numberFormat(format);
  const data = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) data[i] = values[bits[i]!]!;
  return data;
}

/**
 * Elements of a float, float16, bfloat16 or double tensor, rounded to float32, in C order. A view into the
 * model's bytes where they are float32 and aligned: do not write to it.
 *
 * @throws QtamlError `invalid-file` when the data are shorter or longer than the dimensions say,
 *   `unsupported-model` when they are not floating-point numbers or are in another file
 */
export function floatData(tensor: TensorProto): Float32Array {
  const hasRaw = isRaw(tensor);
  let data: Float32Array;
  switch (tensor.dataType) {
    case DataType.FLOAT:
      data = hasRaw
        ? rawView(tensor, 4, (b, o, n) => new Float32Array(b, o, n))
        : Float32Array.from(tensor.floatData);
      break;
    case DataType.DOUBLE:
      data = Float32Array.from(
        hasRaw ? rawView(tensor, 8, (b, o, n) => new Float64Array(b, o, n)) : tensor.doubleData,
      );
      break;
    case DataType.FLOAT16:
      data = widened(floatBits(tensor), "fp16");
      break;
    case DataType.BFLOAT16:
      data = widened(floatBits(tensor), "bf16");
      break;
    default:
      throw new QtamlError(
        "unsupported-model",
        `Tensor "${tensor.name}" holds ${dataTypeName(tensor.dataType)}, where floating-point numbers are needed; export the model again.`,
      );
  }
  checkLength(tensor, data.length);
  return data;
}

/** Integers of 2 or 4 bits, several a byte, the first in the lowest bits; `int32_data` holds one byte a number. */
function packedIntegers(tensor: TensorProto, bits: 2 | 4, isSigned: boolean): number[] {
  const count = elementCount(tensorDims(tensor));
  const bytes = isRaw(tensor) ? tensor.rawData : Uint8Array.from(tensor.int32Data, (byte) => byte & 255);
  if (bytes.byteLength !== Math.ceil((count * bits) / 8)) {
    throw damagedTensor(tensor, `${bytes.byteLength} bytes`);
  }
  const each = 8 / bits;
  const shift = 32 - bits;
  return Array.from({ length: count }, (_, i) => {
    const high = bytes[Math.floor(i / each)]! << (shift - bits * (i % each));
    return isSigned ? high >> shift : high >>> shift;
  });
}

/**
 * Elements of an integer or boolean tensor as numbers, in C order.
 *
 * @throws QtamlError `invalid-file` when the data are shorter or longer than the dimensions say,
 *   `unsupported-model` when they are not integers or are in another file; numbers beyond 2^53 are rounded
 */
export function integerData(tensor: TensorProto): number[] {
  const hasRaw = isRaw(tensor);
  let data: number[];
  switch (tensor.dataType) {
    case DataType.INT64:
      data = Array.from(
        hasRaw ? rawView(tensor, 8, (b, o, n) => new BigInt64Array(b, o, n)) : tensor.int64Data,
        Number,
      );
      break;
    case DataType.INT32:
      data = Array.from(hasRaw ? rawView(tensor, 4, (b, o, n) => new Int32Array(b, o, n)) : tensor.int32Data);
      break;
    case DataType.INT8:
      data = Array.from(hasRaw ? rawView(tensor, 1, (b, o, n) => new Int8Array(b, o, n)) : tensor.int32Data);
      break;
    case DataType.UINT8:
    case DataType.BOOL:
      data = Array.from(hasRaw ? rawView(tensor, 1, (b, o, n) => new Uint8Array(b, o, n)) : tensor.int32Data);
      break;
    case DataType.INT16:
      data = Array.from(hasRaw ? rawView(tensor, 2, (b, o, n) => new Int16Array(b, o, n)) : tensor.int32Data);
      break;
    case DataType.UINT16:
      data = Array.from(
        hasRaw ? rawView(tensor, 2, (b, o, n) => new Uint16Array(b, o, n)) : tensor.int32Data,
      );
      break;
    case DataType.UINT32:
      data = hasRaw
        ? Array.from(rawView(tensor, 4, (b, o, n) => new Uint32Array(b, o, n)))
        : tensor.uint64Data.map(Number);
      break;
    case DataType.UINT64:
      data = Array.from(
        hasRaw ? rawView(tensor, 8, (b, o, n) => new BigUint64Array(b, o, n)) : tensor.uint64Data,
        Number,
      );
      break;
    case DataType.INT4:
    case DataType.UINT4:
      data = packedIntegers(tensor, 4, tensor.dataType === DataType.INT4);
      break;
    case DataType.INT2:
    case DataType.UINT2:
      data = packedIntegers(tensor, 2, tensor.dataType === DataType.INT2);
      break;
    default:
      throw new QtamlError(
        "unsupported-model",
        `Tensor "${tensor.name}" holds ${dataTypeName(tensor.dataType)}, where integers are needed; export the model again.`,
      );
  }
  checkLength(tensor, data.length);
  return data;
}

function bytesOf(data: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

function rawTensor(name: string, dims: Dims, dataType: DataType, data: ArrayBufferView): TensorProto {
  return create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType, rawData: bytesOf(data) });
}

/** A float32 tensor over the given data (shared, not copied). */
export function floatTensor(name: string, dims: Dims, data: Float32Array): TensorProto {
  return rawTensor(name, dims, DataType.FLOAT, data);
}

/** A uint8 tensor over the given data (shared, not copied). */
export function uint8Tensor(name: string, dims: Dims, data: Uint8Array): TensorProto {
  return rawTensor(name, dims, DataType.UINT8, data);
}

/** A uint8 or uint16 tensor over the given codes (shared, not copied). */
export function codesTensor(name: string, dims: Dims, codes: Uint8Array | Uint16Array): TensorProto {
  return rawTensor(name, dims, codes.BYTES_PER_ELEMENT === 1 ? DataType.UINT8 : DataType.UINT16, codes);
}

/** A double tensor over the given data (shared, not copied). */
export function doubleTensor(name: string, dims: Dims, data: Float64Array): TensorProto {
  return rawTensor(name, dims, DataType.DOUBLE, data);
}

/** A float16 or bfloat16 tensor over the given bits (shared, not copied). */
export function halfTensor(
  name: string,
  dims: Dims,
  dataType: DataType,
  bits: Uint8Array | Uint16Array,
): TensorProto {
  return rawTensor(name, dims, dataType, bits);
}

/** An int8 tensor over the given data (shared, not copied). */
export function int8Tensor(name: string, dims: Dims, data: Int8Array): TensorProto {
  return rawTensor(name, dims, DataType.INT8, data);
}

/** An int64 tensor: shapes, axes, indices. */
export function int64Tensor(name: string, dims: Dims, values: readonly number[]): TensorProto {
  return rawTensor(name, dims, DataType.INT64, BigInt64Array.from(values, BigInt));
}
