/**
 * @file Numbers as the model declares them: samples become tensors' element types and outputs become float32.
 */
import type { Tensor } from "onnxruntime-node";
import { toHalf, widenHalves, type NpyData, type SampleArray } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import { DataType, dataTypeName } from "../onnx/index.ts";

/** Element types of inputs that can be fed, as the runtime calls them. */
const feedTypes = {
  [DataType.FLOAT]: "float32",
  [DataType.DOUBLE]: "float64",
  [DataType.FLOAT16]: "float16",
  [DataType.INT8]: "int8",
  [DataType.UINT8]: "uint8",
  [DataType.INT16]: "int16",
  [DataType.UINT16]: "uint16",
  [DataType.INT32]: "int32",
  [DataType.UINT32]: "uint32",
  [DataType.INT64]: "int64",
  [DataType.UINT64]: "uint64",
  [DataType.BOOL]: "bool",
} as const;

/** An element type as the runtime calls it. */
export type FeedType = (typeof feedTypes)[keyof typeof feedTypes];

/** The runtime's name of an element type. @throws QtamlError `unsupported-model` for one that cannot be fed */
export function feedType(input: { readonly name: string; readonly elementType: DataType }): FeedType {
  const type = (feedTypes as Readonly<Record<number, FeedType>>)[input.elementType];
  if (type === undefined) {
    throw new QtamlError(
      "unsupported-model",
      `Input "${input.name}" of the model holds ${dataTypeName(input.elementType)}, which cannot be fed; export it with float32, float16, double, integer or bool inputs.`,
    );
  }
  return type;
}

const integerRange = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
} as const;

const constructors = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;

type Numbers = ArrayLike<number | bigint>;

/** @throws QtamlError `data-mismatch` when a number is not whole or outside the range of 64-bit integers */
function toBigInts(data: Numbers, type: "int64" | "uint64", name: string): BigInt64Array | BigUint64Array {
  const [low, high] = type === "int64" ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  const whole = type === "int64" ? new BigInt64Array(data.length) : new BigUint64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const v = data[i]!;
    const found = typeof v === "bigint" ? v : Number.isInteger(v) ? BigInt(v) : undefined;
    if (found === undefined || found < low || found > high) throw misfit(name, v, i, type);
    whole[i] = found;
  }
  return whole;
}

const misfit = (name: string, value: number | bigint, at: number, type: string) =>
  new QtamlError(
    "data-mismatch",
    `Input "${name}" holds ${type}, but element ${at} of the data is ${value}; give whole numbers in its range.`,
  );

/** @throws QtamlError `data-mismatch` when a number is not whole or outside the type's range */
function toIntegers(data: Numbers, type: keyof typeof integerRange, name: string) {
  const [low, high] = integerRange[type];
  const whole = new constructors[type](data.length);
  for (let i = 0; i < data.length; i++) {
    const v = Number(data[i]);
    if (!Number.isInteger(v) || v < low || v > high) throw misfit(name, data[i]!, i, type);
    whole[i] = v;
  }
  return whole;
}

/** Numbers divided by another. A plain loop: the mapping `from` of typed arrays takes ten times as long. */
function divided<T extends Float32Array | Float64Array>(data: Numbers, divisor: number, out: T): T {
  for (let i = 0; i < data.length; i++) out[i] = Number(data[i]) / divisor;
  return out;
}

/**
 * The elements of an input in the type that the model declares. Bytes that are not truth values become numbers from
 * 0 to 1 (divided by 255) where the model takes floating-point numbers, and stay as they are where it takes integers.
 *
 * @throws QtamlError `data-mismatch` when a number does not fit an integer type
 */
export function convertElements(
  array: Pick<SampleArray, "data" | "isBoolean">,
  type: FeedType,
  name: string,
): Tensor.DataType {
  const { data } = array;
  const divisor = data instanceof Uint8Array && array.isBoolean !== true ? 255 : 1;
  switch (type) {
    case "float32":
      return data instanceof Float32Array ? data : divided(data, divisor, new Float32Array(data.length));
    case "float64":
      return data instanceof Float64Array ? data : divided(data, divisor, new Float64Array(data.length));
    case "float16":
      return Uint16Array.from(divided(data, divisor, new Float64Array(data.length)), toHalf);
    case "bool":
      return array.isBoolean === true && data instanceof Uint8Array
        ? data
        : Uint8Array.from(data as Numbers, (v) => (Number(v) === 0 ? 0 : 1));
    case "int64":
      return data instanceof BigInt64Array ? data : toBigInts(data, type, name);
    case "uint64":
      return data instanceof BigUint64Array ? data : toBigInts(data, type, name);
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "int32":
    case "uint32":
      return data instanceof constructors[type] ? data : toIntegers(data, type, name);
  }
}

/** The numbers of an output as float32. @throws QtamlError `unsupported-model` for an output of text */
export function outputValues(data: Tensor.DataType, type: string, name: string): Float32Array {
  if (data instanceof Float32Array) return data;
  if (Array.isArray(data)) {
    throw new QtamlError(
      "unsupported-model",
      `Output "${name}" holds ${type}, which cannot be judged; name another output with --output-name.`,
    );
  }
  // Where the JavaScript engine has no array of half precision, the runtime hands out the bits.
  if (type === "float16" && data instanceof Uint16Array) return widenHalves(data);
  return Float32Array.from(data as NpyData as Numbers, Number);
}
