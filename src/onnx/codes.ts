/**
 * @file Tensors of integers and small floats as stored codes: the bits of each element, and the number format they
 * are read in.
 */
import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema, type TensorProto } from "onnx-buf";
import {
  codeArray,
  integerFormat,
  numberFormat,
  tableFormat,
  type Codes,
  type NumberFormat,
} from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { checkPresent, dataTypeName, DataType, elementCount, tensorDims, type Dims } from "./tensor.ts";

/** The small floats without infinities and negative zero: the code of minus zero is NaN, the bias is one more. */
const unsignedZero = (name: string, mantissaBits: number) => () => {
  const mantissas = 2 ** mantissaBits;
  const bias = 2 ** (6 - mantissaBits);
  const values = Float64Array.from({ length: 256 }, (_, code) => {
    if (code === 128) return NaN;
    const exponent = (code & 127) >> mantissaBits;
    const mantissa = (code & (mantissas - 1)) / mantissas;
    const magnitude = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
    return code < 128 ? magnitude : -magnitude;
  });
  return tableFormat(name, values);
};

const fp4 = () =>
  tableFormat("fp4-e2m1", [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6], 6);

const makers: ReadonlyMap<number, () => NumberFormat> = new Map<number, () => NumberFormat>([
  [DataType.INT2, () => integerFormat(2, true)],
  [DataType.UINT2, () => integerFormat(2, false)],
  [DataType.INT4, () => integerFormat(4, true)],
  [DataType.UINT4, () => integerFormat(4, false)],
  [DataType.INT8, () => integerFormat(8, true)],
  [DataType.UINT8, () => integerFormat(8, false)],
  [DataType.INT16, () => integerFormat(16, true)],
  [DataType.UINT16, () => integerFormat(16, false)],
  [DataType.FLOAT8E4M3FN, () => numberFormat("fp8-e4m3")],
  [DataType.FLOAT8E5M2, () => numberFormat("fp8-e5m2")],
  [DataType.FLOAT8E4M3FNUZ, unsignedZero("fp8-e4m3fnuz", 3)],
  [DataType.FLOAT8E5M2FNUZ, unsignedZero("fp8-e5m2fnuz", 2)],
  [DataType.FLOAT4E2M1, fp4],
]);

const formats = new Map<number, NumberFormat>();

/** Whether elements of a type are codes of at most 16 bits. */
export function isCodeType(dataType: number): boolean {
  return makers.has(dataType);
}

/** The number format of a code type. @throws QtamlError `unsupported-model` for another element type */
export function codeFormat(dataType: number): NumberFormat {
  let format = formats.get(dataType);
  if (format === undefined) {
    const make = makers.get(dataType);
    if (make === undefined) {
      throw new QtamlError(
        "unsupported-model",
        `Codes of type ${dataTypeName(dataType)} are not supported: quantise the model to integers of at most 16 bits.`,
      );
    }
    formats.set(dataType, (format = make()));
  }
  return format;
}

/** The code type that a format of this name has in files; undefined when there is none. */
export function codeTypeOf(format: string): DataType | undefined {
  for (const dataType of makers.keys()) if (codeFormat(dataType).name === format) return dataType;
  return undefined;
}

/** The bytes of a tensor of codes of at most 8 bits, from either field; do not write to them. */
export function codeBytes(tensor: TensorProto): Uint8Array {
  const raw = tensor.rawData;
  return raw.byteLength > 0 ? raw : Uint8Array.from(tensor.int32Data, (value) => value & 255);
}

/**
 * The codes of a tensor of a code type, in C order.
 *
 * @throws QtamlError `unsupported-model` for another element type, `invalid-file` when the data are too short or long
 */
export function tensorCodes(tensor: TensorProto): Codes {
  checkPresent(tensor);
  const { bits } = codeFormat(tensor.dataType);
  const count = elementCount(tensorDims(tensor));
  // Lengths are checked before anything is allocated: dimensions of a damaged file say anything.
  if (bits > 8 && tensor.rawData.byteLength === 0) {
    checkLength(tensor, tensor.int32Data.length, count);
    const codes = codeArray(bits, count);
    for (let i = 0; i < count; i++) codes[i] = tensor.int32Data[i]! & (2 ** bits - 1);
    return codes;
  }
  const bytes = codeBytes(tensor);
  checkLength(tensor, bytes.length, Math.ceil((count * bits) / 8));
  const codes = codeArray(bits, count);
  if (bits === 8) codes.set(bytes);
  else if (bits === 16) for (let i = 0; i < count; i++) codes[i] = bytes[2 * i]! | (bytes[2 * i + 1]! << 8);
  else unpackInto(bytes, bits, codes);
  return codes;
}

function checkLength(tensor: TensorProto, found: number, expected: number): void {
  if (found === expected) return;
  throw new QtamlError(
    "invalid-file",
    `Tensor "${tensor.name}" stores ${found} bytes of codes where its dimensions need ${expected}; the model file is damaged.`,
  );
}

/** Codes of 2 or 4 bits from bytes, the first in the lowest bits. */
export function unpackInto(bytes: Uint8Array, bits: number, codes: Codes): void {
  const each = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let i = 0; i < codes.length; i++)
    codes[i] = (bytes[Math.floor(i / each)]! >> (bits * (i % each))) & mask;
}

/** Bytes of codes of 2 or 4 bits. */
function pack(codes: Codes, bits: number): Uint8Array<ArrayBuffer> {
  const each = 8 / bits;
  const bytes = new Uint8Array(Math.ceil(codes.length / each));
  codes.forEach((code, i) => (bytes[Math.floor(i / each)]! |= code << (bits * (i % each))));
  return bytes;
}

/** A tensor of a code type that holds the given codes, two or four a byte where they are that narrow. */
export function packedTensor(name: string, dims: Dims, dataType: DataType, codes: Codes): TensorProto {
  const { bits } = codeFormat(dataType);
  const rawData =
    bits < 8
      ? pack(codes, bits)
      : new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength);
  return create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType, rawData });
}
