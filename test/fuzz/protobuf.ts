/** @file Mutators that know the wire format of protocol buffers: they damage a field and keep the lengths around it. */
import { concatBytes, varint, type Mutator } from "./bytes.ts";
import { edgeIntegers, type Random } from "./random.ts";

interface Field {
  readonly tag: bigint;
  readonly wire: number;
  /** The bytes after tag and length. */
  readonly body: Uint8Array;
}

function readVarint(bytes: Uint8Array, at: number): [value: bigint, end: number] | undefined {
  let value = 0n;
  for (let k = 0; k < 10; k++) {
    const byte = bytes[at + k];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 127) << BigInt(7 * k);
    if (byte < 128) return [value, at + k + 1];
  }
  return undefined;
}

/** The fields of a message; undefined when the bytes are not one. */
function readFields(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag[0] >> 3n === 0n) return undefined;
    const wire = Number(tag[0] & 7n);
    let from = tag[1];
    let end: number;
    if (wire === 0) {
      const value = readVarint(bytes, from);
      if (value === undefined) return undefined;
      end = value[1];
    } else if (wire === 1 || wire === 5) {
      end = from + (wire === 1 ? 8 : 4);
    } else if (wire === 2) {
      const length = readVarint(bytes, from);
      if (length === undefined) return undefined;
      from = length[1];
      end = from + Number(length[0]);
    } else {
      return undefined;
    }
    if (end > bytes.byteLength) return undefined;
    fields.push({ tag: tag[0], wire, body: bytes.subarray(from, end) });
    at = end;
  }
  return fields;
}

function writeFields(fields: readonly Field[]): Uint8Array {
  return concatBytes(
    ...fields.flatMap(({ tag, wire, body }) =>
      wire === 2 ? [varint(tag), varint(BigInt(body.byteLength)), body] : [varint(tag), body],
    ),
  );
}

/** Damages one field of a message. */
function damageField(fields: Field[], at: number, random: Random): void {
  const field = fields[at]!;
  switch (random.below(9)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      for (let k = random.span(200); k > 0; k--) fields.splice(at, 0, field);
      break;
    case 2:
      fields[at] = { ...field, tag: (BigInt(random.below(40)) << 3n) | (field.tag & 7n) };
      break;
    case 3:
      // Another wire type under the same bytes: the lengths around it no longer mean what they say.
      fields[at] = { ...field, tag: (field.tag & ~7n) | BigInt(random.below(8)) };
      break;
    case 4:
      fields[at] = { ...field, body: random.pick(fields).body };
      break;
    case 5:
      if (field.wire === 2)
        fields[at] = {
          ...field,
          body: new Uint8Array(random.pick([0, 1, 3, 5, 1000])).fill(random.below(256)),
        };
      else if (field.wire === 0) fields[at] = { ...field, body: varint(random.pick(edgeIntegers)) };
      break;
    case 6:
      fields.push(fields.splice(at, 1)[0]!);
      break;
    case 7:
      fields[at] = { ...field, body: field.body.subarray(0, random.below(field.body.byteLength)) };
      break;
    default:
      fields.push(random.pick(fields));
      break;
  }
}

/** Walks down to a random field and damages it; lengths on the way are written anew. */
function damage(bytes: Uint8Array, random: Random, depth: number): Uint8Array {
  const fields = readFields(bytes);
  if (fields === undefined || fields.length === 0) return bytes;
  const at = random.below(fields.length);
  const field = fields[at]!;
  const inner = field.wire === 2 && depth < 12 ? readFields(field.body) : undefined;
  if (inner !== undefined && inner.length > 0 && random.chance(0.85)) {
    fields[at] = { ...field, body: damage(field.body, random, depth + 1) };
  } else {
    damageField(fields, at, random);
  }
  return writeFields(fields);
}

const damageFields: Mutator = (bytes, random) => {
  let out = bytes;
  for (let k = random.span(4); k > 0; k--) out = damage(out, random, 0);
  return out;
};

/** Puts a message into itself: graph in node's attribute in graph ..., or a type in a type, far down. */
const nestMessages: Mutator = (bytes, random) => {
  const depth = random.pick([2, 50, 101, 1_000, 20_000]);
  const wrappers = random.pick([
    // graph.node.attribute.g
    [
      [0x0a, 2],
      [0x2a, 2],
      [0x32, 2],
    ],
    // A TypeProto: sequence of sequences of ...
    [
      [0x22, 2],
      [0x0a, 2],
    ],
  ]);
  const parts: Uint8Array[] = [];
  let length = 0;
  // Built from inside out; lengths grow with depth.
  for (let k = 0; k < depth; k++) {
    for (const [tag] of wrappers) {
      const head = concatBytes(Uint8Array.of(tag!), varint(BigInt(length)));
      parts.push(head);
      length += head.byteLength;
    }
  }
  const nested = concatBytes(...parts.reverse());
  const tag = random.pick([0x3a, 0x5a, 0x32]);
  return concatBytes(bytes, Uint8Array.of(tag), varint(BigInt(nested.byteLength)), nested);
};

/** Mutators for ONNX files as protocol buffers. */
export const protobufMutators: readonly Mutator[] = [
  damageFields,
  damageFields,
  damageFields,
  (bytes, random, others) => (random.chance(0.1) ? nestMessages : damageFields)(bytes, random, others),
];
