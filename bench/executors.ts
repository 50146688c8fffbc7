/**
 * @file What more workers bring: `npm run bench:executors -- [NETWORK]`. The same chips in this thread, on one and two
 * threads, and on one and two workers of one thread that serve a Redis and a PostgreSQL of their own. Wall time, medians
 * of several rounds taken in turns; needs two free cores. Prints Markdown tables.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  inlineExecutor,
  openExecutor,
  threadsExecutor,
  type Executor,
  type TrialJob,
} from "../src/engine/index.ts";
import {
  hasPostgres,
  hasRedis,
  startPostgres,
  startRedis,
  type TestServer,
} from "../test/support/servers.ts";
import { startWorker, type TestProcess } from "../test/support/worker-process.ts";
import { median, uniform, zooContext } from "./zoo.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { chips: { type: "string" }, rounds: { type: "string" } },
});
const network = positionals[0] ?? "resnet";
const rounds = Number(flags.rounds ?? 3);
const { context } = await zooContext(network, { images: 2000 });
const protections = [uniform(context, 0)];
let next = 0;
/** Chips that nobody has tried yet: queues remember what they have done. */
const freshJobs = (count: number): TrialJob[] =>
  Array.from({ length: count }, () => ({ trial: next++, protections }));

/** Wall seconds for so many chips. */
async function wall(executor: Executor, chips: number): Promise<number> {
  const jobs = freshJobs(chips);
  const start = performance.now();
  await executor.run(jobs);
  return (performance.now() - start) / 1000;
}

const inline = await inlineExecutor(context);
await wall(inline, 2);
const one = (await wall(inline, 6)) / 6;
const chips = Number(flags.chips ?? Math.max(24, 2 * Math.round(12 / one / 2)));

interface Way {
  readonly name: string;
  readonly executor: Executor;
  readonly workers: number;
  readonly close: () => Promise<void>;
}
const cache = mkdtempSync(join(tmpdir(), "qtaml-bench-"));
const never = async () => undefined;

async function queueWay(kind: string, server: TestServer, count: number): Promise<Way> {
  const queue = `bench${count}`;
  const workers: TestProcess[] = [];
  for (let i = 0; i < count; i++) {
    workers.push(await startWorker(server.url, cache, { flags: ["--queue", queue, "--stall", "30"] }));
  }
  const executor = await openExecutor(context, { on: server.url, queue });
  return {
    name: `${kind}, ${count} worker${count === 1 ? "" : "s"}`,
    executor,
    workers: count,
    async close() {
      await executor.close();
      await Promise.all(workers.map((worker) => worker.finish()));
    },
  };
}

/** Times ways in turns; each warms up first. */
async function compare(ways: readonly Way[]): Promise<number[]> {
  const times = ways.map(() => [] as number[]);
  for (const way of ways) await wall(way.executor, 8 * way.workers);
  for (let round = 0; round < rounds; round++) {
    for (const [w, way] of ways.entries()) times[w]!.push(await wall(way.executor, chips));
  }
  return times.map(median);
}

console.log(
  `\`${network}\`: ${chips} chips on 2,000 images, ${(1000 * one).toFixed(0)} ms a chip in this thread.\n`,
);
console.log("| where | seconds | chips/s | times one of its kind | against this thread, per worker |");
console.log("|---|---|---|---|---|");
const threadWays: Way[] = [{ name: "this thread", executor: inline, workers: 1, close: never }];
for (const threads of [1, 2]) {
  const executor = await threadsExecutor(context, threads);
  threadWays.push({
    name: `${threads} thread${threads === 1 ? "" : "s"}`,
    executor,
    workers: threads,
    close: () => executor.close(),
  });
}
const found: { way: Way; seconds: number; single: number }[] = [];
const own = await compare(threadWays);
threadWays.forEach((way, i) => found.push({ way, seconds: own[i]!, single: i === 0 ? own[0]! : own[1]! }));
await Promise.all(threadWays.map((way) => way.close()));

const servers = [
  { kind: "Redis", isHere: hasRedis, start: () => startRedis() },
  { kind: "PostgreSQL", isHere: hasPostgres, start: startPostgres },
] as const;
for (const { kind, isHere, start } of servers) {
  if (!isHere) continue;
  const server = await start();
  let single: number | undefined;
  // One after the other: idle workers of the other way would take a little of the processor.
  for (const count of [1, 2]) {
    const way = await queueWay(kind, server, count);
    const [seconds] = await compare([way]);
    single ??= seconds!;
    found.push({ way, seconds: seconds!, single });
    await way.close();
  }
  await server.stop();
}
for (const { way, seconds, single } of found) {
  const perWorker = (own[0]! / (seconds * way.workers)).toFixed(2);
  console.log(
    `| ${way.name} | ${seconds.toFixed(2)} | ${(chips / seconds).toFixed(1)} | ${(single / seconds).toFixed(2)} | ${perWorker} |`,
  );
}
await inline.close();
rmSync(cache, { recursive: true, force: true });
