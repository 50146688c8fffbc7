/** @file A campaign in the browser, for the page of static files: the same states as the server's. */
import {
  proportionSequence,
  asymptoticMeanSequence,
  momentsOf,
  type Interval,
} from "../../src/stats/index.ts";
import { builtInMeasure } from "../../src/measure/index.ts";
import {
  binScores,
  noCampaign,
  openNetwork,
  spendBudget,
  type CampaignRequest,
  type CampaignState,
  type Estimate,
  type NetworkSnapshot,
  type PlanOutcome,
} from "../../src/explorer/index.ts";
import type { ChipReport, ChipTask } from "./chip-worker.ts";

/** States follow each other no faster than eyes do, in ms. */
const pauseMs = 100;

const finite = (value: number) => (Number.isFinite(value) ? value : null);
const estimateOf = ({ estimate, low, high }: Interval): Estimate => ({
  estimate: finite(estimate),
  low: finite(low),
  high: finite(high),
});

/** What the chips say of one plan. */
function outcomeOf(
  choice: CampaignRequest["plans"][number],
  overhead: number,
  scores: readonly number[],
  target: number,
): PlanOutcome {
  const mean = asymptoticMeanSequence(momentsOf(scores), { clip: [0, 1] });
  const order = scores.map((score, chip) => ({ score, chip })).sort((a, b) => a.score - b.score);
  return {
    ...choice,
    overhead,
    mean: scores.length < 2 ? null : estimateOf(mean),
    yield: estimateOf(proportionSequence(scores.filter((score) => score >= target).length, scores.length)),
    verdict: mean.low >= target ? "kept" : mean.high < target ? "missed" : "open",
    histogram: binScores(scores, target) ?? null,
    worstChip: order[0]?.chip ?? null,
    medianChip: order[Math.floor(order.length / 2)]?.chip ?? null,
  };
}

let worker: Worker | undefined;
let finish: (() => void) | undefined;

/** Starts a campaign and tells its states. */
export function startLocal(
  request: CampaignRequest,
  snapshot: NetworkSnapshot,
  id: number,
  become: (state: CampaignState) => void,
): void {
  worker?.terminate();
  const network = openNetwork(snapshot, request.flips ?? undefined);
  const overheads = request.plans.map(({ policy, budget }) => spendBudget(network, policy, budget).overhead);
  const scores: number[][] = request.plans.map(() => []);
  const started = performance.now();
  let last = -Infinity;
  let state: CampaignState = {
    ...noCampaign,
    id,
    stage: "preparing",
    request,
    expected: request.chips,
    work: { stage: "Loading the runtime", done: 0, total: 0 },
  };
  let target = 0;
  const say = (change: Partial<CampaignState>) => become((state = { ...state, ...change }));
  const told = (): Partial<CampaignState> => ({
    done: scores[0]!.length,
    seconds: (performance.now() - started) / 1000,
    plans: request.plans.map((choice, p) => outcomeOf(choice, overheads[p]!, scores[p]!, target)),
  });
  const end = (ended: CampaignState["ended"]) => {
    worker?.terminate();
    worker = undefined;
    finish = undefined;
    if (state.judged === null) say({ stage: "ended", work: null, ended });
    else say({ ...told(), stage: "ended", ended, expected: scores[0]!.length });
  };
  finish = () => end("interrupted");
  worker = new Worker(new URL("./chip-worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<ChipReport>) => {
    switch (data.kind) {
      case "failed":
        worker?.terminate();
        worker = undefined;
        say({ stage: "failed", work: null, message: data.message });
        return;
      case "clean":
        target = request.keep * data.score;
        say({
          stage: "running",
          work: null,
          judged: {
            measure: builtInMeasure("accuracy").description,
            clean: data.score,
            target,
            samples: data.samples,
          },
        });
        return;
      case "chip": {
        data.scores.forEach((score, p) => scores[p]!.push(score));
        const isLast = scores[0]!.length >= request.chips;
        if (!isLast && performance.now() - last < pauseMs) return;
        last = performance.now();
        say(told());
        if (request.untilSettled && state.plans.every(({ verdict }) => verdict !== "open")) end("settled");
        else if (isLast) end("limit");
      }
    }
  });
  worker.addEventListener("error", ({ message }) =>
    say({ stage: "failed", work: null, message: `The browser cannot run the network: ${message}` }),
  );
  say({});
  const task: ChipTask = {
    base: document.baseURI,
    snapshot,
    flips: request.flips ?? undefined,
    plans: request.plans,
    seed: request.seed,
    chips: request.chips,
  };
  worker.postMessage(task);
}

/** Stops it; what was found stays. */
export function stopLocal(): void {
  finish?.();
}
