/**
 * @file Plain data as bytes, and back: JSON for what JSON can say, tagged objects for the rest, and the numbers of
 * arrays side by side behind it. Equal data give equal bytes, so that a hash names them, and bytes from elsewhere can
 * be read without running anything.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { QtamlError } from "../../errors.ts";

const arrayTypes = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

type ArrayType = keyof typeof arrayTypes;
type NumberArray = InstanceType<(typeof arrayTypes)[ArrayType]>;

/** Where the bytes of an array are: at an offset behind the JSON, or in it as base64. */
type Place = { readonly at: number } | { readonly base64: string };

const tag = "$";
const alignment = 8;
const padding = (length: number) => (alignment - (length % alignment)) % alignment;

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** @throws TypeError for a value that is not plain data: a function, a symbol, an instance of a class */
function toTree(value: unknown, place: (bytes: Uint8Array) => Place): unknown {
  const inner = (v: unknown) => toTree(v, place);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (value === undefined) return { [tag]: "undefined" };
  if (typeof value === "number") {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value;
    return { [tag]: "number", text: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (typeof value === "bigint") return { [tag]: "bigint", text: String(value) };
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Map) return { [tag]: "map", entries: [...value].map((e) => e.map(inner)) };
  if (value instanceof Set) return { [tag]: "set", values: [...value].map(inner) };
  if (ArrayBuffer.isView(value)) {
    const type = value instanceof Uint8Array ? "Uint8Array" : value.constructor.name;
    if (!Object.hasOwn(arrayTypes, type)) throw new TypeError(`${type} cannot be written.`);
    return { [tag]: "array", type, ...place(bytesOf(value)) };
  }
  const prototype: unknown = typeof value === "object" ? Object.getPrototypeOf(value) : undefined;
  if (typeof value !== "object" || (prototype !== Object.prototype && prototype !== null)) {
    throw new TypeError(`A ${typeof value} that is not plain data cannot be written.`);
  }
  const entries = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, v]) => [key, inner(v)] as const);
  return Object.hasOwn(value, tag) ? { [tag]: "object", entries } : Object.fromEntries(entries);
}

const taggedSchema = z.discriminatedUnion(tag, [
  z.object({ [tag]: z.literal("undefined") }),
  z.object({ [tag]: z.literal("number"), text: z.enum(["NaN", "Infinity", "-Infinity", "-0"]) }),
  z.object({ [tag]: z.literal("bigint"), text: z.string().regex(/^-?\d{1,40}$/) }),
  z.object({ [tag]: z.literal("map"), entries: z.array(z.tuple([z.unknown(), z.unknown()])) }),
  z.object({ [tag]: z.literal("set"), values: z.array(z.unknown()) }),
  z.object({ [tag]: z.literal("object"), entries: z.array(z.tuple([z.string(), z.unknown()])) }),
  z.object({
    [tag]: z.literal("array"),
    type: z.enum(Object.keys(arrayTypes) as [ArrayType, ...ArrayType[]]),
    at: z.number().int().nonnegative().optional(),
    length: z.number().int().nonnegative().optional(),
    base64: z.string().optional(),
  }),
]);

type TaggedArray = Extract<z.infer<typeof taggedSchema>, { type: ArrayType }>;

function fromTree(tree: unknown, fetchArray: (array: TaggedArray) => NumberArray): unknown {
  const inner = (v: unknown) => fromTree(v, fetchArray);
  if (tree === null || typeof tree !== "object") return tree;
  if (Array.isArray(tree)) return tree.map(inner);
  if (!Object.hasOwn(tree, tag)) {
    return Object.fromEntries(Object.entries(tree).map(([key, v]) => [key, inner(v)]));
  }
  const tagged = taggedSchema.parse(tree);
  switch (tagged[tag]) {
    case "undefined":
      return undefined;
    case "number":
      return Number(tagged.text);
    case "bigint":
      return BigInt(tagged.text);
    case "map":
      return new Map(tagged.entries.map(([k, v]) => [inner(k), inner(v)]));
    case "set":
      return new Set(tagged.values.map(inner));
    case "object":
      return Object.fromEntries(tagged.entries.map(([k, v]) => [k, inner(v)]));
    case "array":
      return fetchArray(tagged);
  }
}

/** Bytes as an array of numbers; shares them where they lie at a multiple of the element's size. */
function arrayOf(type: ArrayType, bytes: Uint8Array<ArrayBuffer>): NumberArray {
  const make = arrayTypes[type];
  const size = make.BYTES_PER_ELEMENT;
  if (bytes.byteLength % size !== 0) throw new RangeError("An array ends within an element.");
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new make(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/** What was read is not what was written. */
const damaged = (what: string, cause: unknown) =>
  new QtamlError(
    "invalid-file",
    `${what} is damaged or comes from another version of qtaml; send it again.`,
    {
      cause,
    },
  );

/** Plain data as one line of text, arrays in base64; for small values. */
export function toText(value: unknown): string {
  return JSON.stringify(toTree(value, (bytes) => ({ base64: Buffer.from(bytes).toString("base64") })));
}

/** The data of a text by `toText`. @param what what to call it in an error. @throws QtamlError `invalid-file` */
export function fromText(text: string, what: string): unknown {
  try {
    return fromTree(JSON.parse(text), ({ type, base64 }) =>
      arrayOf(type, Uint8Array.from(Buffer.from(base64 ?? "", "base64"))),
    );
  } catch (cause) {
    throw damaged(what, cause);
  }
}

/** Plain data as bytes, in parts that share the memory of its arrays. */
export function toParts(value: unknown): Uint8Array[] {
  const arrays: Uint8Array[] = [];
  let end = 0;
  const tree = toTree(value, (bytes) => {
    const place = { at: end, length: bytes.length };
    arrays.push(bytes, new Uint8Array(padding(bytes.length)));
    end += bytes.length + padding(bytes.length);
    return place;
  });
  const json = Buffer.from(JSON.stringify(tree));
  const head = new Uint8Array(alignment);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  return [head, json, new Uint8Array(padding(json.length)), ...arrays].filter((part) => part.length > 0);
}

/** The data of bytes by `toParts`; its arrays share them. @throws QtamlError `invalid-file` */
export function fromBytes(bytes: Uint8Array<ArrayBuffer>, what: string): unknown {
  try {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const json = bytes.subarray(alignment, alignment + length);
    const start = alignment + length + padding(length);
    return fromTree(JSON.parse(Buffer.from(json).toString("utf8")), ({ type, at = 0, length: count = 0 }) => {
      if (start + at + count > bytes.length) throw new RangeError("An array lies behind the end.");
      return arrayOf(type, bytes.subarray(start + at, start + at + count));
    });
  } catch (cause) {
    throw damaged(what, cause);
  }
}

/** SHA-256 of bytes in parts, in hexadecimal digits. */
export function hashOf(parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
