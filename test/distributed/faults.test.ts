/**
 * @file Whatever ends, stops or forgets in the middle of a campaign, its outcomes are those of an undisturbed one, bit
 * for bit, and the user is told what happened.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hashOf, toText } from "../../src/engine/executors/wire.ts";
import {
  inlineExecutor,
  openExecutor,
  type TrialContext,
  type TrialJob,
  type TrialOutcome,
} from "../../src/engine/index.ts";
import { using } from "../support/executor-conformance.ts";
import {
  hasPostgres,
  hasRedis,
  mountSmallDisk,
  startPostgres,
  startRedis,
  until,
  type TestServer,
} from "../support/servers.ts";
import { jumpingClock, startScript, startWorker, type TestProcess } from "../support/worker-process.ts";
import { chipsOf, faultsContext } from "./campaign.ts";

const kinds = [
  { name: hasRedis ? "Redis" : "Redis (not installed here)", isHere: hasRedis, start: () => startRedis() },
  {
    name: hasPostgres ? "PostgreSQL" : "PostgreSQL (not installed here)",
    isHere: hasPostgres,
    start: startPostgres,
  },
] as const;

/** Chips of a campaign: at some 15 ms each, a dozen shards, the last ones small. */
const chips = 160;

/** Outcomes after which something happens: shards have their size by then, and most of the chips are to come. */
const early = 30;

let context: TrialContext;
let jobs: TrialJob[];
let expected: TrialOutcome[];

beforeAll(async () => {
  context = await faultsContext();
  jobs = chipsOf(context, chips);
  expected = await using(inlineExecutor(context), (executor) => executor.run(jobs));
});

