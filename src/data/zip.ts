/**
 * @file Zip archives, as far as NumPy writes them: stored and deflated members, zip64, data descriptors. The central
 * directory says where everything lies; nothing is read but what is asked for.
 */
import { Readable, type Transform } from "node:stream";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { readRange, streamRange, type ByteRange, type ByteSource } from "../bytes/index.ts";
import { checkMemory } from "./decode.ts";
import { damagedArray } from "./npy.ts";

/** A member of an archive. */
export interface ZipMember {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly crc: number;
  /** Size of its content. */
  readonly size: number;
  /** Its bytes in the archive. */
  readonly range: ByteRange;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const directorySignature = 0x02014b50;
const memberSignature = 0x04034b50;

/** No real archive of arrays has a longer directory. */
const longestDirectory = 2 ** 26;
/** Deflate makes at most 258 bytes of two bits: no honest member is larger than this many times its stored bytes. */
const largestRatio = 1032;

/** Bytes that are read at a time, small beside an array that is worth streaming. */
const pieceLength = 2 ** 20;

/** Reads little-endian numbers from a piece of the archive. */
function reader(source: ByteSource, name: string) {
  const view = (offset: number, length: number): DataView => {
    if (!(offset >= 0) || offset + length > source.byteLength) throw cutShort(name);
    const bytes = readRange({ source, offset, length });
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  };
  return view;
}

const cutShort = (name: string) => damagedArray(name, "is not a NumPy .npz archive or is cut short");

const uint64 = (view: DataView, at: number) => Number(view.getBigUint64(at, true));

/** Where the central directory lies. */
function findDirectory(source: ByteSource, name: string): { offset: number; length: number; count: number } {
  const view = reader(source, name);
  const tailLength = Math.min(source.byteLength, 22 + 0xffff);
  const tailStart = source.byteLength - tailLength;
  const tail = view(tailStart, tailLength);
  let at = tailLength - 22;
  const isEnd = (i: number) =>
    tail.getUint32(i, true) === endSignature && i + 22 + tail.getUint16(i + 20, true) === tailLength;
  while (at >= 0 && !isEnd(at)) at--;
  if (at < 0) throw cutShort(name);
  const end = {
    count: tail.getUint16(at + 10, true),
    length: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  if (end.count !== 0xffff && end.length !== 0xffffffff && end.offset !== 0xffffffff) return end;
  if (tailStart + at < 20) throw cutShort(name);
  const locator = view(tailStart + at - 20, 20);
  if (locator.getUint32(0, true) !== locator64Signature) return end;
  const end64 = view(uint64(locator, 8), 56);
  if (end64.getUint32(0, true) !== end64Signature) throw cutShort(name);
  return { count: uint64(end64, 32), length: uint64(end64, 40), offset: uint64(end64, 48) };
}

/** Sizes and place of a member: those that do not fit in 32 bits are in its zip64 field, in this order. */
function wideNumbers(extra: DataView, numbers: readonly number[]): number[] {
  const wide = numbers.filter((n) => n === 0xffffffff).length;
  if (wide === 0) return [...numbers];
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1 && 8 * wide <= length && at + 4 + length <= extra.byteLength) {
      let next = at + 4;
      return numbers.map((n) => {
        if (n !== 0xffffffff) return n;
        next += 8;
        return uint64(extra, next - 8);
      });
    }
    at += 4 + length;
  }
  return [...numbers];
}

/**
 * The members of an archive, folders left out.
 *
 * @param name what to call the archive in an error
 * @throws QtamlError `invalid-file` for an archive that is damaged, encrypted, compressed otherwise, or whose members
 *   overlap or claim sizes that no compression reaches
 */
