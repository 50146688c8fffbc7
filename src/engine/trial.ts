/**
 * @file One trial: draw a chip, read its memory under each policy, run the network, judge.
 */
import type { Dataset } from "../data/index.ts";
import { tally, type Outputs, type OutputScale, type Tally } from "../measure/index.ts";
import { QtamlError } from "../errors.ts";
import { parseModel, type PreparedModel } from "../onnx/index.ts";
import { openMeasure, type MeasureChoice } from "./measures.ts";
import { openMemoryReader, type ErrorSource, type MemoryContent, type Protection } from "./memory-reader.ts";
import { bindWeights, type BinderKind, type WeightBinder } from "./network.ts";

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
  const judge = (await openMeasure(context.measure)).bind({
    clean: context.clean,
    labels: data.labels,
    scale: context.scale,
  });
  const binder: WeightBinder = await bindWeights(prepared, context.binder);
  const memory = openMemoryReader(context, context.errors);

  // A hit shape, index or scale can leave a model that does not run: none of its outputs are finite then.
  const mayFail = tensors.some(({ role }) => ["integer", "scale", "zero-point"].includes(role));
  const outputs = async (protection: Protection): Promise<Outputs> => {
    try {
      await binder.load(memory.read(protection));
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
      memory.draw(trial);
      const tallies: Tally[] = [];
      for (const protection of protections) {
        tallies.push(tally(judge, await outputs(protection)));
      }
      return { trial, tallies };
    },
    close: () => binder.close(),
  };
}
