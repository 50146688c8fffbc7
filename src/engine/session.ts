/**
 * @file Sessions of the ONNX runtime, with settings that make results reproducible, and its errors in plain words.
 */
import { QtamlError } from "../errors.ts";
import { env, InferenceSession, Tensor } from "./runtime.ts";

export { Tensor };

/** The version of the ONNX runtime. */
export const runtimeVersion: string = env.versions.node ?? env.versions.common;

/** Values by name, fed to or returned by a session. */
export type Values = Readonly<Record<string, Tensor>>;

/** What runs a network: this processor, or a GPU by the runtime's WebGPU provider. */
export const providers = ["cpu", "webgpu"] as const;
/** What runs a network. */
export type Provider = (typeof providers)[number];

/** One thread a session: parallelism comes from running several trials, and the results do not depend on it. */
const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  logSeverityLevel: 4,
  extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
};

const wordsOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

/** The runtime's message without its prefixes, source paths and C++ signatures, on one line. */
function reason(cause: unknown): string {
  const text = wordsOf(cause).replace(/(?:\w[\w:<>*& ]* )?onnxruntime::[\w:]+\([^)]*\)\s*(?:const\s+)?/g, "");
  const line = text.replace(/\s+/g, " ").replace(/^.*?(?:FAIL|INVALID\w*|NOT_IMPLEMENTED|Error)\s*:\s*/, "");
  const plain = line.replace(/\S*\/onnxruntime\/\S+\s*/g, "").trim();
  return plain.length > 240 ? `${plain.slice(0, 240)} ...` : plain;
}

/** What to say of a model that is newer than the runtime; undefined when that is not why it was refused. */
function tooNew(cause: unknown): string | undefined {
  const text = wordsOf(cause);
  const ir = /Unsupported model IR version: (\d+), max supported IR version: (\d+)/.exec(text);
  if (ir !== null) {
    return `The model has IR version ${ir[1]}, and the ONNX runtime takes up to ${ir[2]}; export it with an older version of onnx.`;
  }
  const opset = /Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)/s.exec(text);
  if (opset === null) return undefined;
  return `The model imports operator set ${opset[1]} of ${opset[2]}, and the ONNX runtime takes up to ${opset[3]}; export it for operator set ${opset[3]} or below.`;
}

/** Element types of outputs that the runtime's Node binding hands out. */
const outputTypes: ReadonlySet<string> = new Set(
  "float32 float64 float16 bool string int8 uint8 int16 uint16 int32 uint32 int64 uint64".split(" "),
);

/**
 * Loads a model into the runtime. What a GPU cannot do runs on this processor.
 *
 * @throws QtamlError `unsupported-model` when the runtime refuses it, `runtime-failure` where there is no GPU to use
 */
export async function openSession(
  bytes: Uint8Array,
  options: { optimise?: boolean; provider?: Provider | undefined } = {},
): Promise<InferenceSession> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(bytes, {
      ...sessionOptions,
      graphOptimizationLevel: options.optimise === false ? "disabled" : "all",
      ...(options.provider === "webgpu" ? { executionProviders: ["webgpu", "cpu"] } : {}),
    });
  } catch (cause) {
    if (options.provider === "webgpu" && /WebGPU|webgpu/.test(wordsOf(cause))) {
      throw new QtamlError(
        "runtime-failure",
        `The ONNX runtime finds no GPU that it can use by WebGPU (${reason(cause)}); install the driver's Vulkan library, or leave --provider out.`,
        { cause },
      );
    }
    throw new QtamlError(
      "unsupported-model",
      tooNew(cause) ??
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
