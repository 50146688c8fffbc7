/**
 * @file How much each stored tensor matters: the mean over unlabelled inputs of the squared Frobenius norm of the
 * Jacobian of the logits in its weights.
 */
import type { InferenceSession } from "onnxruntime-node";
import { addressedStreams, nextUint32, nextUniform } from "../channel/index.ts";
import { sliceDataset, type Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import {
  buildGradientGraph,
  channelLayout,
  cloneModel,
  DataType,
  floatData,
  indexGraph,
  makeValueInfo,
  probedValues,
  probeModel,
  serialiseModel,
  type GradientGraph,
  type OnnxModel,
  type PreparedModel,
  type ProbedValue,
  type StoredTensor,
} from "../onnx/index.ts";
import { bindInputs, planFeeds } from "./feed.ts";
import { modelIo, type ModelIo } from "./io.ts";
import { bindWeights, inferBatches, type JudgedOutput } from "./network.ts";
import { openSession, runSession, Tensor } from "./session.ts";

/** How a tensor's Jacobian was measured. */
export type JacobianMethod =
  /** Every logit of every sample by the gradient graph: exact for these samples. */
  | "gradient"
  /** The gradient graph with random signs for seeds: unbiased, with a standard error. */
  | "gradient-probes"
  /** Forward runs with that tensor perturbed: unbiased to first order, with a standard error. */
  | "forward-probe";

/** The measured sensitivity of the logits to one tensor. */
export interface TensorJacobian {
  /** `||J_l||_F^2`, averaged over the samples. */
  readonly squaredNorm: number;
  /** Its standard error over the samples and probes. */
  readonly standardError: number;
  /** [samples] the same for each sample. */
  readonly sampleSquaredNorms: Float64Array;
  /**
   * [samples] the same without the direction in which all logits move alike, which changes no answer:
   * `||(I - 11^T/C) J_l||_F^2`.
   */
  readonly sampleContrastNorms: Float64Array;
  /** [channels] the squared norm by output channel (one entry where the output axis is not known); null from forward probes. */
  readonly channelSquaredNorms: Float64Array | null;
  readonly method: JacobianMethod;
  /** The operator without a gradient rule that made a forward probe necessary. */
  readonly stoppedBy?: string;
}

/** Settings of `measureJacobian`. */
export interface JacobianOptions {
  /** Samples to average over; the first ones of the data. Default 64. */
  readonly samples?: number;
  /** "gradient": the gradient graph where it exists (default); "forward-probe": forward runs for every tensor. */
  readonly method?: "gradient" | "forward-probe";
  readonly seed?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Up to this many classes every logit gets a backward pass of its own. */
const exactClasses = 32;
const probesPerSample = 8;
const forwardProbes = 24;

/**
 * The model with its logits as the only output: where the first output is made by `Softmax`, `LogSoftmax` or
 * `Sigmoid`, the value before it.
 */
export function logitsModel(source: OnnxModel): OnnxModel {
  const model = cloneModel(source);
  const index = indexGraph(model.graph);
  const output = model.graph.output[0]!;
  let name = output.name;
  for (let node = index.producer.get(name); node !== undefined; node = index.producer.get(name)) {
    if (!["Softmax", "LogSoftmax", "Sigmoid", "Identity"].includes(node.opType)) break;
    name = node.input[0]!;
  }
  const isGraphInput = model.graph.input.some((input) => input.name === name);
  model.graph.output = [name === output.name || isGraphInput ? output : makeValueInfo(name, DataType.FLOAT)];
  return model;
}

/** Logits of the network with the weights in the model. */
export async function inferLogits(model: OnnxModel, data: Dataset): Promise<JudgedOutput> {
  const judged = logitsModel(model);
  const session = await openSession(serialiseModel(judged));
  try {
    return await inferBatches(session, modelIo(judged), bindInputs(modelIo(judged), data));
  } finally {
    await session.release();
  }
}

/** Runs the network once and records the dimensions, and small integer contents, of every value. */
async function probeValues(model: OnnxModel, io: ModelIo, data: Dataset): Promise<Map<string, ProbedValue>> {
  const session = await openSession(serialiseModel(probeModel(model)), { optimise: false });
  try {
    const feeds = bindInputs(io, data).feeds(0, data.count);
    return probedValues({ ...feeds, ...(await runSession(session, feeds)) });
  } finally {
    await session.release();
  }
}

/** Adds the squares of a gradient to its channels' sums and returns their total. */
function addSquares(gradient: Float32Array, tensor: StoredTensor, sums: Float64Array): number {
  const { outer, channels, inner } = channelLayout(tensor.dims, tensor.outputAxis);
  let total = 0;
  let i = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (const end = i + inner; i < end; i++) sum += gradient[i]! * gradient[i]!;
      sums[c]! += sum;
      total += sum;
    }
  }
  return total;
}

/** Squared norms of one tensor, sample by sample. */
class Accumulator {
  readonly tensor: StoredTensor;
  readonly channels: Float64Array;
  /** [samples] squared norms, and the part of them in which all logits move alike. */
  readonly norms: Float64Array;
  readonly common: Float64Array;

