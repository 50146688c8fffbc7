/**
 * @file NumPy's array files: `.npy` (format versions 1 to 3) and `.npz` (stored or deflated).
 */
import { unzipSync, zipSync } from "fflate";
import { QtamlError } from "../errors.ts";
import { fromHalf } from "./half.ts";

/** An array as NumPy stores it, in C order. */
export interface NpyArray {
  readonly dims: readonly number[];
  readonly data: NpyData;
  /** Set where the bytes are truth values. */
  readonly isBoolean?: true;
}

/** Typed arrays an `.npy` file maps to; booleans are Uint8Array, float16 is widened to Float32Array. */
export type NpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

type Reader = (buffer: ArrayBuffer) => NpyData;

const readers: Readonly<Record<string, Reader>> = {
  f2: (b) => Float32Array.from(new Uint16Array(b), fromHalf),
  f4: (b) => new Float32Array(b),
  f8: (b) => new Float64Array(b),
  i1: (b) => new Int8Array(b),
  u1: (b) => new Uint8Array(b),
  b1: (b) => new Uint8Array(b),
  i2: (b) => new Int16Array(b),
  u2: (b) => new Uint16Array(b),
  i4: (b) => new Int32Array(b),
  u4: (b) => new Uint32Array(b),
  i8: (b) => new BigInt64Array(b),
  u8: (b) => new BigUint64Array(b),
};

const damaged = (name: string, what: string, cause?: unknown) =>
  new QtamlError("invalid-file", `${name} ${what}; write it again with numpy.save or numpy.savez.`, {
    cause,
  });

/**
 * Parses an `.npy` file. Fortran order is turned into C order.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` for anything that is not a little-endian numeric array of the stated size
 */
export function parseNpy(bytes: Uint8Array, name: string): NpyArray {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.byteLength < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw damaged(name, "is not a NumPy array");
  }
  if (![1, 2, 3].includes(bytes[6]!)) throw damaged(name, `has the unknown format version ${bytes[6]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirstVersion = bytes[6] === 1;
  const start = isFirstVersion ? 10 : 12;
  if (bytes.byteLength < start) throw damaged(name, "is cut short");
  const headerLength = isFirstVersion ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + headerLength > bytes.byteLength) throw damaged(name, "is cut short");
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + headerLength));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    throw damaged(name, "has a header that is not NumPy's or holds structured data");
  }
  const dims = shape
    .split(",")
    .map((s) => s.trim())
    .filter((s) => s !== "")
    .map(Number);
  const count = dims.reduce((product, d) => product * d, 1);
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(count)) {
    throw damaged(name, `has an impossible shape (${shape})`);
  }
  const reader = /^[<|=][a-z]\d$/.test(descr) ? readers[descr.slice(1)] : undefined;
  if (reader === undefined) {
    throw damaged(name, `holds elements of type "${descr}", which is not a little-endian number`);
  }
  const size = Number(descr.slice(2)) * count;
  const body = bytes.subarray(start + headerLength);
  if (body.byteLength < size) {
    throw damaged(name, `declares ${size} bytes of data but has ${body.byteLength}: it is cut short`);
  }
  const data = reader(new Uint8Array(body.subarray(0, size)).buffer);
  const inOrder = order === "True" && dims.length > 1 ? fromFortran(data, dims) : data;
  return { dims, data: inOrder, ...(descr.endsWith("b1") ? { isBoolean: true as const } : {}) };
}

function fromFortran(data: NpyData, dims: readonly number[]): NpyData {
  const out = data.slice();
  const index = dims.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let from = 0;
    for (let axis = dims.length - 1; axis >= 0; axis--) from = from * dims[axis]! + index[axis]!;
    out[i] = data[from]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
  return out;
}

/**
 * Parses an `.npz` file into its arrays by name (without `.npy`).
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` when it is not a zip archive of NumPy arrays
 */
export function parseNpz(bytes: Uint8Array, name: string): Map<string, NpyArray> {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (cause) {
    throw damaged(name, "is not a NumPy .npz archive or is cut short", cause);
  }
  const arrays = new Map<string, NpyArray>();
  for (const [entry, content] of Object.entries(entries)) {
    const key = entry.replace(/\.npy$/, "");
    arrays.set(key, parseNpy(content, `Array "${key}" of ${name}`));
  }
  return arrays;
}

const descriptors: readonly (readonly [new (n: number) => NpyData, string])[] = [
  [Float32Array, "<f4"],
  [Float64Array, "<f8"],
  [Int8Array, "|i1"],
  [Uint8Array, "|u1"],
  [Int16Array, "<i2"],
  [Uint16Array, "<u2"],
  [Int32Array, "<i4"],
  [Uint32Array, "<u4"],
  [BigInt64Array, "<i8"],
  [BigUint64Array, "<u8"],
];

/** Writes an array as `.npy`, format version 1. */
export function formatNpy(array: NpyArray): Uint8Array<ArrayBuffer> {
  const descr = descriptors.find(([type]) => array.data instanceof type)![1];
  const shape = array.dims.length === 1 ? `${array.dims[0]},` : array.dims.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const out = new Uint8Array(10 + padded.length + array.data.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  out.set(new TextEncoder().encode(padded), 10);
  out.set(
    new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength),
    10 + padded.length,
  );
  return out;
}

/** Writes arrays as a deflated `.npz`. */
export function formatNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(arrays).map(([key, array]) => [`${key}.npy`, formatNpy(array)]);
  return zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>);
}
