/**
 * @file Sessions of the ONNX runtime, with settings that make results reproducible, and its errors in plain words.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { QtamlError } from "../errors.ts";

export { Tensor };

/** Values by name, fed to or returned by a session. */
export type Values = Readonly<Record<string, Tensor>>;

/** One thread a session: parallelism comes from running several trials, and the results do not depend on it. */
const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  logSeverityLevel: 4,
  extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
};

/** The runtime's message without its prefixes and source paths, on one line. */
function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const line = text.replace(/\s+/g, " ").replace(/^.*?(?:FAIL|INVALID\w*|NOT_IMPLEMENTED|Error)\s*:\s*/, "");
  const place = /\S+\.(?:h|cc):\d+ [^()]*\([^)]*\)(?: const)?\s*/g;
  const plain = line
    .replace(place, "")
    .replace(/\S*\/onnxruntime\/\S+\s*/g, "")
    .trim();
  return plain.length > 240 ? `${plain.slice(0, 240)} ...` : plain;
}

/** Element types of outputs that the runtime's Node binding hands out. */
const outputTypes: ReadonlySet<string> = new Set(
  "float32 float64 float16 bool string int8 uint8 int16 uint16 int32 uint32 int64 uint64".split(" "),
);

/**
 * Loads a model into the runtime.
 *
 * @throws QtamlError `unsupported-model` when the runtime refuses it
 */
export async function openSession(
  bytes: Uint8Array,
  options: { optimise?: boolean } = {},
): Promise<InferenceSession> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(bytes, {
      ...sessionOptions,
      graphOptimizationLevel: options.optimise === false ? "disabled" : "all",
    });
  } catch (cause) {
    throw new QtamlError(
      "unsupported-model",
      `The ONNX runtime cannot run this model (${reason(cause)}); export it for a supported operator set.`,
      { cause },
    );
  }
  // The binding ends the whole process when it is to hand out an element type that it does not know.
  const odd = session.outputMetadata.find((o) => o.isTensor && !outputTypes.has(o.type));
  if (odd !== undefined) {
    await session.release();
    const type = odd.isTensor ? odd.type : "";
    throw new QtamlError(
      "unsupported-model",
      `Output "${odd.name}" of the model is of type ${type}, which cannot be read from the ONNX runtime; end the model with a Cast to float.`,
    );
  }
  return session;
}

/**
 * Runs a session once.
 *
 * @throws QtamlError `runtime-failure` when the runtime stops in the middle
 */
export async function runSession(
  session: InferenceSession,
  feeds: Values,
  fetches?: readonly string[],
): Promise<Values> {
  for (const feed of Object.values(feeds)) exposeBits(feed);
  try {
    return await session.run(feeds, fetches ?? session.outputNames);
  } catch (cause) {
    throw new QtamlError(
      "runtime-failure",
      `The ONNX runtime stopped while running the model (${reason(cause)}).`,
      {
        cause,
      },
    );
  }
}

/** A tensor to feed. Half-precision numbers are given by their bits. */
export function makeTensor(type: Tensor.Type, data: Tensor.DataType, dims: readonly number[]): Tensor {
  return new Tensor(type as "float32", data as Float32Array, dims);
}

/**
 * Where JavaScript has Float16Array a tensor holds its halves in one, but the runtime's Node binding takes only the
 * bits.
 */
function exposeBits(tensor: Tensor): void {
  const { data } = tensor;
  if (tensor.type !== "float16" || data instanceof Uint16Array) return;
  const view = data as unknown as ArrayBufferView & ArrayLike<number>;
  const bits = new Uint16Array(view.buffer, view.byteOffset, view.length);
  Object.defineProperty(tensor, "data", { value: bits });
}
