/**
 * @file Weights without a graph: `.safetensors` files, whose tensors are gone through where they lie.
 *
 * The format (https://huggingface.co/docs/safetensors): the length of the header as 8 little-endian bytes, a JSON header
 * with element type, shape and offsets of each tensor, then the tensors' bytes without gaps.
 */
import { basename } from "node:path";
import { z } from "zod";
import { numberFormat } from "../channel/index.ts";
import { fileSource, sourceHash, type ByteRange, type ByteSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { surveyFloats } from "./counting.ts";
import { streamFloats, type FloatType } from "./floats.ts";
import { isSafetensors, orNameKind } from "./kind.ts";
import type { StorageOptions } from "./prepare.ts";
import { selectTensors } from "./selection.ts";
import type { SurveyedTensor } from "./survey.ts";
import { DataType, elementCount } from "./tensor.ts";

/** Bits of one element, by the format's name of its type. */
const elementBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type, as the format calls it. */
export type SafetensorsType = keyof typeof elementBits;

const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const tensorSchema = z.strictObject({
  dtype: z.enum(Object.keys(elementBits) as [SafetensorsType, ...SafetensorsType[]]),
  shape: z.array(size).max(64),
  data_offsets: z.tuple([size, size]),
});

const metadataSchema = z.record(z.string(), z.string());

/** A header longer than this is refused, as by the format's own reader. */
const longestHeader = 100_000_000;

/** A tensor of a file. */
export interface SafetensorsTensor {
  readonly name: string;
  readonly type: SafetensorsType;
  readonly dims: readonly number[];
  readonly range: ByteRange;
}

/** A file of weights without a graph. */
export interface SafetensorsFile {
  /** The file's name, for messages and plans. */
  readonly name: string;
  /** In the order in which they lie in the file. */
  readonly tensors: readonly SafetensorsTensor[];
  readonly metadata: Readonly<Record<string, string>>;
  /** SHA-256 of the file in hexadecimal; worked out when it is first asked for. */
  readonly sha256: string;
}

function readHeader(source: ByteSource, name: string): { header: object; dataStart: number } {
  const bad = (what: string) =>
    new QtamlError("invalid-file", `${name} is not a safetensors file: ${what}; save or copy it again.`);
  if (source.byteLength < 10) throw bad(`it has ${source.byteLength} bytes`);
  const start = new Uint8Array(8);
  source.readInto(0, start);
  const length = Number(new DataView(start.buffer).getBigUint64(0, true));
  if (length > Math.min(longestHeader, source.byteLength - 8)) {
    throw bad(`its header would have ${length} bytes`);
  }
  const bytes = new Uint8Array(length);
  source.readInto(8, bytes);
  if (bytes[0] !== 0x7b) throw bad("its header does not begin with a brace");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw bad("its header is not JSON");
  }
  if (typeof header !== "object" || header === null) throw bad("its header is not a JSON object");
  return { header, dataStart: 8 + length };
}

/** One entry of the header. @throws QtamlError `invalid-schema` */
function checked<T>(schema: z.ZodType<T>, value: unknown, key: string, name: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = [key, ...(issue?.path ?? [])].join(".");
  throw new QtamlError(
    "invalid-schema",
    `The header of ${name} is wrong at ${field}: ${issue?.message ?? "unreadable"}; save the file again.`,
    { cause: parsed.error },
  );
}

/**
 * Reads the header of a safetensors file and checks it against the file: every tensor's bytes are as many as its type
 * and shape say, and together they cover the rest of the file without overlap or gap.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file`, or `invalid-schema` that names the tensor and field that is wrong
 */
