/**
 * @file Simulates chips: many draws of faults, all policies under the same faults, and what the chips' results say.
 */
import type { FlipProbabilities } from "../channel/index.ts";
import { classLabels, type Dataset } from "../data/index.ts";
import {
  bindWeights,
  cleanReference,
  checkLabels,
  chooseBinder,
  openExecutor,
  outputSize,
  settleBatching,
  tally,
  type Executor,
  type Protection,
  type Tally,
  type TrialContext,
} from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import { cleanWeights, serialiseModel } from "../onnx/index.ts";
import { meanInterval, momentsOf, proportionInterval, quantile, standardDeviation } from "../stats/index.ts";
import type { Assessment } from "./assess.ts";

/**
 * What is judged on each chip. `accuracy`: share of correct answers. `expected-accuracy`: the share that would be
 * correct if the clean network's confidences were right; needs no labels. `agreement`: share of answers equal to
 * those of the clean network; needs no labels and is stricter, because a changed answer is not always a wrong one.
 */
export type Criterion = "accuracy" | "expected-accuracy" | "agreement";

/** Results of one protection, chip by chip. */
export interface ChipResults {
  /** [chips] score of each chip under the simulation's criterion. */
  readonly scores: readonly number[];
  /** [chips] share of samples with a NaN or an infinity among the outputs. */
  readonly nonFinite: readonly number[];
}

/** What chips' results say about the chip population; the images are taken as they are. */
export interface ChipSummary {
  readonly chips: number;
  /** Mean score over chips, with the Student t interval for a fixed number of chips. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the score between chips. */
  readonly deviation: number;
  /** Share of chips that keep the target, with its Clopper-Pearson interval. */
  readonly yield: number;
  readonly yieldLow: number;
  readonly yieldHigh: number;
  /** 5th percentile of the chips' scores. */
  readonly percentile5: number;
  /** Mean share of samples with non-finite outputs. */
  readonly nonFinite: number;
}

/** Settings of a simulation. */
export interface SimulationOptions {
  readonly seed?: number;
  /** Worker threads; all cores by default. */
  readonly threads?: number;
  /** By default accuracy where there are labels, expected accuracy otherwise. */
  readonly criterion?: Criterion;
  /** Flip probabilities that the plans' decoders were made for, by tensor; the memory's own by default. */
  readonly designFlips?: readonly FlipProbabilities[];
}

/** Progress and cancelling of one run. */
export interface RunControl {
  /** Called with the number of protections tried on a chip so far, and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** A model in a memory, with data to judge it by, ready to try chips. */
export interface Simulation {
  readonly criterion: Criterion;
  /** Score of the network with clean quantised weights. */
  readonly clean: number;
  readonly samples: number;
  readonly seed: number;
  /** Results of chips `firstChip` to `firstChip + chips - 1` under each protection; equal chips have equal faults. */
  run(
    protections: readonly Protection[],
    chips: number,
    control?: RunControl & { firstChip?: number },
  ): Promise<ChipResults[]>;
  close(): Promise<void>;
}

/** Runs the network with clean quantised weights. */
async function cleanRun(assessment: Assessment, data: Dataset, context: Pick<TrialContext, "binder">) {
  const { judged } = assessment;
  const binder = await bindWeights(judged, context.binder);
  try {
    await binder.load(judged.tensors.map(cleanWeights));
    return await binder.infer(data);
  } finally {
    await binder.close();
  }
}

/** Score of a tally under a criterion. */
function score(result: Tally, criterion: Criterion): number {
  const { correct, expected, agreeing, samples } = result;
  return { accuracy: correct, "expected-accuracy": expected, agreement: agreeing }[criterion] / samples;
}

/**
 * Prepares a simulation.
 *
 * @param given inputs, with labels where accuracy is to be judged
 * @throws QtamlError `data-mismatch` when the data do not fit the model, and what running the model throws
 */
export async function openSimulation(
  assessment: Assessment,
  given: Dataset,
  options: SimulationOptions = {},
): Promise<Simulation> {
  const { judged: prepared, memory } = assessment;
  const data = await settleBatching(prepared.model, given);
  const binder = chooseBinder(prepared, data.count);
  const logits = await cleanRun(assessment, data, { binder });
  const labels = data.labels === undefined ? undefined : classLabels(data.labels);
  if (labels !== undefined) checkLabels(labels, outputSize(logits));
  const clean = cleanReference(logits);
  const criterion = options.criterion ?? (data.labels === undefined ? "expected-accuracy" : "accuracy");
  if (criterion === "accuracy" && data.labels === undefined) {
    throw new QtamlError(
      "data-mismatch",
      'Accuracy needs labels, and the data have none: add "y", or judge by agreement.',
    );
  }
  const seed = options.seed ?? 0;
  const executor: Executor = await openExecutor(
    {
      modelBytes: serialiseModel(prepared.model),
      tensors: prepared.tensors,
      flips: memory.map((t) => t.flips),
      designFlips: options.designFlips ?? memory.map((t) => t.flips),
      seed,
      data,
      clean,
      binder,
    },
    options.threads,
  );
  return {
    criterion,
    clean: score(tally(clean.answers, clean, labels), criterion),
    samples: data.count,
    seed,
    async run(protections, chips, { onProgress, signal, firstChip = 0 } = {}) {
      const total = chips * protections.length;
      let done = 0;
      const jobs = Array.from({ length: chips }, (_, i) => ({ trial: firstChip + i, protections }));
      const outcomes = await executor.run(jobs, {
        ...(signal === undefined ? {} : { signal }),
        onOutcome: () => {
          done += protections.length;
          onProgress?.(done, total);
        },
      });
      return protections.map((_, p) => ({
        scores: outcomes.map((o) => score(o.tallies[p]!, criterion)),
        nonFinite: outcomes.map((o) => o.tallies[p]!.nonFinite / o.tallies[p]!.samples),
      }));
    },
    close: () => executor.close(),
  };
}

/**
 * Summarises chips.
 *
 * @param target the score a chip must reach to count as good
 */
export function summarise(results: ChipResults, target: number): ChipSummary {
  const { scores, nonFinite } = results;
  const chips = scores.length;
  const moments = momentsOf(scores);
  const mean = meanInterval(moments, { clip: [0, 1] });
  const good = proportionInterval(scores.filter((s) => s >= target).length, chips);
  const sorted = [...scores].sort((a, b) => a - b);
  return {
    chips,
    accuracy: mean.estimate,
    low: mean.low,
    high: mean.high,
    deviation: standardDeviation(moments),
    yield: good.estimate,
    yieldLow: good.low,
    yieldHigh: good.high,
    percentile5: quantile(sorted, 0.05),
    nonFinite: nonFinite.reduce((a, b) => a + b, 0) / chips,
  };
}
