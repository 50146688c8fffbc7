/** @file A campaign's queue of shards, in Redis or in PostgreSQL. */
import {
  createPostgresBackend,
  Queue,
  QueueEvents,
  withBackend,
  Worker,
  type BulkJobOptions,
  type Processor,
  type WorkerOptions,
} from "bullmq";
import { z } from "zod";
import type { QueueAddress } from "./address.ts";
import { openPostgresDepot, postgresOptions } from "./depot-postgres.ts";
import { openRedisDepot, redisOptions } from "./depot-redis.ts";
import type { Depot } from "./depot.ts";

/** Trials that one worker thread carries out without a break. Plain JSON. */
export interface ShardData {
  /** Hash of the campaign that they belong to. */
  readonly campaign: string;
  /** Hash of everything that the trials share but the context. */
  readonly common: string;
  /** Ordinals of the chips. */
  readonly trials: readonly number[];
}

export const shardSchema = z.object({
  campaign: z.string(),
  common: z.string(),
  trials: z.array(z.number().int().nonnegative()).min(1),
});

/** A job as it is found in the queue. */
export interface ShardJob {
  readonly finishedOn?: number | undefined;
  readonly failedReason: string;
  /** Text by `toText`. */
  readonly returnvalue: unknown;
}

/** A job as it is listed. */
export interface ListedJob {
  readonly id?: string | undefined;
  readonly data: ShardData;
}

/** What is done with a queue, whichever server it is on. */
export interface ShardQueue {
  addBulk(
    jobs: { name: string; data: ShardData; opts: BulkJobOptions }[],
  ): Promise<readonly { readonly id?: string | undefined }[]>;
  getJob(id: string): Promise<ShardJob | undefined>;
  getJobs(
    types: ("active" | "completed" | "waiting")[],
    start: number,
    end: number,
    asc: boolean,
  ): Promise<readonly (ListedJob | undefined)[]>;
  remove(id: string): Promise<number>;
  obliterate(options: { force: boolean }): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

/** The part of a consumer of shards that is used. */
export interface ShardConsumer {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "stalled", listener: (jobId: string) => void): unknown;
  on(event: "drained", listener: () => void): unknown;
  close(force?: boolean): Promise<void>;
}

/** What the coordinator is told of its shards as it happens. What is missed is found by looking at the jobs. */
export interface ShardNews {
  readonly onFinished: (jobId: string) => void;
  readonly onStalled: (jobId: string) => void;
}

const prefix = "qtaml";
/** Jobs that are listed at once. */
const pageJobs = 200;
const onPostgres = withBackend(createPostgresBackend);

const postgresConnection = (address: QueueAddress) => ({
  ...postgresOptions(address),
  schema: "qtaml_bullmq",
  migrate: true,
});

/** Opens what travels beside the queue. @throws QtamlError `file-access` when the server cannot be used */
export function openDepot(address: QueueAddress, onNotice: (text: string) => void): Promise<Depot> {
  return address.kind === "redis" ? openRedisDepot(address, onNotice) : openPostgresDepot(address, onNotice);
}

/** Name of a campaign's queue. */
export const queueName = ({ queue }: QueueAddress, campaign: string) => `${queue}-${campaign.slice(0, 32)}`;

/** Opens the queue itself. Errors of its connection are told by the depot. */
export function openQueue(address: QueueAddress, campaign: string): ShardQueue {
  const name = queueName(address, campaign);
  const ignore = () => undefined;
  if (address.kind === "redis") {
    const queue = new Queue<ShardData, string>(name, { connection: redisOptions(address), prefix });
    queue.on("error", ignore);
    return queue;
  }
  const queue = new onPostgres.Queue<ShardData, string>(name, { connection: postgresConnection(address) });
  queue.on("error", ignore);
  return queue;
}

/** Shards that a campaign's queue holds: done, under way, or to come. */
export async function shardsIn(queue: ShardQueue): Promise<{ id: string; data: ShardData }[]> {
  const found = new Map<string, ShardData>();
  for (const type of ["waiting", "active", "completed"] as const) {
    for (let from = 0; ; from += pageJobs) {
      const page = await queue.getJobs([type], from, from + pageJobs - 1, true);
      for (const job of page) if (job?.id !== undefined) found.set(job.id, job.data);
      if (page.length < pageJobs) break;
    }
  }
  return [...found].map(([id, data]) => ({ id, data }));
}

/** Listens to what becomes of shards. */
export function listen(
  address: QueueAddress,
  campaign: string,
  { onFinished, onStalled }: ShardNews,
): { close(): Promise<void> } {
  const name = queueName(address, campaign);
  const events =
    address.kind === "redis"
      ? new QueueEvents(name, { connection: redisOptions(address), prefix })
      : new onPostgres.QueueEvents(name, { connection: postgresConnection(address) });
  events.on("error", () => undefined);
  events.on("completed", ({ jobId }: { jobId: string }) => onFinished(jobId));
  events.on("failed", ({ jobId }: { jobId: string }) => onFinished(jobId));
  events.on("duplicated", ({ jobId }: { jobId: string }) => onFinished(jobId));
  events.on("stalled", ({ jobId }: { jobId: string }) => onStalled(jobId));
  return events;
}

/** Takes shards from a campaign's queue. */
export function consume(
  address: QueueAddress,
  campaign: string,
  processor: Processor<ShardData, string>,
  options: Omit<WorkerOptions, "connection" | "prefix">,
): ShardConsumer {
  const name = queueName(address, campaign);
  return address.kind === "redis"
    ? new Worker<ShardData, string>(name, processor, {
        ...options,
        connection: redisOptions(address),
        prefix,
      })
    : new onPostgres.Worker<ShardData, string>(name, processor, {
        ...options,
        connection: postgresConnection(address),
      });
}
