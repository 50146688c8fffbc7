/** @file `qtaml worker`: take part in the campaigns of a queue. */
import { QtamlError } from "../../errors.ts";
import { serve } from "../../engine/index.ts";
import { note, say, sayJson, type Manner } from "../output.ts";

/** Flags of `qtaml worker`. */
export interface WorkerFlags extends Manner {
  readonly redis?: string | undefined;
  readonly postgres?: string | undefined;
  readonly queue: string;
  readonly threads?: number | undefined;
  readonly cache?: string | undefined;
  readonly cacheSize: number;
  readonly allowCode?: true | undefined;
  readonly stall: number;
  readonly exitWhenIdle?: number | undefined;
}

/** Runs the command until it is told to stop. */
export async function runWorker(flags: WorkerFlags): Promise<void> {
  const { redis, postgres } = flags;
  const on = redis ?? postgres;
  if (on === undefined || (redis !== undefined && postgres !== undefined)) {
    throw new QtamlError("invalid-argument", "A worker serves one queue: give --redis or --postgres.");
  }
  if (!on.startsWith(redis === undefined ? "postgres" : "redis")) {
    const [flag, form] =
      redis === undefined
        ? ["--postgres", "postgres://user@host:5432/database"]
        : ["--redis", "redis://host:6379"];
    throw new QtamlError("invalid-argument", `The address of ${flag} is of another kind; give ${form}.`);
  }
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    // Asked twice, it goes at once: the queue hands what was under way to another worker.
    if (stop.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
    note(`${name}: finishes the shards under way; once more to go at once.`, flags);
    stop.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  const served = await serve({
    on,
    queue: flags.queue,
    threads: flags.threads,
    cache: flags.cache,
    cacheBytes: flags.cacheSize * 2 ** 30,
    allowCode: flags.allowCode === true,
    stallSeconds: flags.stall,
    idleSeconds: flags.exitWhenIdle,
    signal: stop.signal,
    onNotice: (text) => note(text, flags),
  });
  process.removeListener("SIGTERM", onSignal);
  process.removeListener("SIGINT", onSignal);
  if (flags.json === true) sayJson(served);
  else say(`${served.shards} shards, ${served.chips} chips, ${served.seconds.toFixed(1)} s of work.`);
}