  constructor(tensor: StoredTensor, samples: number) {
    this.tensor = tensor;
    this.channels = new Float64Array(channelLayout(tensor.dims, tensor.outputAxis).channels);
    this.norms = new Float64Array(samples);
    this.common = new Float64Array(samples);
  }

  /** @param group samples that one entry stands for */
  result(method: JacobianMethod, group = 1): TensorJacobian {
    const { norms, common, channels } = this;
    const eachSample = (values: Float64Array) =>
      Float64Array.from({ length: values.length * group }, (_, n) => values[Math.floor(n / group)]!);
    const squaredNorm = mean(norms);
    const channelTotal = channels.reduce((a, b) => a + b, 0);
    return {
      squaredNorm,
      standardError: standardError(norms),
      sampleSquaredNorms: eachSample(norms),
      sampleContrastNorms: eachSample(norms.map((norm, n) => Math.max(0, norm - common[n]!))),
      channelSquaredNorms:
        method === "forward-probe"
          ? null
          : channels.map((v) => (channelTotal === 0 ? 0 : (v / channelTotal) * squaredNorm)),
      method,
    };
  }
}

const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;

/** Standard error of a mean; 0 for a single value. */
function standardError(values: Float64Array): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  const scatter = values.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  return Math.sqrt(scatter / (values.length - 1) / values.length);
}

/**
 * Seeds of one group of samples, the first of them along the direction in which all logits of a sample move alike.
 * Exact: an orthonormal basis (Helmert's contrasts), so that the squared norms of all seeds add up to the Jacobian's.
 * Otherwise random signs.
 */
function* seedsOf(
  samples: number,
  classes: number,
  isExact: boolean,
  seed: number,
  group: number,
): Generator<Float32Array> {
  const size = samples * classes;
  const random = addressedStreams({ seed, trial: group, tensor: 0 }, 3)(0);
  const sign = () => (nextUint32(random) >>> 31) * 2 - 1;
  const common = new Float32Array(size);
  for (let n = 0; n < samples; n++)
    common.fill((samples === 1 ? 1 : sign()) / Math.sqrt(classes), n * classes, (n + 1) * classes);
  yield common;
  if (isExact) {
    for (let k = 1; k < classes; k++) {
      const contrast = new Float32Array(size);
      contrast.fill(1 / Math.sqrt(k * (k + 1)), 0, k);
      contrast[k] = -Math.sqrt(k / (k + 1));
      yield contrast;
    }
    return;
  }
  for (let probe = 0; probe < probesPerSample * samples; probe++)
    yield Float32Array.from({ length: size }, sign);
}

async function gradientNorms(
  graph: GradientGraph,
  prepared: PreparedModel,
  model: OnnxModel,
  io: ModelIo,
  data: Dataset,
  options: JacobianOptions,
): Promise<Map<string, TensorJacobian>> {
  const covered = prepared.tensors.filter((t) => graph.gradients.has(t.runtimeName));
  if (covered.length === 0) return new Map();
  const inputs = bindInputs(io, data);
  const group = inputs.fixedBatch ?? 1;
  const groups = Math.floor(data.count / group);
  const sums = covered.map((tensor) => new Accumulator(tensor, groups));
  const tape = await openSession(serialiseModel(graph.tape));
  let adjoint: InferenceSession | undefined;
  let isExact = false;
  try {
    adjoint = await openSession(serialiseModel(graph.adjoint));
    for (let g = 0; g < groups; g++) {
      const given = inputs.feeds(g * group, (g + 1) * group);
      const values = await runSession(tape, given);
      const logits = values[io.output]!;
      const taped = Object.fromEntries(graph.taped.map((name) => [name, given[name] ?? values[name]!]));
      const classes = logits.size / group;
      isExact = group === 1 && classes <= exactClasses;
      const scale = isExact ? 1 : 1 / (probesPerSample * group * group);
      let isCommon = true;
      for (const seed of seedsOf(group, classes, isExact, options.seed ?? 0, g)) {
        const feeds = { ...taped, [graph.seed]: new Tensor("float32", seed, logits.dims) };
        const gradients = await runSession(adjoint, feeds);
        for (const sum of sums) {
          const gradient = gradients[graph.gradients.get(sum.tensor.runtimeName)!]!.data as Float32Array;
          const squares = addSquares(gradient, sum.tensor, sum.channels);
          if (isCommon) sum.common[g] = squares / group;
          if (isExact || !isCommon) sum.norms[g]! += scale * squares;
        }
        isCommon = false;
      }
      options.onProgress?.(g + 1, groups);
    }
  } finally {
    await tape.release();
    await adjoint?.release();
  }
  return new Map(
    sums.map((sum) => [sum.tensor.name, sum.result(isExact ? "gradient" : "gradient-probes", group)]),
  );
}

/** A standard normal number by the polar method. */
function normal(state: Int32Array): number {
  for (;;) {
    const u = 2 * nextUniform(state) - 1;
    const v = 2 * nextUniform(state) - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
  }
}

