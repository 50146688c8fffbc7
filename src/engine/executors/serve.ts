/**
 * @file A worker: takes part in the campaigns that are announced on a queue, one at a time. Inference happens on
 * threads, so that this one is free to tell the queue that the worker is alive.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { UnrecoverableError, type Job } from "bullmq";
import { QtamlError } from "../../errors.ts";
import { checkSelfContained, parseModel } from "../../onnx/index.ts";
import { isModuleName } from "../measures.ts";
import { threadCount } from "../thread-count.ts";
import type { TrialContext, TrialJob } from "../trial.ts";
import { parseAddress, type QueueAddress } from "./address.ts";
import { openCache, usualCacheFolder, type ContentCache } from "./cache.ts";
import { campaignSchema, canaryOf, versionRefusal, type Campaign } from "./campaign.ts";
import type { Depot } from "./depot.ts";
import { failureText, resultText, type Presence } from "./messages.ts";
import { consume, openDepot, shardSchema, type ShardConsumer, type ShardData } from "./queue.ts";
import type { CommonPart } from "./shards.ts";
import { openThreadPool, type ThreadPool } from "./threads.ts";
import { fromBytes } from "./wire.ts";

/** Settings of a worker. */
export interface ServeOptions {
  /** Address of the server. */
  readonly on: string;
  readonly queue?: string | undefined;
  /** Shards under way at the same time. */
  readonly threads?: number | undefined;
  /** Folder of fetched content. */
  readonly cache?: string | undefined;
  /** Bytes of content to keep on disk. */
  readonly cacheBytes: number;
  /** Whether measures of the submitter's own, which are code, may run. */
  readonly allowCode: boolean;
  /** Seconds without a sign of life after which a shard is handed to another worker. */
  readonly stallSeconds: number;
  /** Stops the worker: what is under way is finished first. */
  readonly signal: AbortSignal;
  /** Told in one sentence what happens. */
  readonly onNotice: (text: string) => void;
  /** Seconds without work after which the worker ends; never by default. */
  readonly idleSeconds?: number | undefined;
}

/** What a worker has done. */
export interface Served {
  readonly shards: number;
  readonly chips: number;
  readonly seconds: number;
}

/** How often announcements are read, in milliseconds. */
const lookMs = 500;
/** How often the worker tells of itself, and how long that stands, in milliseconds. */
const presenceMs = { every: 3_000, stands: 15_000 };
/** How long a campaign may go unannounced, as when its server was restarted, in milliseconds. */
const graceMs = 15_000;
/** How long a campaign may be without work before another one is served, in milliseconds. */
const idleMs = 2_000;
/** Times a shard is handed out again after its worker went away. */
const mostStalls = 10;

const short = (hash: string) => hash.slice(0, 12);
const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A campaign that this worker serves. */
interface Service {
  readonly campaign: Campaign;
  readonly consumer: ShardConsumer;
  readonly pool: ThreadPool;
  /** Shards under way. */
  busy: number;
  /** When the last shard ended. */
  idleSince: number;
  /** When the campaign was last seen announced. */
  seen: number;
}

const codeRefusal = (file: string) =>
  `the campaign judges by ${file}, which is code of the submitter; start this worker with --allow-code to run it`;

