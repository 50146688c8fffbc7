/**
 * @file The layout of a memory image: where each bit of each weight lies, in which code, and how codes become weights.
 * `layout.json` holds it; its JSON Schema is written beside it.
 */
import { z } from "zod";
import { mostBits } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { stepCount } from "../stored/index.ts";

const whole = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fileName = z.string().regex(/^[A-Za-z0-9_.-]+$/, "a file name without folders");

/** A float32 number; JSON has no word for some. */
const float = z.union([z.number(), z.literal(["NaN", "Infinity", "-Infinity", "-0"])]);

const codeSchema = z
  .strictObject({
    name: z.string().describe("the code and its parameters, such as secded(72,64)"),
    family: z.string(),
    wordBits: whole.positive().describe("bits of a codeword, n"),
    dataBits: whole.positive().describe("data bits of a codeword, k"),
    corrects: whole.describe("errors in a codeword that are always corrected, t"),
    dataPositions: z.array(whole).describe("[k] the codeword bit that holds each data bit"),
    checks: z
      .array(z.array(whole).min(1))
      .describe("parity equations: in a codeword the bits of each list have an even sum"),
    parameters: z
      .record(z.string(), z.union([z.number(), z.string(), z.array(z.number())]))
      .describe("what else defines the code, such as the polynomial of a field"),
  })
  .describe("a binary linear block code");

const regionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]*$/),
  code: codeSchema.nullable().describe("null: bits lie as they are"),
  address: whole.describe("first byte of the region in the binary address space of image.hex"),
  rowBits: whole.positive().describe("bits of a memory row: interleave codewords, or a plain word"),
  rowBytes: whole.positive().describe("bytes a row takes in the files, the lowest bits first"),
  rows: whole,
  interleave: whole
    .positive()
    .describe("codewords in a row, bit by bit: bit j of codeword d of a row is row bit j * interleave + d"),
  dataBits: whole.describe("weight bits that the region holds; the rest of the last row is padding"),
  checkBits: whole.describe("parity bits of the region"),
  files: z.strictObject({ binary: fileName, readmemh: fileName }),
  sha256: sha256.describe("of the binary file"),
});

const planeSchema = z.strictObject({
  bit: whole.max(mostBits - 1).describe("bit of the code, 0 the least significant"),
  region: whole.describe("index of the region"),
  offset: whole.describe("data bit of the region that holds this bit of the segment's first weight"),
});

const segmentSchema = z.strictObject({
  start: whole,
  count: whole.positive(),
  table: whole.describe("index of the decode table"),
  planes: z.array(planeSchema).describe("one for each bit; the bits of neighbouring weights are neighbours"),
});

const tensorSchema = z.strictObject({
  name: z.string(),
  role: z.string(),
  dims: z.array(whole),
  count: whole.positive(),
  format: z.string(),
  bits: whole.min(1).max(mostBits),
  channelAxis: whole.nullable().describe("axis along which the step changes; null: one step"),
  blockSize: whole.positive().nullable().describe("weights along the axis that share a step"),
  steps: z
    .array(float)
    .nullable()
    .describe("float32 steps; null: one step, which is multiplied into the table"),
  zeroPoints: z.array(float).nullable().describe("float32, subtracted before scaling; null: none"),
  segments: z.array(segmentSchema).min(1),
  codesSha256: sha256.describe("of the codes in C order, one or two bytes a code, the lower first"),
});

/** Schema of `layout.json`. */
export const layoutSchema = z.strictObject({
  $schema: z.string().optional(),
  format: z.literal("qtaml-memory"),
  version: z.literal(1),
  generator: z.string(),
  model: z.strictObject({ name: z.string(), sha256 }),
  plan: z.strictObject({ file: fileName, sha256 }),
  protection: z
    .enum(["ideal", "coded"])
    .describe("ideal: cells of the protected region are taken never to fail, and no parity is stored"),
  polarity: z
    .enum(["true", "inverted"])
    .describe("inverted: the memory and the files hold the complement of every bit of a row"),
  regions: z.array(regionSchema).min(1),
  tables: z
    .array(z.array(float))
    .describe("decode tables: the float32 value of each code; weight = (table[code] - zero) * step"),
  tensors: z.array(tensorSchema).min(1),
  totals: z.strictObject({
    storedBits: whole.describe("weight bits"),
    protectedBits: whole,
    checkBits: whole,
    paddingBits: whole.describe("bits of rows that hold neither weights nor parity"),
  }),
});

/** A layout, as `layout.json` holds it. */
export interface Layout extends z.infer<typeof layoutSchema> {}
/** A region of the memory. */
export type LayoutRegion = Layout["regions"][number];
/** A tensor in the memory. */
export type LayoutTensor = Layout["tensors"][number];
/** A code as the layout describes it. */
export interface LayoutCode extends z.infer<typeof codeSchema> {}
/** A float32 number in a layout. */
export type LayoutFloat = z.infer<typeof float>;