/**
 * `||J_l||_F^2` from forward runs: `E ||z(w + e xi) - z(w - e xi)||^2 / (4 e^2)` over standard normal `xi`, with `e`
 * one hundredth of the weights' root mean square; the central difference leaves an error of third order.
 */
async function forwardNorms(
  prepared: PreparedModel,
  model: OnnxModel,
  wanted: readonly StoredTensor[],
  data: Dataset,
  options: JacobianOptions,
): Promise<Map<string, TensorJacobian>> {
  const byName = new Map(model.graph.initializer.map((t) => [t.name, t]));
  const clean = prepared.tensors.map((t) => floatData(byName.get(t.runtimeName)!));
  const binder = await bindWeights({ ...prepared, model }, "patch");
  const norms = new Map<string, TensorJacobian>();
  try {
    for (const [done, tensor] of wanted.entries()) {
      const t = prepared.tensors.indexOf(tensor);
      const weights = clean[t]!;
      const rms = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
      const step = 0.01 * (rms === 0 ? 1 : rms);
      const sum = new Accumulator(tensor, data.count);
      for (let probe = 0; probe < forwardProbes; probe++) {
        const random = addressedStreams({ seed: options.seed ?? 0, trial: probe, tensor: t }, 4)(0);
        const direction = Float32Array.from(weights, () => step * normal(random));
        const sides: Float32Array[] = [];
        for (const sign of [1, -1]) {
          const moved = weights.map((w, i) => w + sign * direction[i]!);
          await binder.load(clean.map((w, i) => (i === t ? moved : w)));
          sides.push((await binder.infer(data)).values);
        }
        const [plus, minus] = sides as [Float32Array, Float32Array];
        const scale = 1 / (4 * step * step * forwardProbes);
        const classes = plus.length / data.count;
        for (let n = 0; n < data.count; n++) {
          let squares = 0;
          let total = 0;
          for (let i = n * classes; i < (n + 1) * classes; i++) {
            const difference = plus[i]! - minus[i]!;
            squares += difference * difference;
            total += difference;
          }
          sum.norms[n]! += scale * squares;
          sum.common[n]! += (scale * total * total) / classes;
        }
      }
      norms.set(tensor.name, sum.result("forward-probe"));
      options.onProgress?.(done + 1, wanted.length);
    }
  } finally {
    await binder.close();
  }
  return norms;
}

/**
 * Measures `||J_l||_F^2` of every stored tensor over the first samples of unlabelled data: by the gradient graph, and
 * by forward probes for tensors behind an operator without a gradient rule.
 *
 * @returns one entry a tensor, in the order of `prepared.tensors`
 * @throws QtamlError `unsupported-model`, `runtime-failure`, or `non-finite` when the outputs are not finite
 */
export async function measureJacobian(
  prepared: PreparedModel,
  data: Dataset,
  options: JacobianOptions = {},
): Promise<TensorJacobian[]> {
  const model = logitsModel(prepared.model);
  const io = modelIo(model);
  const samples = sliceDataset(data, 0, options.samples ?? 64);
  const { fixedBatch } = planFeeds(io, samples);
  if (fixedBatch !== undefined && samples.count < fixedBatch) {
    throw new QtamlError(
      "data-mismatch",
      `The model takes ${fixedBatch} samples at once, but the Jacobian was to be averaged over ${samples.count}; give at least ${fixedBatch} inputs.`,
    );
  }
  const norms = new Map<string, TensorJacobian>();
  let uncovered = new Map(prepared.tensors.map((t) => [t.runtimeName, "none"]));
  if (options.method !== "forward-probe") {
    const one = sliceDataset(samples, 0, fixedBatch ?? 1);
    const graph = buildGradientGraph(model, {
      output: io.output,
      tensors: prepared.tensors.map((t) => t.runtimeName),
      probed: await probeValues(model, io, one),
    });
    for (const [name, norm] of await gradientNorms(graph, prepared, model, io, samples, options))
      norms.set(name, norm);
    uncovered = new Map(graph.uncovered.map(({ tensor, operator }) => [tensor, operator]));
  }
  const rest = prepared.tensors.filter((t) => !norms.has(t.name));
  if (rest.length > 0) {
    for (const [name, norm] of await forwardNorms(prepared, model, rest, samples, options)) {
      const tensor = rest.find((t) => t.name === name)!;
      const operator = uncovered.get(tensor.runtimeName);
      norms.set(
        name,
        operator === undefined || operator === "none" ? norm : { ...norm, stoppedBy: operator },
      );
    }
  }
  return prepared.tensors.map((tensor) => {
    const norm = norms.get(tensor.name)!;
    if (!Number.isFinite(norm.squaredNorm)) {
      throw new QtamlError(
        "non-finite",
        `The outputs of the clean network are not finite on the calibration inputs (seen at tensor "${tensor.name}"); check the inputs' scaling.`,
      );
    }
    return norm;
  });
}
