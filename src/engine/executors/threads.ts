/** @file Trials on worker threads of this process. */
import { Piscina } from "piscina";
import { QtamlError, type QtamlErrorCode } from "../../errors.ts";
import type { Outputs } from "../../measure/index.ts";
import { threadCount } from "../thread-count.ts";
import type { TrialContext, TrialJob, TrialOutcome } from "../trial.ts";
import { aborted, type Executor } from "./executor.ts";

/** A thread's answer: errors lose their class on the way between threads, so they travel as data. */
export type ThreadReply =
  | {
      readonly outcomes: readonly TrialOutcome[];
      /** Time that the trials took, without opening the network. */
      readonly seconds: number;
    }
  | { readonly code: QtamlErrorCode; readonly message: string };

/** The same outputs where all threads see them: they can be larger than the model. */
function shared(outputs: Outputs): Outputs {
  const values = new Float32Array(new SharedArrayBuffer(outputs.values.byteLength));
  values.set(outputs.values);
  return { ...outputs, values };
}

/** Threads that each hold the network of a context. */
export interface ThreadPool {
  /** Runs jobs one after the other on the next thread that is free. */
  run(jobs: readonly TrialJob[]): Promise<ThreadReply>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** Starts threads. */
export function openThreadPool(context: TrialContext, threads: number): ThreadPool {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new Piscina<readonly TrialJob[], ThreadReply>({
    filename: new URL(`./thread.${extension}`, import.meta.url).href,
    workerData: { ...context, clean: shared(context.clean) },
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Infinity,
  });
}

/** Runs trials on worker threads, as many as `threadCount` gives. */
export async function threadsExecutor(context: TrialContext, asked?: number): Promise<Executor> {
  const threads = threadCount(asked);
  const pool = openThreadPool(context, threads);
  return {
    workers: threads,
    async run(jobs, { onOutcome, signal } = {}) {
      const outcomes: TrialOutcome[] = [];
      let next = 0;
      const failures: Error[] = [];
      const lane = async () => {
        while (next < jobs.length && failures.length === 0) {
          if (signal?.aborted === true) throw aborted();
          const slot = next++;
          const reply = await pool.run([jobs[slot]!]);
          if ("code" in reply) throw new QtamlError(reply.code, reply.message);
          outcomes[slot] = reply.outcomes[0]!;
          onOutcome?.(outcomes[slot]);
        }
      };
      const stop = (failure: Error) => failures.push(failure);
      // Twice as many lanes as threads keep the next job at hand when one ends. All come to rest before a failure is
      // told: a thread that is ended in the middle of a run takes the process with it.
      await Promise.all(Array.from({ length: 2 * threads }, () => lane().catch(stop)));
      if (failures[0] !== undefined) throw failures[0];
      return outcomes;
    },
    close: () => pool.close(),
  };
}