/** Fetches a campaign's context and makes sure that this machine computes it alike. @returns the context, why not, or undefined while it is not there */
async function fetchContext(
  campaign: Campaign,
  depot: Depot,
  cache: ContentCache,
  allowCode: boolean,
): Promise<TrialContext | string | undefined> {
  const refusal = versionRefusal(campaign);
  if (refusal !== undefined) return refusal;
  const { module } = campaign;
  if (module !== undefined && !allowCode) return codeRefusal(module.file);
  const load = (hash: string) => cache.load(hash, () => depot.getBlob(hash));
  const bytes = await load(campaign.context);
  const code = module === undefined ? undefined : await load(module.hash);
  if (bytes === undefined || (module !== undefined && code === undefined)) return undefined;
  let context = fromBytes(bytes, "The campaign") as TrialContext;
  if (module === undefined) {
    // What the announcement does not say the content may: it comes from whoever reaches the queue.
    if (isModuleName(context.measure.name)) return codeRefusal(basename(context.measure.name));
  } else {
    const name = await cache.place(module.hash, module.file, code!);
    context = { ...context, measure: { ...context.measure, name } };
  }
  // The runtime would look for the files that a model names, in the folder that this worker was started in.
  checkSelfContained(parseModel(context.modelBytes));
  if ((await canaryOf(context)) === campaign.canary) return context;
  return "this machine computes other bits for the same chip (its processor or operating system makes the ONNX runtime add in another order); use machines of one kind for one campaign";
}

