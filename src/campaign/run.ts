/**
 * @file Runs a campaign: chips in their order under all plans, until its question is answered. The chips that count, and
 * so the numbers, depend neither on the workers nor on what was interrupted: they are always the first ones.
 */
import type { Protection, TrialJob, TrialOutcome } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import { controlledValues, type Interval } from "../stats/index.ts";
import type { ImageParts, ChipTrials } from "../simulation/index.ts";
import {
  answer,
  chipsExpected,
  isEnough,
  meanMethod,
  mostChips,
  nextLook,
  pairedAnswers,
  pilotChips,
  plannedChips,
  type Answer,
  type MeanMethod,
  type Question,
  type StopRule,
} from "./question.ts";
import type { ChipRecord, Recorder } from "./record.ts";

/** Why a campaign ended, for its store. */
const endings = {
  chips: "as many as were asked for",
  settled: "the question is settled",
  precision: "the interval is narrow enough",
  planned: "as many as the pilot asked for",
  limit: "the most that were allowed",
  interrupted: "interrupted",
} as const;

/** How far a campaign is. */
export interface CampaignProgress {
  /** Finished chips, and how many it may take about. */
  readonly done: number;
  readonly expected: number;
  /** Chips that were there when it began. */
  readonly resumed: number;
  /** [plans] what the chips that count so far say. */
  readonly answers: readonly Answer[];
}

/** What a campaign is to do. */
export interface CampaignOptions {
  readonly protections: readonly Protection[];
  readonly question: Question;
  readonly stop: StopRule;
  /** Judges each chip on part of the images. */
  readonly parts?: ImageParts | undefined;
  /** Takes the interval by betting, which assumes nothing of the chips, where one is needed that holds at every look. */
  readonly isExact?: boolean;
  /** Where finished chips are kept; in memory alone unless given. */
  readonly recorder?: Recorder | undefined;
  readonly onProgress?: (progress: CampaignProgress) => void;
  /** Interrupts the campaign: it ends with the chips that are finished. */
  readonly signal?: AbortSignal | undefined;
}

/** What a campaign found. */
export interface CampaignResult {
  /** Why it ended. `limit`: its rule was not met within its most chips. */
  readonly ended: "chips" | "settled" | "precision" | "planned" | "limit" | "interrupted";
  readonly method: MeanMethod;
  /** Chips that count: the first so many. */
  readonly chips: number;
  /** Chips that were there when it began, among those that count. */
  readonly resumed: number;
  readonly records: readonly ChipRecord[];
  /** [plans][chips] scores as judged. */
  readonly scores: readonly (readonly number[])[];
  /** [plans] */
  readonly answers: readonly Answer[];
  /** [plans - 1] mean score of each further plan less that of the first, on the same chips. */
  readonly differences: readonly Interval[];
  /** Chips that could not be written to the store. */
  readonly unwritten: number;
}

/** Whether a rule looks at the answers while chips are tried. */
const looks = (rule: StopRule): rule is Extract<StopRule, { kind: "settled" | "precision" }> =>
  rule.kind === "settled" || rule.kind === "precision";

/** Chips given to the workers at once where the end is not known: enough to keep them at work, few enough to waste. */
const leastRound = 32;

