/**
 * @file A network with weights that can be changed: two binders behind one interface.
 *
 * Runtimes are fast when weights are constants, so the usual way is to overwrite the weights in the model's bytes
 * and load it again (`patch`). For networks of matrix products and few samples it is cheaper to declare the weights
 * as inputs and feed them (`feed`). Initialisers that are graph inputs cannot be used: feeding one is ignored.
 */
import type { InferenceSession } from "onnxruntime-node";
import { QtamlError } from "../errors.ts";
import {
  cloneModel,
  DataType,
  elementCount,
  makeValueInfo,
  parseModel,
  serialiseModel,
  type OnnxModel,
  type PreparedModel,
} from "../onnx/index.ts";
import { modelIo, type Dataset, type ModelIo } from "./dataset.ts";
import { openSession, runSession, Tensor } from "./session.ts";

/** How weights get into the runtime. */
export type BinderKind = "patch" | "feed";

/** The judged outputs of a network for some samples. */
export interface Logits {
  readonly count: number;
  /** Elements of one sample's output. */
  readonly classes: number;
  /** [count * classes]. */
  readonly values: Float32Array;
}

/** Runs a network under changing weights. Not for concurrent use: one binder belongs to one worker. */
export interface WeightBinder {
  readonly kind: BinderKind;
  /** Sets all stored tensors, in the order of `PreparedModel.tensors`. The arrays may be reused afterwards. */
  load(weights: readonly Float32Array[]): Promise<void>;
  /** Runs the network with the weights last loaded. */
  infer(data: Dataset): Promise<Logits>;
  close(): Promise<void>;
}

/** Samples a call of the runtime; activations of small networks then stay in the cache. */
const batchSize = 250;

/**
 * Runs samples through a session in batches. The last batch of a model with a fixed batch size is filled up with
 * repetitions of its first sample, whose outputs are dropped.
 */
export async function inferBatches(
  session: InferenceSession,
  io: ModelIo,
  data: Dataset,
  extra: Readonly<Record<string, Tensor>> = {},
): Promise<Logits> {
  const size = elementCount(data.sampleDims);
  const step = io.fixedBatch ?? batchSize;
  let values: Float32Array | undefined;
  let classes = 0;
  for (let from = 0; from < data.count; from += step) {
    const count = Math.min(step, data.count - from);
    const batch = io.fixedBatch ?? count;
    let inputs = data.inputs.subarray(from * size, (from + count) * size);
    if (batch > count) {
      const padded = new Float32Array(batch * size);
      padded.set(inputs);
      for (let i = count; i < batch; i++) padded.set(inputs.subarray(0, size), i * size);
      inputs = padded;
    }
    const feeds = { ...extra, [io.input]: new Tensor("float32", inputs, [batch, ...data.sampleDims]) };
    const result = (await runSession(session, feeds, [io.output]))[io.output];
    if (!(result?.data instanceof Float32Array) || result.dims[0] !== batch) {
      throw new QtamlError(
        "unsupported-model",
        `Output "${io.output}" has shape [${result?.dims.join(", ")}] and type ${result?.type} for ${batch} samples; a float32 output with one row a sample is needed.`,
      );
    }
    classes = result.data.length / batch;
    values ??= new Float32Array(data.count * classes);
    values.set(result.data.subarray(0, count * classes), from * classes);
    result.dispose();
  }
  return { count: data.count, classes, values: values ?? new Float32Array(0) };
}

/** Where each stored tensor's float32 bytes lie in a serialised model. */
function weightBytes(bytes: Uint8Array, prepared: PreparedModel): Uint8Array[] {
  const model = parseModel(bytes);
  const byName = new Map(model.graph.initializer.map((t) => [t.name, t.rawData]));
  return prepared.tensors.map((t) => byName.get(t.runtimeName)!);
}

function patchBinder(prepared: PreparedModel): WeightBinder {
  const bytes = serialiseModel(prepared.model);
  const places = weightBytes(bytes, prepared);
  const io = modelIo(prepared.model);
  let session: InferenceSession | undefined;
  const close = async () => {
    await session?.release();
    session = undefined;
  };
  return {
    kind: "patch",
    async load(weights) {
      weights.forEach((w, t) => places[t]!.set(new Uint8Array(w.buffer, w.byteOffset, w.byteLength)));
      await close();
      session = await openSession(bytes);
    },
    infer(data) {
      if (session === undefined) throw new Error("infer before load");
      return inferBatches(session, io, data);
    },
    close,
  };
}

/** The prepared model with its stored tensors as graph inputs instead of initialisers. */
function weightsAsInputs(prepared: PreparedModel): OnnxModel {
  const model = cloneModel(prepared.model);
  const names = new Set(prepared.tensors.map((t) => t.runtimeName));
  model.graph.initializer = model.graph.initializer.filter((t) => !names.has(t.name));
  model.graph.input.push(
    ...prepared.tensors.map((t) => makeValueInfo(t.runtimeName, DataType.FLOAT, t.dims)),
  );
  return model;
}

async function feedBinder(prepared: PreparedModel): Promise<WeightBinder> {
  const session = await openSession(serialiseModel(weightsAsInputs(prepared)));
  const io = modelIo(prepared.model);
  let feeds: Record<string, Tensor> = {};
  return {
    kind: "feed",
    async load(weights) {
      feeds = Object.fromEntries(
        prepared.tensors.map((t, i) => [t.runtimeName, new Tensor("float32", weights[i]!.slice(), t.dims)]),
      );
    },
    infer: (data) => inferBatches(session, io, data, feeds),
    close: () => session.release(),
  };
}

/**
 * Which binder suits a network: feeding for matrix products with so few samples that loading would dominate,
 * patching otherwise. Depends on the model and the number of samples only, so that results are reproducible.
 */
export function chooseBinder(prepared: PreparedModel, samples: number): BinderKind {
  const hasConvolution = prepared.tensors.some((t) => t.operators.some((o) => o.startsWith("Conv")));
  return !hasConvolution && samples <= 32 ? "feed" : "patch";
}

/** Makes a network whose weights can be changed. @throws QtamlError `unsupported-model` */
export async function bindWeights(prepared: PreparedModel, kind: BinderKind): Promise<WeightBinder> {
  return kind === "feed" ? feedBinder(prepared) : patchBinder(prepared);
}
