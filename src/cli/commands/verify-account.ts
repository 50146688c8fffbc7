/** @file The result of `qtaml verify` for a person. */
import { leastChips } from "../../campaign/index.ts";
import { formatPercent, formatScore, measureWords } from "../../report/index.ts";
import { coloursOf } from "../colour.ts";
import { fitTable } from "../output.ts";
import type { Plan } from "../../protect/index.ts";
import type { PlanVerdict, Verified } from "./verified.ts";

const share = (value: number | null) => formatPercent(value, 1);

const chipWords = (chips: number) => `${chips} chip${chips === 1 ? "" : "s"}`;

/** What was asked. */
function asked({ measure, clean, samples, target, keep, yieldTarget }: Verified): string {
  const score = (value: number) => formatScore(value, measure.unit, 2);
  const onChips = yieldTarget === null ? "" : ` on ${formatPercent(yieldTarget)} of chips`;
  return `Clean ${measure.title} ${score(clean)} on ${samples} samples; to keep: ${measure.higherIsBetter ? "" : "at most "}${score(target)} (${formatPercent(keep)} of ${measure.kept})${onChips}.`;
}

const protectionWords = {
  ideal: "Protection is ideal: protected bits never flip, and no parity is counted.",
  residual:
    "Protection is statistical: bits that codes hold flip by themselves, as often as their code leaves.",
  exact: "Protection is exact: codewords were hit in data and check bits, and decoded.",
} as const;

/** Why it ended, and what its intervals are worth. */
function ending(result: Verified): string[] {
  const { ended, chips, stop, interval, resumed, images, samples, pilot } = result;
  const most = stop.kind === "chips" ? stop.chips : stop.atMost;
  const why = {
    chips: "",
    settled: `Stopped after ${chipWords(chips)} (of at most ${most}): the question is settled.`,
    precision: `Stopped after ${chipWords(chips)} (of at most ${most}): the interval is narrow enough.`,
    planned: `The number of chips was worked out from the first ${leastChips}.`,
    limit: `Stopped at the most chips, ${most}; --trials allows more.`,
    interrupted: `Interrupted after ${chipWords(chips)} of ${stop.kind === "chips" ? "" : "at most "}${most}.`,
  }[ended];
  const worth = {
    student: "",
    betting: "Intervals hold however often one looks, for any distribution of chips.",
    asymptotic:
      "Intervals hold however often one looks; those of means are for many chips and leave out rare bad ones that were not met (--exact counts them in).",
  }[interval];
  const part =
    images < samples
      ? `Each chip was judged on ${images} of ${samples} images, so the yield is not known${pilot === null ? "" : `; that was ${pilot.gain.toFixed(1)} times faster than all images, by a pilot (again: --images ${images})`}.`
      : pilot === null
        ? ""
        : "A pilot found all images for each chip to be fastest.";
  const again = resumed > 0 ? `${resumed === chips ? "All" : resumed} of them came from the store.` : "";
  return [part, [why, again, worth].filter((text) => text !== "").join(" ")].filter((text) => text !== "");
}

function outcomeLines({ outcomes, nonFinite, measure }: PlanVerdict & Pick<Verified, "measure">): string[] {
  const lines: string[] = [];
  if (outcomes !== null && measure.name !== "sdc") {
    const labelled = Number.isFinite(outcomes.degradation)
      ? `; right before and wrong now (top-1 SDC): ${share(outcomes.top1Sdc)}; accuracy lost: ${(100 * outcomes.degradation).toFixed(1)} points`
      : "";
    lines.push(`Answers that changed (SDC): ${share(outcomes.sdc)}${labelled}.`);
  }
  if (nonFinite > 0) lines.push(`Outputs that are not finite: ${formatPercent(nonFinite)} of samples.`);
  return lines;
}

/** The verdict in words. */
function verdictWords(plan: PlanVerdict, verified: Verified): string {
  const { good, bad } = coloursOf(process.stdout);
  const word = plan.kept ? good("Kept") : bad("Missed");
  if (plan.verdict !== "open") return `${word}: the interval leaves no doubt.`;
  return `${word} so far, but the interval leaves doubt: ${remedy(verified)}.`;
}

