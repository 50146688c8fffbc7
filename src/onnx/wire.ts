/**
 * @file Models larger than a protobuf reader can take: the wire format is walked by offsets, and the large `raw_data`
 * of tensors are exchanged for short tokens, so that what is left is a small model that protobuf reads and writes.
 *
 * Field numbers are those of onnx.proto; https://protobuf.dev/programming-guides/encoding describes the format.
 */
import { memorySource, readRange, totalLength, type ByteRange, type ByteSource } from "../bytes/index.ts";

type Kind = "model" | "training" | "function" | "graph" | "node" | "attribute" | "sparse" | "tensor";

/** For each kind of message: the fields on the way to a tensor. */
const children: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  training: { 1: "graph", 2: "graph" },
  function: { 7: "node", 11: "attribute" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: {},
};

/** `TensorProto.raw_data`. */
const rawDataField = 9;

/** `raw_data`, and the packed `float_data` and `double_data`, whose bytes are those that `raw_data` would have. */
const payloadFields: ReadonlySet<number> = new Set([rawDataField, 4, 10]);

/** As deep as protobuf's own readers follow messages in messages. */
const deepest = 100;

const lengthDelimited = 2;
const startGroup = 3;
const endGroup = 4;

/** Reads numbers out of a source through a window. */
class Cursor {
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  position = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    if (source.bytes !== undefined) this.#window = source.bytes;
  }

  #byte(): number {
    let at = this.position - this.#windowStart;
    if (at < 0 || at >= this.#window.byteLength) {
      const length = Math.min(65536, this.#source.byteLength - this.position);
      if (length <= 0) throw new RangeError("the file ends in the middle of a field");
      if (this.#window.byteLength !== length) this.#window = new Uint8Array(length);
      this.#source.readInto(this.position, this.#window);
      this.#windowStart = this.position;
      at = 0;
    }
    this.position++;
    return this.#window[at]!;
  }

  /** A number of up to 64 bits; beyond 2^53 it is not exact, but then it is no length either. */
  varint(): number {
    let value = 0;
    let place = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 127) * place;
      if (byte < 128) return value;
      place *= 128;
    }
    throw new RangeError("a number does not end");
  }

  /** Skips the value of a field. */
  skip(wireType: number, field: number, end: number, depth: number): void {
    switch (wireType) {
      case 0:
        this.varint();
        break;
      case 1:
        this.position += 8;
        break;
      case lengthDelimited: {
        const length = this.varint();
        this.position += length;
        break;
      }
      case startGroup:
        if (depth > deepest) throw new RangeError("groups are nested too deeply");
        for (;;) {
          const tag = this.varint();
          const inner = Math.floor(tag / 8);
          if ((tag & 7) === endGroup) {
            if (inner !== field) throw new RangeError("a group does not end");
            break;
          }
          this.skip(tag & 7, inner, end, depth + 1);
        }
        break;
      case 5:
        this.position += 4;
        break;
      default:
        throw new RangeError(`wire type ${wireType} does not exist`);
    }
    if (this.position > end) throw new RangeError("a field reaches beyond its message");
  }
}

