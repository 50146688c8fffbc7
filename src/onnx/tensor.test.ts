import { create } from "@bufbuild/protobuf";
import { TensorProto_DataLocation, TensorProtoSchema, type TensorProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { refusalCode } from "../../test/refusal.ts";
import {
  DataType,
  dataTypeName,
  elementCount,
  floatData,
  floatTensor,
  int64Tensor,
  int8Tensor,
  integerData,
  isFloatTensor,
  storedByteLength,
  tensorDims,
  uint8Tensor,
} from "./tensor.ts";

type Fields = Omit<Partial<TensorProto>, "dims" | "$typeName" | "$unknown">;

const tensor = (dataType: DataType, dims: readonly number[], fields: Fields) =>
  create(TensorProtoSchema, { name: "w", dataType, dims: dims.map(BigInt), ...fields });

const bytesOf = (data: ArrayBufferView<ArrayBuffer>) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The same bytes at an odd address. */
function unaligned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const shifted = new Uint8Array(bytes.byteLength + 1).subarray(1);
  shifted.set(bytes);
  return shifted;
}

const special = Float32Array.of(0, -0, 1.5, -(2 ** -149), 2 ** -126, 3.4e38, Infinity, -Infinity, NaN);

describe("float tensors", () => {
  it("are read from raw and typed fields, bit for bit", () => {
    const raw = bytesOf(special);
    for (const fields of [
      { rawData: raw },
      { rawData: unaligned(raw) },
      { floatData: Array.from(special) },
    ]) {
      expect(floatData(tensor(DataType.FLOAT, [3, 3], fields))).toEqual(special);
    }
    const inBuffer = Buffer.concat([Buffer.from([1, 2, 3]), raw]).subarray(3);
    expect(floatData(tensor(DataType.FLOAT, [9], { rawData: inBuffer }))).toEqual(special);
  });

  it("are views where they can be, so that a large model is held once", () => {
    const data = Float32Array.of(1, 2, 3);
    const view = floatData(floatTensor("w", [3], data));
    data[1] = 7;
    expect(view[1]).toBe(7);
  });

  it("round doubles to float32", () => {
    const doubles = Float64Array.of(0.1, 1 + 2 ** -30, 1e300, -1e-300, NaN);
    const expected = Float32Array.from(doubles);
    const raw = bytesOf(doubles);
    for (const fields of [
      { rawData: raw },
      { rawData: unaligned(raw) },
      { doubleData: Array.from(doubles) },
    ]) {
      expect(floatData(tensor(DataType.DOUBLE, [5], fields))).toEqual(expected);
    }
  });

  const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);

  it("widen every float16, subnormal, infinite and NaN ones too", () => {
    // Shifted into a float32, exponent and fraction are right but for the bias: times 2^112, exact for all of them.
    const expected = Float32Array.from(patterns, (bits) => {
      const shifted = new DataView(new ArrayBuffer(4));
      shifted.setUint32(0, (bits & 0x7fff) << 13);
      const magnitude =
        (bits & 0x7c00) === 0x7c00
          ? (bits & 1023) === 0
            ? Infinity
            : NaN
          : shifted.getFloat32(0) * 2 ** 112;
      return (bits & 0x8000) === 0 ? magnitude : -magnitude;
    });
    for (const fields of [
      { rawData: bytesOf(patterns) },
      { rawData: unaligned(bytesOf(patterns)) },
      { int32Data: Array.from(patterns) },
    ]) {
      expect(floatData(tensor(DataType.FLOAT16, [256, 256], fields))).toEqual(expected);
    }
    expect(Array.from(expected.subarray(0x3c00, 0x3c02))).toEqual([1, 1 + 2 ** -10]);
    expect(expected[1]).toBe(2 ** -24);
  });

  it("widen every bfloat16", () => {
    const halves = new Uint16Array(2 * 65536);
    patterns.forEach((bits, i) => (halves[2 * i + 1] = bits));
    const expected = new Float32Array(halves.buffer);
    for (const fields of [
      { rawData: bytesOf(patterns) },
      { rawData: unaligned(bytesOf(patterns)) },
      { int32Data: Array.from(patterns) },
    ]) {
      expect(floatData(tensor(DataType.BFLOAT16, [65536], fields))).toEqual(expected);
    }
    expect(expected[0x3f80]).toBe(1);
  });

  it("may be scalar or empty", () => {
    expect(floatData(floatTensor("w", [], Float32Array.of(4)))).toEqual(Float32Array.of(4));
    expect(floatData(floatTensor("w", [0, 5], new Float32Array(0)))).toEqual(new Float32Array(0));
  });

  it("are told from others", () => {
    const floats = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];
    for (const type of [...floats, DataType.INT8, DataType.INT64, DataType.STRING, DataType.FLOAT8E4M3FN]) {
      const isFloat = floats.includes(type);
      expect(isFloatTensor(tensor(type, [0], {}))).toBe(isFloat);
      expect(refusalCode(() => floatData(tensor(type, [0], {})))).toBe(
        isFloat ? "nothing thrown" : "unsupported-model",
      );
    }
  });
});

