/**
 * @file Simulates chips: many draws of faults, all policies under the same faults, and what the chips' results say.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { FlipProbabilities, ProtectionMode } from "../channel/index.ts";
import type { Dataset } from "../data/index.ts";
import {
  bindWeights,
  chooseBinder,
  declaredScale,
  isModuleName,
  isSameOutput,
  openExecutor,
  openMeasure,
  settleBatching,
  type BinderKind,
  type ErrorSource,
  type Executor,
  type ExecutorOptions,
  type MeasureChoice,
  type Protection,
  type Provider,
  type RunOptions,
  type TrialContext,
  type TrialJob,
  type TrialOutcome,
} from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import {
  defaultMeasure,
  scoreOf,
  tally,
  type MeasureDescription,
  type Reference,
  type Tally,
} from "../measure/index.ts";
import type { FaultDescription } from "../faults/index.ts";
import { serialiseModel } from "../onnx/index.ts";
import { meanInterval, momentsOf, proportionInterval, quantile, standardDeviation } from "../stats/index.ts";
import type { Plan } from "../protect/index.ts";
import { cleanNetwork, type Assessment } from "../assessment/index.ts";
import { isKept, type Goal } from "./goal.ts";
import { contentDigest, simulationIdentity, type SimulationIdentity } from "./identity.ts";
import { imageParts, type ImageParts } from "./parts.ts";
import { storeByPlan } from "./recode.ts";

/** Results of one protection, chip by chip. */
export interface ChipResults {
  /** [chips] score of each chip under the simulation's measure. */
  readonly scores: readonly number[];
  /** [chips] share of samples with a NaN or an infinity among the outputs. */
  readonly nonFinite: readonly number[];
}

/** What chips' results say about the chip population; the images are taken as they are. */
export interface ChipSummary {
  /** Number of chips. */
  readonly chips: number;
  /**
   * Mean score over chips under the measure, which is accuracy unless another was chosen, with the Student t interval
   * for a fixed number of chips.
   */
  readonly accuracy: number;
  /** Lower end of the 95 % interval of `accuracy`. */
  readonly low: number;
  /** Upper end of the 95 % interval of `accuracy`. */
  readonly high: number;
  /** Standard deviation of the score between chips. */
  readonly deviation: number;
  /** Share of chips that keep the target, with its Clopper-Pearson interval. */
  readonly yield: number;
  /** Lower end of the 95 % interval of `yield`. */
  readonly yieldLow: number;
  /** Upper end of the 95 % interval of `yield`. */
  readonly yieldHigh: number;
  /** What all but the worst twentieth of the chips reach: the 5th percentile, or the 95th where lower is better. */
  readonly percentile5: number;
  /** Mean share of samples with non-finite outputs. */
  readonly nonFinite: number;
}

/** Settings of a simulation. */
export interface SimulationOptions extends ExecutorOptions {
  /** Faults follow from it and the number of a chip; 0 unless given. */
  readonly seed?: number;
  /** What is judged on each chip; `defaultMeasure` says what is where nothing is named. */
  readonly measure?: Partial<MeasureChoice>;
  /** Flip probabilities that the plans' decoders were made for, by tensor; the memory's own by default. */
  readonly designFlips?: readonly FlipProbabilities[];
  /** Where errors come from; faults by default. */
  readonly errors?: ErrorSource;
  /** How cells are damaged; independent flips, one draw a chip, unless given. */
  readonly faults?: FaultDescription;
  /** What runs the network; this processor unless given. Outcomes differ from one to the other in rounding. */
  readonly provider?: Provider | undefined;
  /** What becomes of protected bits that codes hold; `exact` unless given. */
  readonly protection?: ProtectionMode;
}

/** Progress and cancelling of one run. */
export interface RunControl {
  /** Called with the number of protections tried on a chip so far, and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the work with a `QtamlError` `aborted`. */
  readonly signal?: AbortSignal;
}

/** A model in a memory, with data to judge it by, ready to try chips. */
export interface Simulation {
  /** What is judged on each chip. */
  readonly measure: MeasureDescription;
  /** Score of the network with clean quantised weights. */
  readonly clean: number;
  /** Samples that each chip is judged on. */
  readonly samples: number;
  /** Faults follow from it and the number of a chip. */
  readonly seed: number;
  /**
   * The score that keeps a share of the clean quality.
   *
   * @throws QtamlError `invalid-argument` where the measure has no share to keep
   */
  goal(keep: number): Goal;
  /** Results of chips `firstChip` to `firstChip + chips - 1` under each protection; equal chips have equal faults. */
  run(
    protections: readonly Protection[],
    chips: number,
    control?: RunControl & { firstChip?: number },
  ): Promise<ChipResults[]>;
  /** The same data, measure and chips in the memory as a plan fills it: this one, or another that is to be closed. */
  under(plan: Plan): Promise<Simulation>;
  close(): Promise<void>;
}