/** What settles an open question, by the rule that ended the campaign. */
function remedy({ ended, stop }: Verified): string {
  if (ended === "interrupted") return "go on";
  if (ended === "precision" || ended === "planned") {
    const asked = stop.kind === "precision" || stop.kind === "planned" ? stop.halfWidth : Number.NaN;
    return `ask for less than ±${asked} with --until, or for --until settled`;
  }
  return "try more chips with --trials";
}

function accountOfOne(result: Verified): string[] {
  const { measure, chips } = result;
  const score = (value: number | null) => formatScore(value, measure.unit, 2);
  const accuracy = `${measureWords(measure)} over ${chipWords(chips)}: ${score(result.accuracy)}, 95 % interval ${score(result.low)} to ${score(result.high)}.`;
  const yields =
    result.yield === null
      ? []
      : [
          `Yield: ${share(result.yield)} of chips keep the target (${share(result.yieldLow)} to ${share(result.yieldHigh)}); ${measure.higherIsBetter ? "5th" : "95th"} percentile ${score(result.percentile5)}.`,
        ];
  return [accuracy, ...yields, ...outcomeLines(result), ...ending(result), verdictWords(result, result)];
}

function accountOfSeveral(result: Verified): string[] {
  const { measure, plans, chips } = result;
  const score = (value: number | null) => formatScore(value, measure.unit, 2);
  const first = plans[0]!;
  const points = (value: number) => (measure.unit === "share" ? (100 * value).toFixed(2) : score(value));
  const signed = (value: number) => `${value >= 0 ? "+" : ""}${points(value)}`;
  const unit = measure.unit === "share" ? " points" : "";
  const hasYield = first.yield !== null;
  const { good, bad } = coloursOf(process.stdout);
  const rows = plans.map((plan) => [
    plan.plan,
    formatPercent(plan.overhead),
    `${score(plan.accuracy)} (${score(plan.low)} to ${score(plan.high)})`,
    ...(hasYield ? [`${share(plan.yield)} (${share(plan.yieldLow)} to ${share(plan.yieldHigh)})`] : []),
    plan.verdict === "open"
      ? `open (${plan.kept ? "above" : "below"})`
      : { text: plan.verdict, colour: plan.kept ? good : bad },
  ]);
  const header = ["plan", "overhead", measure.title, ...(hasYield ? ["yield"] : []), "verdict"];
  const differences = plans.slice(1).map(({ plan, difference }) => {
    const { estimate, low, high } = difference!;
    const better = measure.higherIsBetter ? low > 0 : high < 0;
    const worse = measure.higherIsBetter ? high < 0 : low > 0;
    const words = better ? "better" : worse ? "worse" : "no difference is shown";
    return `${plan} against ${first.plan}, on the same chips: ${signed(estimate)}${unit} (${signed(low)} to ${signed(high)}): ${words}.`;
  });
  return [
    `${chipWords(chips)}, all plans under the same faults; mean and yield with 95 % intervals:`,
    "",
    fitTable(rows, header),
    "",
    ...differences,
    ...ending(result),
  ];
}

/** Measures that expected accuracy predicts. */
const accuracies = new Set(["top-1", "expected-accuracy"]);

/**
 * What a plan's own check predicted, beside what the chips kept; undefined where it predicted nothing of this measure.
 *
 * @param check of the plan (`Plan["predicted"]`)
 */
export function predictionWords(
  { accuracy, low, high, plan }: Pick<PlanVerdict, "accuracy" | "low" | "high" | "plan">,
  { measure, clean }: Pick<Verified, "measure" | "clean">,
  check: Plan["predicted"]["check"],
): string | undefined {
  if (check === undefined || check.measure !== "expected-accuracy" || !accuracies.has(measure.name))
    return undefined;
  const predicted = [check.low, check.high].map((value) => value / check.clean) as [number, number];
  const isOutside = low / clean > predicted[1] || high / clean < predicted[0];
  return `${plan} was predicted to keep ${formatPercent(check.score / check.clean)} (${formatPercent(predicted[0])} to ${formatPercent(predicted[1])}) of the clean accuracy, and keeps ${formatPercent(accuracy / clean)}: ${isOutside ? "outside the prediction" : "as predicted"}.`;
}

/** The result in lines. */
export function account(result: Verified): string {
  return [
    asked(result),
    protectionWords[result.protection],
    ...(result.plans.length === 1 ? accountOfOne(result) : accountOfSeveral(result)),
  ].join("\n");
}
