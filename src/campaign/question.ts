/**
 * @file What a campaign asks of a plan, when it may stop asking, and the intervals that answer.
 */
import { QtamlError } from "../errors.ts";
import {
  asymptoticMeanSequence,
  boundedMeanInterval,
  jointConfidence,
  meanInterval,
  momentsOf,
  proportionInterval,
  proportionSequence,
  requiredChips,
  standardDeviation,
  type Interval,
} from "../stats/index.ts";
import { isKept, type Goal } from "../simulation/index.ts";

/**
 * When a campaign ends. `chips`: after a number that is fixed beforehand. `settled`: as soon as the question is
 * answered for every plan. `precision`: as soon as the interval of what is asked for reaches no further than
 * `halfWidth` to either side, for every plan. `planned`: after a number of chips that is worked out once, from the first
 * `leastChips`, so that the interval of the mean reaches about so far (Stein's two stages, `stats.requiredChips`). The
 * last three end after `atMost` chips at the latest.
 */
export type StopRule =
  | { readonly kind: "chips"; readonly chips: number }
  | { readonly kind: "settled"; readonly atMost: number }
  | { readonly kind: "precision"; readonly halfWidth: number; readonly atMost: number }
  | { readonly kind: "planned"; readonly halfWidth: number; readonly atMost: number };

/**
 * Chips before which no campaign ends by what it found, neither by a look nor by a plan made from their spread. So many
 * that chips which are bad once in twenty times are met (all but 4 % of the time): a spread that was taken without them
 * makes the interval far too narrow.
 */
export const leastChips = 64;

/** Chips that a planned campaign needs, whatever its most. @param values [plans][leastChips] what is averaged over the first chips */
export function plannedChips(
  { halfWidth, atMost }: Extract<StopRule, { kind: "planned" }>,
  values: readonly ArrayLike<number>[],
): number {
  // A single chip has no spread.
  if (atMost < 2) return atMost;
  const deviation = Math.max(...values.map((own) => standardDeviation(momentsOf(own))));
  return requiredChips(deviation, halfWidth, { pilotChips: Math.min(leastChips, atMost) });
}

/**
 * How an interval for a mean is made. `student`: for a number of chips fixed beforehand. `betting`: holds at every look,
 * for any distribution within the bounds of the score. `asymptotic`: holds at every look for large numbers of chips.
 */
export type MeanMethod = "student" | "betting" | "asymptotic";

/** What is asked of each plan. */
export interface Question {
  /** The mean over chips is to reach it, or the chips of the wanted yield are. */
  readonly goal: Goal;
  /** Share of chips that are to reach the goal; unless given, the mean over chips is asked about. */
  readonly yield?: number | undefined;
}

/** Answers so far of one plan. */
export interface Answer {
  /** Of the score over chips. */
  readonly mean: Interval;
  /** Of the share of chips that reach the goal. */
  readonly yield: Interval;
  /** Whether the plan keeps what is asked; undefined while the interval leaves doubt. */
  readonly verdict: boolean | undefined;
}

/** Most chips of a campaign. @param rule when it ends */
export const mostChips = (rule: StopRule): number => (rule.kind === "chips" ? rule.chips : rule.atMost);

/**
 * The method that is valid for a rule.
 *
 * @param isExact whether nothing may be assumed of the chips but the bounds of their scores
 * @throws QtamlError `invalid-argument` where that is asked of a score without bounds
 */
export function meanMethod(rule: StopRule, range: Goal["range"], isExact = false): MeanMethod {
  if (!isExact) return rule.kind === "chips" || rule.kind === "planned" ? "student" : "asymptotic";
  if (Number.isFinite(range[1] - range[0])) return "betting";
  throw new QtamlError(
    "invalid-argument",
    "This measure has no bounds, without which no interval is exact: leave --exact out, or choose another --measure.",
  );
}

/** Interval of a mean over chips by one of the methods. @param range bounds of the values */
export function meanBy(method: MeanMethod, values: ArrayLike<number>, range: Goal["range"]): Interval {
  const [lower, upper] = range;
  if (method === "betting") return boundedMeanInterval(values, { lower, upper });
  if (values.length === 0) return { estimate: Number.NaN, low: lower, high: upper };
  const moments = momentsOf(values);
  return method === "student"
    ? meanInterval(moments, { clip: range })
    : asymptoticMeanSequence(moments, { clip: range });
}

