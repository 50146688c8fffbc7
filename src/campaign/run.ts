/**
 * @file Runs a campaign: chips in their order under all plans, until its question is answered. The chips that count, and
 * so the numbers, depend neither on the workers nor on what was interrupted: they are always the first ones.
 */
import type { Protection, TrialJob, TrialOutcome } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { ImageParts, ChipTrials } from "../simulation/index.ts";
import { looks, openAccount, type Findings } from "./account.ts";
import type { Asked } from "./asked.ts";
import { leastChips, type Answer } from "./question.ts";
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
export interface CampaignOptions extends Asked {
  /** [plans] by `planProtection`; all meet the same faults. */
  readonly protections: readonly Protection[];
  /** Judges each chip on part of the images. */
  readonly parts?: ImageParts | undefined;
  /** Where finished chips are kept; in memory alone unless given. */
  readonly recorder?: Recorder | undefined;
  /** Called after every chip. */
  readonly onProgress?: (progress: CampaignProgress) => void;
  /** Interrupts the campaign: it ends with the chips that are finished. */
  readonly signal?: AbortSignal | undefined;
}

/** What a campaign found. */
export interface CampaignResult extends Findings {
  /** Chips that were there when it began, among those that count. */
  readonly resumed: number;
  /** Those that count, by chip. */
  readonly records: readonly ChipRecord[];
  /** Chips that could not be written to the store. */
  readonly unwritten: number;
}

/** Chips given to the workers at once where the end is not known: enough to keep them at work, few enough to waste. */
const leastRound = 32;

/** Runs a campaign. @throws QtamlError what a trial throws */
export async function runCampaign(trials: ChipTrials, options: CampaignOptions): Promise<CampaignResult> {
  const { protections, stop, parts, recorder, signal } = options;
  const account = openAccount(protections.length, options);
  const records = new Map<number, ChipRecord>();
  /** Adds a finished chip, with its control, and keeps it where that is news. */
  const add = (found: ChipRecord, isKept: boolean) => {
    const { trial } = found.outcome;
    const lacks = parts !== undefined && found.control === undefined;
    const record = lacks ? { ...found, control: parts.control(trial) } : found;
    records.set(trial, record);
    if (lacks || !isKept) recorder?.keep(record);
  };
  for (const record of recorder?.known.values() ?? []) add(record, true);
  const resumed = [...records.keys()].filter((chip) => chip < account.most).length;
  const settledEnough = new AbortController();
  const advance = () => {
    account.advance(records);
    if (account.isStopped) settledEnough.abort();
  };
  const finished = (outcome: TrialOutcome) => {
    if (records.has(outcome.trial)) return;
    add({ outcome, scores: outcome.tallies.map((tally) => trials.score(tally)) }, false);
    advance();
    if (options.onProgress === undefined) return;
    const done = Math.min(records.size, account.most);
    options.onProgress({ done, resumed, ...account.progress() });
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
  const isOpen = () => !account.isStopped && account.chips < account.most && !isInterrupted;
  while (isOpen()) {
    const { chips, most } = account;
    const isPilot = stop.kind === "planned" && chips < leastChips;
    const wanted = looks(stop) ? chips + Math.max(leastRound, chips) : isPilot ? leastChips : most;
    const end = Math.min(most, wanted);
    const jobs: TrialJob[] = [];
    for (let trial = chips; trial < end; trial++) if (!records.has(trial)) jobs.push(jobOf(trial));
    try {
      await trials.execute(jobs, { onOutcome: finished, signal: AbortSignal.any(signals) });
    } catch (error) {
      if (!(error instanceof QtamlError && error.code === "aborted")) throw error;
      isInterrupted = !account.isStopped;
    }
  }
  const findings = account.close(isInterrupted);
  const { chips, ended } = findings;
  recorder?.note(`ended after ${chips} chips: ${endings[ended]}`);
  return {
    ...findings,
    resumed: Math.min(resumed, chips),
    records: Array.from({ length: chips }, (_, chip) => records.get(chip)!),
    unwritten: recorder?.finish() ?? 0,
  };
}
