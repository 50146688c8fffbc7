import { beforeAll, describe, expect, it } from "vitest";
import { buildModel } from "../../../test/build-model.ts";
import { trialContext } from "../../../test/trials.ts";
import { makeNode, serialiseModel } from "../../onnx/index.ts";
import type { Protection } from "../memory-reader.ts";
import type { TrialContext, TrialJob, TrialOutcome } from "../trial.ts";
import type { Executor } from "./executor.ts";
import { inlineExecutor } from "./inline.ts";
import { threadsExecutor } from "./threads.ts";

let context: TrialContext;
let jobs: TrialJob[];
let expected: TrialOutcome[];

const masked = (protectedMask: number): Protection =>
  context.tensors.map((t) => [{ start: 0, count: t.count, protectedMask, decoder: "none" }]);

beforeAll(async () => {
  ({ context } = await trialContext("lenet", { images: 4 }));
  jobs = Array.from({ length: 7 }, (_, trial) => ({ trial, protections: [masked(0), masked(0x80)] }));
  const executor = await inlineExecutor(context);
  expected = await executor.run(jobs);
  await executor.close();
});

/** Runs with an executor and closes it whatever happens. */
async function using<T>(opened: Promise<Executor>, work: (executor: Executor) => Promise<T>): Promise<T> {
  const executor = await opened;
  try {
    return await work(executor);
  } finally {
    await executor.close();
  }
}

describe.each<[string, (context: TrialContext) => Promise<Executor>]>([
  ["inline", inlineExecutor],
  ["one thread", (c) => threadsExecutor(c, 1)],
  ["two threads", (c) => threadsExecutor(c, 2)],
  ["three threads", (c) => threadsExecutor(c, 3)],
])("executor: %s", (_, open) => {
  it("gives the same outcomes in the order of the jobs, whatever that is", async () => {
    await using(open(context), async (executor) => {
      const seen: TrialOutcome[] = [];
      expect(await executor.run(jobs, { onOutcome: (o) => seen.push(o) })).toEqual(expected);
      expect(seen.sort((a, b) => a.trial - b.trial)).toEqual(expected);
      const shuffled = [4, 0, 6, 2, 5, 1, 3];
      expect(await executor.run(shuffled.map((i) => jobs[i]!))).toEqual(shuffled.map((i) => expected[i]!));
      expect(await executor.run([])).toEqual([]);
    });
  });

  it("stops when the signal fires, and can run again", async () => {
    await using(open(context), async (executor) => {
      const controller = new AbortController();
      const many = Array.from({ length: 40 }, (_, trial) => ({ trial, protections: [masked(0)] }));
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
    });
  });

  it("reports a model that the runtime refuses with its code", async () => {
    const modelBytes = serialiseModel(
      buildModel({ nodes: [makeNode("NoSuchOperator", ["x"], ["y"])], inputs: { x: [1] }, outputs: ["y"] }),
    );
    const run = using(open({ ...context, tensors: [], flips: [], designFlips: [], modelBytes }), (executor) =>
      executor.run([{ trial: 0, protections: [[]] }]),
    );
    await expect(run).rejects.toMatchObject({ name: "QtamlError", code: "unsupported-model" });
  });
});
