/** @file `qtaml verify`: try plans on many chips, until it is clear whether they keep what is asked. */
import { resolve } from "node:path";
import {
  checkYield,
  openStore,
  runCampaign,
  keptForm,
  runPilot,
  type Asked,
  type CampaignResult,
  type Pilot,
  type Question,
  type Recorder,
} from "../../campaign/index.ts";
import {
  isKept,
  planProtection,
  summarise,
  type ChipTrials,
  type ImageParts,
} from "../../simulation/index.ts";
import { QtamlError } from "../../errors.ts";
import { addAnswers, noAnswers, outcomesOf } from "../../measure/index.ts";
import { openCampaignDisplay } from "../campaign-progress.ts";
import { note, say, sayJson, warn } from "../output.ts";
import { exitBySignal, exitDone, exitMissed } from "../status.ts";
import { stopRule } from "../stop-rule.ts";
import type { Until } from "../until.ts";
import { guessWarnings, withSimulation } from "./shared.ts";
import { absoluteFlags, plansIdentity, prepare, type NamedPlan, type TryFlags } from "./verification.ts";
import { account, predictionWords } from "./verify-account.ts";
import type { PlanVerdict, Verified } from "./verified.ts";

/** Flags of `qtaml verify`. */
export interface VerifyFlags extends TryFlags {
  readonly until?: Until | undefined;
  readonly trials?: number | undefined;
  readonly yield?: number | undefined;
  /** Images of a chip. */
  readonly images?: number | "all" | "auto" | undefined;
  /** Takes intervals that assume nothing of the chips. */
  readonly exact?: true | undefined;
  readonly store?: string | undefined;
  readonly name: string;
}

/** Share to keep where neither flags nor the plan say one. */
const usualKeep = 0.95;

/** The results of each plan. */
function verdicts(
  plans: readonly NamedPlan[],
  result: CampaignResult,
  question: Question,
  isWhole: boolean,
): PlanVerdict[] {
  return plans.map(({ name, plan }, p) => {
    const tallies = result.records.map((record) => record.outcome.tallies[p]!);
    const scores = result.scores[p]!;
    const nonFinite = tallies.map((tally) => tally.nonFinite / tally.samples);
    const answer = result.answers[p]!;
    const summary = summarise({ scores, nonFinite }, question.goal);
    const answers = tallies.map((tally) => tally.answers);
    const counts = answers.reduce((sum, own) => addAnswers(sum!, own ?? noAnswers), noAnswers)!;
    const chipOnly = {
      deviation: summary.deviation,
      yield: summary.yield,
      yieldLow: answer.yield.low,
      yieldHigh: answer.yield.high,
      percentile5: summary.percentile5,
    };
    const nothing = { deviation: null, yield: null, yieldLow: null, yieldHigh: null, percentile5: null };
    return {
      plan: name,
      overhead: plan.overhead,
      chips: summary.chips,
      accuracy: answer.mean.estimate,
      low: answer.mean.low,
      high: answer.mean.high,
      ...(isWhole ? chipOnly : nothing),
      nonFinite: summary.nonFinite,
      verdict: answer.verdict === undefined ? "open" : answer.verdict ? "kept" : "missed",
      kept:
        question.yield === undefined
          ? isKept(question.goal, answer.mean.estimate)
          : answer.yield.estimate >= question.yield,
      difference: p === 0 ? null : result.differences[p - 1]!,
      outcomes: counts.answers === 0 ? null : outcomesOf(counts),
      scores,
    };
  });
}

/** Ends work cleanly at the first signal; the second one ends the process as usual. */
function onInterrupt(): { signal: AbortSignal; by: () => NodeJS.Signals | undefined; remove: () => void } {
  const controller = new AbortController();
  let caught: NodeJS.Signals | undefined;
  const signals = ["SIGINT", "SIGTERM"] as const;
  const stop = (signal: NodeJS.Signals) => {
    caught = signal;
    remove();
    controller.abort();
  };
  const remove = () => signals.forEach((signal) => process.removeListener(signal, stop));
  signals.forEach((signal) => process.on(signal, stop));
  return { signal: controller.signal, by: () => caught, remove };
}

/** The parts of the images that chips are judged on, and the pilot that chose them; none for all images. */
async function chooseParts(
  trials: ChipTrials,
  plans: readonly NamedPlan[],
  { images }: VerifyFlags,
  signal: AbortSignal,
): Promise<{ parts: ImageParts | undefined; pilot: Pilot | null }> {
  if (images === undefined || images === "all" || images === trials.samples) {
    return { parts: undefined, pilot: null };
  }
  if (images !== "auto") return { parts: trials.parts(images), pilot: null };
  const protections = plans.map(({ plan }) => planProtection(plan));
  const pilot = await runPilot(trials, protections, { signal });
  const chosen = pilot?.images ?? trials.samples;
  return { parts: chosen < trials.samples ? trials.parts(chosen) : undefined, pilot: pilot ?? null };
}

