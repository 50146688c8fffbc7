/**
 * @file Bytes that are read where they lie: in memory, or in a file that may be larger than memory.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, statSync, type BigIntStats } from "node:fs";
import { QtamlError } from "../errors.ts";

/** Bytes of known length that can be read in any order. */
export interface ByteSource {
  readonly byteLength: number;
  /**
   * Fills `target` with the bytes from `offset` on.
   *
   * @throws QtamlError `file-access` when the file has gone or changed
   */
  readInto(offset: number, target: Uint8Array): void;
  /** The bytes themselves where they are in memory. */
  readonly bytes?: Uint8Array;
}

/** A stretch of a source. */
export interface ByteRange {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Bytes in memory (shared, not copied). */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    byteLength: bytes.byteLength,
    bytes,
    readInto(offset, target) {
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
  };
}

/**
 * Reads a stretch into memory of its own, aligned for every element type; a view where it is in memory already.
 *
 * @param range where it is, in bytes
 */
export function readRange({ source, offset, length }: ByteRange): Uint8Array<ArrayBuffer> {
  if (source.bytes !== undefined) {
    const { buffer, byteOffset } = source.bytes;
    return new Uint8Array(buffer as ArrayBuffer, byteOffset + offset, length);
  }
  const bytes = new Uint8Array(length);
  source.readInto(offset, bytes);
  return bytes;
}

/** What a failed access to a file is called. */
function accessProblem(path: string, what: string, cause: unknown): QtamlError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "does not exist; check the path",
    EACCES: "may not be read; check its permissions",
    EPERM: "may not be read; check its permissions",
    ENOTDIR: "lies below something that is not a folder; check the path",
    ELOOP: "is a circle of links; give the file itself",
    ENAMETOOLONG: "has too long a name; check the path",
  };
  const reason = reasons[code ?? ""] ?? `cannot be read (${code ?? String(cause)}); check the file`;
  return new QtamlError("file-access", `${what} ${path} ${reason}.`, { cause });
}

const version = (s: BigIntStats) => `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}`;

/** The most that one system call is asked for. */
const largestRead = 2 ** 30;

/**
 * A file, opened anew for each read: no descriptor is held between reads, and a file that was replaced in between is
 * noticed.
 *
 * @param what what to call it in an error, for instance "Model"
 * @throws QtamlError `file-access` when it is missing, a folder, or may not be read
 */
export function fileSource(path: string, what: string): ByteSource {
  let known: BigIntStats;
  try {
    known = statSync(path, { bigint: true });
  } catch (cause) {
    throw accessProblem(path, what, cause);
  }
  if (known.isDirectory()) {
    throw new QtamlError("file-access", `${what} ${path} is a folder; give a file.`);
  }
  if (!known.isFile()) {
    throw new QtamlError("file-access", `${what} ${path} is not a regular file; give a file.`);
  }
  const byteLength = Number(known.size);
  const changed = () =>
    new QtamlError("file-access", `${what} ${path} changed while it was being read; run the command again.`);
  return {
    byteLength,
    readInto(offset, target) {
      if (offset + target.byteLength > byteLength) throw new RangeError("read beyond the end of a file");
      let descriptor: number | undefined;
      try {
        descriptor = openSync(path, "r");
        if (version(fstatSync(descriptor, { bigint: true })) !== version(known)) throw changed();
        let done = 0;
        while (done < target.byteLength) {
          const wanted = Math.min(largestRead, target.byteLength - done);
          const got = readSync(descriptor, target, done, wanted, offset + done);
          if (got === 0) throw changed();
          done += got;
        }
      } catch (cause) {
        throw cause instanceof QtamlError ? cause : accessProblem(path, what, cause);
      } finally {
        if (descriptor !== undefined) closeSync(descriptor);
      }
    },
  };
}

/** Bytes that are streamed at a time. */
const streamChunk = 4 * 2 ** 20;

/** Hands over a stretch piece by piece. The pieces share one buffer: use each before the next comes. */
export function* streamRange(range: ByteRange, chunk = streamChunk): Generator<Uint8Array<ArrayBuffer>> {
  const end = range.offset + range.length;
  if (range.source.bytes !== undefined) {
    yield readRange(range);
    return;
  }
  const buffer = new Uint8Array(Math.min(chunk, range.length));
  for (let offset = range.offset; offset < end; offset += chunk) {
    const piece = buffer.subarray(0, Math.min(chunk, end - offset));
    range.source.readInto(offset, piece);
    yield piece;
  }
}

/** A whole source as a range. */
export function wholeSource(source: ByteSource): ByteRange {
  return { source, offset: 0, length: source.byteLength };
}

/** Total length of stretches. */
export function totalLength(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** SHA-256 of a source in hexadecimal, read piece by piece. */
export function sourceHash(source: ByteSource): string {
  const hash = createHash("sha256");
  for (const piece of streamRange(wholeSource(source))) hash.update(piece);
  return hash.digest("hex");
}
