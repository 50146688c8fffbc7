import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import { openExecutor } from "./executors/open.ts";
import { threadCount } from "./thread-count.ts";

const cores = availableParallelism();

describe("threadCount", () => {
  it("is what is asked for, within reason; all cores unless told otherwise", () => {
    expect([threadCount(), threadCount(1), threadCount(4 * cores)]).toEqual([cores, 1, 4 * cores]);
    expect([threadCount(4 * cores + 1), threadCount(100_000)]).toEqual([4 * cores, 4 * cores]);
  });

  it("bounds the threads that try chips", async () => {
    const { context } = await trialContext("lenet", { images: 1 });
    const executor = await openExecutor(context, { threads: 4 * cores + 1 });
    expect(executor.workers).toBe(4 * cores);
    await executor.close();
  });
});
