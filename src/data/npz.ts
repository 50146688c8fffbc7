/**
 * @file NumPy's archives of arrays: `.npz`.
 */
import { existsSync } from "node:fs";
import { zipSync } from "fflate";
import { memorySource, type ByteSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { ArrayDecoder, type NpyArray } from "./decode.ts";
import { damagedArray, formatNpy, npyFormat, parseNpy } from "./npy.ts";
import { readMember, streamMember, zipMembers, type ZipMember } from "./zip.ts";

/** The members by the arrays' names. @throws QtamlError `invalid-file` when two have one name */
function members(source: ByteSource, name: string): Map<string, ZipMember> {
  const found = new Map<string, ZipMember>();
  for (const member of zipMembers(source, name)) {
    const key = member.name.replace(/\.npy$/, "");
    if (found.has(key)) throw damagedArray(name, `holds two arrays "${key}"`);
    found.set(key, member);
  }
  return found;
}

const title = (key: string, name: string) => `Array "${key}" of ${name}`;

/**
 * Parses an `.npz` file into its arrays by name (without `.npy`).
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` when it is not a zip archive of NumPy arrays
 */
export function parseNpz(bytes: Uint8Array, name: string): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [key, member] of members(memorySource(bytes), name)) {
    const what = title(key, name);
    arrays.set(key, parseNpy(readMember(member, what), what));
  }
  return arrays;
}

/**
 * Reads the first entries of every array of an archive, member after member, piece by piece.
 *
 * @param name what to call the file in an error
 * @param limit entries along the first axis to keep; all unless given
 * @param wanted the only array to read; all unless given
 * @throws QtamlError `invalid-file` when it is not a zip archive of NumPy arrays, `invalid-argument` when it has no
 *   such array
 */
export async function readNpz(
  source: ByteSource,
  name: string,
  limit?: number,
  wanted?: string,
): Promise<Map<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  const all = members(source, name);
  if (wanted !== undefined && !all.has(wanted)) {
    throw new QtamlError(
      "invalid-argument",
      `${name} has no array "${wanted}"; it has ${[...all.keys()].join(", ") || "none"}.`,
    );
  }
  for (const [key, member] of all) {
    if (wanted !== undefined && key !== wanted) continue;
    const what = title(key, name);
    const decoder = new ArrayDecoder(npyFormat, { name: what, available: member.size, limit });
    for await (const piece of streamMember(member, what)) {
      decoder.push(piece);
      // A whole array is read to its end, where the checksum is.
      if (decoder.isDone && limit !== undefined) break;
    }
    arrays.set(key, decoder.finish());
  }
  return arrays;
}

/** Splits `FILE.npz:ARRAY`; a path that exists is not split. */
export function splitArchive(path: string): { readonly file: string; readonly array?: string } {
  const [, file, array] = /^(.+\.npz):([^:/\\]+)$/i.exec(path) ?? [];
  return file === undefined || array === undefined || existsSync(path) ? { file: path } : { file, array };
}

/** Writes arrays as a deflated `.npz`. */
export function formatNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(arrays).map(([key, array]) => [`${key}.npy`, formatNpy(array)]);
  return zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>);
}
