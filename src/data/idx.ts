/**
 * @file IDX, the format of MNIST: a magic number, big-endian sizes, big-endian elements.
 */
import { QtamlError } from "../errors.ts";
import {
  decodeBytes,
  type ArrayFormat,
  type ArrayHeader,
  type ElementKind,
  type NpyArray,
} from "./decode.ts";

const kinds: Readonly<Record<number, ElementKind>> = {
  0x08: "u1",
  0x09: "i1",
  0x0b: "i2",
  0x0c: "i4",
  0x0d: "f4",
  0x0e: "f8",
};

const damaged = (name: string, what: string) =>
  new QtamlError("invalid-file", `${name} ${what}; download or write the IDX file again.`);

/** Whether bytes start as an IDX file does: two zeros, an element type, the number of axes. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[1] === 0 && kinds[bytes[2] ?? 0] !== undefined && (bytes[3] ?? 0) > 0;

function idxHeader(bytes: Uint8Array, name: string): ArrayHeader | undefined {
  if (bytes.length < 4) return undefined;
  const kind = kinds[bytes[2]!];
  const axes = bytes[3]!;
  if (kind === undefined || !isIdx(bytes)) throw damaged(name, "is not an IDX file");
  if (bytes.length < 4 + 4 * axes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dims = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  return { layout: { dims, kind, isBigEndian: true, isFortran: false }, length: 4 + 4 * axes };
}

/** The format of IDX files. */
export const idxFormat: ArrayFormat = { header: idxHeader, damaged };

/**
 * Parses an IDX file.
 *
 * @param name what to call the file in an error
 * @param limit entries along the first axis to keep; all unless given
 * @throws QtamlError `invalid-file` for anything else, or when it is cut short
 */
export function parseIdx(bytes: Uint8Array, name: string, limit?: number): NpyArray {
  return decodeBytes(idxFormat, bytes, { name, limit });
}
