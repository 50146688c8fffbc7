/** @file Campaigns that the page starts, watches and stops: one at a time, in memory. */
import { makePlan } from "../planning/index.ts";
import {
  openSimulation,
  planProtection,
  type ChipTrials,
  type Goal,
  type SimulationOptions,
} from "../simulation/index.ts";
import {
  runCampaign,
  type Answer,
  type CampaignProgress,
  type ChipRecord,
  type Recorder,
} from "../campaign/index.ts";
import type { Assessment } from "../assessment/index.ts";
import type { Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import {
  binScores,
  noCampaign,
  type CampaignRequest,
  type CampaignState,
  type Estimate,
  type PlanOutcome,
} from "../explorer/index.ts";
import type { Plan } from "../protect/index.ts";
import type { Interval } from "../stats/index.ts";
import { Topic } from "./events.ts";
import { withFlips } from "./memory.ts";
import type { Opened } from "./opened.ts";
import { errorWords } from "./words.ts";

/** What is there of the last campaign, for replays and files. */
export interface KeptCampaign {
  readonly id: number;
  readonly request: CampaignRequest;
  readonly assessment: Assessment;
  readonly data: Dataset;
  readonly plans: readonly Plan[];
  readonly records: ReadonlyMap<number, ChipRecord>;
}

/** How chips are tried, as the server was started. */
export type TrialSettings = Pick<SimulationOptions, "threads" | "measure">;

const finite = (value: number) => (Number.isFinite(value) ? value : null);
const estimateOf = ({ estimate, low, high }: Interval): Estimate => ({
  estimate: finite(estimate),
  low: finite(low),
  high: finite(high),
});

/** States follow each other no faster than eyes do, in ms. */
const pauseMs = 100;

/** Keeps chips in memory. */
class Records implements Recorder {
  readonly known: ReadonlyMap<number, ChipRecord> = new Map();
  readonly records = new Map<number, ChipRecord>();
  keep(record: ChipRecord): void {
    this.records.set(record.outcome.trial, record);
  }
  note(): void {}
  finish(): number {
    return 0;
  }
}

/** [plans] what the finished chips say of each plan. */
function outcomes(
  plans: readonly Plan[],
  request: CampaignRequest,
  records: ReadonlyMap<number, ChipRecord>,
  answers: readonly Answer[],
  goal: Goal,
): PlanOutcome[] {
  const chips = [...records.values()].sort((a, b) => a.outcome.trial - b.outcome.trial);
  const scores = plans.map((_, p) => chips.map((record) => record.scores[p]!));
  return plans.map((plan, p): PlanOutcome => {
    const answer = answers[p];
    const order = chips
      .map(({ outcome }, i) => ({ chip: outcome.trial, score: scores[p]![i]! }))
      .sort((a, b) => (goal.higherIsBetter ? a.score - b.score : b.score - a.score));
    return {
      ...request.plans[p]!,
      overhead: plan.overhead,
      mean: answer === undefined ? null : estimateOf(answer.mean),
      yield: answer === undefined ? null : estimateOf(answer.yield),
      verdict: answer?.verdict === undefined ? "open" : answer.verdict ? "kept" : "missed",
      histogram: binScores(scores[p]!, goal.target) ?? null,
      worstChip: order[0]?.chip ?? null,
      medianChip: order[Math.floor(order.length / 2)]?.chip ?? null,
    };
  });
}

/** The campaign of a server. */
export class Campaigns {
  readonly topic = new Topic<CampaignState>(noCampaign);
  readonly #settings: TrialSettings;
  #running: { readonly stop: AbortController; readonly finished: Promise<void> } | undefined;
  #kept: KeptCampaign | undefined;

  constructor(settings: TrialSettings) {
    this.#settings = settings;
  }

  /** The last campaign, once its chips are tried. */
  get kept(): KeptCampaign | undefined {
    return this.#kept;
  }

  /**
   * Starts a campaign.
   *
   * @throws QtamlError `invalid-argument` while another one runs, or without data to judge by
   */
  start(request: CampaignRequest, { assessment, data }: Opened): number {
    if (this.#running !== undefined) {
      throw new QtamlError("invalid-argument", "A campaign is running: stop it before another is started.");
    }
    if (data === undefined) {
      throw new QtamlError(
        "invalid-argument",
        "Trying chips needs data to judge them by: start the server with --data.",
      );
    }
    const id = this.topic.value.id + 1;
    const stop = new AbortController();
    this.#kept = undefined;
    this.topic.publish({ ...noCampaign, id, stage: "preparing", request, expected: request.chips });
    const finished = this.#run(id, request, withFlips(assessment, request.flips), data, stop.signal)
      .catch((error: unknown) =>
        this.#say({ stage: "failed", work: null, message: errorWords(error).message }),
      )
      .finally(() => (this.#running = undefined));
    this.#running = { stop, finished };
    return id;
  }

  /** Stops the campaign; what was found so far stays. */
  stop(): void {
    this.#running?.stop.abort();
  }

  /** Stops the campaign and waits for its end. */
  async close(): Promise<void> {
    this.stop();
    await this.#running?.finished;
    this.topic.end();
  }

  #say(change: Partial<CampaignState>): void {
    this.topic.publish({ ...this.topic.value, ...change });
  }

  async #run(
    id: number,
    request: CampaignRequest,
    assessment: Assessment,
    data: Dataset,
    signal: AbortSignal,
  ): Promise<void> {
    const { seed } = request;
    // Its seed is that of the chips: the plans are those that the page shows and hands out.
    const total = request.plans.length;
    const plans: Plan[] = [];
    for (const { policy, budget } of request.plans) {
      this.#say({ work: { stage: "Making plans", done: plans.length, total } });
      if (signal.aborted) break;
      plans.push(await makePlan(assessment, { policy, overhead: budget }));
    }
    if (signal.aborted) {
      this.#say({ stage: "ended", work: null, ended: "interrupted" });
      return;
    }
    this.#say({ work: { stage: "Opening the network", done: 0, total: 0 } });
    const trials = await openSimulation(assessment, data, { ...this.#settings, seed });
    try {
      await this.#tryChips({ id, request, assessment, data, plans, records: new Map() }, trials, signal);
    } finally {
      await trials.close();
    }
  }

  async #tryChips(campaign: KeptCampaign, trials: ChipTrials, signal: AbortSignal): Promise<void> {
    const { plans, request } = campaign;
    const goal = trials.goal(request.keep);
    const recorder = new Records();
    const started = performance.now();
    let last = -Infinity;
    const tell = ({ done, expected, answers }: Pick<CampaignProgress, "done" | "expected" | "answers">) =>
      this.#say({
        done,
        expected,
        seconds: (performance.now() - started) / 1000,
        plans: outcomes(plans, request, recorder.records, answers, goal),
      });
    this.#say({
      stage: "running",
      work: null,
      judged: {
        measure: trials.measure,
        clean: finite(trials.clean),
        target: finite(goal.target),
        samples: trials.samples,
      },
    });
    tell({ done: 0, expected: request.chips, answers: [] });
    const result = await runCampaign(trials, {
      protections: plans.map(planProtection),
      question: { goal },
      // Who watches may stop at any time, so the intervals must hold at every look: those of a rule that looks do.
      stop: request.untilSettled
        ? { kind: "settled", atMost: request.chips }
        : { kind: "precision", halfWidth: 0, atMost: request.chips },
      recorder,
      signal,
      onProgress: (progress) => {
        if (performance.now() - last < pauseMs) return;
        last = performance.now();
        tell(progress);
      },
    });
    const counted = new Map(result.records.map((record) => [record.outcome.trial, record]));
    this.#kept = { ...campaign, records: counted };
    this.#say({
      stage: "ended",
      ended: result.ended,
      done: result.chips,
      expected: result.chips,
      seconds: (performance.now() - started) / 1000,
      plans: outcomes(plans, request, counted, result.answers, goal),
    });
  }
}
