/**
 * @file What every executor must do, in one suite: the same outcomes bit for bit in whatever order, progress, aborts,
 * errors that keep their code, closing.
 */
import { beforeAll, describe, expect, it } from "vitest";
import {
  inlineExecutor,
  type Executor,
  type TrialContext,
  type TrialJob,
  type TrialOutcome,
} from "../../src/engine/index.ts";
import { makeNode, serialiseModel } from "../../src/onnx/index.ts";
import { buildModel } from "../build-model.ts";
import { masked, trialContext } from "../trials.ts";

/** Runs with an executor and closes it whatever happens. */
export async function using<T>(
  opened: Promise<Executor>,
  work: (executor: Executor) => Promise<T>,
): Promise<T> {
  const executor = await opened;
  try {
    return await work(executor);
  } finally {
    await executor.close();
  }
}

/** Declares the suite for one way to open an executor. */
export function describeExecutor(name: string, open: (context: TrialContext) => Promise<Executor>): void {
  describe(`executor: ${name}`, () => {
    let context: TrialContext;
    let jobs: TrialJob[];
    let expected: TrialOutcome[];

    beforeAll(async () => {
      ({ context } = await trialContext("lenet", { images: 4 }));
      const protections = [masked(context, 0), masked(context, 0x80)];
      jobs = Array.from({ length: 7 }, (_, trial) => ({ trial, protections }));
      expected = await using(inlineExecutor(context), (executor) => executor.run(jobs));
    });

    it("gives the same outcomes in the order of the jobs, whatever that is and however often", async () => {
      await using(open(context), async (executor) => {
        const seen: TrialOutcome[] = [];
        expect(await executor.run(jobs, { onOutcome: (o) => seen.push(o) })).toEqual(expected);
        expect(seen.sort((a, b) => a.trial - b.trial)).toEqual(expected);
        const shuffled = [4, 0, 6, 2, 5, 1, 3, 3, 0];
        let told = 0;
        const again = await executor.run(
          shuffled.map((i) => jobs[i]!),
          { onOutcome: () => told++ },
        );
        expect(again).toEqual(shuffled.map((i) => expected[i]!));
        expect(told).toBe(shuffled.length);
        expect(await executor.run([])).toEqual([]);
        expect(executor.workers).toBeGreaterThan(0);
      });
    });

    it("tells jobs of different protections apart", async () => {
      await using(open(context), async (executor) => {
        const mixed = jobs.flatMap(({ trial, protections }) =>
          protections.map((protection) => ({ trial, protections: [protection] })),
        );
        const outcomes = await executor.run(mixed);
        expect(outcomes.map((o) => o.tallies[0])).toEqual(expected.flatMap((o) => o.tallies));
      });
    });

    it("carries out two runs at the same time", async () => {
      await using(open(context), async (executor) => {
        const [all, some] = await Promise.all([executor.run(jobs), executor.run(jobs.slice(2, 5))]);
        expect(all).toEqual(expected);
        expect(some).toEqual(expected.slice(2, 5));
      });
    });

    it("stops when the signal fires, and can run again", async () => {
      await using(open(context), async (executor) => {
        const controller = new AbortController();
        const many = Array.from({ length: 400 }, (_, trial) => ({
          trial,
          protections: [masked(context, 0)],
        }));
        let done = 0;
        const run = executor.run(many, {
          signal: controller.signal,
          onOutcome: () => {
            done++;
            controller.abort();
          },
        });
        await expect(run).rejects.toMatchObject({ name: "QtamlError", code: "aborted" });
        expect(done).toBeLessThan(many.length);
        expect(await executor.run(jobs.slice(0, 2))).toEqual(expected.slice(0, 2));
        await expect(executor.run(jobs, { signal: AbortSignal.abort() })).rejects.toMatchObject({
          code: "aborted",
        });
      });
    });

    it("reports a model that the runtime refuses with its code", async () => {
      const modelBytes = serialiseModel(
        buildModel({
          nodes: [makeNode("NoSuchOperator", ["x"], ["y"])],
          inputs: { x: [1] },
          outputs: ["y"],
        }),
      );
      const broken = { ...context, tensors: [], flips: [], designFlips: [], modelBytes };
      const run = using(
        Promise.resolve().then(() => open(broken)),
        (executor) => executor.run([{ trial: 0, protections: [[]] }]),
      );
      await expect(run).rejects.toMatchObject({ name: "QtamlError", code: "unsupported-model" });
    });

    it("reports an error of a trial with its code, and can run again", async () => {
      await using(open(context), async (executor) => {
        // One tensor is without a protection.
        const broken: TrialJob = { trial: 0, protections: [masked(context, 0).slice(1)] };
        await expect(executor.run([broken])).rejects.toBeInstanceOf(Error);
        expect(await executor.run(jobs.slice(0, 1))).toEqual(expected.slice(0, 1));
      });
    });

    it("closes twice", async () => {
      const executor = await open(context);
      await executor.close();
      await expect(executor.close()).resolves.toBeUndefined();
    });
  });
}