/** A float32 number as JSON can hold it. */
export function toLayoutFloat(value: number): LayoutFloat {
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "Infinity";
  if (value === -Infinity) return "-Infinity";
  return Object.is(value, -0) ? "-0" : value;
}

/** Numbers of a layout as float32. */
export function fromLayoutFloats(values: readonly LayoutFloat[]): Float32Array {
  return Float32Array.from(values, Number);
}

/** The JSON Schema (draft 2020-12) of `layout.json`. */
export function layoutJsonSchema(): unknown {
  return { title: "qtaml memory layout", ...z.toJSONSchema(layoutSchema) };
}

/** Name of the layout in the folder of an image. */
export const layoutFile = "layout.json";

/** Name of the JSON Schema beside a layout. */
export const layoutSchemaFile = "layout.schema.json";

/** Name of the file of all regions as Intel HEX. */
export const intelHexFile = "image.hex";

function damaged(name: string, problem: string): QtamlError {
  return new QtamlError("invalid-schema", `${name} ${problem}; write the image again with qtaml harden.`);
}

/**
 * Reads a layout from outside. What it points to is checked as well: rows, words and places within regions.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-schema` that names the first thing that is wrong
 */
export function parseLayout(value: unknown, name: string): Layout {
  const result = layoutSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue === undefined || issue.path.length === 0 ? "the whole file" : issue.path.join(".");
    throw damaged(name, `is not a memory layout of this version: ${path}: ${issue?.message ?? "unreadable"}`);
  }
  const layout = result.data;
  for (const region of layout.regions) checkRegion(region, name);
  for (const tensor of layout.tensors) checkTensor(tensor, layout, name);
  return layout;
}

function checkRegion(region: LayoutRegion, name: string): void {
  const { code, rowBits, rowBytes, rows, interleave, dataBits } = region;
  const word = code?.wordBits ?? rowBits;
  const data = code?.dataBits ?? rowBits;
  const isWhole =
    rowBits === word * interleave &&
    rowBytes === Math.ceil(rowBits / 8) &&
    rows === Math.ceil(dataBits / (data * interleave));
  if (!isWhole) throw damaged(name, `has a region "${region.name}" whose rows do not fit its words`);
  if (code === null) return;
  const positions = new Set(code.dataPositions);
  const fits =
    positions.size === data &&
    code.dataPositions.length === data &&
    [...positions, ...code.checks.flat()].every((j) => j < word);
  if (!fits) throw damaged(name, `has a code ${code.name} whose bits do not fit its words`);
}

function checkTensor(tensor: LayoutTensor, layout: Layout, name: string): void {
  const wrong = (problem: string) => damaged(name, `has a tensor "${tensor.name}" ${problem}`);
  if (tensor.dims.reduce((a, b) => a * b, 1) !== tensor.count) throw wrong("whose dimensions do not fit");
  const steps = stepCount({
    dims: tensor.dims,
    channelAxis: tensor.channelAxis ?? undefined,
    blockSize: tensor.blockSize ?? undefined,
  });
  if (tensor.channelAxis !== null && tensor.channelAxis >= tensor.dims.length)
    throw wrong("without its channel axis");
  const isFull = (list: unknown[] | null) => list === null || list.length === steps;
  if (
    !isFull(tensor.steps) ||
    !isFull(tensor.zeroPoints) ||
    (tensor.steps === null && (tensor.zeroPoints ?? tensor.channelAxis) !== null)
  )
    throw wrong("whose steps do not fit");
  let end = 0;
  for (const { start, count, table, planes } of tensor.segments) {
    if (start !== end) throw wrong(`with a gap or an overlap at weight ${end}`);
    end += count;
    if (layout.tables[table]?.length !== 2 ** tensor.bits) throw wrong("without its decode table");
    const bits = new Set(planes.map((p) => p.bit));
    if (bits.size !== tensor.bits || planes.length !== tensor.bits || Math.max(...bits) >= tensor.bits)
      throw wrong("that does not place each bit once");
    for (const { region, offset } of planes) {
      const dataBits = layout.regions[region]?.dataBits;
      if (dataBits === undefined || offset + count > dataBits) throw wrong("that lies outside its region");
    }
  }
  if (end !== tensor.count) throw wrong(`of ${tensor.count} weights, ${end} of which have a place`);
}

/** JSON of a layout: lists of numbers and of planes on one line each, so that a person can read it. */
export function formatLayout(layout: Layout): string {
  const text = JSON.stringify({ $schema: `./${layoutSchemaFile}`, ...layout }, null, 2);
  return `${text
    .replace(/\[\n(?:\s*[-"\w.+]+,?\n)+\s*\]/g, (list) => list.replace(/\s+/g, " "))
    .replace(
      /\{\n\s*"bit": (\d+),\n\s*"region": (\d+),\n\s*"offset": (\d+)\n\s*\}/g,
      `{ "bit": $1, "region": $2, "offset": $3 }`,
    )}\n`;
}
