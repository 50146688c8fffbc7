/**
 * @file Trials on the workers that serve a queue, on any machine. The queue hands a shard out at least once; a shard
 * that is run twice gives the same outcomes twice. Whatever the server forgets is put there again.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TrialContext, TrialOutcome } from "../trial.ts";
import { parseAddress } from "./address.ts";
import { packCampaign } from "./campaign.ts";
import { blobSeconds } from "./depot.ts";
import { aborted, type Executor, type RunOptions } from "./executor.ts";
import { failureOf, parseResult, presenceSchema, type Presence } from "./messages.ts";
import { listen, openDepot, openQueue, shardsIn } from "./queue.ts";
import { cutShard, deliver, shardSize, shardWords, takeUp, tasksOf, type Shard } from "./shards.ts";

/** Settings of `bullmqExecutor`. */
export interface QueueOptions {
  /** Address of the server. */
  readonly on: string;
  readonly queue?: string | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** How often the coordinator tells that it is there and looks after its shards, in milliseconds. */
const beatMs = 2_000;
/** How long an announcement stands, in milliseconds. */
const announcementMs = 30_000;
/** How long no worker may serve before the user is told, in milliseconds. */
const lonelyMs = 8_000;
/** Seconds after which a campaign that nobody came back to is removed. */
const forgottenSeconds = 24 * 3600;
/** Seconds that content stays after a campaign has ended, for the next one with the same model and data. */
const afterlifeSeconds = 600;
/** Times a shard is tried; the queue itself hands it out again where a worker goes away. */
const tries = 2;

/** A shard on its way. */
interface Pending {
  readonly shard: Shard;
  tries: number;
  isChecking: boolean;
  readonly finish: (outcomes: readonly TrialOutcome[], seconds: number) => void;
  readonly fail: (error: Error) => void;
}

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Opens an executor on the workers of a queue. @throws QtamlError `file-access` when the server cannot be used */
export async function bullmqExecutor(
  context: TrialContext,
  { on, queue: queueNamed, onNotice = () => undefined }: QueueOptions,
): Promise<Executor> {
  const address = parseAddress(on, queueNamed);
  if (address.warning !== undefined) onNotice(address.warning);
  const depot = await openDepot(address, onNotice);
  const { campaign, blobs } = await packCampaign(context).catch(async (error: unknown) => {
    await depot.close();
    throw error;
  });
  const content = new Map(blobs);
  const queue = openQueue(address, campaign.id);
  const pending = new Map<string, Pending>();
  let isClosed = false;
  let isTroubled = false;
  let runs = 0;

  /** Tries until the server has done it: while it is away or full, the campaign waits. */
  const persist = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        const result = await work();
        isTroubled = false;
        return result;
      } catch (error) {
        if (isClosed) throw error;
        if (!isTroubled) onNotice(`${address.name}: ${words(error)}; trying again.`);
        isTroubled = true;
        await delay(500);
      }
    }
  };

  const putMissing = async () => {
    for (const [hash, parts] of content) {
      if (!(await depot.hasBlob(hash))) await depot.putBlob(hash, parts);
    }
  };
  /** Trials of a shard, once it is known how long they take. */
  let shardTrials: number | undefined;
  const announce = () => depot.post("campaign", campaign.id, JSON.stringify(campaign), announcementMs);

  await persist(async () => {
    for (const id of await depot.abandoned("campaign", forgottenSeconds)) {
      const old = openQueue(address, id);
      await old.obliterate({ force: true });
      await old.close();
      await depot.withdraw("campaign", id);
    }
    await putMissing();
    // A queue whose removal was cut short is left paused.
    await queue.resume();
    await announce();
  });

  const add = async (shard: Shard) => {
    const data = { campaign: campaign.id, common: shard.common, trials: shard.tasks.map((t) => t.trial) };
    const opts = {
      jobId: shard.id,
      attempts: 3,
      backoff: { type: "fixed", delay: 500 },
      removeOnComplete: { age: forgottenSeconds },
      removeOnFail: { age: forgottenSeconds },
      stackTraceLimit: 1,
    };
    await persist(() => queue.addBulk([{ name: "shard", data, opts }]));
  };

  /** Looks at a shard's job, and takes its result or puts it back where it is lost or failed. */
  const check = async (id: string): Promise<void> => {
    const found = pending.get(id);
    if (found === undefined || found.isChecking) return;
    const { shard } = found;
    found.isChecking = true;
    try {
      const job = await queue.getJob(id);
      if (!pending.has(id)) return;
      const isFinished = typeof job?.finishedOn === "number";
      if (job === undefined) {
        onNotice(`${address.name} has lost ${shardWords(shard)}; they are queued again.`);
        await add(shard);
      } else if (isFinished && job.failedReason) {
        // A failure may be left from an earlier run, or be one of that machine alone.
        if (++found.tries < tries) {
          await queue.remove(id);
          await add(shard);
        } else {
          await queue.remove(id).catch(() => 0);
          found.fail(failureOf(job.failedReason, shardWords(shard)));
        }
      } else if (isFinished && typeof job.returnvalue === "string") {
        const { outcomes, seconds } = parseResult(
          job.returnvalue,
          shard.tasks.map((t) => t.trial),
        );
        found.finish(outcomes, seconds);
      }
    } finally {
      found.isChecking = false;
    }
  };
  const checkQuietly = (id: string) =>
    void check(id).catch((error: unknown) => {
      // What the queue holds cannot be read: no second look mends that. Anything else is looked at again.
      if (error instanceof Error && error.name === "QtamlError") pending.get(id)?.fail(error);
    });

  const events = listen(address, campaign.id, {
    onFinished: checkQuietly,
    onStalled: (id) => {
      const found = pending.get(id);
      if (found !== undefined) {
        onNotice(`A worker went away in the middle of ${shardWords(found.shard)}; another one takes over.`);
      }
    },
  });

  let serving: Presence[] = [];
  let lonelySince = Date.now();
  const told = new Set<string>();
  const lookAround = async () => {
    const all = [...(await depot.notices("worker")).values()].flatMap((text) => {
      const parsed = presenceSchema.safeParse(JSON.parse(text));
      return parsed.success ? [parsed.data] : [];
    });
    serving = all.filter((worker) => worker.serves === campaign.id);
    for (const { host, pid, refuses } of all) {
      const reason = refuses[campaign.id];
      const text = `Worker ${host}, process ${pid}, refuses: ${reason}.`;
      if (reason !== undefined && !told.has(text)) onNotice(text);
      told.add(text);
    }
    if (serving.length > 0 || pending.size === 0) lonelySince = performance.now();
    else if (performance.now() - lonelySince > lonelyMs) {
      lonelySince = Infinity;
      onNotice(
        `No worker serves queue ${address.queue} of ${address.name}; start one with qtaml worker --${address.kind} <its address>${address.queue === "qtaml" ? "" : ` --queue ${address.queue}`}.`,
      );
    }
  };
  lonelySince = performance.now();

  let beats = 0;
  let isBeating = false;
  const beat = async () => {
    if (isBeating || isClosed) return;
    isBeating = true;
    try {
      await announce();
      await lookAround();
      if (++beats % 3 === 0) await putMissing();
      if (beats % 900 === 0) for (const hash of content.keys()) await depot.expireBlob(hash, blobSeconds);
      for (const id of pending.keys()) checkQuietly(id);
    } catch (error) {
      if (!isTroubled) onNotice(`${address.name}: ${words(error)}; trying again.`);
      isTroubled = true;
    } finally {
      isBeating = false;
    }
  };
  const heart = setInterval(() => void beat(), beatMs);
  await lookAround().catch(() => undefined);

  const slots = () =>
    Math.max(
      1,
      serving.reduce((sum, { threads }) => sum + threads, 0),
    );

  const run = async (
    jobs: Parameters<Executor["run"]>[0],
    { onOutcome, signal }: RunOptions = {},
  ): Promise<TrialOutcome[]> => {
    if (signal?.aborted === true && jobs.length > 0) throw aborted();
    const { tasks: all, commons } = tasksOf(jobs);
    for (const [hash, parts] of commons) content.set(hash, parts);
    runs++;
    const outcomes: TrialOutcome[] = [];
    const mine = new Set<string>();
    let at = 0;
    const stopped: { by?: Error } = {};
    let wake: () => void = () => undefined;
    const onAbort = () => {
      stopped.by ??= aborted();
      wake();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (id: string) => {
      pending.delete(id);
      mine.delete(id);
      wake();
    };
    const send = async (shard: Shard) => {
      // Two runs at the same time may want the same shard: the second waits for the first.
      while (pending.has(shard.id)) await delay(20);
      mine.add(shard.id);
      pending.set(shard.id, {
        shard,
        tries: 0,
        isChecking: false,
        finish(found, seconds) {
          const fitting = shardSize(seconds / found.length);
          // Small differences do not count: the next run of this executor then asks for the same shards.
          if (shardTrials === undefined || fitting >= 4 * shardTrials || 4 * fitting <= shardTrials) {
            shardTrials = fitting;
          }
          settle(shard.id);
          deliver(shard, found, (slot, outcome) => {
            outcomes[slot] = outcome;
            if (stopped.by === undefined) onOutcome?.(outcome);
          });
        },
        fail(error) {
          stopped.by ??= error;
          settle(shard.id);
        },
      });
      await add(shard);
    };
    try {
      await persist(putMissing);
      const held = await persist(() => shardsIn(queue));
      const { shards: known, rest: tasks } = takeUp(
        all,
        held.map(({ id, data }) => ({ id, ...data })),
      );
      const isMore = () => known.length > 0 || at < tasks.length;
      while (stopped.by === undefined && (isMore() || mine.size > 0)) {
        const awake = new Promise<void>((resolve) => (wake = resolve));
        const room = 3 * slots() + 2 - mine.size;
        for (let i = 0; i < room && isMore() && stopped.by === undefined; i++) {
          const next = known.shift();
          if (next !== undefined) {
            await send(next);
            continue;
          }
          // Towards the end shards become smaller, so that all workers end at the same time.
          const share = Math.max(1, Math.ceil((tasks.length - at) / (2 * slots())));
          const size = Math.min(shardTrials ?? 1, 2 ** Math.floor(Math.log2(share)));
          const shard = cutShard(tasks, at, size);
          at += shard.tasks.length;
          await send(shard);
        }
        if (stopped.by === undefined && mine.size > 0) await awake;
      }
      if (stopped.by !== undefined) throw stopped.by;
      return outcomes;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      // What no worker has begun is taken back; what is under way ends, and is there for the next run.
      for (const id of mine) {
        pending.delete(id);
        await queue.remove(id).catch(() => 0);
      }
      if (--runs === 0) for (const hash of content.keys()) if (!blobs.has(hash)) content.delete(hash);
    }
  };

  return {
    get workers() {
      return slots();
    },
    run,
    async close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(heart);
      const quietly = async (work: () => Promise<unknown>) => {
        await Promise.race([work().catch(() => undefined), delay(3_000, undefined, { ref: false })]);
      };
      await quietly(async () => {
        await depot.withdraw("campaign", campaign.id);
        for (const hash of content.keys()) await depot.expireBlob(hash, afterlifeSeconds);
        await queue.obliterate({ force: true });
      });
      await quietly(() => events.close());
      await quietly(() => queue.close());
      await quietly(() => depot.close());
    },
  };
}
