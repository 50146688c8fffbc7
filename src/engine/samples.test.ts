import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import { mergeTallies } from "../measure/index.ts";
import { sampleOrder, samplesOfRun } from "./samples.ts";
import { openTrialRunner, type TrialJob } from "./trial.ts";

describe("sampleOrder", () => {
  it("holds every sample once, and each place takes each sample equally often", () => {
    const [count, seeds] = [6, 3000];
    const times = Array.from({ length: count }, () => new Uint32Array(count));
    for (let seed = 0; seed < seeds; seed++) {
      const order = sampleOrder(seed, count);
      expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
      order.forEach((sample, place) => times[place]![sample]!++);
    }
    // Rows and columns are fixed, so this is 6/5 of a chi-squared with 25 degrees of freedom: above 72 once in 10,000.
    const expected = seeds / count;
    const chi = times.flatMap((row) => [...row]).reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(72);
  });

  it("wraps round, and refuses runs that are no part of it", () => {
    const order = Uint32Array.of(3, 1, 0, 2);
    expect([...samplesOfRun(order, { from: 7, count: 3 })]).toEqual([2, 3, 1]);
    for (const run of [
      { from: 0, count: 0 },
      { from: 0, count: 5 },
      { from: -1, count: 1 },
      { from: 0.5, count: 1 },
    ]) {
      expect(() => samplesOfRun(order, run)).toThrow(/no run of/);
    }
  });
});

describe("a chip judged on part of the samples", () => {
  it("is judged by the labels and outputs of those samples: parts add up to the whole", async () => {
    const { context } = await trialContext("lenet", { images: 12, p: 0.05, measure: "cross-entropy" });
    const protections = [
      context.tensors.map((t) => [
        { start: 0, count: t.count, protectedMask: 0x80, decoder: "none" as const },
      ]),
    ];
    const runner = await openTrialRunner(context);
    try {
      const run = async (samples?: TrialJob["samples"]) =>
        (await runner.run({ trial: 3, protections, ...(samples === undefined ? {} : { samples }) }))
          .tallies[0]!;
      const whole = await run();
      expect(await run({ from: 5, count: 12 })).toEqual(whole);
      const parts = [await run({ from: 9, count: 7 }), await run({ from: 4, count: 5 })];
      expect(parts.map((t) => t.samples)).toEqual([7, 5]);
      const sum = mergeTallies(parts[0]!, parts[1]!);
      expect(sum.samples).toBe(12);
      // Batches of another size may sum in another order, in float32.
      expect(sum.sums[0]![0]! / whole.sums[0]![0]!).toBeCloseTo(1, 5);
    } finally {
      await runner.close();
    }
  });
});