/**
 * The answer for a plan after some chips.
 *
 * @param values what is averaged over chips, within `range`
 * @param scores what is held against the goal, chip by chip
 */
export function answer(
  question: Question,
  method: MeanMethod,
  values: ArrayLike<number>,
  scores: readonly number[],
  range: Goal["range"],
): Answer {
  const { goal } = question;
  const mean = meanBy(method, values, range);
  const good = scores.reduce((count, score) => count + (isKept(goal, score) ? 1 : 0), 0);
  const share =
    method === "student" ? proportionInterval(good, scores.length) : proportionSequence(good, scores.length);
  if (question.yield !== undefined) {
    return { mean, yield: share, verdict: verdictOf(share, question.yield, true) };
  }
  return { mean, yield: share, verdict: verdictOf(mean, goal.target, goal.higherIsBetter) };
}

/** On which side of a target an interval lies; undefined when the target is inside. */
function verdictOf({ low, high }: Interval, target: number, higherIsBetter: boolean): boolean | undefined {
  if (higherIsBetter ? low >= target : high <= target) return true;
  if (higherIsBetter ? high < target : low > target) return false;
  return undefined;
}

/** Whether a rule that looks at the answers for all plans is met. */
export function isEnough(
  rule: Extract<StopRule, { kind: "settled" | "precision" }>,
  question: Question,
  answers: readonly Answer[],
): boolean {
  if (rule.kind === "settled") return answers.every((a) => a.verdict !== undefined);
  return answers.every((a) => {
    const { estimate, low, high } = question.yield === undefined ? a.mean : a.yield;
    return Math.max(estimate - low, high - estimate) <= rule.halfWidth;
  });
}

/**
 * Numbers of chips at which a campaign looks: each up to a hundred, then in steps of 2 %. They do not depend on how
 * many workers there are, so neither does where a campaign stops.
 */
export function nextLook(chips: number): number {
  return chips < 100 ? chips + 1 : Math.ceil(chips * 1.02);
}

/**
 * Intervals of what each further plan's chips score less than those of the first, under the same faults; together they
 * cover with 95 %, at every look unless the method is `student`.
 */
export function pairedAnswers(
  method: MeanMethod,
  values: readonly ArrayLike<number>[],
  range: Goal["range"],
): Interval[] {
  const [first, ...others] = values;
  if (first === undefined || first.length === 0 || others.length === 0) return [];
  const confidence = jointConfidence(others.length);
  const reach = range[1] - range[0];
  return others.map((own) => {
    const difference = Float64Array.from(own, (value, i) => value - first[i]!);
    if (method === "betting") {
      return boundedMeanInterval(difference, { lower: -reach, upper: reach, confidence });
    }
    const options = { confidence, clip: [-reach, reach] as const };
    const moments = momentsOf(difference);
    return method === "student" ? meanInterval(moments, options) : asymptoticMeanSequence(moments, options);
  });
}

/**
 * About how many chips a rule will take, from the answers so far: intervals narrow as one over the root of the number of
 * chips. For the time left, not for any decision.
 */
export function chipsExpected(
  rule: StopRule,
  question: Question,
  answers: readonly Answer[],
  chips: number,
): number {
  const most = mostChips(rule);
  if (rule.kind === "chips" || chips < 2) return most;
  let expected = chips;
  for (const { mean, yield: share, verdict } of answers) {
    if (rule.kind === "settled" && verdict !== undefined) continue;
    const { estimate, low, high } = question.yield === undefined ? mean : share;
    const target = question.yield ?? question.goal.target;
    const wanted = rule.kind === "precision" ? rule.halfWidth : Math.abs(estimate - target);
    const own =
      rule.kind === "precision"
        ? Math.max(estimate - low, high - estimate)
        : estimate >= target
          ? estimate - low
          : high - estimate;
    const needed = wanted > 0 ? chips * (own / wanted) ** 2 : most;
    expected = Math.max(expected, needed);
  }
  return Math.min(most, Math.ceil(Number.isFinite(expected) ? expected : most));
}

/** @throws QtamlError `invalid-argument` for a yield that cannot be asked for */
export function checkYield(share: number | undefined): void {
  if (share === undefined || (share > 0 && share < 1)) return;
  throw new QtamlError(
    "invalid-argument",
    `--yield ${share} is outside (0, 1): give the share of chips that are to keep the target, for instance 0.99.`,
  );
}
