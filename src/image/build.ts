/**
 * @file Builds the memory image: every bit of every weight goes to a region, the protected ones into codewords.
 */
import type { Codes } from "../channel/index.ts";
import { scaledTable, type DecodeSegment, type StoredTensor } from "../stored/index.ts";
import { bitAt, bytesFor, raiseBit, spreadBits } from "./bits.ts";
import type { WordCode } from "../ecc/index.ts";
import {
  toLayoutFloat,
  type Layout,
  type LayoutCode,
  type LayoutRegion,
  type LayoutTensor,
} from "./layout.ts";

/** How the weights of a run are protected and decoded. */
export interface ImageSegment extends DecodeSegment {
  /** Bit k set: bit k of each weight goes to a protected region. */
  readonly protectedMask: number;
  /** The codes of protected bits; those without are kept as they are, in cells taken never to fail. */
  readonly codes: readonly { readonly mask: number; readonly code: WordCode }[];
}

/** A tensor to store. */
export interface ImageTensor {
  readonly tensor: StoredTensor;
  /** In C order; together they cover the tensor. */
  readonly segments: readonly ImageSegment[];
}

/** What an image is built from. */
export interface ImageRequest {
  readonly tensors: readonly ImageTensor[];
  readonly model: Layout["model"];
  readonly plan: Layout["plan"];
  readonly generator: string;
  readonly polarity: Layout["polarity"];
  /** Codewords in a row of a coded region. */
  readonly interleave: number;
  /** Bits of a row of a region without a code. */
  readonly plainRowBits: number;
  /** Lower-case hexadecimal SHA-256. */
  readonly sha256: (bytes: Uint8Array) => string;
}

/** A layout and the contents of its regions. */
export interface MemoryImage {
  readonly layout: Layout;
  /** Rows of each region, as its binary file holds them. */
  readonly regions: readonly Uint8Array[];
}

/** Regions begin at multiples of this many bytes. */
const alignment = 64;

/** A region under construction. */
interface OpenRegion {
  readonly name: string;
  readonly code: WordCode | null;
  dataBits: number;
  data: Uint8Array;
}

/** The codes in C order, one or two bytes each, the lower byte first: what `codesSha256` is of. */
export function codeBytes(codes: Codes): Uint8Array {
  if (codes instanceof Uint8Array) return codes;
  const bytes = new Uint8Array(2 * codes.length);
  codes.forEach((code, i) => {
    bytes[2 * i] = code & 255;
    bytes[2 * i + 1] = code >> 8;
  });
  return bytes;
}

/** Builds the image. All unprotected bits share a region, and so do all protected bits of one code. */
export function buildImage(request: ImageRequest): MemoryImage {
  const open: OpenRegion[] = [];
  const regionOf = (code: WordCode | null, isProtected: boolean): number => {
    const name = !isProtected ? "unprotected" : code === null ? "protected" : `protected_${slug(code.name)}`;
    const at = open.findIndex((r) => r.name === name);
    if (at >= 0) return at;
    return open.push({ name, code, dataBits: 0, data: new Uint8Array() }) - 1;
  };
  const isOpen = ({ protectedMask }: ImageSegment, bits: number) => protectedMask !== 2 ** bits - 1;
  if (request.tensors.some(({ tensor, segments }) => segments.some((s) => isOpen(s, tensor.format.bits)))) {
    regionOf(null, false);
  }
  const tables: number[][] = [];
  const tableIndex = new Map<string, number>();
  const tableOf = (values: Float32Array<ArrayBuffer>): number => {
    const key = request.sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const at = tableIndex.get(key) ?? tables.push(Array.from(values)) - 1;
    tableIndex.set(key, at);
    return at;
  };
  const tensors = request.tensors.map(({ tensor, segments }): LayoutTensor => {
    const placed = segments.map(({ start, count, table, protectedMask, codes }) => ({
      start,
      count,
      table: tableOf(scaledTable(tensor, table)),
      planes: planesOf(tensor.format.bits).map((bit) => {
        const isIn = (mask: number) => ((mask >> bit) & 1) === 1;
        const code = codes.find(({ mask }) => isIn(mask))?.code ?? null;
        const region = regionOf(code, isIn(protectedMask));
        const offset = open[region]!.dataBits;
        open[region]!.dataBits += count;
        return { bit, region, offset };
      }),
    }));
    return { ...describeTensor(tensor, request.sha256), segments: placed };
  });
  for (const region of open) region.data = new Uint8Array(bytesFor(region.dataBits));
  request.tensors.forEach(({ tensor }, t) => scatter(tensor.codes, tensors[t]!, open));
  return assemble(request, open, tensors, tables);
}

/** Bit planes from the most significant. */
function planesOf(bits: number): number[] {
  return Array.from({ length: bits }, (_, i) => bits - 1 - i);
}

const slug = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_|_$/g, "");

