/**
 * @file The account of a campaign: its chips in their order, when they are enough, and what those that count say. While
 * chips are tried and when a store is read it is the same.
 */
import { controlledValues, type Interval } from "../stats/index.ts";
import type { Asked } from "./asked.ts";
import {
  answer,
  chipsExpected,
  isEnough,
  meanMethod,
  mostChips,
  nextLook,
  pairedAnswers,
  leastChips,
  plannedChips,
  type Answer,
  type MeanMethod,
  type StopRule,
} from "./question.ts";
import type { ChipRecord } from "./record.ts";

/** What the chips that count say. */
export interface Findings {
  /** Why the campaign ended. `limit`: its rule was not met within its most chips. */
  readonly ended: "chips" | "settled" | "precision" | "planned" | "limit" | "interrupted";
  readonly method: MeanMethod;
  /** Chips that count: the first so many. */
  readonly chips: number;
  /** [plans][chips] scores as judged. */
  readonly scores: readonly (readonly number[])[];
  /** [plans] */
  readonly answers: readonly Answer[];
  /** [plans - 1] mean score of each further plan less that of the first, on the same chips. */
  readonly differences: readonly Interval[];
}

/** Whether a rule looks at the answers while chips are tried. */
export const looks = (rule: StopRule): rule is Extract<StopRule, { kind: "settled" | "precision" }> =>
  rule.kind === "settled" || rule.kind === "precision";

/** Chips in their order. */
export interface Account {
  /** Chips that were taken. */
  readonly chips: number;
  /** Most chips, as far as is known. */
  readonly most: number;
  /** Whether the rule was met at a look. */
  readonly isStopped: boolean;
  /** Takes the chips that follow on those before, until there are enough; the others wait. */
  advance(records: ReadonlyMap<number, ChipRecord>): void;
  /** The answers for the chips so far (at the last look, where the rule looks), and how many chips it may take about. */
  progress(): { readonly expected: number; readonly answers: readonly Answer[] };
  /** What the chips say. @param isInterrupted whether no more will come */
  close(isInterrupted: boolean): Findings;
}

/** Begins the account of so many plans. */
export function openAccount(plans: number, { question, stop, isExact, parts }: Asked): Account {
  const range = parts?.range ?? question.goal.range;
  const method = meanMethod(stop, range, isExact);
  const scores = Array.from({ length: plans }, (): number[] => []);
  const controls: number[] = [];
  let most = mostChips(stop);
  let chips = 0;
  let isCut = false;
  let look = 2;
  let isStopped = false;
  let answers: Answer[] = [];

  /** What is averaged over the chips under a plan: their scores, less what the part of the images explains. */
  const valuesBy = (by: MeanMethod, own: readonly number[]): ArrayLike<number> => {
    if (parts === undefined) return own;
    const control = { values: controls, expected: parts.expected };
    return controlledValues(own, control, by === "student" ? "others" : "earlier", [0, 1]);
  };
  const answersBy = (by: MeanMethod) =>
    scores.map((own) => answer(question, by, valuesBy(by, own), own, range));
  /** Takes a chip and looks where it is time to. */
  const take = ({ scores: own, control }: ChipRecord) => {
    own.forEach((score, p) => scores[p]!.push(score));
    if (parts !== undefined) controls.push(control ?? Number.NaN);
    chips++;
    if (stop.kind === "planned" && chips === Math.min(leastChips, most)) {
      const needed = plannedChips(
        stop,
        scores.map((values) => valuesBy(method, values)),
      );
      isCut = needed > most;
      most = Math.min(most, needed);
    }
    if (!looks(stop) || chips < look) return;
    look = nextLook(chips);
    answers = answersBy(method);
    isStopped = chips >= Math.min(leastChips, most) && isEnough(stop, question, answers);
  };
  return {
    get chips() {
      return chips;
    },
    get most() {
      return most;
    },
    get isStopped() {
      return isStopped;
    },
    advance(records) {
      for (let next = records.get(chips); next !== undefined; next = records.get(chips)) {
        if (isStopped || chips >= most) return;
        take(next);
      }
    },
    progress() {
      if (!looks(stop) && chips > 0) answers = answersBy(method);
      return { expected: looks(stop) ? chipsExpected(stop, question, answers, chips) : most, answers };
    },
    close(isInterrupted) {
      const isShort = isInterrupted && !isStopped && chips < most;
      // A number of chips that was not fixed beforehand needs an interval that holds at every look.
      const by = isShort ? meanMethod({ kind: "settled", atMost: most }, range, isExact) : method;
      return {
        ended: isShort ? "interrupted" : isStopped || (!looks(stop) && !isCut) ? stop.kind : "limit",
        method: by,
        chips,
        scores,
        answers: chips === 0 ? [] : answersBy(by),
        differences: pairedAnswers(
          by,
          scores.map((own) => valuesBy(by, own)),
          range,
        ),
      };
    },
  };
}
