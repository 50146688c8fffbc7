/** @file Squared norms of Jacobians from forward runs alone, for tensors that no gradient reaches. */
import { addressedStreams, nextNormal } from "../channel/index.ts";
import type { Dataset } from "../data/index.ts";
import { floatData, type PreparedModel } from "../onnx/index.ts";
import { bindWeights, outputSize, type WeightBinder } from "./network.ts";
import { mean, standardError, type TensorJacobian } from "./norms.ts";
import type { StoredTensor } from "../stored/index.ts";

/** Probes of a tensor: at least, at most, and at a time in between. */
const fewest = 8;
const most = 64;
/** Relative standard error over the probes at which they end. */
const target = 0.1;

/** Squared differences of two runs by sample, and the part of them in which all outputs move alike. */
function squaredDifferences(
  plus: Float32Array,
  minus: Float32Array,
  samples: number,
): { whole: Float64Array; common: Float64Array } {
  const classes = plus.length / samples;
  const whole = new Float64Array(samples);
  const common = new Float64Array(samples);
  for (let n = 0; n < samples; n++) {
    let squares = 0;
    let total = 0;
    for (let i = n * classes; i < (n + 1) * classes; i++) {
      const difference = plus[i]! - minus[i]!;
      squares += difference * difference;
      total += difference;
    }
    whole[n] = squares;
    common[n] = (total * total) / classes;
  }
  return { whole, common };
}

/** The network with the probed tensors fed, or, where the runtime wants them constant, patched. */
async function openBinder(prepared: PreparedModel): Promise<WeightBinder> {
  try {
    return await bindWeights(prepared, "feed");
  } catch {
    return bindWeights(prepared, "patch");
  }
}

/** What is common to the probes of all tensors. */
interface Probing {
  readonly binder: WeightBinder;
  readonly clean: readonly Float32Array[];
  readonly data: Dataset;
  readonly seed: number;
}

/**
 * `||J_l||_F^2` of tensor `t`: `E ||z(w + e xi) - z(w - e xi)||^2 / (4 e^2)` over standard normal `xi`, with `e` one
 * hundredth of the weights' root mean square; the central difference leaves an error of third order.
 */
async function probeTensor(
  { binder, clean, data, seed }: Probing,
  t: number,
  ordinal: number,
): Promise<TensorJacobian> {
  const weights = clean[t]!;
  const rms = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
  const step = 0.01 * (rms === 0 ? 1 : rms);
  const norms = new Float64Array(data.count);
  const common = new Float64Array(data.count);
  const perProbe: number[] = [];
  for (let probe = 0; probe < most; probe++) {
    if (probe >= fewest && standardError(perProbe) <= target * mean(perProbe)) break;
    const random = addressedStreams({ seed, trial: probe, tensor: ordinal }, 4)(0);
    const direction = Float32Array.from(weights, () => step * nextNormal(random));
    const sides: Float32Array[] = [];
    for (const sign of [1, -1]) {
      const moved = weights.map((w, i) => w + sign * direction[i]!);
      await binder.load(clean.map((w, i) => (i === t ? moved : w)));
      const output = await binder.infer(data);
      sides.push(output.values.subarray(0, data.count * outputSize(output)));
    }
    const found = squaredDifferences(sides[0]!, sides[1]!, data.count);
    found.whole.forEach((v, n) => (norms[n]! += v));
    found.common.forEach((v, n) => (common[n]! += v));
    perProbe.push(mean(found.whole));
  }
  const scale = 1 / (4 * step * step * perProbe.length);
  const squares = norms.map((v) => scale * v);
  return {
    squaredNorm: mean(squares),
    // All samples share the probes.
    standardError: Math.hypot(standardError(squares), scale * perProbe.length * standardError(perProbe)),
    sampleSquaredNorms: squares,
    sampleContrastNorms: squares.map((v, n) => Math.max(0, v - scale * common[n]!)),
    channelSquaredNorms: null,
    method: "forward-probe",
    probes: perProbe.length,
  };
}

/**
 * Forward probes of some tensors of a model; as many as a relative standard error of a tenth takes, 8 to 64.
 *
 * @param prepared the network with its logits as the output
 * @returns results by the tensor's name
 */
export async function forwardNorms(
  prepared: PreparedModel,
  wanted: readonly StoredTensor[],
  data: Dataset,
  options: { readonly seed: number; readonly onProgress?: (done: number, total: number) => void },
): Promise<Map<string, TensorJacobian>> {
  const byName = new Map(prepared.model.graph.initializer.map((t) => [t.name, t]));
  const clean = wanted.map((t) => floatData(byName.get(t.runtimeName)!));
  const binder = await openBinder({ ...prepared, tensors: wanted });
  const norms = new Map<string, TensorJacobian>();
  try {
    for (const [t, tensor] of wanted.entries()) {
      const ordinal = prepared.tensors.indexOf(tensor);
      norms.set(tensor.name, await probeTensor({ binder, clean, data, seed: options.seed }, t, ordinal));
      options.onProgress?.(t + 1, wanted.length);
    }
  } finally {
    await binder.close();
  }
  return norms;
}
