/**
 * @file Tells files that are not ONNX models by their first bytes, so that the message names what they are.
 */
import { pickleKind } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";

const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

interface Magic {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** What the file is, and what to do. */
  readonly what: string;
}

const magic = (at: number, bytes: string | readonly number[], what: string): Magic => ({
  at,
  bytes: typeof bytes === "string" ? ascii(bytes) : Uint8Array.from(bytes),
  what,
});

const kinds: readonly Magic[] = [
  magic(
    0,
    "version https://git-lfs",
    "is a git-LFS pointer, not the file itself; fetch it with `git lfs pull`",
  ),
  magic(
    0,
    "PK\u0003\u0004",
    "is a zip archive (a PyTorch .pt file, or a Keras model, is one); export the network to ONNX",
  ),
  magic(4, "TFL3", "is a TensorFlow Lite model; convert it to ONNX"),
  magic(
    0,
    [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a],
    "is an HDF5 file (Keras .h5); export the network to ONNX",
  ),
  magic(0, [0x1f, 0x8b], "is compressed with gzip; unpack it"),
  magic(0, "GGUF", "is a GGUF file; give the network as ONNX"),
  magic(0, [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "is a NumPy array; give the network as ONNX"),
  magic(4, "ORTM", "is in ONNX Runtime's own .ort format; give the .onnx file it was made from"),
];

/** Whether bytes are text: no control characters but white space, and mostly ASCII. */
function isText(head: Uint8Array): boolean {
  const isPrintable = (b: number) => b === 9 || b === 10 || b === 13 || (b >= 32 && b !== 127);
  return head.byteLength > 0 && head.every(isPrintable);
}

/** What a file was expected to be. */
type Wanted = "an ONNX model" | "a safetensors file";

/** What a file is that could not be read as what it was expected to be; undefined when nothing tells. */
function kindOf(head: Uint8Array, byteLength: number, wanted: Wanted): string | undefined {
  if (byteLength === 0) return `is empty; give ${wanted}`;
  const pickle = pickleKind(head);
  if (pickle !== undefined) return `is ${pickle}; export the network to ONNX, with torch.onnx.export`;
  const found = kinds.find(({ at, bytes }) => bytes.every((b, i) => head[at + i] === b));
  if (found !== undefined) return found.what;
  if (wanted === "an ONNX model" && isSafetensors(head, byteLength)) {
    return "holds weights without a graph (safetensors), which only inspect, plan and report take; give an ONNX model";
  }
  return isText(head) ? `is a text file, not ${wanted}; give ${wanted}` : undefined;
}

/**
 * Reads a file; when it is not what is wanted, the error says what it is instead, where its first bytes tell.
 *
 * @param head the file's first bytes, up to 512
 * @param byteLength size of the whole file
 * @throws QtamlError `invalid-file`, and what `read` throws
 */
export function orNameKind<T>(
  read: () => T,
  head: Uint8Array,
  byteLength: number,
  name: string,
  wanted: Wanted = "an ONNX model",
): T {
  try {
    return read();
  } catch (cause) {
    const isRefused = cause instanceof QtamlError && cause.code === "invalid-file";
    const kind = isRefused ? kindOf(head, byteLength, wanted) : undefined;
    throw kind === undefined ? cause : new QtamlError("invalid-file", `${name} ${kind}.`, { cause });
  }
}

/** Whether a file begins as a safetensors file does: the length of a JSON header that fits, and a brace. */
export function isSafetensors(head: Uint8Array, byteLength: number): boolean {
  if (head.byteLength < 10 || head[8] !== 0x7b) return false;
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  return length >= 2 && length <= byteLength - 8;
}