describe.each(kinds)("$name", ({ name, isHere, start }) => {
  describe.skipIf(!isHere)("a campaign survives", () => {
    let server: TestServer;
    let cache: string;

    beforeAll(async () => {
      server = await start();
      cache = mkdtempSync(join(tmpdir(), "qtaml-cache-"));
    });
    afterAll(async () => {
      await server.stop();
      rmSync(cache, { recursive: true, force: true });
    });

    const worker = async (
      options: Parameters<typeof startWorker>[2] = {},
      [url, folder] = [server.url, cache],
    ): Promise<TestProcess> => {
      const started = await startWorker(url, folder, options);
      onTestFinished(() => started.kill());
      return started;
    };

    /** Runs the campaign, with something that happens once so many outcomes are in. */
    const disturbed = async (after: number, disturb: () => Promise<unknown>, url = server.url) => {
      const notices: string[] = [];
      let happened: Promise<unknown> | undefined;
      let done = 0;
      const outcomes = await using(
        openExecutor(context, { on: url, onNotice: (text) => notices.push(text) }),
        async (executor) => {
          const found = await executor.run(jobs, {
            onOutcome: () => {
              if (++done === after) happened = disturb();
            },
          });
          await happened;
          return found;
        },
      );
      expect(done).toBe(chips);
      return { outcomes, said: notices.join("\n") };
    };

    it("the end of a worker in the middle of a shard (kill -9)", async () => {
      const [first] = [await worker(), await worker()];
      const { outcomes, said } = await disturbed(early, async () => {
        await delay(100);
        await first.kill();
      });
      expect(outcomes).toEqual(expected);
      expect(said).toMatch(/A worker went away in the middle of chips? \d+.*another one takes over/);
    });

    it("the end of all workers, when another one comes", async () => {
      const only = await worker();
      const { outcomes, said } = await disturbed(early, async () => {
        await delay(100);
        await only.kill();
        await worker();
      });
      expect(outcomes).toEqual(expected);
      expect(said).toContain("went away");
    });

    it("a worker that stands still, and delivers late what another one has done", async () => {
      const [first] = [await worker(), await worker()];
      const { outcomes } = await disturbed(early, async () => {
        await delay(100);
        first.child.kill("SIGSTOP");
        await delay(5_000);
        first.child.kill("SIGCONT");
      });
      expect(outcomes).toEqual(expected);
      // It goes on with the next campaign as if nothing had been.
      expect(JSON.parse(await first.finish())).toMatchObject({ shards: expect.any(Number) });
    });

    it("a worker that is told to stop: it finishes its shard", async () => {
      const [first] = [await worker(), await worker()];
      let account = "";
      const { outcomes, said } = await disturbed(early, async () => {
        account = await first.finish();
      });
      expect(outcomes).toEqual(expected);
      expect(said).not.toContain("went away");
      expect((JSON.parse(account) as { chips: number }).chips).toBeGreaterThan(0);
    });

    it("the end of the coordinator (kill -9): what workers have done is not done again", async () => {
      const only = await worker();
      const coordinator = startScript("test/distributed/coordinator.ts", [server.url, String(chips)]);
      onTestFinished(() => coordinator.kill());
      await until("half of the chips", () => coordinator.output().split("chip ").length > chips / 2);
      await coordinator.kill();
      const { outcomes } = await disturbed(-1, async () => undefined);
      expect(outcomes).toEqual(expected);
      const { chips: carriedOut } = JSON.parse(await only.finish()) as { chips: number };
      expect(carriedOut).toBeGreaterThanOrEqual(chips);
      // Nothing that the queue held is asked for again; only what was being added when the coordinator ended may be lost.
      expect(carriedOut).toBeLessThan(1.1 * chips);
    });

    it("two coordinators at once: both get all of it", async () => {
      const only = await worker();
      const [one, two] = await Promise.all([
        disturbed(-1, async () => undefined),
        disturbed(-1, async () => undefined),
      ]);
      expect(one.outcomes).toEqual(expected);
      expect(two.outcomes).toEqual(expected);
      await only.finish();
    });

    it(`the end of ${name} (kill -9), which starts again on its files`, async () => {
      await worker();
      const { outcomes, said } = await disturbed(early, async () => {
        await server.kill();
        await delay(1_500);
        await server.start();
      });
      expect(outcomes).toEqual(expected);
      expect(said).toContain("does not answer");
      expect(said).toContain("answers again");
    });

    it("clocks that jump by a day, in the coordinator and in a worker", async () => {
      await worker({ node: ["--import", jumpingClock] });
      await worker();
      const coordinator = startScript(
        "test/distributed/coordinator.ts",
        [server.url, String(chips)],
        ["--import", jumpingClock],
      );
      onTestFinished(() => coordinator.kill());
      await until("the coordinator", () => coordinator.child.exitCode !== null, 120);
      expect(coordinator.output()).toContain(`hash ${hashOf([toText(expected)])}`);
    });

    it.runIf(name.startsWith("Redis"))("a Redis that forgets everything", async () => {
      await worker();
      const { outcomes, said } = await disturbed(early, async () => {
        const client = new Redis(server.url);
        await client.flushall();
        client.disconnect();
      });
      expect(outcomes).toEqual(expected);
      expect(said).toMatch(/has lost chips? \d+.*queued again/);
    });

    it.runIf(name.startsWith("Redis"))("a Redis whose memory is full for a while", async () => {
      await worker();
      const client = new Redis(server.url);
      const { outcomes, said } = await disturbed(early, async () => {
        await client.config("SET", "maxmemory", "1mb");
        await delay(1_500);
        await client.config("SET", "maxmemory", "0");
      });
      client.disconnect();
      expect(outcomes).toEqual(expected);
      expect(said).toMatch(/OOM.*trying again/);
    });

    it.runIf(name.startsWith("Redis"))(
      "a disk that is full for a while, under Redis and under a worker's cache",
      async ({ skip }) => {
        const disk = mountSmallDisk(64);
        if (disk === undefined) skip("This process may not mount a small disk.");
        onTestFinished(() => disk!.remove());
        const small = await startRedis([], disk!.folder);
        onTestFinished(() => small.stop());
        await worker({}, [small.url, join(disk!.folder, "cache")]);
        const { outcomes, said } = await disturbed(
          early,
          async () => {
            disk!.fill();
            await delay(1_500);
            disk!.free();
          },
          small.url,
        );
        expect(outcomes).toEqual(expected);
        expect(said).toMatch(/No space left on device|does not answer/);
      },
    );
  });
});
