/**
 * @file One trial: draw a chip, read its memory under each policy, run the network, judge.
 */
import { pickSamples, type Dataset } from "../data/index.ts";
import { answerCounter, tally, type Outputs, type OutputScale, type Tally } from "../measure/index.ts";
import { QtamlError } from "../errors.ts";
import { parseModel, type PreparedModel } from "../onnx/index.ts";
import { openMeasure, type MeasureChoice } from "./measures.ts";
import { openMemoryReader, type ErrorSource, type MemoryContent, type Protection } from "./memory-reader.ts";
import { bindWeights, type BinderKind, type WeightBinder } from "./network.ts";
import { sampleOrder, samplesOfRun, type SampleRun } from "./samples.ts";

/** What all trials of a campaign share. Plain data: it can be sent to another thread. */
export interface TrialContext extends MemoryContent {
  /** The prepared model (`PreparedModel.model`) with the judged output first, serialised. */
  readonly modelBytes: Uint8Array;
  readonly errors: ErrorSource;
  readonly data: Dataset;
  /** How outputs are judged. */
  readonly measure: MeasureChoice;
  /** What the network with clean weights says of the same samples. */
  readonly clean: Outputs;
  /** What the model's graph says of its outputs (`declaredScale`). */
  readonly scale: OutputScale | undefined;
  readonly binder: BinderKind;
}

/** A chip to try under one or several protections; all of them meet the same faults. */
export interface TrialJob {
  /** Ordinal of the chip. */
  readonly trial: number;
  readonly protections: readonly Protection[];
  /** The samples the chip is judged on, in the order of `sampleOrder`; all unless given. */
  readonly samples?: SampleRun;
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

/** Opens the network and the measure of a context. @throws QtamlError `unsupported-model`, and as `openMeasure` */
export async function openTrialRunner(context: TrialContext): Promise<TrialRunner> {
  const { tensors, data } = context;
  const prepared: PreparedModel = { model: parseModel(context.modelBytes), tensors, foldedNormalizations: 0 };
  const reference = { clean: context.clean, labels: data.labels, scale: context.scale };
  const judge = (await openMeasure(context.measure)).bind(reference);
  const { ignoreLabel } = context.measure;
  const counter = answerCounter(reference, { ignoreLabel });
  const binder: WeightBinder = await bindWeights(prepared, context.binder);
  const memory = openMemoryReader(context, context.errors);

  // A hit shape, index or scale can leave a model that does not run: none of its outputs are finite then.
  const mayFail = tensors.some(({ role }) => ["integer", "scale", "zero-point"].includes(role));
  const size = context.clean.values.length / context.clean.count;
  const outputs = async (protection: Protection, samples: Dataset): Promise<Outputs> => {
    try {
      await binder.load(memory.read(protection));
      const read = await binder.infer(samples);
      if (!mayFail || read.values.length === samples.count * size) return read;
    } catch (error) {
      if (!mayFail || !(error instanceof QtamlError)) throw error;
    }
    const values = new Float32Array(samples.count * size).fill(NaN);
    return { count: samples.count, dims: context.clean.dims, values };
  };
  let order: Uint32Array | undefined;

  return {
    async run({ trial, protections, samples }) {
      memory.draw(trial);
      // Chips that see all samples see them in the order of the file.
      const isPart = samples !== undefined && samples.count !== data.count;
      const places = isPart
        ? samplesOfRun((order ??= sampleOrder(context.seed, data.count)), samples)
        : undefined;
      const seen = places === undefined ? data : pickSamples(data, places);
      const tallies: Tally[] = [];
      for (const protection of protections) {
        tallies.push(tally(judge, await outputs(protection, seen), places, counter));
      }
      return { trial, tallies };
    },
    close: () => binder.close(),
  };
}
