/**
 * @file One trial: draw a chip, read its memory under each policy, run the network, judge.
 */
import { pickSamples, type Dataset } from "../data/index.ts";
import {
  answerCounter,
  mergeTallies,
  tally,
  type Outputs,
  type OutputScale,
  type Tally,
} from "../measure/index.ts";
import { QtamlError } from "../errors.ts";
import { usualFaults } from "../faults/index.ts";
import { parseModel, type PreparedModel } from "../onnx/index.ts";
import { openMeasure, type MeasureChoice } from "./measures.ts";
import {
  openMemoryReader,
  type ErrorSource,
  type MemoryContent,
  type MemoryRead,
  type Protection,
} from "./memory-reader.ts";
import { bindWeights, type BinderKind, type WeightBinder } from "./network.ts";
import type { Provider } from "./session.ts";
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
  /** What runs the network; this processor unless given. */
  readonly provider?: Provider;
}

/** A chip to try under one or several protections; all of them meet the same faults. */
export interface TrialJob {
  /** Ordinal of the chip. */
  readonly trial: number;
  /** Under each of which the same faults are judged. */
  readonly protections: readonly Protection[];
  /** The samples the chip is judged on, in the order of `sampleOrder`; all unless given. */
  readonly samples?: SampleRun;
}

/** The outcome of a job: one entry for each of its protections. */
export interface TrialOutcome {
  /** Ordinal of the chip. */
  readonly trial: number;
  /** [protections] what the chip scored under each. */
  readonly tallies: readonly Tally[];
  /**
   * Whether an unprotected bit flipped. The tallies of chips without one are all the same: that of a memory without
   * faults read under the protection. Their share of all chips is `faultlessChance`.
   */
  readonly isHit: readonly boolean[];
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
  const binder: WeightBinder = await bindWeights(prepared, context.binder, context.provider);
  const memory = openMemoryReader(context, context.errors);
  const faults = context.faults ?? usualFaults;

  // A hit shape, index or scale can leave a model that does not run: none of its outputs are finite then.
  const mayFail = tensors.some(({ role }) => ["integer", "scale", "zero-point"].includes(role));
  const size = context.clean.values.length / context.clean.count;
  const outputs = async (read: MemoryRead, samples: Dataset): Promise<Outputs> => {
    try {
      await binder.load(read.weights);
      const found = await binder.infer(samples);
      if (!mayFail || found.values.length === samples.count * size) return found;
    } catch (error) {
      if (!mayFail || !(error instanceof QtamlError)) throw error;
    }
    const values = new Float32Array(samples.count * size).fill(NaN);
    return { count: samples.count, dims: context.clean.dims, values };
  };
  let order: Uint32Array | undefined;

  /** The samples of a job at each of its reads. Chips that see all samples see them in the order of the file. */
  const samplesOf = (samples: SampleRun | undefined): Seen[] => {
    const isPart = samples !== undefined && samples.count !== data.count;
    const places = isPart
      ? samplesOfRun((order ??= sampleOrder(context.seed, data.count)), samples)
      : undefined;
    const name = isPart ? `${samples.from % data.count}+${samples.count}` : "all";
    const reads = faults.regime === "redrawn" ? Math.min(faults.reads, places?.length ?? data.count) : 1;
    if (reads === 1) return [{ name, places, data: places === undefined ? data : pickSamples(data, places) }];
    const all = places ?? Uint32Array.from({ length: data.count }, (_, i) => i);
    return Array.from({ length: reads }, (_, r) => {
      const own = all.slice(Math.floor((r * all.length) / reads), Math.floor(((r + 1) * all.length) / reads));
      return { name: `${name}:${r}`, places: own, data: pickSamples(data, own) };
    });
  };
  let known: { readonly key: string; readonly seen: readonly Seen[] } | undefined;

  /** Tallies of memories without a fault, by protection and samples. */
  const faultless = new Map<string, Tally>();
  const tallyRead = async (protection: Protection, seen: Seen, read: MemoryRead): Promise<Tally> => {
    const key = read.isHit ? undefined : `${seen.name} ${JSON.stringify(protection)}`;
    const before = key === undefined ? undefined : faultless.get(key);
    if (before !== undefined) return before;
    const found = tally(judge, await outputs(read, seen.data), seen.places, counter);
    if (key !== undefined && faultless.size < mostFaultless) faultless.set(key, found);
    return found;
  };

  return {
    async run({ trial, protections, samples }) {
      const key = JSON.stringify(samples ?? null);
      if (known?.key !== key) known = { key, seen: samplesOf(samples) };
      const tallies: Tally[] = [];
      const isHit = protections.map(() => false);
      for (const [r, seen] of known.seen.entries()) {
        memory.draw(trial, r);
        for (const [p, protection] of protections.entries()) {
          const read = memory.read(protection);
          isHit[p] ||= read.isHit;
          const found = await tallyRead(protection, seen, read);
          tallies[p] = r === 0 ? found : mergeTallies(tallies[p]!, found);
        }
      }
      return { trial, tallies, isHit };
    },
    close: () => binder.close(),
  };
}

/** Samples that are read together. */
interface Seen {
  /** Names them among those of this context. */
  readonly name: string;
  /** Their places in the data set; undefined for all. */
  readonly places: Uint32Array | undefined;
  readonly data: Dataset;
}

/** Tallies of memories without faults that are kept. */
const mostFaultless = 4096;
