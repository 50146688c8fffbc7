/**
 * @file Arrays and tables out of files of any size, piece by piece; gzip is undone on the way.
 */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { pickleKind, readRange, streamRange, wholeSource, type ByteSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { ArrayDecoder, type ArrayFormat, type NpyArray } from "./decode.ts";
import { inflatePieces, isZlibProblem } from "./zip.ts";

const startOf = (source: ByteSource, length: number) =>
  readRange({ source, offset: 0, length: Math.min(length, source.byteLength) });

const isGzip = (head: Uint8Array) => head[0] === 0x1f && head[1] === 0x8b;
/** Whether bytes start as a zip archive does. */
export const isZip = (head: Uint8Array) =>
  head[0] === 0x50 && head[1] === 0x4b && head[2]! < 8 && head[3]! < 9;

/** The content of a file in pieces, decompressed where it is gzip. @throws QtamlError `invalid-file` */
async function* pieces(source: ByteSource, name: string): AsyncGenerator<Uint8Array> {
  const whole = streamRange(wholeSource(source), 2 ** 20);
  if (!isGzip(startOf(source, 2))) {
    yield* whole;
    return;
  }
  try {
    yield* inflatePieces(whole, () => createGunzip());
  } catch (cause) {
    if (!isZlibProblem(cause)) throw cause;
    throw new QtamlError("invalid-file", `${name} is damaged or cut short; compress or download it again.`, {
      cause,
    });
  }
}

async function unpackedStart(source: ByteSource, name: string): Promise<Uint8Array> {
  if (!isGzip(startOf(source, 2))) return startOf(source, 512);
  for await (const piece of pieces(source, name)) return piece.slice(0, 512);
  return new Uint8Array(0);
}

/** The first bytes of a file's content. @throws QtamlError `invalid-file` for damaged gzip, and for Python objects */
export async function contentStart(source: ByteSource, name: string): Promise<Uint8Array> {
  const head = await unpackedStart(source, name);
  const pickle = pickleKind(head);
  if (pickle === undefined) return head;
  const archive = `${name.replace(/\.[^.]*$/, "")}.npz`;
  throw new QtamlError(
    "invalid-file",
    `${name} is ${pickle}, which only Python can read; write its arrays there with numpy.savez("${archive}", x=..., y=...) and give ${archive}.`,
  );
}

/** The first entries of an array file. @throws QtamlError `invalid-file` */
export async function readArray(
  source: ByteSource,
  name: string,
  format: ArrayFormat,
  limit: number | undefined,
): Promise<NpyArray> {
  // No deflated stream grows by more than this factor.
  const available = source.byteLength * (isGzip(startOf(source, 2)) ? 1032 : 1);
  const decoder = new ArrayDecoder(format, { name, available, limit });
  for await (const piece of pieces(source, name)) {
    decoder.push(piece);
    if (decoder.isDone && limit !== undefined) break;
  }
  return decoder.finish();
}

/** Characters that a row of a table may have: some hundred thousand numbers. */
const longestRow = 2 ** 22;

/** Rows of a table with their lines, from 1. @throws QtamlError `invalid-file` */
export async function* readRows(
  source: ByteSource,
  name: string,
): AsyncGenerator<{ cells: string[]; line: number }> {
  const { CsvError, parse } = await import("csv-parse");
  const head = new TextDecoder().decode(await contentStart(source, name)).split("\n")[0]!;
  const separators = [",", ";", "\t"];
  const counts = separators.map((s) => head.split(s).length);
  const delimiter = separators[counts.indexOf(Math.max(...counts))]!;
  const copied = (async function* () {
    for await (const piece of pieces(source, name)) yield Uint8Array.from(piece);
  })();
  const rows = Readable.from(copied, { objectMode: false }).pipe(
    parse({
      bom: true,
      delimiter,
      info: true,
      max_record_size: longestRow,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }),
  );
  try {
    for await (const row of rows as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      yield { cells: row.record, line: row.info.lines };
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new QtamlError(
      "invalid-file",
      `${name} is not a table (${cause.message.split("\n")[0]}); mend it.`,
      {
        cause,
      },
    );
  }
}
