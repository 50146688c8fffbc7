/**
 * @file NumPy's array files: `.npy` (format versions 1 to 3).
 */
import { QtamlError } from "../errors.ts";
import {
  decodeBytes,
  isElementKind,
  type ArrayFormat,
  type ArrayHeader,
  type NpyArray,
  type NpyData,
} from "./decode.ts";

/** The error for a damaged array file. */
export const damagedArray = (name: string, what: string, cause?: unknown): QtamlError =>
  new QtamlError("invalid-file", `${name} ${what}; write it again with numpy.save or numpy.savez.`, {
    cause,
  });

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** Whether bytes start as an `.npy` file does. */
export const isNpy = (bytes: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

/** What an element type that is not a number is called. */
function kindProblem(descr: string): string {
  if (/O/.test(descr)) return "holds Python objects, not numbers";
  if (/[US]\d+$/.test(descr)) return `holds text ("${descr}"), not numbers (classes are numbered from 0)`;
  return `holds elements of type "${descr}", which is not a real number of at most 64 bits`;
}

function npyHeader(bytes: Uint8Array, name: string): ArrayHeader | undefined {
  if (magic.some((byte, i) => i < bytes.length && bytes[i] !== byte)) {
    throw damagedArray(name, "is not a NumPy array");
  }
  if (bytes.length < 12) return undefined;
  const version = bytes[6]!;
  if (![1, 2, 3].includes(version)) throw damagedArray(name, `has the unknown format version ${version}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (bytes.length < start + headerLength) return undefined;
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + headerLength));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    throw damagedArray(name, "has a header that is not NumPy's or holds structured data");
  }
  const sizes = shape
    .split(",")
    .map((s) => s.trim())
    .filter((s) => s !== "");
  // Python 2 wrote sizes as "3L".
  if (!sizes.every((s) => /^\d+L?$/.test(s))) {
    throw damagedArray(name, `has an impossible shape (${shape.slice(0, 200)})`);
  }
  const kind = descr.slice(1);
  if (!/^[<>|=]/.test(descr) || !isElementKind(kind)) {
    throw damagedArray(name, kindProblem(descr.slice(0, 40)));
  }
  const dims = sizes.map((s) => Number.parseInt(s, 10));
  return {
    layout: {
      dims,
      kind,
      isBigEndian: descr.startsWith(">"),
      isFortran: order === "True" && dims.length > 1,
    },
    length: start + headerLength,
  };
}

/** The format of `.npy` files. */
export const npyFormat: ArrayFormat = { header: npyHeader, damaged: damagedArray };

/**
 * Parses an `.npy` file. Fortran order is turned into C order.
 *
 * @param name what to call the file in an error
 * @param limit entries along the first axis to keep; all unless given
 * @throws QtamlError `invalid-file` for anything that is not a numeric array of the stated size
 */
export function parseNpy(bytes: Uint8Array, name: string, limit?: number): NpyArray {
  return decodeBytes(npyFormat, bytes, { name, limit });
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
  const type = descriptors.find(([constructor]) => array.data instanceof constructor)![1];
  const descr = array.isBoolean === true ? "|b1" : type;
  const shape = array.dims.length === 1 ? `${array.dims[0]},` : array.dims.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const out = new Uint8Array(10 + padded.length + array.data.byteLength);
  out.set([...magic, 1, 0, padded.length & 255, padded.length >> 8]);
  out.set(new TextEncoder().encode(padded), 10);
  out.set(
    new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength),
    10 + padded.length,
  );
  return out;
}
