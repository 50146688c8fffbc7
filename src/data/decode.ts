/**
 * @file Arrays out of a stream of bytes: only the samples that are asked for are kept, whatever the file's size,
 * order and byte order.
 */
import { endianness, totalmem } from "node:os";
import { QtamlError } from "../errors.ts";
import { widenHalves } from "./half.ts";

/** Typed arrays that samples are held in; booleans are Uint8Array, float16 is widened to Float32Array. */
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

/** An array in C order. */
export interface NpyArray {
  readonly dims: readonly number[];
  readonly data: NpyData;
  /** Set where the bytes are truth values. */
  readonly isBoolean?: true;
}

type Reader = (buffer: ArrayBuffer) => NpyData;

const readers = {
  f2: (b) => widenHalves(new Uint16Array(b)),
  f4: (b) => new Float32Array(b),
  f8: (b) => new Float64Array(b),
  i1: (b) => new Int8Array(b),
  u1: (b) => new Uint8Array(b),
  b1: (b) => new Uint8Array(b).map((v) => (v === 0 ? 0 : 1)),
  i2: (b) => new Int16Array(b),
  u2: (b) => new Uint16Array(b),
  i4: (b) => new Int32Array(b),
  u4: (b) => new Uint32Array(b),
  i8: (b) => new BigInt64Array(b),
  u8: (b) => new BigUint64Array(b),
} satisfies Record<string, Reader>;

/** An element type by NumPy's letter and size in bytes. */
export type ElementKind = keyof typeof readers;

/** Whether a text names an element type. */
export const isElementKind = (text: string): text is ElementKind => Object.hasOwn(readers, text);

/** How an array lies in a file. */
export interface ArrayLayout {
  readonly dims: readonly number[];
  readonly kind: ElementKind;
  readonly isBigEndian: boolean;
  /** Whether the first axis varies fastest. */
  readonly isFortran: boolean;
}

/** What a header says, and how long it is. */
export interface ArrayHeader {
  readonly layout: ArrayLayout;
  /** Bytes before the elements. */
  readonly length: number;
}

/** A format of arrays. */
export interface ArrayFormat {
  /** The header at the start of the bytes; undefined while they are too few. @throws QtamlError `invalid-file` */
  readonly header: (bytes: Uint8Array, name: string) => ArrayHeader | undefined;
  /** The error for a damaged file. */
  readonly damaged: (name: string, what: string) => QtamlError;
}

/** What a decoder is told. */
export interface DecodeOptions {
  /** What to call the array in an error. */
  readonly name: string;
  /** At most so many bytes will come; a header that promises more is refused before memory is taken. */
  readonly available: number;
  /** Entries along the first axis to keep; all unless given. */
  readonly limit?: number | undefined;
}

/** The most memory that one array may take: a small archive can ask for any amount. */
const largestArray = Math.min(2 ** 33, totalmem() / 2);
/** The longest header of an array; NumPy's have a few hundred bytes. */
const longestHeader = 2 ** 20;

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** @throws QtamlError `data-mismatch` when numbers of so many bytes do not fit in memory */
export function checkMemory(bytes: number, name: string): void {
  if (bytes <= largestArray) return;
  throw new QtamlError(
    "data-mismatch",
    `${name} takes more than ${(largestArray / 2 ** 30).toFixed(1)} GiB of memory; take fewer samples with --limit.`,
  );
}

/** Turns the bytes of elements round in place. */
function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  if (size === 4) buffer.swap32();
  if (size === 8) buffer.swap64();
}

/** Copies elements that lie one after the other to places that lie `stride` bytes apart. */
function copyElements(
  from: Uint8Array,
  start: number,
  count: number,
  size: number,
  to: Uint8Array<ArrayBuffer>,
  first: number,
  stride: number,
): void {
  if (size === 1) {
    for (let i = 0; i < count; i++) to[first + i * stride] = from[start + i]!;
    return;
  }
  const source = new DataView(from.buffer, from.byteOffset, from.byteLength);
  const target = new DataView(to.buffer, to.byteOffset, to.byteLength);
  for (let i = 0; i < count; i++) {
    const at = start + i * size;
    const place = first + i * stride;
    if (size === 2) target.setUint16(place, source.getUint16(at));
    else target.setUint32(place, source.getUint32(at));
    if (size === 8) target.setUint32(place + 4, source.getUint32(at + 4));
  }
}

/** Decodes one array from pieces of its file. */
export class ArrayDecoder {
  readonly #format: ArrayFormat;
  readonly #options: DecodeOptions;
  #head: Uint8Array = new Uint8Array(0);
  #layout: ArrayLayout | undefined;
  #kept: number[] = [];
  #raw: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Bytes of elements seen, and needed before the decoder is done. */
  #seen = 0;
  #needed = 0;
  /** Fortran order: place of a row in C order, and the index along each later axis. */
  #row = 0;
  #index: number[] = [];

  constructor(format: ArrayFormat, options: DecodeOptions) {
    this.#format = format;
    this.#options = options;
  }

