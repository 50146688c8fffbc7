/**
 * @file A network with weights that can be changed: two binders behind one interface.
 *
 * Runtimes convolve images fast when weights are constants: there the weights are overwritten in the model's bytes and
 * the model is loaded again (`patch`). Other networks run as fast with weights that are declared as inputs and fed
 * (`feed`). Initialisers that are graph inputs cannot be used: feeding one is ignored.
 */
import type { InferenceSession } from "onnxruntime-node";
import { sliceDataset, type Dataset } from "../data/index.ts";
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
import { outputValues } from "./convert.ts";
import { bindInputs, type BoundInputs } from "./feed.ts";
import { formatDims, modelIo, type ModelIo } from "./io.ts";
import { openSession, runSession, Tensor, type Provider } from "./session.ts";

/** How weights get into the runtime. */
export type BinderKind = "patch" | "feed";

/** The judged output of a network for some samples. */
export interface JudgedOutput {
  readonly count: number;
  /** Dimensions of one sample's output: [classes] of a classifier, [classes, H, W] of a segmentation. */
  readonly dims: readonly number[];
  /** [count * elements of a sample's output], rounded to float32 where the model computes in another type. */
  readonly values: Float32Array;
  /** Element type of the output as the runtime calls it, such as "float32" or "int64". */
  readonly type: string;
}

/** Elements of one sample's output. */
export const outputSize = (output: Pick<JudgedOutput, "dims">): number => elementCount(output.dims);

/** Runs a network under changing weights. Not for concurrent use: one binder belongs to one worker. */
export interface WeightBinder {
  readonly kind: BinderKind;
  /** Sets all stored tensors, in the order of `PreparedModel.tensors`. The arrays may be reused afterwards. */
  load(weights: readonly Float32Array[]): Promise<void>;
  /** Runs the network with the weights last loaded. */
  infer(data: Dataset): Promise<JudgedOutput>;
  close(): Promise<void>;
}

/** Dimensions of one sample's output, from those of a call's. */
function sampleDims(dims: readonly number[], batch: number, output: string): number[] {
  if (dims[0] === batch) return dims.slice(1);
  if (batch === 1) return [...dims];
  throw new QtamlError(
    "unsupported-model",
    `Output "${output}" has shape ${formatDims(dims)} for ${batch} samples, and is judged by rows, one a sample; export the model with the batch as the first axis.`,
  );
}

/**
 * Runs samples through a session in batches.
 *
 * @throws QtamlError `unsupported-model` when the output is text, or does not have one row of equal size a sample
 */
export async function inferBatches(
  session: InferenceSession,
  io: ModelIo,
  inputs: BoundInputs,
  extra: Readonly<Record<string, Tensor>> = {},
): Promise<JudgedOutput> {
  const { count, step } = inputs;
  let values: Float32Array | undefined;
  let dims: readonly number[] = [];
  let type = "";
  for (let from = 0; from < count; from += step) {
    const to = Math.min(from + step, count);
    const feeds = { ...extra, ...inputs.feeds(from, to) };
    const result = (await runSession(session, feeds, [io.output]))[io.output]!;
    const rowDims = sampleDims(result.dims, inputs.fixedBatch ?? to - from, io.output);
    const size = elementCount(rowDims);
    if (values === undefined) {
      dims = rowDims;
      type = result.type;
      values = new Float32Array(count * size);
    } else if (rowDims.join() !== dims.join()) {
      throw new QtamlError(
        "unsupported-model",
        `Output "${io.output}" has shape ${formatDims(dims)} for sample 0 but ${formatDims(rowDims)} for sample ${from}, and outputs of varying size cannot be compared; name one of fixed size with --output-name.`,
      );
    }
    values.set(
      outputValues(result.data, result.type, io.output).subarray(0, (to - from) * size),
      from * size,
    );
    result.dispose();
  }
  return { count, dims, values: values ?? new Float32Array(0), type };
}

/** Rounding in another order of summation stays far below this share of the largest output. */
const mixingTolerance = 1e-3;