/** A yield is a share of chips that each keep the target, which part of the images cannot tell. */
function refuseYieldOnParts(parts: ImageParts | undefined, question: Question): void {
  if (parts === undefined || question.yield === undefined) return;
  throw new QtamlError(
    "invalid-argument",
    "A yield asks whether each chip keeps the target, which takes all images: leave --images or --yield out.",
  );
}

/** What an interrupted campaign leaves, and how to go on. */
function farewell(result: CampaignResult, recorder: Recorder | undefined, flags: VerifyFlags): string {
  const { chips } = result;
  const count = `${chips} chip${chips === 1 ? "" : "s"}`;
  return recorder === undefined
    ? `Interrupted after ${count}; nothing is kept: with --store FILE the same command would go on from here.`
    : `Interrupted after ${count}, which are kept in ${flags.store}: the same command goes on from here.`;
}

/** Runs the command; its exit status. */
export async function runVerify(model: string, flags: VerifyFlags): Promise<number> {
  checkYield(flags.yield);
  const stop = stopRule(flags.until, flags.trials, flags.yield);
  const prepared = await prepare(model, flags, "verify");
  const { assessment, data, plans, simulation } = prepared;
  const goals = plans.map(({ plan }) => plan.goal);
  const keep = flags.keep ?? Math.max(...goals.map((goal) => ("keep" in goal ? goal.keep : -1)));
  const interrupt = onInterrupt();
  const store =
    flags.store === undefined
      ? undefined
      : openStore(flags.store, { onNotice: (text) => note(`Note: ${text}`, {}) });
  store?.notices.forEach((text) => note(`Note: ${text}`, {}));
  try {
    return await withSimulation(assessment, data, simulation, async (trials) => {
      const goal = trials.goal(keep > 0 ? keep : usualKeep);
      const question: Question = { goal, yield: flags.yield };
      const there = store?.list().find((campaign) => campaign.name === flags.name);
      // A pilot depends on the clock: a campaign that goes on keeps the images it has chosen.
      const images = flags.images === "auto" && there !== undefined ? there.identity.images : flags.images;
      const { parts, pilot } = await chooseParts(trials, plans, { ...flags, images }, interrupt.signal);
      refuseYieldOnParts(parts, question);
      const identity = {
        ...trials.identity,
        images: parts?.images ?? trials.samples,
        plans: plansIdentity(plans),
      };
      const asked: Asked = { question, stop, isExact: flags.exact === true, parts };
      const request = { model: resolve(model), flags: absoluteFlags(flags), asked: keptForm(asked) };
      const recorder = store?.open(flags.name, identity, request);
      const display = openCampaignDisplay(
        flags,
        plans.map(({ name }) => name),
        trials.measure,
      );
      const result = await runCampaign(trials, {
        protections: plans.map(({ plan }) => planProtection(plan)),
        ...asked,
        parts,
        recorder,
        signal: interrupt.signal,
        onProgress: display.update,
      }).finally(display.stop);
      const isInterrupted = result.ended === "interrupted";
      if (result.unwritten > 0) {
        note(`Note: ${result.unwritten} chips could not be written to ${flags.store}.`, {});
      }
      if (isInterrupted) note(farewell(result, recorder, flags), {});
      const status = isInterrupted ? exitBySignal(interrupt.by() ?? "SIGINT") : undefined;
      if (result.chips === 0) return status!;
      const found = verdicts(plans, result, question, parts === undefined);
      const verified: Verified = {
        measure: trials.measure,
        clean: trials.clean,
        target: goal.target,
        keep: keep > 0 ? keep : usualKeep,
        yieldTarget: flags.yield ?? null,
        samples: trials.samples,
        images: parts?.images ?? trials.samples,
        seed: trials.seed,
        protection: plans.some(({ plan }) => plan.protection === "coded")
          ? (flags.protection ?? "exact")
          : "ideal",
        stop,
        ended: result.ended,
        interval: result.method,
        resumed: result.resumed,
        pilot,
        ...found[0]!,
        kept: found.every((plan) => plan.kept),
        plans: found,
      };
      warn([...prepared.warnings, ...guessWarnings(data, verified)]);
      if (flags.json === true) sayJson(verified);
      else {
        say(account(verified));
        for (const [i, verdict] of found.entries()) {
          const words = predictionWords(verdict, trials, plans[i]!.plan.predicted.check);
          if (words !== undefined) say(words);
        }
      }
      return status ?? (verified.kept ? exitDone : exitMissed);
    });
  } finally {
    interrupt.remove();
    store?.close();
  }
}
