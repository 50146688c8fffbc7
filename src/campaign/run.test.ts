import { describe, expect, it } from "vitest";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import type { TrialJob, TrialOutcome } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import { momentsOf, standardDeviation } from "../stats/index.ts";
import type { ImageParts } from "../simulation/parts.ts";
import type { ChipRecord, Recorder } from "./record.ts";
import { runCampaign, type CampaignOptions } from "./run.ts";
import type { ChipTrials } from "../simulation/simulate.ts";

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

  it("works out a number of chips from the first ones, the same after an interruption", async () => {
    const planned = { ...options, stop: { kind: "planned", halfWidth: 0.004, atMost: 1000 } } as const;
    const whole = await runCampaign(trialsIn(backwards), planned);
    // Uniform over 0.1: a deviation of 0.029, and (2.13 * 0.029 / 0.004)^2 chips by t with 15 degrees of freedom.
    const deviation = standardDeviation(momentsOf(whole.scores[0]!.slice(0, 16)));
    expect(whole).toMatchObject({ ended: "planned", method: "student" });
    expect(whole.chips).toBe(Math.ceil(((2.13145 * deviation) / 0.004) ** 2));
    const known = new Map<number, ChipRecord>();
    const stop = new AbortController();
    await runCampaign(trialsIn(forwards), {
      ...planned,
      recorder: recorderOf(known),
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 9) stop.abort();
      },
    });
    const second = await runCampaign(trialsIn(forwards), { ...planned, recorder: recorderOf(known) });
    expect(second).toEqual({ ...whole, resumed: 9 });
    const cut = await runCampaign(trialsIn(forwards), {
      ...options,
      stop: { kind: "planned", halfWidth: 0.004, atMost: 50 },
    });
    expect(cut).toMatchObject({ ended: "limit", chips: 50 });
  });

  it("takes off what the part of the images explains, and is then unbiased and narrower", async () => {
    // The part is hard for the clean network and for the chip alike.
    const place = (chip: number) => nextUniform(addressedStreams({ seed: 5, trial: chip, tensor: 0 }, 99)(0));
    const parts: ImageParts = {
      images: 10,
      of: () => ({ from: 0, count: 10 }),
      control: (chip) => 0.8 + 0.2 * place(chip),
      expected: 0.9,
      range: [-0.1, 1.1],
    };
    const execute: ChipTrials["execute"] = async (jobs, { onOutcome } = {}) => {
      const made = jobs.map((job) => {
        const outcome = outcomeOf(job);
        const shift = 0.16 * (place(job.trial) - 0.5);
        const tallies = outcome.tallies.map((t) => ({ ...t, sums: [[t.sums[0]![0]! + shift], [1]] }));
        return { ...outcome, tallies };
      });
      made.forEach((outcome) => onOutcome?.(outcome));
      return made;
    };
    const of = (isPart: boolean, kind: "chips" | "settled") =>
      runCampaign(
        { ...trialsIn(forwards), execute },
        {
          ...options,
          protections: [[]],
          question: { goal: { ...goal, target: kind === "chips" ? 0.88 : 0.9 } },
          stop: kind === "chips" ? { kind, chips: 400 } : { kind, atMost: 400 },
          ...(isPart ? { parts } : {}),
        },
      );
    for (const kind of ["chips", "settled"] as const) {
      const [plain, reduced] = [await of(false, kind), await of(true, kind)];
      const width = ({ answers }: typeof plain) => answers[0]!.mean.high - answers[0]!.mean.low;
      // Of the variance 0.1^2/12 + 0.16^2/12 the first part is left: a factor of 1.89 in width, less what learning takes.
      expect(width(plain) / width(reduced)).toBeGreaterThan(1.6);
      expect(reduced.answers[0]!.mean.low).toBeLessThan(0.9);
      expect(reduced.answers[0]!.mean.high).toBeGreaterThan(0.9);
    }
  });

  it("ends at its most chips where the question stays open", async () => {
    const mean = 0.9;
    const near = { ...options, protections: [[]], question: { goal: { ...goal, target: mean } } };
    const open = await runCampaign(trialsIn(forwards), { ...near, stop: { kind: "settled", atMost: 40 } });
    expect(open).toMatchObject({ ended: "limit", chips: 40 });
    expect(open.answers[0]!.verdict).toBeUndefined();
  });
});