/** Whether two runs gave the same outputs but for rounding. */
export function isSameOutput(a: JudgedOutput, b: JudgedOutput): boolean {
  if (a.dims.join() !== b.dims.join()) return false;
  const size = b.values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return a.values.every(
    (v, i) => v === b.values[i] || !(Math.abs(v - b.values[i]!) > mixingTolerance * size),
  );
}

/**
 * Finds out whether a model can take many samples a call: two samples together must give what each gives alone. Where
 * they do not (the first axis is that of a sequence, the ranges of a dynamic quantisation run over the batch), the data
 * set is marked to be run one sample a call.
 *
 * @param model the network with one output, the judged one
 * @throws QtamlError when the data do not fit the model, or it does not run, or its output cannot be judged
 */
export async function settleBatching(model: OnnxModel, data: Dataset): Promise<Dataset> {
  const io = modelIo(model);
  const two = sliceDataset(data, 0, 2);
  const together = bindInputs(io, two);
  if (together.count < 2 || together.step === 1 || together.fixedBatch !== undefined) return data;
  const session = await openSession(serialiseModel(model));
  try {
    const alone = await inferBatches(session, io, bindInputs(io, { ...two, isOneByOne: true }));
    try {
      if (isSameOutput(await inferBatches(session, io, together), alone)) return data;
    } catch (error) {
      if (!(error instanceof QtamlError)) throw error;
    }
    return { ...data, isOneByOne: true };
  } finally {
    await session.release();
  }
}

/** Binds data sets to a model's inputs, each of them once. */
function inputCache(io: ModelIo): (data: Dataset) => BoundInputs {
  const known = new WeakMap<Dataset, BoundInputs>();
  return (data) => {
    const found = known.get(data) ?? bindInputs(io, data);
    known.set(data, found);
    return found;
  };
}

/** Where each stored tensor's float32 bytes lie in a serialised model. */
function weightBytes(bytes: Uint8Array, prepared: PreparedModel): Uint8Array[] {
  const model = parseModel(bytes);
  const byName = new Map(model.graph.initializer.map((t) => [t.name, t.rawData]));
  return prepared.tensors.map((t) => byName.get(t.runtimeName)!);
}

function patchBinder(prepared: PreparedModel, provider: Provider | undefined): WeightBinder {
  const bytes = serialiseModel(prepared.model);
  const places = weightBytes(bytes, prepared);
  const io = modelIo(prepared.model);
  const bind = inputCache(io);
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
      session = await openSession(bytes, { provider });
    },
    infer(data) {
      if (session === undefined) throw new Error("infer before load");
      return inferBatches(session, io, bind(data));
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

async function feedBinder(prepared: PreparedModel, provider: Provider | undefined): Promise<WeightBinder> {
  const session = await openSession(serialiseModel(weightsAsInputs(prepared)), { provider });
  const io = modelIo(prepared.model);
  const bind = inputCache(io);
  let feeds: Record<string, Tensor> = {};
  return {
    kind: "feed",
    async load(weights) {
      feeds = Object.fromEntries(
        prepared.tensors.map((t, i) => [t.runtimeName, new Tensor("float32", weights[i]!.slice(), t.dims)]),
      );
    },
    infer: (data) => inferBatches(session, io, bind(data), feeds),
    close: () => session.release(),
  };
}

/**
 * Which binder suits a network: patching where a convolution runs over two axes or more, which the runtime does in a
 * blocked layout if its kernel is constant; feeding otherwise, which saves loading the model for each chip. Depends on
 * the model only, so that results are reproducible.
 */
export function chooseBinder(prepared: PreparedModel): BinderKind {
  const isBlocked = prepared.tensors.some(
    (t) => t.dims.length >= 4 && t.operators.some((o) => o.startsWith("Conv")),
  );
  return isBlocked ? "patch" : "feed";
}

/** Makes a network whose weights can be changed. @throws QtamlError `unsupported-model` */
export async function bindWeights(
  prepared: PreparedModel,
  kind: BinderKind,
  provider?: Provider,
): Promise<WeightBinder> {
  return kind === "feed" ? feedBinder(prepared, provider) : patchBinder(prepared, provider);
}
