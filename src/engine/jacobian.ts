/**
 * @file How much each stored tensor matters: the mean over unlabelled inputs of the squared Frobenius norm of the
 * Jacobian of the logits in its weights.
 */
import { sliceDataset, type Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import type { PreparedModel } from "../onnx/index.ts";
import { planFeeds } from "./feed.ts";
import { forwardNorms } from "./forward-norms.ts";
import { openGradientLanes } from "./gradient-lanes.ts";
import { planGradients, type GradientPlan } from "./gradient-plan.ts";
import type { GradientJob } from "./gradient-run.ts";
import { modelIo } from "./io.ts";
import { logitsModel } from "./logits.ts";
import { NormSums, type TensorJacobian } from "./norms.ts";
import { threadCount } from "./thread-count.ts";
import { channelLayout } from "../stored/index.ts";

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

/** Squared norms of the tensors that the gradient graph covers, by name. */
async function gradientNorms(
  plan: GradientPlan,
  options: JacobianOptions,
): Promise<Map<string, TensorJacobian>> {
  const { context, covered, classes } = plan;
  if (covered.length === 0) return new Map();
  const { size } = context;
  const groups = Math.floor(context.data.count / size);
  const channels = covered.map((t) => channelLayout(t.dims, t.outputAxis).channels);
  const sums = channels.map((count) => new NormSums(groups, count));
  const isExact = size === 1 && classes <= exactClasses;
  const threads = Math.min(threadCount(options.threads), groups);
  const lanes = await openGradientLanes(context, threads);
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
    const plan = await planGradients(model, prepared.tensors, samples, fixedBatch ?? 1, options.seed ?? 0);
    for (const [name, norm] of await gradientNorms(plan, options)) norms.set(name, norm);
    stoppedBy = new Map(plan.uncovered);
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