/** Serves a queue until the signal fires. @throws QtamlError `file-access` when the server cannot be used */
export async function serve(options: ServeOptions): Promise<Served> {
  const { signal, onNotice, stallSeconds } = options;
  const threads = threadCount(options.threads);
  const address = parseAddress(options.on, options.queue);
  if (address.warning !== undefined) onNotice(address.warning);
  const cache = await openCache(options.cache ?? usualCacheFolder(), options.cacheBytes);
  const depot = await openDepot(address, onNotice);
  const me = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const refused = new Map<string, string>();
  const served = { shards: 0, chips: 0, seconds: 0 };
  let service: Service | undefined;
  let idleSince = performance.now();

  const tellPresence = () => {
    const presence: Presence = {
      host: hostname(),
      pid: process.pid,
      threads,
      ...(service === undefined ? {} : { serves: service.campaign.id }),
      refuses: Object.fromEntries(refused),
    };
    return depot.post("worker", me, JSON.stringify(presence), presenceMs.stands);
  };

  const open = async (campaign: Campaign): Promise<void> => {
    let context: TrialContext | string | undefined;
    try {
      context = await fetchContext(campaign, depot, cache, options.allowCode);
    } catch (error) {
      if (!(error instanceof QtamlError)) throw error;
      context = error.message.replace(/\.$/, "");
    }
    if (typeof context === "string") {
      refused.set(campaign.id, context);
      onNotice(`Refuses campaign ${short(campaign.id)}: ${context}.`);
      return;
    }
    if (context === undefined) return;
    const pool = openThreadPool(context, threads);
    const commonOf = commonParts(campaign, depot, cache);
    const processor = async ({ data }: Job<ShardData, string>): Promise<string> => {
      const { campaign: wanted, common, trials } = shardSchema.parse(data);
      if (wanted !== campaign.id) throw new UnrecoverableError("The shard is of another campaign.");
      own.busy++;
      try {
        const part = await commonOf(common);
        const reply = await pool.run(trials.map((trial): TrialJob => ({ ...part, trial })));
        if ("code" in reply) throw new UnrecoverableError(failureText(reply.code, reply.message));
        served.shards++;
        served.chips += trials.length;
        served.seconds += reply.seconds;
        return resultText(reply);
      } finally {
        own.busy--;
        own.idleSince = performance.now();
      }
    };
    const lockDuration = 1000 * stallSeconds;
    const consumer = consume(address, campaign.id, processor, {
      concurrency: threads,
      lockDuration,
      stalledInterval: Math.ceil(lockDuration / 2),
      maxStalledCount: mostStalls,
      runRetryDelay: 1_000,
      drainDelay: 1,
      name: me,
    });
    const now = performance.now();
    const own: Service = { campaign, consumer, pool, busy: 0, idleSince: now, seen: now };
    consumer.on("error", troubles(address, onNotice));
    consumer.on("stalled", (id) =>
      onNotice(`Shard ${id} was left by another worker; it is handed out again.`),
    );
    service = own;
    onNotice(
      `Serves campaign ${short(campaign.id)}: ${campaign.samples} samples, ${(campaign.bytes / 2 ** 20).toFixed(1)} MiB, ${threads} thread${threads === 1 ? "" : "s"}.`,
    );
  };

  const leave = async (): Promise<void> => {
    if (service === undefined) return;
    const { campaign, consumer, pool } = service;
    service = undefined;
    // Waits for the shards under way, so that none has to be run twice.
    await consumer.close();
    await pool.close();
    idleSince = performance.now();
    onNotice(`Left campaign ${short(campaign.id)}; ${served.shards} shards, ${served.chips} chips so far.`);
  };

  /** Joins the campaign that has waited longest, and leaves one that has ended or has no work while another has. */
  const look = async (): Promise<void> => {
    const announced = [...(await depot.notices("campaign")).values()].flatMap((text) => {
      const parsed = campaignSchema.safeParse(JSON.parse(text));
      return parsed.success ? [parsed.data] : [];
    });
    for (const id of refused.keys()) if (!announced.some((c) => c.id === id)) refused.delete(id);
    const now = performance.now();
    const others = announced.filter(({ id }) => !refused.has(id) && id !== service?.campaign.id);
    if (service !== undefined) {
      if (announced.some(({ id }) => id === service?.campaign.id)) service.seen = now;
      const isIdle = service.busy === 0 && now - service.idleSince > idleMs;
      if (now - service.seen > graceMs || (isIdle && others.length > 0)) await leave();
    }
    if (service === undefined && others[0] !== undefined) {
      await open(others[0]);
      await tellPresence();
    }
  };

  let toldAt = -Infinity;
  let isTroubled = false;
  try {
    onNotice(`Waits for campaigns on queue ${address.queue} of ${address.name}.`);
    while (!signal.aborted) {
      try {
        if (performance.now() - toldAt > presenceMs.every) {
          await tellPresence();
          toldAt = performance.now();
        }
        await look();
        isTroubled = false;
      } catch (error) {
        // A server without memory or disk refuses to write; it is asked again until it can.
        if (!isTroubled) onNotice(`${address.name}: ${wordsOf(error)}; trying again.`);
        isTroubled = true;
      }
      const idle = service === undefined ? idleSince : service.busy > 0 ? Infinity : service.idleSince;
      if (performance.now() - idle > 1000 * (options.idleSeconds ?? Infinity)) break;
      await delay(lookMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await leave();
    await depot.withdraw("worker", me).catch(() => undefined);
    await depot.close();
  }
  return served;
}

/** Tells the first of several like troubles. The depot tells when the server is away. */
function troubles(address: QueueAddress, onNotice: (text: string) => void): (error: Error) => void {
  let last = "";
  return ({ message }) => {
    const isKnown =
      // What is left of a campaign that has ended has gone from the server.
      message === last ||
      /missing key for job/i.test(message) ||
      /ECONN|EPIPE|ETIMEDOUT|closed|terminat|shutting down|starting up/i.test(message);
    last = message;
    if (/missing lock/i.test(message)) {
      onNotice(
        "A shard took so long without a sign of life that another worker has it; the outcome is the same.",
      );
    } else if (!isKnown) onNotice(`${address.name}: ${message}`);
  };
}

/** What trials share, fetched once for each hash; the last few are kept. */
function commonParts(campaign: Campaign, depot: Depot, cache: ContentCache) {
  const kept = new Map<string, Promise<CommonPart>>();
  const fetchPart = async (hash: string): Promise<CommonPart> => {
    const bytes = await cache.load(hash, () => depot.getBlob(hash));
    if (bytes === undefined)
      throw new Error(`Content ${short(hash)} of campaign ${short(campaign.id)} is gone.`);
    return fromBytes(bytes, "What the trials share") as CommonPart;
  };
  return (hash: string): Promise<CommonPart> => {
    let part = kept.get(hash);
    if (part === undefined) {
      part = fetchPart(hash);
      part.catch(() => kept.delete(hash));
      kept.set(hash, part);
      if (kept.size > 16) kept.delete(kept.keys().next().value!);
    }
    return part;
  };
}