export function zipMembers(source: ByteSource, name: string): ZipMember[] {
  const view = reader(source, name);
  const { offset, length, count } = findDirectory(source, name);
  if (length > longestDirectory || count * 46 > length) throw cutShort(name);
  const directory = view(offset, length);
  const members: ZipMember[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || directory.getUint32(at, true) !== directorySignature) throw cutShort(name);
    const flags = directory.getUint16(at + 8, true);
    const method = directory.getUint16(at + 10, true);
    const crc = directory.getUint32(at + 16, true);
    const nameLength = directory.getUint16(at + 28, true);
    const extraLength = directory.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + directory.getUint16(at + 32, true);
    if (next > length) throw cutShort(name);
    const base = directory.byteOffset + at + 46;
    const key = new TextDecoder().decode(new Uint8Array(directory.buffer, base, nameLength));
    const extra = new DataView(directory.buffer, base + nameLength, extraLength);
    const narrow = [24, 20, 42].map((field) => directory.getUint32(at + field, true));
    const [size, stored, place] = wideNumbers(extra, narrow) as [number, number, number];
    at = next;
    if (key.endsWith("/")) continue;
    const what = `Array "${key.replace(/\.npy$/, "")}" of ${name}`;
    if ((flags & 1) !== 0) throw damagedArray(what, "is encrypted");
    if (method !== 0 && method !== 8)
      throw damagedArray(what, `is compressed by the unknown method ${method}`);
    const isDeflated = method === 8;
    if (isDeflated ? size > stored * largestRatio : size !== stored) {
      throw damagedArray(what, `claims ${size} bytes out of ${stored}, which no archive holds`);
    }
    const local = view(place, 30);
    if (local.getUint32(0, true) !== memberSignature) throw cutShort(name);
    const start = place + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    if (start + stored > offset) throw cutShort(name);
    members.push({ name: key, isDeflated, crc, size, range: { source, offset: start, length: stored } });
  }
  const inOrder = [...members].sort((a, b) => a.range.offset - b.range.offset);
  inOrder.forEach(({ range, name: key }, i) => {
    const before = inOrder[i - 1]?.range;
    if (before !== undefined && before.offset + before.length > range.offset) {
      throw damagedArray(`Array "${key}" of ${name}`, "lies over another array");
    }
  });
  return members;
}

/** The whole content of a member. @throws QtamlError `invalid-file` when it is damaged */
export function readMember(member: ZipMember, what: string): Uint8Array {
  const { isDeflated, size, range, crc } = member;
  checkMemory(size, what);
  const stored = readRange(range);
  let content: Uint8Array = stored;
  if (isDeflated) {
    try {
      content = inflateRawSync(stored, { maxOutputLength: Math.max(1, size) });
    } catch (cause) {
      throw damagedArray(what, "is damaged: it does not decompress to the size it states", cause);
    }
  }
  if (content.byteLength !== size) throw damagedArray(what, "is damaged: its size is not the one it states");
  if (crc32(content) !== crc) throw damagedArray(what, "is damaged: its checksum is wrong");
  return content;
}

/**
 * The content of a member piece by piece. The checksum is compared at the end, where it is reached.
 *
 * @throws QtamlError `invalid-file` when it is damaged
 */
export async function* streamMember(member: ZipMember, what: string): AsyncGenerator<Uint8Array> {
  const { isDeflated, size, range, crc } = member;
  let sum = 0;
  let seen = 0;
  const pieces = isDeflated
    ? inflatePieces(streamRange(range, pieceLength), () => createInflateRaw())
    : streamRange(range, pieceLength);
  try {
    for await (const piece of pieces) {
      seen += piece.byteLength;
      if (seen > size) break;
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (cause) {
    if (!isZlibProblem(cause)) throw cause;
    throw damagedArray(what, "is damaged: it does not decompress", cause);
  }
  if (seen !== size) throw damagedArray(what, "is damaged: its size is not the one it states");
  if (sum !== crc) throw damagedArray(what, "is damaged: its checksum is wrong");
}

/** Whether an error is zlib's verdict on the data. */
export const isZlibProblem = (cause: unknown): boolean =>
  cause instanceof Error &&
  "code" in cause &&
  /^(Z_|ERR_BUFFER|ERR_STREAM_PREMATURE)/.test(String(cause.code));

/** Decompresses pieces as they come, and stops reading when no more are asked for. */
export async function* inflatePieces(
  pieces: Iterable<Uint8Array>,
  open: () => Transform,
): AsyncGenerator<Uint8Array> {
  // The pieces share a buffer, which the stream still reads from when it asks for the next.
  const source = Readable.from(copies(pieces), { objectMode: false });
  const inflate = open();
  source.on("error", (error) => inflate.destroy(error));
  source.pipe(inflate);
  try {
    for await (const piece of inflate) yield piece as Uint8Array;
  } finally {
    source.destroy();
    inflate.destroy();
  }
}

function* copies(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const piece of pieces) yield Uint8Array.from(piece);
}