export function scanSafetensors(
  source: ByteSource,
  name: string,
): Pick<SafetensorsFile, "tensors" | "metadata"> {
  const { header, dataStart } = readHeader(source, name);
  let metadata: Readonly<Record<string, string>> = {};
  const tensors: SafetensorsTensor[] = [];
  for (const [key, value] of Object.entries(header) as [string, unknown][]) {
    if (key === "__metadata__") {
      metadata = checked(metadataSchema, value, key, name);
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = checked(tensorSchema, value, key, name);
    const [begin, end] = offsets;
    const bytes = (elementCount(shape) * elementBits[dtype]) / 8;
    if (end - begin !== bytes) {
      throw new QtamlError(
        "invalid-file",
        `Tensor "${key}" of ${name} has ${end - begin} bytes where its shape [${shape.join(", ")}] of ${dtype} asks for ${bytes}; save the file again.`,
      );
    }
    tensors.push({
      name: key,
      type: dtype,
      dims: shape,
      range: { source, offset: dataStart + begin, length: bytes },
    });
  }
  checkCover(tensors, dataStart, source.byteLength, name);
  return { tensors, metadata };
}

/** Orders tensors by place. @throws QtamlError `invalid-file` for an overlap, a gap, or bytes beyond the end */
function checkCover(tensors: SafetensorsTensor[], start: number, fileEnd: number, name: string): void {
  tensors.sort((a, b) => a.range.offset - b.range.offset || a.range.length - b.range.length);
  let end = start;
  for (const { name: tensor, range } of tensors) {
    if (range.offset !== end) {
      const what = range.offset < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw new QtamlError("invalid-file", `Tensor "${tensor}" of ${name} ${what}; save the file again.`);
    }
    end += range.length;
  }
  if (end !== fileEnd) {
    const what = end > fileEnd ? "is cut short" : `has ${fileEnd - end} bytes that belong to no tensor`;
    throw new QtamlError("invalid-file", `${name} ${what}; copy or save it again.`);
  }
}

/** Whether a file is to be read as safetensors: by its name or its first bytes. @throws QtamlError `file-access` */
export function isSafetensorsFile(path: string): boolean {
  if (path.endsWith(".safetensors")) return true;
  const source = fileSource(path, "Model");
  const head = new Uint8Array(Math.min(512, source.byteLength));
  source.readInto(0, head);
  return isSafetensors(head, source.byteLength);
}

/**
 * Opens a safetensors file of any size; only its header is read.
 *
 * @throws QtamlError `file-access`, and as `scanSafetensors`
 */
export function openSafetensors(path: string): SafetensorsFile {
  const source = fileSource(path, "Model");
  const name = basename(path);
  const head = new Uint8Array(Math.min(512, source.byteLength));
  source.readInto(0, head);
  const read = () => scanSafetensors(source, name);
  const content = orNameKind(read, head, source.byteLength, name, "a safetensors file");
  let known: string | undefined;
  return {
    name,
    ...content,
    get sha256() {
      return (known ??= sourceHash(source));
    },
  };
}

const floatTypes: Readonly<Partial<Record<SafetensorsType, FloatType>>> = {
  F64: DataType.DOUBLE,
  F32: DataType.FLOAT,
  F16: DataType.FLOAT16,
  BF16: DataType.BFLOAT16,
};

/** Formats of tensors that are stored as they are unless told. */
const ownFormats: Readonly<Partial<Record<SafetensorsType, string>>> = { F16: "fp16", BF16: "bf16" };

/** Which tensors of a file are weights in the memory. */
export type TensorChoice = (tensor: SafetensorsTensor) => boolean;

/** Floating-point tensors with two axes or more: matrices, kernels and embeddings, not biases or normalisations. */
export const isMatrix: TensorChoice = ({ type, dims }) =>
  floatTypes[type] !== undefined && dims.length >= 2 && elementCount(dims) > 0;

/**
 * What the memory holds of a file of weights, counted and not kept. With one step a channel, channels run along the
 * first axis, as frameworks with this format store the outputs of linear and convolutional layers.
 *
 * @param choose floating-point tensors to store; `isMatrix` by default
 * @throws QtamlError `unsupported-model` when nothing is chosen, `non-finite` when a weight is NaN or infinite
 */
export function surveySafetensors(
  file: Pick<SafetensorsFile, "name" | "tensors">,
  options: StorageOptions = {},
  choose: TensorChoice = isMatrix,
): SurveyedTensor[] {
  const candidates = file.tensors.filter((tensor) => floatTypes[tensor.type] !== undefined && choose(tensor));
  if (candidates.length === 0) {
    throw new QtamlError(
      "unsupported-model",
      `${file.name} has no weights: no floating-point tensor (F64, F32, F16, BF16) with two axes or more; give a trained network.`,
    );
  }
  const chosen = selectTensors(
    candidates.map((tensor) => ({ ...tensor, role: "weight" as const })),
    options,
  );
  return chosen.map(({ name, type, dims, range }) => {
    const format = numberFormat(options.format ?? ownFormats[type] ?? "int8");
    const isByChannel = options.granularity === "channel" && dims.length > 1 && format.unscaled !== true;
    const channelAxis = isByChannel ? 0 : undefined;
    const pieces = () => streamFloats({ dataType: floatTypes[type]!, range });
    return {
      name,
      role: "weight" as const,
      dims,
      count: elementCount(dims),
      operators: [],
      format,
      outputAxis: undefined,
      channelAxis,
      blockSize: undefined,
      zeroPoints: undefined,
      ...surveyFloats({ name, dims, channelAxis, pieces }, format),
    };
  });
}