function describeTensor(
  tensor: StoredTensor,
  sha256: ImageRequest["sha256"],
): Omit<LayoutTensor, "segments"> {
  const { name, role, dims, count, format, channelAxis, blockSize, steps, zeroPoints } = tensor;
  const isApart = channelAxis !== undefined || zeroPoints !== undefined;
  return {
    name,
    role,
    dims: [...dims],
    count,
    format: format.name,
    bits: format.bits,
    channelAxis: channelAxis ?? null,
    blockSize: blockSize ?? null,
    steps: isApart ? Array.from(steps, toLayoutFloat) : null,
    zeroPoints: zeroPoints === undefined ? null : Array.from(zeroPoints, toLayoutFloat),
    codesSha256: sha256(codeBytes(tensor.codes)),
  };
}

/** Writes each bit of a tensor to its place. */
function scatter(codes: Codes, { segments }: LayoutTensor, regions: readonly OpenRegion[]): void {
  for (const { start, count, planes } of segments) {
    for (const { bit, region, offset } of planes) {
      const { data } = regions[region]!;
      for (let i = 0; i < count; i++) if (((codes[start + i]! >> bit) & 1) === 1) raiseBit(data, offset + i);
    }
  }
}

/** A code as the layout describes it. */
export function describeCode(code: WordCode): LayoutCode {
  const { name, family, wordBits, dataBits, corrects, dataPositions, checks, parameters } = code;
  return {
    name,
    family,
    wordBits,
    dataBits,
    corrects,
    dataPositions: [...dataPositions],
    checks: checks.map((list) => [...list]),
    parameters: { ...parameters },
  };
}

function assemble(
  request: ImageRequest,
  open: readonly OpenRegion[],
  tensors: LayoutTensor[],
  tables: readonly number[][],
): MemoryImage {
  let address = 0;
  const contents: Uint8Array[] = [];
  const regions = open.map(({ name, code, dataBits, data }): LayoutRegion => {
    const interleave = code === null ? 1 : request.interleave;
    const rowBits = code === null ? request.plainRowBits : code.wordBits * interleave;
    const rowBytes = bytesFor(rowBits);
    const rows = Math.ceil(dataBits / ((code?.dataBits ?? rowBits) * interleave));
    const bytes = code === null ? plainRows(data, rowBits, rows) : codedRows(data, code, interleave, rows);
    if (request.polarity === "inverted") invert(bytes, rowBits);
    contents.push(bytes);
    const region = {
      name,
      code: code === null ? null : describeCode(code),
      address,
      rowBits,
      rowBytes,
      rows,
      interleave,
      dataBits,
      checkBits: code === null ? 0 : rows * interleave * (code.wordBits - code.dataBits),
      files: { binary: `${name}.bin`, readmemh: `${name}.memh` },
      sha256: request.sha256(bytes),
    };
    address = alignment * Math.ceil((address + bytes.length) / alignment);
    return region;
  });
  const sum = (of: (region: LayoutRegion) => number) => regions.reduce((total, r) => total + of(r), 0);
  const storedBits = sum((r) => r.dataBits);
  const checkBits = sum((r) => r.checkBits);
  const isCoded = regions.some((r) => r.code !== null);
  const layout: Layout = {
    format: "qtaml-memory",
    version: 1,
    generator: request.generator,
    model: { ...request.model },
    plan: { ...request.plan },
    protection: isCoded ? "coded" : "ideal",
    polarity: request.polarity,
    regions,
    totals: {
      storedBits,
      protectedBits: sum((r) => (r.name === "unprotected" ? 0 : r.dataBits)),
      checkBits,
      paddingBits: sum((r) => r.rows * r.rowBits) - storedBits - checkBits,
    },
    tables: tables.map((values) => values.map(toLayoutFloat)),
    tensors,
  };
  return { layout, regions: contents };
}

/** Bits one after the other in rows. */
function plainRows(data: Uint8Array, rowBits: number, rows: number): Uint8Array {
  const rowBytes = bytesFor(rowBits);
  const bytes = new Uint8Array(rows * rowBytes);
  if (rowBits % 8 === 0) {
    bytes.set(data);
    return bytes;
  }
  for (let j = 0; j < data.length * 8; j++) {
    if (bitAt(data, j) === 1) raiseBit(bytes, Math.floor(j / rowBits) * rowBytes * 8 + (j % rowBits));
  }
  return bytes;
}

/** Data words encoded, `interleave` codewords a row. */
function codedRows(data: Uint8Array, code: WordCode, interleave: number, rows: number): Uint8Array {
  const rowBytes = bytesFor(code.wordBits * interleave);
  const bytes = new Uint8Array(rows * rowBytes);
  for (let row = 0, word = 0; row < rows; row++) {
    for (let d = 0; d < interleave; d++, word++) {
      const encoded = code.encode(spreadBits(data, word * code.dataBits, code.dataBits));
      for (let j = 0; j < code.wordBits; j++)
        if (encoded[j] === 1) raiseBit(bytes, row * rowBytes * 8 + j * interleave + d);
    }
  }
  return bytes;
}

/** Complements the bits of all rows; bits of the files that belong to no row stay 0. */
export function invert(bytes: Uint8Array, rowBits: number): void {
  const rowBytes = bytesFor(rowBits);
  const last = rowBits % 8 === 0 ? 255 : 2 ** (rowBits % 8) - 1;
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= i % rowBytes === rowBytes - 1 ? last : 255;
}