  /** Whether all elements that are kept have been seen; the rest of the file need not be pushed. */
  get isDone(): boolean {
    return this.#layout !== undefined && this.#seen >= this.#needed;
  }

  /** Takes the next piece; it may be reused afterwards. @throws QtamlError for a bad header or too large an array */
  push(piece: Uint8Array): void {
    if (this.#layout !== undefined) {
      this.#take(piece);
      return;
    }
    const head = new Uint8Array(this.#head.length + piece.length);
    head.set(this.#head);
    head.set(piece, this.#head.length);
    const header = this.#format.header(head, this.#options.name);
    if (header === undefined) {
      if (head.length > longestHeader) throw this.#damaged("has an endless header");
      this.#head = head;
      return;
    }
    this.#begin(header);
    this.#take(head.subarray(header.length));
  }

  /** The array. @throws QtamlError `invalid-file` when the file ended too early */
  finish(): NpyArray {
    const layout = this.#layout;
    if (layout === undefined) throw this.#damaged("is cut short");
    const size = Number(layout.kind[1]);
    if (!this.isDone) {
      throw this.#damaged(
        `declares ${product(layout.dims) * size} bytes of data but has ${this.#seen}: it is cut short`,
      );
    }
    if (layout.isBigEndian !== (endianness() === "BE")) swapBytes(this.#raw, size);
    const data = readers[layout.kind](this.#raw.buffer);
    return { dims: this.#kept, data, ...(layout.kind === "b1" ? { isBoolean: true as const } : {}) };
  }

  #damaged(what: string): QtamlError {
    return this.#format.damaged(this.#options.name, what);
  }

  #begin({ layout, length }: ArrayHeader): void {
    const { name, limit, available } = this.#options;
    const { dims } = layout;
    const size = Number(layout.kind[1]);
    const count = product(dims);
    // The product of the others is checked too: a zero among the sizes would hide that they overflow.
    const whole = product(dims.map((d) => Math.max(1, d))) * size;
    if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(whole)) {
      throw this.#damaged(`has an impossible shape (${dims.join(", ")})`);
    }
    if (length + count * size > available) {
      throw this.#damaged(
        `declares ${count * size} bytes of data but has ${Math.max(0, available - length)}: it is cut short`,
      );
    }
    const [first, ...rest] = dims;
    this.#kept = first === undefined ? [] : [Math.min(first, limit ?? first), ...rest];
    const kept = product(this.#kept) * size;
    checkMemory(kept, name);
    this.#raw = new Uint8Array(kept);
    this.#needed = layout.isFortran && kept > 0 ? count * size : kept;
    this.#index = rest.map(() => 0);
    this.#layout = layout;
    this.#head = new Uint8Array(0);
  }

  #take(piece: Uint8Array): void {
    const part = piece.subarray(0, this.#needed - this.#seen);
    if (this.#layout!.isFortran) this.#scatter(part);
    else this.#raw.set(part, this.#seen);
    this.#seen += part.length;
  }

  /** Puts bytes in Fortran order to their places: the first axis runs fastest, so a column holds every sample once. */
  #scatter(part: Uint8Array): void {
    const { dims, kind } = this.#layout!;
    const size = Number(kind[1]);
    const kept = this.#kept[0] ?? 1;
    const rest = dims.slice(1);
    const stride = product(rest) * size;
    const column = (dims[0] ?? 1) * size;
    for (let at = 0; at < part.length;) {
      const inColumn = (this.#seen + at) % column;
      const end = Math.min(part.length, at + column - inColumn);
      const last = Math.min(end, at + kept * size - inColumn);
      const base = this.#row * size;
      const copyByte = (from: number) => {
        const byte = inColumn + from - at;
        const sample = Math.floor(byte / size);
        this.#raw[sample * stride + base + (byte - sample * size)] = part[from]!;
      };
      // A piece may begin and end within an element.
      let from = at;
      while (from < last && (inColumn + from - at) % size !== 0) copyByte(from++);
      const count = Math.max(0, Math.floor((last - from) / size));
      copyElements(
        part,
        from,
        count,
        size,
        this.#raw,
        ((inColumn + from - at) / size) * stride + base,
        stride,
      );
      for (from += count * size; from < last; from++) copyByte(from);
      at = end;
      if ((this.#seen + at) % column === 0) this.#nextColumn(rest);
    }
  }

  #nextColumn(rest: readonly number[]): void {
    for (let axis = 0; axis < rest.length; axis++) {
      this.#index[axis]! += 1;
      if (this.#index[axis]! < rest[axis]!) break;
      this.#index[axis] = 0;
    }
    this.#row = 0;
    for (let axis = 0; axis < rest.length; axis++) this.#row = this.#row * rest[axis]! + this.#index[axis]!;
  }
}

/** Decodes an array that is in memory. @throws QtamlError `invalid-file` */
export function decodeBytes(
  format: ArrayFormat,
  bytes: Uint8Array,
  options: Omit<DecodeOptions, "available">,
): NpyArray {
  const decoder = new ArrayDecoder(format, { ...options, available: bytes.byteLength });
  decoder.push(bytes);
  return decoder.finish();
}
