/**
 * @file How much each stored tensor matters: the mean over unlabelled inputs of the squared Frobenius norm of the
 * Jacobian of the logits in its weights.
 */
import { availableParallelism } from "node:os";
import { sliceDataset, type Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import {
  buildGradientGraph,
  channelLayout,
  elementCount,
  lowerModel,
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
import { forwardNorms } from "./forward-norms.ts";
import { openGradientLanes } from "./gradient-lanes.ts";
import type { GradientJob } from "./gradient-run.ts";
import { modelIo, type ModelIo } from "./io.ts";
import { logitsModel } from "./logits.ts";
import { NormSums, type TensorJacobian } from "./norms.ts";
import { openSession, runSession } from "./session.ts";

/** Settings of `measureJacobian`. */
export interface JacobianOptions {
  /** Samples to average over; the first ones of the data. Default 64. */
  readonly samples?: number;
  /** "gradient": the gradient graph where it exists (default); "forward-probe": forward runs for every tensor. */
  readonly method?: "gradient" | "forward-probe";
  readonly seed?: number;
  /** Threads at the same time; the cores unless given. The result does not depend on it. */
  readonly threads?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Up to this many logits a sample each gets a backward pass of its own. */
const exactClasses = 32;
/** Random probes of each group: at first, and at most. */
const firstProbes = 2;
const mostProbes = 64;

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

/** The gradient graph of a network for one group of samples, and the number of its logits a sample. */
async function prepareGraph(
  model: OnnxModel,
  io: ModelIo,
  tensors: readonly StoredTensor[],
  group: Dataset,
): Promise<{ graph: GradientGraph; classes: number }> {
  const asGiven = await probeValues(model, io, group);
  const lowered = lowerModel(model, asGiven);
  const probed = lowered === model ? asGiven : await probeValues(lowered, io, group);
  const output = probed.get(io.output)!;
  if (!/float/.test(output.type ?? "float32")) {
    throw new QtamlError(
      "unsupported-model",
      `Output "${io.output}" holds ${output.type}, which has no derivative; name a floating-point output with --output-name.`,
    );
  }
  const graph = buildGradientGraph(lowered, {
    output: io.output,
    tensors: tensors.map((t) => t.runtimeName),
    probed,
    squares: new Map(tensors.map((t) => [t.runtimeName, t.outputAxis])),
  });
  return { graph, classes: elementCount(output.dims) / group.count };
}

/** Squared norms of the tensors that the gradient graph covers, by name. */
async function gradientNorms(
  { graph, classes }: { readonly graph: GradientGraph; readonly classes: number },
  tensors: readonly StoredTensor[],
  io: ModelIo,
  data: Dataset,
  size: number,
  options: JacobianOptions,
): Promise<Map<string, TensorJacobian>> {
  const covered = tensors.filter((t) => graph.gradients.has(t.runtimeName));
  if (covered.length === 0) return new Map();
  const groups = Math.floor(data.count / size);
  const channels = covered.map((t) => channelLayout(t.dims, t.outputAxis).channels);
  const sums = channels.map((count) => new NormSums(groups, count));
  const isExact = size === 1 && classes <= exactClasses;
  const lanes = await openGradientLanes(
    {
      tape: serialiseModel(graph.tape),
      prelude: graph.prelude === undefined ? undefined : serialiseModel(graph.prelude),
      adjoint: serialiseModel(graph.adjoint),
      taped: graph.taped,
      preludeTaped: graph.preludeTaped,
      seedInput: graph.seed,
      outputs: covered.map((t) => graph.gradients.get(t.runtimeName)!),
      io,
      data,
      size,
      seed: options.seed ?? 0,
    },
    Math.min(options.threads ?? availableParallelism(), groups),
  );
  let [done, rounds] = [0, 1];
  const round = async (probes: GradientJob["probes"]) => {
    const jobs = Array.from({ length: groups }, (_, group): GradientJob => ({ group, probes }));
    const outcomes = await lanes.run(jobs, () => options.onProgress?.(++done, rounds * groups));
    outcomes.forEach(({ common, contrast, commonChannels, contrastChannels }, g) => {
      let at = 0;
      sums.forEach((sum, t) => {
        sum.common[g]!.push(...common.map((values) => values[t]!));
        sum.contrast[g]!.push(...contrast.map((values) => values[t]!));
        for (let c = 0; c < channels[t]!; c++, at++) {
          sum.commonChannels[c]! += commonChannels[at]!;
          sum.contrastChannels[c]! += contrastChannels[at]!;
        }
      });
    });
  };
  try {
    await round(isExact ? "exact" : [0, firstProbes]);
    const needed = isExact ? 0 : Math.max(...sums.map((sum) => sum.neededProbes()));
    if (needed > firstProbes) {
      rounds = 2;
      await round([firstProbes, Math.min(mostProbes, needed)]);
    }
  } finally {
    await lanes.close();
  }
  const method = isExact ? "gradient" : "gradient-probes";
  return new Map(covered.map((tensor, t) => [tensor.name, sums[t]!.result(method, size)]));
}

/**
 * Measures `||J_l||_F^2` of every stored tensor over the first samples of unlabelled data: by the gradient graph, and
 * by forward probes for tensors behind an operator without a gradient rule. Logits of more than 32 a sample are
 * probed with random signs, as often as a relative standard error of 5 % of each tensor's norm and of 25 % of each
 * sample's takes.
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
  let stoppedBy = new Map<string, string>();
  if (options.method !== "forward-probe") {
    const size = fixedBatch ?? 1;
    const built = await prepareGraph(model, io, prepared.tensors, sliceDataset(samples, 0, size));
    const found = await gradientNorms(built, prepared.tensors, io, samples, size, options);
    for (const [name, norm] of found) norms.set(name, norm);
    stoppedBy = new Map(built.graph.uncovered.map(({ tensor, operator }) => [tensor, operator]));
  }
  const rest = prepared.tensors.filter((t) => !norms.has(t.name));
  if (rest.length > 0) {
    const { seed = 0, onProgress } = options;
    const probing = { seed, ...(onProgress === undefined ? {} : { onProgress }) };
    for (const [name, norm] of await forwardNorms({ ...prepared, model }, rest, samples, probing)) {
      const operator = stoppedBy.get(rest.find((t) => t.name === name)!.runtimeName);
      norms.set(name, operator === undefined ? norm : { ...norm, stoppedBy: operator });
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