/** A simulation chip by chip, as campaigns need it. */
export interface ChipTrials extends Simulation {
  /** What the chips' results depend on besides the plans. */
  readonly identity: SimulationIdentity;
  /** Trials under way at the same time. */
  readonly workers: number;
  /** Runs single trials, as the executor does. */
  execute(jobs: readonly TrialJob[], options?: RunOptions): Promise<TrialOutcome[]>;
  /** Score of what some samples contributed. */
  score(tally: Tally): number;
  /**
   * Parts of so many images that chips may be judged on.
   *
   * @throws QtamlError `invalid-argument` for too many, or a measure that is no mean over images
   */
  parts(images: number): ImageParts;
}

/** What identifies a measure: its name, and the content of a module of the user's own. */
function measureIdentity({ name }: MeasureChoice): string {
  return isModuleName(name) ? `${basename(name)} ${contentDigest(readFileSync(name)).slice(0, 12)}` : name;
}

/** Runs the network with clean quantised weights. */
async function cleanRun(assessment: Assessment, data: Dataset, kind: BinderKind, provider?: Provider) {
  const { network, weights } = cleanNetwork(assessment);
  const binder = await bindWeights(network, kind, provider);
  try {
    await binder.load(weights);
    return await binder.infer(data);
  } finally {
    await binder.close();
  }
}

/**
 * Prepares a simulation.
 *
 * @param given inputs, with labels where the measure needs them
 * @throws QtamlError `data-mismatch` when the data do not fit the model, `runtime-failure` where a GPU computes something
 *   else, and what running the model throws
 */
export async function openSimulation(
  assessment: Assessment,
  given: Dataset,
  options: SimulationOptions = {},
): Promise<ChipTrials> {
  const { judged: prepared, memory } = assessment;
  const data = await settleBatching(prepared.model, given);
  const binder = chooseBinder(prepared);
  const provider = options.provider === "cpu" ? undefined : options.provider;
  const output = await cleanRun(assessment, data, binder, provider);
  if (provider !== undefined && !isSameOutput(output, await cleanRun(assessment, data, binder))) {
    throw new QtamlError(
      "runtime-failure",
      `By provider ${provider} the ONNX runtime computes other outputs of this network than by the processor, even without faults; leave --provider out.`,
    );
  }
  const reference: Reference = {
    clean: output,
    labels: data.labels,
    scale: output.type.startsWith("float") ? declaredScale(prepared.model) : "classes",
  };
  const choice = { ...options.measure, name: options.measure?.name ?? defaultMeasure(reference) };
  const measure = await openMeasure(choice);
  const judge = measure.bind(reference);
  const clean = scoreOf(judge, tally(judge, reference.clean));
  const seed = options.seed ?? 0;
  const context: TrialContext = {
    modelBytes: serialiseModel(prepared.model),
    tensors: prepared.tensors,
    flips: memory.map((t) => t.flips),
    designFlips: options.designFlips ?? memory.map((t) => t.flips),
    seed,
    errors: options.errors ?? "faults",
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(options.protection === undefined ? {} : { protection: options.protection }),
    data,
    measure: choice,
    clean: reference.clean,
    scale: reference.scale,
    binder,
    ...(provider === undefined ? {} : { provider }),
  };
  const executor: Executor = await openExecutor(context, options);
  let identity: SimulationIdentity | undefined;
  return {
    measure: measure.description,
    clean,
    samples: data.count,
    seed,
    get identity() {
      return (identity ??= simulationIdentity(assessment, context, measureIdentity(choice)));
    },
    get workers() {
      return executor.workers;
    },
    goal: (keep) => ({
      target: judge.target(keep, clean),
      higherIsBetter: measure.description.higherIsBetter,
      range: judge.range,
    }),
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
        scores: outcomes.map((o) => scoreOf(judge, o.tallies[p]!)),
        nonFinite: outcomes.map((o) => o.tallies[p]!.nonFinite / o.tallies[p]!.samples),
      }));
    },
    async under(plan) {
      const filled = storeByPlan(assessment, plan);
      return filled === assessment ? this : openSimulation(filled, data, options);
    },
    execute: (jobs, control) => executor.run(jobs, control),
    score: (counted) => scoreOf(judge, counted),
    parts: (images) => imageParts(judge, reference.clean, seed, images),
    close: () => executor.close(),
  };
}

/** Summarises chips. @param goal what a chip must reach to count as good */
export function summarise(results: ChipResults, goal: Goal): ChipSummary {
  const { scores, nonFinite } = results;
  const chips = scores.length;
  const moments = momentsOf(scores);
  const mean = meanInterval(moments, { clip: goal.range });
  const good = proportionInterval(scores.filter((s) => isKept(goal, s)).length, chips);
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
    percentile5: quantile(sorted, goal.higherIsBetter ? 0.05 : 0.95),
    nonFinite: nonFinite.reduce((a, b) => a + b, 0) / chips,
  };
}
