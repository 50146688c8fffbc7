/**
 * @file What a chip's memory yields under a protection: real faults in the stored codes, or Gaussian errors with the
 * mean and variance that the error law gives each stored code.
 */
import {
  addressedStreams,
  codeArray,
  conditionalMoments,
  decoder,
  flipSampler,
  nextNormal,
  protectBits,
  receiveInto,
  type Codes,
  type FlipProbabilities,
  type ProtectionSegment,
} from "../channel/index.ts";
import { decodeInto, storedHistogram, type DecodeSegment, type StoredTensor } from "../onnx/index.ts";

/** For each tensor of a memory: how its weights are protected and decoded. */
export type Protection = readonly (readonly ProtectionSegment[])[];

/**
 * Where errors come from. `faults`: bits flip in the stored codes. `gaussian`: each weight gets a Gaussian error with
 * the mean and the variance that the error law gives its stored code; no bit is flipped.
 */
export type ErrorSource = "faults" | "gaussian";

/** What a reader needs to know of the memory. */
export interface MemoryContent {
  readonly tensors: readonly StoredTensor[];
  /** Flip probabilities of each tensor's unprotected cells. */
  readonly flips: readonly FlipProbabilities[];
  /** Flip probabilities that the decoders were made for; those of the cells unless a plan meets another memory. */
  readonly designFlips: readonly FlipProbabilities[];
  readonly seed: number;
}

/** Reads chips, one after the other. */
export interface MemoryReader {
  /** Draws the chip of this ordinal. */
  draw(chip: number): void;
  /**
   * The weights of the chip last drawn, in the order of the tensors; overwritten by the next call. All protections of
   * a chip meet the same draw.
   */
  read(protection: Protection): readonly Float32Array[];
}

/** Decode segments of a tensor under a protection: the decoder's table for each of its segments. */
export function decodeSegments(
  tensor: StoredTensor,
  flips: FlipProbabilities,
  segments: readonly ProtectionSegment[],
): DecodeSegment[] {
  const histogram = storedHistogram(tensor);
  return segments.map(({ start, count, protectedMask, decoder: kind }) => ({
    start,
    count,
    table: decoder(kind, { format: tensor.format, flips: protectBits(flips, protectedMask), histogram })
      .table,
  }));
}

/** Opens a reader of chips. */
export function openMemoryReader(content: MemoryContent, source: ErrorSource): MemoryReader {
  return source === "faults" ? faultReader(content) : gaussianReader(content);
}

/** Something worked out once for each tensor, mask and decoder. */
function bySegment<T>(make: (t: number, segment: ProtectionSegment) => T) {
  const known = new Map<string, T>();
  return (t: number, segment: ProtectionSegment): T => {
    const key = `${t}:${segment.protectedMask}:${segment.decoder}`;
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = make(t, segment)));
    return value;
  };
}

function faultReader({ tensors, flips, designFlips, seed }: MemoryContent): MemoryReader {
  const samplers = flips.map((f) => flipSampler(f));
  const patterns: Codes[] = tensors.map((t) => codeArray(t.format.bits, t.count));
  const received: Codes[] = tensors.map((t) => codeArray(t.format.bits, t.count));
  const weights = tensors.map((t) => new Float32Array(t.count));
  const tableOf = bySegment(
    (t, segment) => decodeSegments(tensors[t]!, designFlips[t]!, [segment])[0]!.table,
  );
  return {
    draw(chip) {
      tensors.forEach(({ codes }, t) =>
        samplers[t]!.drawPatterns({ seed, trial: chip, tensor: t }, codes, patterns[t]!),
      );
    },
    read(protection) {
      tensors.forEach((tensor, t) => {
        for (const { start, count, protectedMask } of protection[t]!) {
          const end = start + count;
          receiveInto(
            tensor.codes.subarray(start, end),
            patterns[t]!.subarray(start, end),
            protectedMask,
            received[t]!.subarray(start, end),
          );
        }
        const segments = protection[t]!.map((s) => ({
          start: s.start,
          count: s.count,
          table: tableOf(t, s),
        }));
        decodeInto(tensor, segments, received[t]!, weights[t]!);
      });
      return weights;
    },
  };
}

/** Streams of Gaussian errors are independent of those of faults and of the Jacobian's probes. */
const gaussianPurpose = 6;

function gaussianReader({ tensors, flips, designFlips, seed }: MemoryContent): MemoryReader {
  const white = tensors.map((t) => new Float32Array(t.count));
  const means = tensors.map((t) => new Float32Array(t.count));
  const deviations = tensors.map((t) => new Float32Array(t.count));
  const lawOf = bySegment((t, segment) => {
    const table = decodeSegments(tensors[t]!, designFlips[t]!, [segment])[0]!.table;
    const { mean, variance } = conditionalMoments(
      Float64Array.from(table),
      protectBits(flips[t]!, segment.protectedMask),
    );
    return { mean, deviation: variance.map(Math.sqrt) };
  });
  return {
    draw(chip) {
      white.forEach((numbers, t) => {
        const state = addressedStreams({ seed, trial: chip, tensor: t }, gaussianPurpose)(0);
        for (let i = 0; i < numbers.length; i++) numbers[i] = nextNormal(state);
      });
    },
    read(protection) {
      tensors.forEach((tensor, t) => {
        const tables = (pick: "mean" | "deviation") =>
          protection[t]!.map((s) => ({ start: s.start, count: s.count, table: lawOf(t, s)[pick] }));
        const [mean, deviation] = [means[t]!, deviations[t]!];
        decodeInto(tensor, tables("mean"), tensor.codes, mean);
        decodeInto({ ...tensor, zeroPoints: undefined }, tables("deviation"), tensor.codes, deviation);
        for (let i = 0; i < mean.length; i++) mean[i]! += deviation[i]! * white[t]![i]!;
      });
      return means;
    },
  };
}
