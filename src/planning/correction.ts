/**
 * @file Chooses how each tensor is read: as it is, or with its mean drift undone. The correction removes the coherent
 * part of the output error and amplifies the random part, so each tensor is decided by how many answers are predicted to change.
 */
import {
  boundedTable,
  conditionalMoments,
  decoder,
  decoderExists,
  runawayLimit,
  segmentFlips,
  type DecoderKind,
  type ProtectionSegment,
} from "../channel/index.ts";
import { bindWeights, logitsModel, type WeightBinder } from "../engine/index.ts";
import { cleanWeights, decodeInto, type DecodeSegment } from "../stored/index.ts";
import { predictedNoise, segmentsOf, type Allocation, type MemoryTensor } from "../protect/index.ts";
import {
  isAssessment,
  type Assessment,
  type Survey,
  isWhole,
  hasAnswers,
  predictKept,
} from "../assessment/index.ts";
import { isGaussian, isShownBetter } from "./gaussian-check.ts";

/** Decoders that cost nothing at inference and keep the mean. */
const candidates = ["none", "unbiased-affine"] as const satisfies readonly DecoderKind[];

/** How every tensor is protected and read, and what is predicted of it. */
export interface ReadingChoice {
  readonly segments: readonly (readonly ProtectionSegment[])[];
  readonly noise: number;
  readonly drift: number;
}

/** Whether a tensor can be read by a decoder: cells that flip half the time have no mean to undo. */
function isReadable(
  tensor: MemoryTensor,
  segments: readonly ProtectionSegment[],
  kind: DecoderKind,
): boolean {
  const { format, histogram } = tensor;
  return segments.every((segment) =>
    decoderExists(kind, { format, histogram, flips: segmentFlips(tensor.flips, segment) }),
  );
}

/** Expected decoded value of each stored code, given that the weight does not run away. */
function meanTable(tensor: MemoryTensor, segment: ProtectionSegment): Float64Array {
  const flips = segmentFlips(tensor.flips, segment);
  const { format, histogram } = tensor;
  const { table } = decoder(segment.decoder, { format, flips, histogram });
  return conditionalMoments(boundedTable(table, runawayLimit(format, histogram)), flips).mean;
}

/** Segments that decode clean codes to the weights' expected values. */
function meanSegments(tensor: MemoryTensor, segments: readonly ProtectionSegment[]): DecodeSegment[] {
  return segments.map((segment) => ({
    start: segment.start,
    count: segment.count,
    table: meanTable(tensor, segment),
  }));
}

type Calibration = NonNullable<Assessment["calibration"]>;

/** Memory that the remembered shifts of one assessment may take, in bytes. */
const rememberedBytes = 2 ** 26;

/** Shifts by what is read how: neighbouring budgets share all tensors but one or two. */
const remembered = new WeakMap<Calibration, Map<string, Float64Array>>();

/** Runs the network with chosen weights on the calibration inputs. */
class MeanNetwork {
  readonly #assessment: Assessment;
  readonly #calibration: Calibration;
  readonly #shifts: Map<string, Float64Array>;
  #running: { readonly binder: WeightBinder; readonly clean: readonly Float32Array[] } | undefined;

