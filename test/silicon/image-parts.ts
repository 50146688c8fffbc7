/** @file Small tensors of every kind, and requests for images of them. */
import { createHash } from "node:crypto";
import { codeArray, integerFormat, numberFormat } from "../../src/channel/index.ts";
import { codeNamed, type ImageRequest } from "../../src/image/index.ts";
import { cleanSegments, stepCount, type StoredTensor } from "../../src/stored/index.ts";
import { uniformStream } from "../../src/stats/random.ts";

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

interface Kind {
  readonly name: string;
  readonly format: StoredTensor["format"];
  readonly dims: readonly number[];
  readonly channelAxis?: number;
  readonly blockSize?: number;
  readonly zeros?: boolean;
}

const kinds: readonly Kind[] = [
  { name: "one step", format: numberFormat("int8"), dims: [7, 3, 3, 3] },
  { name: "channels", format: numberFormat("int4"), dims: [5, 8], channelAxis: 0 },
  { name: "zero points", format: integerFormat(8, false), dims: [4, 6], channelAxis: 1, zeros: true },
  {
    name: "blocks",
    format: integerFormat(4, false),
    dims: [3, 10, 2],
    channelAxis: 1,
    blockSize: 4,
    zeros: true,
  },
  { name: "sign and magnitude", format: numberFormat("int5-sign-magnitude"), dims: [33] },
  { name: "16 bits", format: numberFormat("int16"), dims: [2, 9], channelAxis: 0 },
  { name: 'half "\\ ?', format: numberFormat("fp16"), dims: [11] },
];

/** Tensors with random codes and steps, the same at each call. Codes that are not finite are left out. */
export function randomTensors(): StoredTensor[] {
  return kinds.map(({ name, format, dims, channelAxis, blockSize, zeros }, t) => {
    const draw = uniformStream(t + 1);
    const count = dims.reduce((a, b) => a * b, 1);
    const codes = codeArray(format.bits, count);
    for (let i = 0; i < count; i++) {
      do codes[i] = draw() * 2 ** format.bits;
      while (!Number.isFinite(format.values[codes[i]!]!));
    }
    const steps = stepCount({ dims, channelAxis, blockSize });
    return {
      name,
      role: "weight",
      runtimeName: name,
      dims,
      count,
      operators: ["MatMul"],
      format,
      codes,
      outputAxis: channelAxis,
      channelAxis,
      blockSize,
      steps: Float32Array.from({ length: steps }, () => 0.01 + draw()),
      zeroPoints:
        zeros === true ? Float32Array.from({ length: steps }, () => Math.floor(draw() * 9)) : undefined,
      infinityNorm: 1,
    };
  });
}

/** A request for an image: the first third of each tensor has its two top bits protected, the rest the top bit. */
export function imageRequest(
  tensors: readonly StoredTensor[],
  codeName: string | null,
  options: Partial<Pick<ImageRequest, "interleave" | "polarity" | "plainRowBits">> = {},
): ImageRequest {
  const code = codeName === null ? null : codeNamed(codeName);
  return {
    tensors: tensors.map((tensor) => {
      const [whole] = cleanSegments(tensor);
      const { count } = tensor;
      const head = Math.floor(count / 3);
      const top = 1 << (tensor.format.bits - 1);
      const codes = code === null ? [] : [{ mask: top | (top >> 1), code }];
      return {
        tensor,
        segments: [
          { ...whole!, start: 0, count: head, protectedMask: top | (top >> 1), codes },
          { ...whole!, start: head, count: count - head, protectedMask: top, codes },
        ],
      };
    }),
    model: { name: "random", sha256: sha256(new Uint8Array()) },
    plan: { file: "plan.json", sha256: sha256(new Uint8Array()) },
    generator: "a test",
    polarity: "true",
    interleave: 1,
    plainRowBits: 32,
    sha256,
    ...options,
  };
}