describe("integer tensors", () => {
  it("are read from raw and typed fields", () => {
    const cases = [
      [DataType.INT64, BigInt64Array.of(-1n, 5n, 2n ** 40n)],
      [DataType.INT32, Int32Array.of(-1, 5, 2 ** 30)],
      [DataType.INT16, Int16Array.of(-1, 5, -32768)],
      [DataType.UINT16, Uint16Array.of(1, 5, 65535)],
      [DataType.INT8, Int8Array.of(-128, 5, 127)],
      [DataType.UINT8, Uint8Array.of(0, 5, 255)],
      [DataType.BOOL, Uint8Array.of(0, 1, 1)],
    ] as const;
    for (const [type, data] of cases) {
      const values = Array.from<number | bigint>(data as Iterable<number | bigint>).map(Number);
      const typed = type === DataType.INT64 ? { int64Data: values.map(BigInt) } : { int32Data: values };
      for (const fields of [{ rawData: bytesOf(data) }, { rawData: unaligned(bytesOf(data)) }, typed]) {
        expect(integerData(tensor(type, [3], fields))).toEqual(values);
      }
    }
  });

  it("without a sign are read up to 64 bits, the large ones rounded", () => {
    const words = Uint32Array.of(0, 5, 2 ** 32 - 1);
    const longs = BigUint64Array.of(0n, 5n, 2n ** 64n - 1n);
    for (const [type, data] of [
      [DataType.UINT32, words],
      [DataType.UINT64, longs],
    ] as const) {
      const values = Array.from<number | bigint>(data as Iterable<number | bigint>);
      const typed = { uint64Data: values.map(BigInt) };
      for (const fields of [{ rawData: bytesOf(data) }, { rawData: unaligned(bytesOf(data)) }, typed]) {
        expect(integerData(tensor(type, [3], fields))).toEqual(values.map(Number));
      }
    }
  });

  it.each([
    [DataType.INT4, [-8, 7, -1, 0, 3], 4],
    [DataType.UINT4, [15, 0, 8, 1, 9], 4],
    [DataType.INT2, [-2, 1, -1, 0, 1], 2],
    [DataType.UINT2, [3, 0, 2, 1, 3, 2], 2],
  ])("of type %i are unpacked, also an odd number of them", (type, values, bits) => {
    for (let count = 1; count <= values.length; count++) {
      const own = values.slice(0, count);
      const bytes = new Uint8Array(Math.ceil((count * bits) / 8));
      // onnx.proto: "the first element is stored in the least significant bits".
      own.forEach((v, i) => {
        bytes[Math.floor((i * bits) / 8)]! |= (v & (2 ** bits - 1)) << ((i * bits) % 8);
      });
      for (const fields of [{ rawData: bytes }, { int32Data: Array.from(bytes) }]) {
        expect(integerData(tensor(type, [count], fields))).toEqual(own);
        expect(refusalCode(() => integerData(tensor(type, [count + 4], fields)))).toBe("invalid-file");
      }
      expect(storedByteLength(tensor(type, [count], {}))).toBe(bytes.length);
    }
  });

  it("are written as they are read", () => {
    expect(integerData(int64Tensor("s", [2], [-1, 28]))).toEqual([-1, 28]);
    expect(integerData(int8Tensor("s", [2], Int8Array.of(-128, 1)))).toEqual([-128, 1]);
    expect(integerData(uint8Tensor("s", [2], Uint8Array.of(255, 1)))).toEqual([255, 1]);
  });

  it("of other types are refused by name", () => {
    expect(() => integerData(tensor(DataType.FLOAT, [1], { floatData: [1] }))).toThrow(
      'Tensor "w" holds float, where integers are needed; export the model again.',
    );
    expect(dataTypeName(DataType.UINT4)).toBe("uint4");
    expect(dataTypeName(999)).toBe("type 999");
  });
});

describe("damaged tensors", () => {
  it("with more or less data than their dimensions are refused", () => {
    expect(refusalCode(() => floatData(tensor(DataType.FLOAT, [4], { floatData: [1, 2, 3] })))).toBe(
      "invalid-file",
    );
    for (const length of [0, 11, 13, 15, 16, 17]) {
      const fields = { rawData: new Uint8Array(length) };
      expect(refusalCode(() => floatData(tensor(DataType.FLOAT, [3], fields)))).toBe("invalid-file");
      expect(refusalCode(() => integerData(tensor(DataType.INT32, [3], fields)))).toBe("invalid-file");
      expect(refusalCode(() => integerData(tensor(DataType.UINT8, [12], fields)))).toBe("invalid-file");
    }
    expect(() => floatData(tensor(DataType.FLOAT, [3], { rawData: new Uint8Array(13) }))).toThrow(
      'Tensor "w" declares 3 elements but stores 13 bytes',
    );
  });

  it("with impossible dimensions are refused", () => {
    for (const dims of [[-1], [2 ** 53], [2 ** 30, 2 ** 30]]) {
      expect(refusalCode(() => tensorDims(tensor(DataType.FLOAT, dims, {})))).toBe("invalid-file");
    }
    expect(tensorDims(tensor(DataType.FLOAT, [0, 7], {}))).toEqual([0, 7]);
    expect(elementCount([])).toBe(1);
  });

  it("of strings, or with complex numbers, are refused by name", () => {
    expect(refusalCode(() => integerData(tensor(DataType.STRING, [1], {})))).toBe("unsupported-model");
    expect(refusalCode(() => floatData(tensor(DataType.COMPLEX64, [1], {})))).toBe("unsupported-model");
    expect(storedByteLength(tensor(DataType.STRING, [1], {}))).toBeUndefined();
    expect(storedByteLength(tensor(DataType.COMPLEX128, [3], {}))).toBe(48);
  });

  it("with data in another file are refused with the remedy", () => {
    const external = tensor(DataType.FLOAT, [3], { dataLocation: TensorProto_DataLocation.EXTERNAL });
    expect(refusalCode(() => floatData(external))).toBe("unsupported-model");
    expect(() => floatData(external)).toThrow("with its weights inside");
  });
});
