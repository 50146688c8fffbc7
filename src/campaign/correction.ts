/**
 * @file Chooses how each tensor is read: as it is, or with its mean drift undone. The correction removes the coherent
 * part of the output error and amplifies the random part, so each tensor is decided by the predicted sum of both.
 */
import {
  channelMatrix,
  conditionalMoments,
  decoder,
  protectBits,
  type DecoderKind,
  type ProtectionSegment,
} from "../channel/index.ts";
import {
  bindWeights,
  inferLogits,
  logitsModel,
  type Dataset,
  type Logits,
  type WeightBinder,
} from "../engine/index.ts";
import { cleanSegments, decodeInto, type DecodeSegment } from "../onnx/index.ts";
import { predictedNoise, segmentsOf, type Allocation, type MemoryTensor } from "../protect/index.ts";
import type { Assessment } from "./assess.ts";

/** Decoders that cost nothing at inference and keep the mean. */
const candidates = ["none", "unbiased-affine"] as const satisfies readonly DecoderKind[];

/** How every tensor is protected and read, and what is predicted of it. */
export interface ReadingChoice {
  readonly segments: readonly (readonly ProtectionSegment[])[];
  readonly noise: number;
  readonly drift: number;
}

/** Expected decoded value of each stored code. */
function meanTable(tensor: MemoryTensor, segment: ProtectionSegment): Float64Array {
  const flips = protectBits(tensor.flips, segment.protectedMask);
  const { format, histogram } = tensor;
  const decode = decoder(segment.decoder, { format, flips, histogram }).table;
  return conditionalMoments(decode, channelMatrix(flips)).mean;
}

/** Segments that decode clean codes to the weights' expected values. */
function meanSegments(tensor: MemoryTensor, segments: readonly ProtectionSegment[]): DecodeSegment[] {
  return segments.map((segment) => ({
    start: segment.start,
    count: segment.count,
    table: meanTable(tensor, segment),
  }));
}

/** Runs the network with chosen weights on the calibration inputs. */
class MeanNetwork {
  readonly #assessment: Assessment;
  readonly #binder: WeightBinder;
  readonly #data: Dataset;
  readonly #clean: Float32Array[];
  readonly #cleanLogits: Float32Array;

  private constructor(assessment: Assessment, binder: WeightBinder, data: Dataset, clean: Logits) {
    this.#assessment = assessment;
    this.#binder = binder;
    this.#data = data;
    this.#cleanLogits = clean.values;
    this.#clean = assessment.prepared.tensors.map((tensor) => {
      const weights = new Float32Array(tensor.count);
      decodeInto(tensor, cleanSegments(tensor), tensor.codes, weights);
      return weights;
    });
  }

  static async open(assessment: Assessment, data: Dataset): Promise<MeanNetwork> {
    const model = logitsModel(assessment.prepared.model);
    const binder = await bindWeights({ ...assessment.prepared, model }, "patch");
    return new MeanNetwork(assessment, binder, data, await inferLogits(assessment.prepared.model, data));
  }

  /** Change of the logits when some tensors are at their expected value: [samples * classes]. */
  async shift(tensors: ReadonlyMap<number, readonly ProtectionSegment[]>): Promise<Float64Array> {
    const { prepared, memory } = this.#assessment;
    const weights = prepared.tensors.map((tensor, t) => {
      const segments = tensors.get(t);
      if (segments === undefined) return this.#clean[t]!;
      const mean = new Float32Array(tensor.count);
      decodeInto(tensor, meanSegments(memory[t]!, segments), tensor.codes, mean);
      return mean;
    });
    await this.#binder.load(weights);
    const { values } = await this.#binder.infer(this.#data);
    return Float64Array.from(values, (z, i) => z - this.#cleanLogits[i]!);
  }

  /** Mean over the samples of the squared shift. */
  async drift(tensors: ReadonlyMap<number, readonly ProtectionSegment[]>): Promise<number> {
    return squareSum(await this.shift(tensors)) / this.#data.count;
  }

  close(): Promise<void> {
    return this.#binder.close();
  }
}

