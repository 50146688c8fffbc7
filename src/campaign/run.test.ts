import { describe, expect, it } from "vitest";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import type { TrialJob, TrialOutcome } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import { momentsOf, standardDeviation } from "../stats/index.ts";
import type { ImageParts } from "../simulation/parts.ts";
import type { Findings } from "./account.ts";
import { keptForm } from "./asked.ts";
import { meanBy, leastChips } from "./question.ts";
import { decodeRecord, encodeRecord, type ChipRecord, type Recorder } from "./record.ts";
import { runCampaign, type CampaignOptions, type CampaignResult } from "./run.ts";
import type { StoredCampaign } from "./store.ts";
import { storedFindings } from "./stored-findings.ts";
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
    // Uniform over 0.1: a deviation of 0.029, and (2.00 * 0.029 / 0.004)^2 chips by t with 63 degrees of freedom.
    const deviation = standardDeviation(momentsOf(whole.scores[0]!.slice(0, leastChips)));
    expect(whole).toMatchObject({ ended: "planned", method: "student" });
    expect(whole.chips).toBe(Math.ceil(((1.99834 * deviation) / 0.004) ** 2));
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

/** Parts of the images whose controls go with a chip's number. */
const partsOf = (range: readonly [number, number]): ImageParts => ({
  images: 10,
  of: (chip) => ({ from: chip, count: 10 }),
  control: (chip) => 0.5 + shareOf(chip) / 2 + 0.01 * Math.sin(chip),
  expected: 0.95,
  range,
});

describe("a campaign that is read from its store", () => {
  const images = (count: number) => ({ images: count, data: { samples: 20 }, plans: [{}, {}] });
  const identity = (count: number) => images(count) as unknown as StoredCampaign["identity"];
  /** What a store gives back of chips and of what was asked. */
  const kept = (known: ReadonlyMap<number, ChipRecord>) =>
    new Map(Array.from(known, ([chip, record]) => [chip, decodeRecord(encodeRecord(record))] as const));
  const request = (asked: CampaignOptions) =>
    JSON.parse(JSON.stringify({ asked: keptForm(asked) })) as unknown;
  const findingsOf = ({ ended, method, chips, scores, answers, differences }: CampaignResult): Findings => ({
    ended,
    method,
    chips,
    scores,
    answers,
    differences,
  });
  /** Workers that finish more chips than count. */
  const eager = (): ChipTrials => ({
    ...trialsIn(forwards),
    execute: (jobs, { onOutcome } = {}) => {
      jobs.forEach((job) => onOutcome?.(outcomeOf(job)));
      return Promise.resolve(jobs.map(outcomeOf));
    },
  });
  const unbounded = { ...goal, range: [-Infinity, Infinity] as const };

  it.each<[string, Partial<CampaignOptions>]>([
    ["settled", {}],
    ["settled, on parts of the images", { parts: partsOf([-0.2, 1.2]) }],
    ["by betting", { stop: { kind: "settled", atMost: 30 }, isExact: true }],
    ["by betting, on parts of the images", { isExact: true, parts: partsOf([-0.1, 1.05]) }],
    ["of a fixed number", { stop: { kind: "chips", chips: 25 } }],
    ["of a fixed number, on parts", { stop: { kind: "chips", chips: 25 }, parts: partsOf([-0.2, 1.2]) }],
    [
      "planned, on parts",
      { stop: { kind: "planned", halfWidth: 0.004, atMost: 1000 }, parts: partsOf([0, 1]) },
    ],
    ["planned and cut", { stop: { kind: "planned", halfWidth: 0.001, atMost: 50 } }],
    ["precise", { stop: { kind: "precision", halfWidth: 0.01, atMost: 1000 } }],
    ["of a measure without bounds", { question: { goal: unbounded } }],
    ["asked for its yield", { question: { goal, yield: 0.5 } }],
  ])("says bit for bit what it said at its end: %s", async (_name, own) => {
    const asked = { ...options, ...own };
    const known = new Map<number, ChipRecord>();
    const result = await runCampaign(eager(), { ...asked, recorder: recorderOf(known) });
    const stored = { identity: identity(own.parts === undefined ? 20 : 10), request: request(asked) };
    expect(storedFindings(stored, kept(known))).toEqual(findingsOf(result));
  });

  it("says what it said when it was interrupted, and goes no further than the chips in a row", async () => {
    const asked = { ...options, parts: partsOf([-0.2, 1.2]), stop: { kind: "chips", chips: 400 } } as const;
    const known = new Map<number, ChipRecord>();
    const stop = new AbortController();
    const result = await runCampaign(trialsIn(forwards), {
      ...asked,
      recorder: recorderOf(known),
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 40) stop.abort();
      },
    });
    expect(result).toMatchObject({ ended: "interrupted", method: "asymptotic", chips: 40 });
    const stored = { identity: identity(10), request: request(asked) };
    expect(storedFindings(stored, kept(known))).toEqual(findingsOf(result));
    known.delete(30);
    expect(storedFindings(stored, known)).toMatchObject({ ended: "interrupted", chips: 30 });
  });

  it("averages all chips where the store does not say what was asked", async () => {
    const known = new Map<number, ChipRecord>();
    await runCampaign(eager(), { ...options, recorder: recorderOf(known) });
    const found = storedFindings({ identity: identity(20), request: null }, known)!;
    expect(found).toMatchObject({ ended: "interrupted", method: "asymptotic", chips: known.size });
    const scores = Array.from(known.values(), (record) => record.scores[0]!);
    expect(found.answers[0]!.mean).toEqual(meanBy("asymptotic", scores, [-Infinity, Infinity]));
  });

  it("says nothing of parts without their controls, which come when it goes on", async () => {
    const asked = { ...options, parts: partsOf([-0.2, 1.2]) };
    const known = new Map<number, ChipRecord>();
    const result = await runCampaign(eager(), { ...asked, recorder: recorderOf(known) });
    const stored = { identity: identity(10), request: request(asked) };
    const without = new Map(
      Array.from(known, ([chip, { outcome, scores }]) => [chip, { outcome, scores }] as const),
    );
    expect(storedFindings(stored, without)).toBeUndefined();
    expect(storedFindings({ ...stored, request: null }, known)).toBeUndefined();
    const recorder = recorderOf(without);
    await runCampaign(trialsIn(forwards), { ...asked, recorder });
    expect(storedFindings(stored, without)).toEqual(findingsOf(result));
  });
});
