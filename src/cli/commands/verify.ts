/** @file `qtaml verify`: try a plan on many chips. */
import { assess, checkPlan, planProtection, summarise } from "../../campaign/index.ts";
import { QtamlError } from "../../errors.ts";
import { formatPercent } from "../../report/index.ts";
import { readDataset, readModel, readPlan } from "../files.ts";
import { flipLaw, flipsFromFlags, hasFlips, planFlipLaw, planFlips, type FlipFlags } from "../memory.ts";
import { openProgress, say, sayJson, warn, type Manner } from "../output.ts";
import { requireGraph, withSimulation } from "./shared.ts";

/** Flags of `qtaml verify`. */
export interface VerifyFlags extends FlipFlags, Manner {
  readonly plan: string;
  readonly data: string;
  readonly keep: number;
  readonly trials: number;
  readonly seed: number;
  readonly threads?: number | undefined;
}

/** Runs the command; true when the mean over chips keeps the target. */
export async function runVerify(model: string, flags: VerifyFlags): Promise<boolean> {
  const { keep, trials, seed, threads } = flags;
  if (!(keep > 0 && keep <= 1)) {
    throw new QtamlError(
      "invalid-argument",
      `--keep ${keep} is outside (0, 1]: give the share of the clean result to keep, for instance 0.95.`,
    );
  }
  requireGraph(model, "qtaml verify");
  const plan = readPlan(flags.plan);
  const file = readModel(model);
  const data = readDataset(flags.data);
  const report = hasFlips(flags) ? flipsFromFlags(flags).report : undefined;
  const flips = report === undefined ? planFlipLaw(plan) : flipLaw(report);
  const assessment = await assess(file, { flips, storage: plan.storage });
  checkPlan(plan, assessment);
  const progress = openProgress(flags);
  const result = await withSimulation(
    assessment,
    data,
    { seed, threads, designFlips: planFlips(plan) },
    async (simulation) => {
      const [chips] = await simulation.run([planProtection(plan)], trials, {
        onProgress: (done, total) => progress.update("chips", done, total),
      });
      const target = keep * simulation.clean;
      const summary = summarise(chips!, target);
      return {
        criterion: simulation.criterion,
        clean: simulation.clean,
        target,
        keep,
        samples: simulation.samples,
        seed,
        overhead: plan.overhead,
        ...summary,
        kept: summary.accuracy >= target,
        scores: chips!.scores,
      };
    },
  );
  progress.stop();
  warn(report?.warnings ?? []);
  if (flags.json === true) sayJson(result);
  else {
    const { chips, accuracy, low, high, target, yieldLow, yieldHigh } = result;
    const word = {
      accuracy: "Accuracy",
      "expected-accuracy": "Expected accuracy (no labels)",
      agreement: "Agreement with the clean network",
    }[result.criterion];
    say(
      `Clean ${formatPercent(result.clean, 2)} on ${result.samples} samples; to keep: ${formatPercent(target, 2)} (${formatPercent(keep)} of it).`,
    );
    say(
      `${word} over ${chips} chips: ${formatPercent(accuracy, 2)}, 95 % interval ${formatPercent(low, 2)} to ${formatPercent(high, 2)}.`,
    );
    say(
      `Yield: ${formatPercent(result.yield, 1)} of chips keep the target (${formatPercent(yieldLow, 1)} to ${formatPercent(yieldHigh, 1)}); 5th percentile ${formatPercent(result.percentile5, 2)}.`,
    );
    if (result.nonFinite > 0)
      say(`Outputs that are not finite: ${formatPercent(result.nonFinite)} of samples.`);
    const sure =
      low >= target || high < target
        ? "the interval leaves no doubt"
        : "the interval leaves doubt: try more chips with --trials";
    say(`${result.kept ? "Kept" : "Missed"}: ${sure}.`);
  }
  return result.kept;
}
