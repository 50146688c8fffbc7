/** @file `qtaml verify`: try a plan on many chips. */
import {
  assess,
  checkKeep,
  checkPlan,
  isKept,
  planProtection,
  summarise,
  type ChipSummary,
  type Goal,
} from "../../campaign/index.ts";
import { QtamlError } from "../../errors.ts";
import type { MeasureDescription } from "../../measure/index.ts";
import { formatPercent, formatScore, measureWords } from "../../report/index.ts";
import { dataFromFlags, outputOf, type DataFlags } from "../data.ts";
import { readModel, readPlan } from "../files.ts";
import { flipLaw, flipsFromFlags, hasFlips, planFlipLaw, planFlips, type FlipFlags } from "../memory.ts";
import { note, openProgress, say, sayJson, warn } from "../output.ts";
import {
  guessWarnings,
  measureFromFlags,
  requireGraph,
  withSimulation,
  type MeasureFlags,
} from "./shared.ts";

/** Flags of `qtaml verify`. */
export interface VerifyFlags extends FlipFlags, DataFlags, MeasureFlags {
  readonly plan: string;
  /** The plan's own unless given, 0.95 where it has none. */
  readonly keep?: number | undefined;
  readonly trials: number;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly on?: string | undefined;
  readonly queue: string;
}

/** Share to keep where neither flags nor the plan say one. */
const usualKeep = 0.95;

/** What chips gave, and what they were to reach. */
interface Verified extends ChipSummary, Pick<Goal, "target"> {
  readonly measure: MeasureDescription;
  readonly clean: number;
  readonly keep: number;
  readonly samples: number;
  readonly kept: boolean;
}

/** The result for a person. */
function account(result: Verified): string {
  const { measure, keep, low, high, target, chips } = result;
  const score = (value: number) => formatScore(value, measure.unit, 2);
  const share = (value: number) => formatPercent(value, 1);
  const isSure = low >= target === high >= target;
  return [
    `Clean ${measure.title} ${score(result.clean)} on ${result.samples} samples; to keep: ${measure.higherIsBetter ? "" : "at most "}${score(target)} (${formatPercent(keep)} of ${measure.kept}).`,
    `${measureWords(measure)} over ${chips} chip${chips === 1 ? "" : "s"}: ${score(result.accuracy)}, 95 % interval ${score(low)} to ${score(high)}.`,
    `Yield: ${share(result.yield)} of chips keep the target (${share(result.yieldLow)} to ${share(result.yieldHigh)}); ${measure.higherIsBetter ? "5th" : "95th"} percentile ${score(result.percentile5)}.`,
    ...(result.nonFinite > 0
      ? [`Outputs that are not finite: ${formatPercent(result.nonFinite)} of samples.`]
      : []),
    `${result.kept ? "Kept" : "Missed"}: ${isSure ? "the interval leaves no doubt" : "the interval leaves doubt: try more chips with --trials"}.`,
  ].join("\n");
}

/** Runs the command; true when the mean over chips keeps the target. */
export async function runVerify(model: string, flags: VerifyFlags): Promise<boolean> {
  const { trials, seed, threads, on, queue } = flags;
  if (flags.keep !== undefined) checkKeep(flags.keep, true);
  requireGraph(model, "verify");
  const measure = await measureFromFlags(flags);
  const plan = readPlan(flags.plan);
  const keep = flags.keep ?? ("keep" in plan.goal ? plan.goal.keep : usualKeep);
  const file = readModel(model);
  const data = await dataFromFlags(flags, file.model);
  if (data === undefined) {
    throw new QtamlError("invalid-argument", "Verifying needs data to try chips on: give --data.");
  }
  const report = hasFlips(flags) ? flipsFromFlags(flags).report : undefined;
  const flips = report === undefined ? planFlipLaw(plan) : flipLaw(report);
  const assessment = await assess(file, { flips, storage: plan.storage, ...outputOf(flags) });
  checkPlan(plan, assessment);
  const progress = openProgress(flags);
  const result = await withSimulation(
    assessment,
    data,
    {
      seed,
      threads,
      on,
      queue,
      onNotice: (text) => note(text, flags),
      designFlips: planFlips(plan),
      ...measure,
    },
    async (simulation) => {
      const goal = simulation.goal(keep);
      const [chips] = await simulation.run([planProtection(plan)], trials, {
        onProgress: (done, total) => progress.update("chips", done, total),
      });
      const summary = summarise(chips!, goal);
      return {
        measure: simulation.measure,
        clean: simulation.clean,
        target: goal.target,
        keep,
        samples: simulation.samples,
        seed,
        overhead: plan.overhead,
        ...summary,
        kept: isKept(goal, summary.accuracy),
        scores: chips!.scores,
      };
    },
  );
  progress.stop();
  warn([...(report?.warnings ?? []), ...guessWarnings(data, result)]);
  if (flags.json === true) sayJson(result);
  else say(account(result));
  return result.kept;
}