/** Runs a campaign. @throws QtamlError what a trial throws */
export async function runCampaign(trials: ChipTrials, options: CampaignOptions): Promise<CampaignResult> {
  const { protections, question, stop, parts, recorder, signal } = options;
  let most = mostChips(stop);
  const range = parts?.range ?? question.goal.range;
  const method = meanMethod(stop, range, options.isExact);
  const records = new Map<number, ChipRecord>(recorder?.known ?? []);
  const resumed = [...records.keys()].filter((chip) => chip < most).length;
  const scores: number[][] = protections.map(() => []);
  const controls: number[] = [];
  let chips = 0;
  let isCut = false;
  let look = 2;
  let stopped: number | undefined;
  let answers: Answer[] = [];
  const settledEnough = new AbortController();

  /** What is averaged over the first chips under a plan: their scores, less what the part of the images explains. */
  const valuesAt = (count: number, by: MeanMethod, p: number): ArrayLike<number> => {
    const own = scores[p]!.slice(0, count);
    if (parts === undefined) return own;
    const control = { values: controls.slice(0, count), expected: parts.expected };
    return controlledValues(own, control, by === "student" ? "others" : "earlier", [0, 1]);
  };
  const answersAt = (count: number, by: MeanMethod) =>
    scores.map((own, p) => answer(question, by, valuesAt(count, by, p), own.slice(0, count), range));
  /** Takes finished chips in their order and looks where it is time to. */
  const advance = () => {
    for (let next = records.get(chips); next !== undefined && chips < most; next = records.get(chips)) {
      const { outcome, scores: own } = next;
      own.forEach((score, p) => scores[p]!.push(score));
      if (parts !== undefined) controls.push(parts.control(outcome.trial));
      chips++;
      if (stop.kind === "planned" && chips === Math.min(pilotChips, most)) {
        const values = protections.map((_, p) => valuesAt(chips, method, p));
        const needed = plannedChips(stop, values);
        isCut = needed > most;
        most = Math.min(most, needed);
      }
      if (!looks(stop) || chips < look) continue;
      look = nextLook(chips);
      answers = answersAt(chips, method);
      if (!isEnough(stop, question, answers)) continue;
      stopped = chips;
      settledEnough.abort();
      return;
    }
  };
  const tell = () => {
    if (options.onProgress === undefined) return;
    if (!looks(stop) && chips > 0) answers = answersAt(chips, method);
    const expected = looks(stop) ? chipsExpected(stop, question, answers, chips) : most;
    options.onProgress({ done: Math.min(records.size, most), expected, resumed, answers });
  };
  const finished = (outcome: TrialOutcome) => {
    if (records.has(outcome.trial)) return;
    const record = { outcome, scores: outcome.tallies.map((tally) => trials.score(tally)) };
    records.set(outcome.trial, record);
    recorder?.keep(record);
    if (stopped === undefined) advance();
    tell();
  };
  const jobOf = (trial: number): TrialJob => ({
    trial,
    protections,
    ...(parts === undefined ? {} : { samples: parts.of(trial) }),
  });

  if (resumed > 0) recorder?.note(`went on with ${resumed} chips`);
  advance();
  const signals = signal === undefined ? [settledEnough.signal] : [settledEnough.signal, signal];
  let isInterrupted = signal?.aborted === true;
  /** Gives the next chips to the workers; whether more are needed afterwards. */
  const round = async (): Promise<boolean> => {
    const isPilot = stop.kind === "planned" && chips < pilotChips;
    const wanted = looks(stop) ? chips + Math.max(leastRound, chips) : isPilot ? pilotChips : most;
    const end = Math.min(most, wanted);
    const jobs: TrialJob[] = [];
    for (let trial = chips; trial < end; trial++) if (!records.has(trial)) jobs.push(jobOf(trial));
    try {
      await trials.execute(jobs, { onOutcome: finished, signal: AbortSignal.any(signals) });
    } catch (error) {
      if (!(error instanceof QtamlError && error.code === "aborted")) throw error;
      isInterrupted = stopped === undefined;
    }
    return stopped === undefined && chips < most && !isInterrupted;
  };
  let isOpen = stopped === undefined && chips < most && !isInterrupted;
  while (isOpen) isOpen = await round();

  const count = stopped ?? chips;
  const isShort = isInterrupted && count < most;
  // A number of chips that was not fixed beforehand needs an interval that holds at every look.
  const by = isShort ? meanMethod({ kind: "settled", atMost: most }, range, options.isExact) : method;
  const counted = scores.map((own) => own.slice(0, count));
  const ended = isShort
    ? "interrupted"
    : stopped !== undefined || (!looks(stop) && !isCut)
      ? stop.kind
      : "limit";
  recorder?.note(`ended after ${count} chips: ${endings[ended]}`);
  return {
    ended,
    method: by,
    chips: count,
    resumed: Math.min(resumed, count),
    records: Array.from({ length: count }, (_, chip) => records.get(chip)!),
    scores: counted,
    answers: count === 0 ? [] : answersAt(count, by),
    differences: pairedAnswers(
      by,
      protections.map((_, p) => valuesAt(count, by, p)),
      range,
    ),
    unwritten: recorder?.finish() ?? 0,
  };
}
