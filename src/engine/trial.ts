/**
 * @file One trial: draw a chip's faults, read the memory under each policy, run the network, count.
 */
import {
  codeArray,
  decoder,
  flipSampler,
  protectBits,
  receiveInto,
  type Codes,
  type FlipProbabilities,
  type FlipSampler,
  type ProtectionSegment,
} from "../channel/index.ts";
import type { Dataset } from "../data/index.ts";
import { tally, type Outputs, type OutputScale, type Tally } from "../measure/index.ts";
import {
  decodeInto,
  parseModel,
  storedHistogram,
  type DecodeSegment,
  type PreparedModel,
  type StoredTensor,
} from "../onnx/index.ts";
import { QtamlError } from "../errors.ts";
import { openMeasure, type MeasureChoice } from "./measures.ts";
import { bindWeights, type BinderKind, type WeightBinder } from "./network.ts";

/** What all trials of a campaign share. Plain data: it can be sent to another thread. */
export interface TrialContext {
  /** The prepared model (`PreparedModel.model`) with the judged output first, serialised. */
  readonly modelBytes: Uint8Array;
  readonly tensors: readonly StoredTensor[];
  /** Flip probabilities of each tensor's unprotected cells. */
  readonly flips: readonly FlipProbabilities[];
  /** Flip probabilities that the decoders were made for; those of the cells unless a plan meets another memory. */
  readonly designFlips: readonly FlipProbabilities[];
  readonly seed: number;
  readonly data: Dataset;
  /** How outputs are judged. */
  readonly measure: MeasureChoice;
  /** What the network with clean weights says of the same samples. */
  readonly clean: Outputs;
  /** What the model's graph says of its outputs (`declaredScale`). */
  readonly scale: OutputScale | undefined;
  readonly binder: BinderKind;
}

/** For each tensor of the context: how its weights are protected and decoded. */
export type Protection = readonly (readonly ProtectionSegment[])[];

/** A chip to try under one or several protections; all of them meet the same faults. */
export interface TrialJob {
  /** Ordinal of the chip. */
  readonly trial: number;
  readonly protections: readonly Protection[];
}

/** The outcome of a job: one tally for each of its protections. */
export interface TrialOutcome {
  readonly trial: number;
  readonly tallies: readonly Tally[];
}

/** Runs the trials of one context, one after the other. */
export interface TrialRunner {
  run(job: TrialJob): Promise<TrialOutcome>;
  close(): Promise<void>;
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

/** The weights that a tensor's memory yields: faults applied where a segment leaves bits unprotected, then decoded. */
function readTensor(
  tensor: StoredTensor,
  segments: readonly ProtectionSegment[],
  decode: readonly DecodeSegment[],
  patterns: Codes,
  received: Codes,
  weights: Float32Array,
): void {
  for (const { start, count, protectedMask } of segments) {
    const end = start + count;
    receiveInto(
      tensor.codes.subarray(start, end),
      patterns.subarray(start, end),
      protectedMask,
      received.subarray(start, end),
    );
  }
  decodeInto(tensor, decode, received, weights);
}

/** Opens the network and the measure of a context. @throws QtamlError `unsupported-model`, and as `openMeasure` */
export async function openTrialRunner(context: TrialContext): Promise<TrialRunner> {
  const { tensors, data } = context;
  const prepared: PreparedModel = { model: parseModel(context.modelBytes), tensors, foldedNormalizations: 0 };
  const judge = (await openMeasure(context.measure)).bind({
    clean: context.clean,
    labels: data.labels,
    scale: context.scale,
  });
  const binder: WeightBinder = await bindWeights(prepared, context.binder);
  const samplers: FlipSampler[] = context.flips.map((flips) => flipSampler(flips));
  const patterns = tensors.map((t) => codeArray(t.format.bits, t.count));
  const received = tensors.map((t) => codeArray(t.format.bits, t.count));
  const weights = tensors.map((t) => new Float32Array(t.count));
  const tables = new Map<string, DecodeSegment>();

  const decodeOf = (t: number, segments: readonly ProtectionSegment[]) =>
    segments.map((segment) => {
      const key = `${t}:${segment.protectedMask}:${segment.decoder}`;
      let known = tables.get(key);
      if (known === undefined) {
        known = decodeSegments(tensors[t]!, context.designFlips[t]!, [segment])[0]!;
        tables.set(key, known);
      }
      return { start: segment.start, count: segment.count, table: known.table };
    });

  // A hit shape, index or scale can leave a model that does not run: none of its outputs are finite then.
  const mayFail = tensors.some(({ role }) => ["integer", "scale", "zero-point"].includes(role));
  const outputs = async (): Promise<Outputs> => {
    try {
      await binder.load(weights);
      const read = await binder.infer(data);
      if (!mayFail || read.values.length === context.clean.values.length) return read;
    } catch (error) {
      if (!mayFail || !(error instanceof QtamlError)) throw error;
    }
    const { values } = context.clean;
    return { ...context.clean, values: new Float32Array(values.length).fill(NaN) };
  };

  return {
    async run({ trial, protections }) {
      tensors.forEach((tensor, t) =>
        samplers[t]!.drawPatterns({ seed: context.seed, trial, tensor: t }, tensor.codes, patterns[t]!),
      );
      const tallies: Tally[] = [];
      for (const protection of protections) {
        tensors.forEach((tensor, t) => {
          const segments = protection[t]!;
          readTensor(tensor, segments, decodeOf(t, segments), patterns[t]!, received[t]!, weights[t]!);
        });
        tallies.push(tally(judge, await outputs()));
      }
      return { trial, tallies };
    },
    close: () => binder.close(),
  };
}