const squareSum = (values: Float64Array) => values.reduce((sum, v) => sum + v * v, 0);

/**
 * Decides by coordinate descent on `noise + ||sum_l J_l b_l||^2`, where each tensor's `J_l b_l` is measured by one
 * forward pass with only that tensor at its mean.
 */
function descend(noise: readonly number[][], shifts: readonly Float64Array[][], samples: number): number[] {
  const choice = noise.map(() => 0);
  const sum = new Float64Array(shifts[0]?.[0]?.length ?? 0);
  for (const options of shifts) options[0]!.forEach((v, i) => (sum[i]! += v));
  let error = squareSum(sum) / samples + noise.reduce((total, options) => total + options[0]!, 0);
  for (let improved = true; improved;) {
    improved = false;
    for (const [t, options] of noise.entries()) {
      const from = choice[t]!;
      const to = 1 - from;
      const moved = sum.map((v, i) => v - shifts[t]![from]![i]! + shifts[t]![to]![i]!);
      const others = noise.reduce((total, o, u) => total + (u === t ? 0 : o[choice[u]!]!), 0);
      const candidate = squareSum(moved) / samples + others + options[to]!;
      if (candidate < error * (1 - 1e-12)) {
        error = candidate;
        choice[t] = to;
        sum.set(moved);
        improved = true;
      }
    }
  }
  return choice;
}

/**
 * Chooses the decoder of each tensor for an allocation.
 *
 * The outcome is compared with leaving everything as it is and with correcting everything, each by its own forward
 * pass with all weights at their means; the smallest predicted output error wins.
 *
 * @throws QtamlError when the network does not run
 */
export async function chooseCorrection(
  assessment: Assessment,
  allocation: Allocation,
): Promise<ReadingChoice> {
  const { memory, calibration } = assessment;
  const read = (kinds: readonly DecoderKind[]) =>
    memory.map((tensor, t) => segmentsOf(tensor, allocation.tensors[t]!, kinds[t]!));
  const everywhere = (kind: DecoderKind) => read(memory.map(() => kind));
  if (calibration === undefined) throw new Error("chooseCorrection needs calibration data");
  const network = await MeanNetwork.open(assessment, calibration.data);
  try {
    const noise: number[][] = memory.map(() => []);
    const shifts: Float64Array[][] = memory.map(() => []);
    for (const kind of candidates) {
      const segments = everywhere(kind);
      for (const [t, tensor] of memory.entries()) {
        noise[t]!.push(predictedNoise([tensor], [segments[t]!])!);
        shifts[t]!.push(await network.shift(new Map([[t, segments[t]!]])));
      }
    }
    const chosen = descend(noise, shifts, calibration.data.count).map((c) => candidates[c]!);
    const choices: ReadingChoice[] = [];
    for (const segments of [read(chosen), ...candidates.map(everywhere)]) {
      const drift = await network.drift(new Map(segments.entries()));
      choices.push({ segments, noise: predictedNoise(memory, segments)!, drift });
    }
    return choices.reduce((best, c) => (c.noise + c.drift < best.noise + best.drift ? c : best));
  } finally {
    await network.close();
  }
}

/** Predicts noise and drift of tensors that are all read by one decoder; null where there is no Jacobian. */
export async function fixedReading(
  assessment: Assessment,
  allocation: Allocation,
  kind: DecoderKind,
): Promise<{ segments: ProtectionSegment[][]; noise: number | null; drift: number | null }> {
  const { memory, calibration } = assessment;
  const segments = memory.map((tensor, t) => segmentsOf(tensor, allocation.tensors[t]!, kind));
  if (calibration === undefined) return { segments, noise: null, drift: null };
  const network = await MeanNetwork.open(assessment, calibration.data);
  try {
    const drift = await network.drift(new Map(segments.entries()));
    return { segments, noise: predictedNoise(memory, segments)!, drift };
  } finally {
    await network.close();
  }
}
