/**
 * @file Runs many trials: in this thread (`inline`) or on all cores (`threads`). The outcomes are the same, bit for
 * bit, whatever the number of workers and the order in which they finish.
 */
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { QtamlError, type QtamlErrorCode } from "../errors.ts";
import type { Outputs } from "../measure/index.ts";
import { openTrialRunner, type TrialContext, type TrialJob, type TrialOutcome } from "./trial.ts";

/** Settings of one `run`. */
export interface RunOptions {
  /** Called as outcomes arrive, in any order. */
  readonly onOutcome?: (outcome: TrialOutcome) => void;
  /** Stops the run; trials under way are finished and dropped. */
  readonly signal?: AbortSignal;
}

/** Carries out trials of one context. */
export interface Executor {
  /** Trials under way at the same time. */
  readonly workers: number;
  /**
   * Runs jobs and returns their outcomes in the order of the jobs.
   *
   * @throws QtamlError `aborted` when the signal fires, or whatever a trial throws
   */
  run(jobs: readonly TrialJob[], options?: RunOptions): Promise<TrialOutcome[]>;
  close(): Promise<void>;
}

const aborted = () => new QtamlError("aborted", "Stopped before all trials were done.");

/** Runs trials one after the other in this thread. */
export async function inlineExecutor(context: TrialContext): Promise<Executor> {
  const runner = await openTrialRunner(context);
  return {
    workers: 1,
    async run(jobs, { onOutcome, signal } = {}) {
      const outcomes: TrialOutcome[] = [];
      for (const job of jobs) {
        if (signal?.aborted === true) throw aborted();
        const outcome = await runner.run(job);
        onOutcome?.(outcome);
        outcomes.push(outcome);
      }
      return outcomes;
    },
    close: () => runner.close(),
  };
}

/** A worker's answer: errors lose their class on the way between threads, so they travel as data. */
export type WorkerReply =
  | { readonly outcome: TrialOutcome }
  | { readonly code: QtamlErrorCode; readonly message: string };

/** The same outputs where all threads see them: they can be larger than the model. */
function shared(outputs: Outputs): Outputs {
  const values = new Float32Array(new SharedArrayBuffer(outputs.values.byteLength));
  values.set(outputs.values);
  return { ...outputs, values };
}

/** Runs trials on worker threads, as many as there are cores unless told otherwise. */
export async function threadsExecutor(
  context: TrialContext,
  threads = availableParallelism(),
): Promise<Executor> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const pool = new Piscina<TrialJob, WorkerReply>({
    filename: new URL(`./worker.${extension}`, import.meta.url).href,
    workerData: { ...context, clean: shared(context.clean) },
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Infinity,
  });
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
          const reply = await pool.run(jobs[slot]!);
          if (!("outcome" in reply)) throw new QtamlError(reply.code, reply.message);
          outcomes[slot] = reply.outcome;
          onOutcome?.(reply.outcome);
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

/** The executor for a number of threads: `inline` for one. */
export async function openExecutor(
  context: TrialContext,
  threads = availableParallelism(),
): Promise<Executor> {
  return threads === 1 ? inlineExecutor(context) : threadsExecutor(context, threads);
}