  constructor(assessment: Assessment, calibration: Calibration) {
    this.#assessment = assessment;
    this.#calibration = calibration;
    this.#shifts = remembered.get(calibration) ?? new Map<string, Float64Array>();
    remembered.set(calibration, this.#shifts);
  }

  /** Change of the logits when some tensors are at their expected value: [samples * classes]. */
  async shift(tensors: ReadonlyMap<number, readonly ProtectionSegment[]>): Promise<Float64Array> {
    const key = JSON.stringify([...tensors]);
    const known = this.#shifts.get(key);
    if (known !== undefined) return known;
    const shift = await this.#run(tensors);
    for (const oldest of this.#shifts.keys()) {
      if ((this.#shifts.size + 1) * shift.byteLength <= rememberedBytes) break;
      this.#shifts.delete(oldest);
    }
    this.#shifts.set(key, shift);
    return shift;
  }

  async #run(tensors: ReadonlyMap<number, readonly ProtectionSegment[]>): Promise<Float64Array> {
    const { prepared, judged, memory } = this.#assessment;
    const { data, logits } = this.#calibration;
    this.#running ??= {
      binder: await bindWeights({ ...judged, model: logitsModel(judged.model) }, "patch"),
      clean: prepared.tensors.map(cleanWeights),
    };
    const { binder, clean } = this.#running;
    const weights = prepared.tensors.map((tensor, t) => {
      const segments = tensors.get(t);
      if (segments === undefined || isWhole(tensor)) return clean[t]!;
      const mean = new Float32Array(tensor.count);
      decodeInto(tensor, meanSegments(memory[t]!, segments), tensor.codes, mean);
      return mean;
    });
    await binder.load(weights);
    const { values } = await binder.infer(data);
    return Float64Array.from(values, (z, i) => z - logits.values[i]!);
  }

  /** Mean over the samples of the squared shift. */
  async drift(tensors: ReadonlyMap<number, readonly ProtectionSegment[]>): Promise<number> {
    return squareSum(await this.shift(tensors)) / this.#calibration.data.count;
  }

  async close(): Promise<void> {
    await this.#running?.binder.close();
  }
}

const squareSum = (values: Float64Array) => values.reduce((sum, v) => sum + v * v, 0);

/** The sum of the chosen shifts: to first order the coherent change when all tensors are read so. */
function sumShifts(shifts: readonly Float64Array[][], choice: readonly number[]): Float64Array {
  const sum = new Float64Array(shifts[0]?.[0]?.length ?? 0);
  choice.forEach((option, t) => shifts[t]![option]!.forEach((v, i) => (sum[i]! += v)));
  return sum;
}

/** Coordinate descent over one of two options a tensor, from option 0 everywhere, until no single change helps. */
function descend(tensors: number, changed: (choice: readonly number[]) => number): number[] {
  let choice = Array.from({ length: tensors }, () => 0);
  let best = changed(choice);
  for (let improved = true; improved;) {
    improved = false;
    for (let t = 0; t < tensors; t++) {
      const other = choice.with(t, 1 - choice[t]!);
      const error = changed(other);
      if (error < best) {
        best = error;
        choice = other;
        improved = true;
      }
    }
  }
  return choice;
}

/**
 * Chooses the decoder of each tensor for an allocation, by coordinate descent on the predicted share of changed
 * answers: noise through the Jacobian, and each tensor's `J_l b_l` from one forward pass with only that tensor at its
 * mean. Where the output is not a row of logits, the predicted squared output error decides instead. The outcome is then
 * compared with leaving everything as it is and with correcting everything, each by a forward pass with all weights at
 * their means; the better one wins. First order trusts a correction too much where noise is high: it is only made where
 * Gaussian errors in all weights at once show that it keeps more than leaving everything as it is (`isShownBetter`).
 *
 * @throws QtamlError when the network does not run
 */
export async function chooseCorrection(assessment: Survey, allocation: Allocation): Promise<ReadingChoice> {
  const plain = assessment.memory.map((tensor, t) => segmentsOf(tensor, allocation.tensors[t]!, "none"));
  return chooseReading(assessment, plain);
}

/**
 * Chooses the decoder of each tensor as `chooseCorrection` does, for segments however they are protected.
 *
 * @throws QtamlError when the network does not run
 */
export async function chooseReading(
  assessment: Survey,
  plain: readonly (readonly ProtectionSegment[])[],
): Promise<ReadingChoice> {
  const { memory, calibration } = assessment;
  if (calibration === undefined || !isAssessment(assessment)) {
    throw new Error("chooseReading needs calibration data");
  }
  const everywhere = (kind: DecoderKind) =>
    memory.map((tensor, t) => {
      const isPlain = isWhole(assessment.tensors[t]!) || !isReadable(tensor, plain[t]!, kind);
      return plain[t]!.map((segment) => ({ ...segment, decoder: isPlain ? ("none" as const) : kind }));
    });
  const options: ProtectionSegment[][][] = candidates.map(everywhere);
  const network = new MeanNetwork(assessment, calibration);
  try {
    const shifts: Float64Array[][] = memory.map(() => []);
    for (const option of options) {
      for (const [t, segments] of option.entries()) {
        shifts[t]!.push(await network.shift(new Map([[t, segments]])));
      }
    }
    const segmentsFor = (choice: readonly number[]) => choice.map((c, t) => options[c]![t]!);
    const loss = (segments: readonly ProtectionSegment[][], shift: Float64Array) =>
      hasAnswers(assessment)
        ? 1 - predictKept(assessment, segments, shift)
        : predictedNoise(memory, segments)! + squareSum(shift) / calibration.data.count;
    const chosen = descend(memory.length, (choice) => loss(segmentsFor(choice), sumShifts(shifts, choice)));
    const readings: { reading: ReadingChoice; loss: number }[] = [];
    for (const segments of [segmentsFor(chosen), ...options]) {
      const shift = await network.shift(new Map(segments.entries()));
      const drift = squareSum(shift) / calibration.data.count;
      const reading = { segments, noise: predictedNoise(memory, segments)!, drift };
      readings.push({ reading, loss: loss(segments, shift) });
    }
    const { reading: best } = readings.reduce((a, b) => (b.loss < a.loss ? b : a));
    const asStored = readings[1]!.reading;
    const isPlain = best.segments.every((own) => own.every((segment) => segment.decoder === "none"));
    if (isPlain || !isGaussian(assessment)) return best;
    return (await isShownBetter(assessment, best.segments, asStored.segments)) ? best : asStored;
  } finally {
    await network.close();
  }
}

/** Predicts noise and drift of tensors that are all read by one decoder; null where there is no Jacobian. */
export async function fixedReading(
  assessment: Survey,
  allocation: Allocation,
  kind: DecoderKind,
): Promise<{ segments: ProtectionSegment[][]; noise: number | null; drift: number | null }> {
  const { memory, calibration } = assessment;
  const segments = memory.map((tensor, t) =>
    segmentsOf(tensor, allocation.tensors[t]!, isWhole(assessment.tensors[t]!) ? "none" : kind),
  );
  if (calibration === undefined || !isAssessment(assessment)) return { segments, noise: null, drift: null };
  const network = new MeanNetwork(assessment, calibration);
  try {
    const drift = await network.drift(new Map(segments.entries()));
    return { segments, noise: predictedNoise(memory, segments)!, drift };
  } finally {
    await network.close();
  }
}
