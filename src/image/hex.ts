/**
 * @file Memory contents in the formats of the trade: Verilog's `$readmemh` and Intel HEX.
 */
import { fromHex, toHex } from "./bits.ts";

/**
 * Rows as `$readmemh` reads them (IEEE 1800-2017, 21.4): one hexadecimal number a line, row 0 first.
 *
 * @param bytes rows of `ceil(rowBits / 8)` bytes, the lowest bits first
 * @param title a comment above the rows
 */
export function readmemh(bytes: Uint8Array, rowBits: number, title: string): string {
  const rowBytes = Math.ceil(rowBits / 8);
  const lines = [`// ${title}`];
  for (let at = 0; at < bytes.length; at += rowBytes)
    lines.push(toHex(bytes.subarray(at, at + rowBytes), rowBits));
  return `${lines.join("\n")}\n`;
}

/**
 * The rows of a `$readmemh` file, for comparison with what was written: addresses (`@`) and unknown bits are not taken.
 *
 * @param rowBits of every row
 * @returns rows of `ceil(rowBits / 8)` bytes; undefined where the text is not such a file
 */
export function parseReadmemh(text: string, rowBits: number): Uint8Array | undefined {
  const rowBytes = Math.ceil(rowBits / 8);
  const words = text
    .replace(/\/\/.*|\/\*[^]*?\*\//g, " ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const bytes = new Uint8Array(words.length * rowBytes);
  for (const [r, word] of words.entries()) {
    const row = fromHex(word.replaceAll("_", ""), rowBits);
    if (row === undefined) return undefined;
    bytes.set(row, r * rowBytes);
  }
  return bytes;
}

/** Bytes at a byte address. */
export interface Block {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const digits = (value: number, count: number) => value.toString(16).toUpperCase().padStart(count, "0");

/** A record: length, address, type, data, and the byte that makes their sum 0 modulo 256. */
function record(address: number, type: number, data: Uint8Array): string {
  let sum = data.length + (address >> 8) + (address & 255) + type;
  let text = `:${digits(data.length, 2)}${digits(address, 4)}${digits(type, 2)}`;
  for (const byte of data) {
    sum += byte;
    text += digits(byte, 2);
  }
  return `${text}${digits(-sum & 255, 2)}`;
}

/** Data bytes of a record. */
const recordBytes = 16;

/**
 * Blocks of bytes as Intel HEX (Hexadecimal Object File Format Specification, revision A, 1988): data records of 16
 * bytes, extended linear addresses (type 04) where the upper half of the address changes, and the end record.
 *
 * @param blocks in ascending order of their addresses, which end below 2^32
 */
export function intelHex(blocks: readonly Block[]): string {
  const lines: string[] = [];
  let upper = 0;
  for (const { address, bytes } of blocks) {
    for (let at = 0; at < bytes.length;) {
      const place = address + at;
      const high = Math.floor(place / 65536);
      if (high !== upper) {
        lines.push(record(0, 4, Uint8Array.of(high >> 8, high & 255)));
        upper = high;
      }
      const low = place % 65536;
      // A record ends where the lower half of the address would wrap round.
      const size = Math.min(recordBytes, bytes.length - at, 65536 - low);
      lines.push(record(low, 0, bytes.subarray(at, at + size)));
      at += size;
    }
  }
  lines.push(record(0, 1, new Uint8Array()));
  return `${lines.join("\n")}\n`;
}

/**
 * The data of an Intel HEX file of 32-bit addresses, record by record.
 *
 * @returns undefined where a record is damaged, of another type (segments, start addresses), or the last one is missing
 */
export function parseIntelHex(text: string): Block[] | undefined {
  const blocks: Block[] = [];
  let upper = 0;
  let isEnded = false;
  for (const line of text.trimEnd().split(/\r?\n/)) {
    const bytes = line.startsWith(":") ? fromHex(line.slice(1), 4 * (line.length - 1))?.reverse() : undefined;
    if (isEnded || bytes === undefined || bytes.length < 5 || line.length % 2 === 0) return undefined;
    const [length, high, low, type] = bytes;
    const data = bytes.subarray(4, -1);
    if (length !== data.length || bytes.reduce((sum, byte) => sum + byte, 0) % 256 !== 0) return undefined;
    if (type === 0) blocks.push({ address: upper * 65536 + high! * 256 + low!, bytes: data });
    else if (type === 4 && length === 2) upper = data[0]! * 256 + data[1]!;
    else if (type === 1) isEnded = true;
    else return undefined;
  }
  return isEnded ? blocks : undefined;
}
