import { describe, expect, it } from "vitest";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import type { TrialJob, TrialOutcome } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { ChipRecord, Recorder } from "./record.ts";
import { runCampaign, type CampaignOptions } from "./run.ts";
import type { ChipTrials } from "./simulate.ts";

/** A chip is right in a share of answers that its number gives: about 0.9, spread over 0.05 to both sides. */
const shareOf = (trial: number) =>
  0.85 + 0.1 * nextUniform(addressedStreams({ seed: 3, trial, tensor: 0 }, 99)(0));
const outcomeOf = ({ trial, protections }: TrialJob): TrialOutcome => ({
  trial,
  isHit: protections.map(() => true),
  tallies: protections.map((_, p) => ({ samples: 1, nonFinite: 0, sums: [[shareOf(trial) - 0.2 * p], [1]] })),
});

/** Trials without a network, whose outcomes come in an order of their own. */
function trialsIn(order: (jobs: readonly TrialJob[]) => TrialJob[], tried: number[] = []) {
  return {
    score: ({ sums }: TrialOutcome["tallies"][number]) => sums[0]![0]!,
    execute(jobs, { onOutcome, signal } = {}) {
      for (const job of order(jobs)) {
        if (signal?.aborted === true) return Promise.reject(new QtamlError("aborted", "Stopped."));
        tried.push(job.trial);
        onOutcome?.(outcomeOf(job));
      }
      return Promise.resolve(jobs.map(outcomeOf));
    },
  } as Partial<ChipTrials> as ChipTrials;
}

const forwards = (jobs: readonly TrialJob[]) => [...jobs];
const backwards = (jobs: readonly TrialJob[]) => [...jobs].reverse();
const goal = { target: 0.88, higherIsBetter: true, range: [0, 1] as const };
const options: CampaignOptions = {
  protections: [[], []],
  question: { goal },
  stop: { kind: "settled", atMost: 1000 },
};

/** Keeps chips in memory. */
function recorderOf(known: Map<number, ChipRecord>): Recorder {
  return {
    known: new Map(known),
    keep: (record) => void known.set(record.outcome.trial, record),
    note: () => undefined,
    finish: () => 0,
  };
}

describe("a campaign", () => {
  it("stops at the first look that settles the question, whatever the order of the workers", async () => {
    const one = await runCampaign(trialsIn(forwards), options);
    expect(one.ended).toBe("settled");
    expect(one.chips).toBeLessThan(1000);
    expect(one.answers.map((a) => a.verdict)).toEqual([true, false]);
    expect(await runCampaign(trialsIn(backwards), options)).toEqual(one);
  });

  it("gives the same after an interruption and again without, and tries no chip twice", async () => {
    const whole = await runCampaign(trialsIn(forwards), options);
    const known = new Map<number, ChipRecord>();
    const stop = new AbortController();
    const first = await runCampaign(trialsIn(forwards), {
      ...options,
      recorder: recorderOf(known),
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 7) stop.abort();
      },
    });
    expect(first).toMatchObject({ ended: "interrupted", chips: 7 });
    const tried: number[] = [];
    const second = await runCampaign(trialsIn(backwards, tried), { ...options, recorder: recorderOf(known) });
    expect(second).toEqual({ ...whole, resumed: 7 });
    expect(Math.min(...tried)).toBe(7);
    expect(new Set(tried).size).toBe(tried.length);
  });

  it("tries a fixed number of chips, and pairs plans on the same chips", async () => {
    const fixed = await runCampaign(trialsIn(backwards), { ...options, stop: { kind: "chips", chips: 25 } });
    expect(fixed).toMatchObject({ ended: "chips", chips: 25, method: "student" });
    // The second plan loses 0.2 on every chip: the difference has no spread.
    const [difference] = fixed.differences;
    expect(difference!.estimate).toBeCloseTo(-0.2, 12);
    expect(difference!.high - difference!.low).toBeLessThan(1e-9);
  });

  it("ends at its most chips where the question stays open", async () => {
    const mean = 0.9;
    const near = { ...options, protections: [[]], question: { goal: { ...goal, target: mean } } };
    const open = await runCampaign(trialsIn(forwards), { ...near, stop: { kind: "settled", atMost: 40 } });
    expect(open).toMatchObject({ ended: "limit", chips: 40 });
    expect(open.answers[0]!.verdict).toBeUndefined();
  });
});