function varintBytes(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** The bytes of a message in order. */
interface Pieces {
  readonly list: ByteRange[];
  length: number;
}

function append(pieces: Pieces, piece: ByteRange): void {
  const last = pieces.list.at(-1);
  if (last !== undefined && last.source === piece.source && last.offset + last.length === piece.offset) {
    pieces.list[pieces.list.length - 1] = { ...last, length: last.length + piece.length };
  } else if (piece.length > 0) {
    pieces.list.push(piece);
  }
  pieces.length += piece.length;
}

/** What to put in the place of a payload, or undefined to leave it. */
type Exchange = (range: ByteRange) => ByteRange | undefined;

/** Rewrites the payloads of at least `smallest` bytes below a message; undefined when nothing changed. */
function rewrite(
  kind: Kind,
  start: number,
  end: number,
  depth: number,
  cursor: Cursor,
  source: ByteSource,
  smallest: number,
  exchange: Exchange,
): Pieces | undefined {
  if (depth > deepest) throw new RangeError("messages are nested too deeply");
  const pieces: Pieces = { list: [], length: 0 };
  let kept = start;
  const replace = (from: number, header: number, to: number, content: Pieces) => {
    append(pieces, { source, offset: kept, length: from - kept });
    const bytes = Uint8Array.from([...varintBytes(header), ...varintBytes(content.length)]);
    append(pieces, { source: memorySource(bytes), offset: 0, length: bytes.byteLength });
    for (const piece of content.list) append(pieces, piece);
    kept = to;
  };
  cursor.position = start;
  while (cursor.position < end) {
    const from = cursor.position;
    const tag = cursor.varint();
    const field = Math.floor(tag / 8);
    const wireType = tag & 7;
    const child = children[kind][field];
    const isPayload = kind === "tensor" && payloadFields.has(field);
    if (wireType !== lengthDelimited || (child === undefined && !isPayload)) {
      cursor.skip(wireType, field, end, 0);
      continue;
    }
    const length = cursor.varint();
    const offset = cursor.position;
    if (offset + length > end) throw new RangeError("a field reaches beyond its message");
    let content: Pieces | undefined;
    if (length >= smallest) {
      if (isPayload) {
        const piece = exchange({ source, offset, length });
        content = piece === undefined ? undefined : { list: [piece], length: piece.length };
      } else {
        content = rewrite(child!, offset, offset + length, depth + 1, cursor, source, smallest, exchange);
      }
    }
    cursor.position = offset + length;
    if (field === rawDataField && isPayload && length === 0 && pieces.list.length > 0) {
      // Written empty after the numbers that have become `raw_data`, it would undo them.
      append(pieces, { source, offset: kept, length: from - kept });
      kept = cursor.position;
    }
    const header = isPayload ? rawDataField * 8 + lengthDelimited : tag;
    if (content !== undefined) replace(from, header, offset + length, content);
  }
  if (pieces.list.length === 0) return undefined;
  append(pieces, { source, offset: kept, length: end - kept });
  return pieces;
}

/** A model's bytes as neighbouring stretches of several sources. */
function rewriteModel(source: ByteSource, smallest: number, exchange: Exchange): ByteRange[] {
  const whole = { source, offset: 0, length: source.byteLength };
  return (
    rewrite("model", 0, source.byteLength, 0, new Cursor(source), source, smallest, exchange)?.list ?? [whole]
  );
}

/** Puts stretches together in memory of their own. */
export function joinRanges(ranges: readonly ByteRange[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(totalLength(ranges));
  let at = 0;
  for (const { source, offset, length } of ranges) {
    source.readInto(offset, bytes.subarray(at, at + length));
    at += length;
  }
  return bytes;
}

/** Tokens that stand for payloads: 16 random bytes, so that no weight is taken for one, and an ordinal. */
export interface Tokens {
  make(range: ByteRange): Uint8Array<ArrayBuffer>;
  /** The payload that a token stands for; undefined for other bytes. */
  resolve(bytes: Uint8Array): ByteRange | undefined;
}

const tokenLength = 20;

/** A new set of tokens. */
export function makeTokens(): Tokens {
  const ranges: ByteRange[] = [];
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  return {
    make(range) {
      const token = new Uint8Array(tokenLength);
      token.set(nonce);
      new DataView(token.buffer).setUint32(16, ranges.push(range) - 1);
      return token;
    },
    resolve(bytes) {
      if (bytes.byteLength !== tokenLength || !nonce.every((b, i) => b === bytes[i])) return undefined;
      return ranges[new DataView(bytes.buffer, bytes.byteOffset).getUint32(16)];
    },
  };
}

/**
 * A model without its large payloads. Those of `float_data` and `double_data` become `raw_data`, which means the same:
 * as lists of numbers they would take several times their size.
 *
 * @param smallest least size in bytes of a payload that is taken out
 * @returns stretches that join to a serialised model with tokens in the place of payloads
 * @throws RangeError when the bytes are not in protobuf's wire format
 */
export function cutPayloads(source: ByteSource, smallest: number, tokens: Tokens): ByteRange[] {
  return rewriteModel(source, smallest, (range) => {
    const token = tokens.make(range);
    return { source: memorySource(token), offset: 0, length: token.byteLength };
  });
}

/** The reverse of `cutPayloads`: stretches that join to the whole serialised model. */
export function splicePayloads(bytes: Uint8Array, tokens: Tokens): ByteRange[] {
  return rewriteModel(memorySource(bytes), tokenLength, (range) => tokens.resolve(readRange(range)));
}
