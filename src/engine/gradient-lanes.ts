/**
 * @file Carries out gradient jobs in this thread and, when the work is worth it, on further threads. Every job is
 * computed alike on any thread, and outcomes are returned in the order of the jobs.
 */
import { Piscina } from "piscina";
import { QtamlError, type QtamlErrorCode } from "../errors.ts";
import {
  openGradientRunner,
  type GradientContext,
  type GradientJob,
  type GradientOutcome,
} from "./gradient-run.ts";

/** A worker's answer: errors lose their class on the way between threads, so they travel as data. */
export type GradientReply =
  | { readonly outcome: GradientOutcome }
  | { readonly code: QtamlErrorCode; readonly message: string };

/** Runs jobs of one context. */
export interface GradientLanes {
  /** @throws QtamlError whatever a job throws */
  run(jobs: readonly GradientJob[], onDone?: () => void): Promise<GradientOutcome[]>;
  close(): Promise<void>;
}

/** Milliseconds of work left from which further threads, which open sessions of their own, pay. */
const worthAThread = 1500;

/** Bytes that all threads see, so that they are held once. */
function sharedBytes(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return shared;
}

function openPool(context: GradientContext, threads: number): Piscina<GradientJob, GradientReply> {
  const { tape, prelude, adjoint } = context;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new Piscina<GradientJob, GradientReply>({
    filename: new URL(`./gradient-worker.${extension}`, import.meta.url).href,
    workerData: {
      ...context,
      tape: sharedBytes(tape),
      prelude: prelude === undefined ? undefined : sharedBytes(prelude),
      adjoint: sharedBytes(adjoint),
    },
    // The next job is at hand when one ends, also while this thread is busy.
    concurrentTasksPerWorker: 2,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Infinity,
  });
}

/**
 * @param threads most threads at the same time, this one included
 * @param worth milliseconds of work left from which further threads are started
 */
export async function openGradientLanes(
  context: GradientContext,
  threads: number,
  worth = worthAThread,
): Promise<GradientLanes> {
  const runner = await openGradientRunner(context);
  let pool: Piscina<GradientJob, GradientReply> | undefined;
  return {
    async run(jobs, onDone) {
      const outcomes: GradientOutcome[] = [];
      let next = 0;
      let failure: unknown;
      const here = async (slot: number) => runner.run(jobs[slot]!);
      const elsewhere = async (slot: number) => {
        const reply = await pool!.run(jobs[slot]!);
        if (!("outcome" in reply)) throw new QtamlError(reply.code, reply.message);
        return reply.outcome;
      };
      const lane = async (carryOut: (slot: number) => Promise<GradientOutcome>, until = Infinity) => {
        while (next < Math.min(jobs.length, until) && failure === undefined) {
          const slot = next++;
          try {
            outcomes[slot] = await carryOut(slot);
          } catch (error) {
            failure ??= error;
            return;
          }
          onDone?.();
        }
      };
      const start = performance.now();
      await lane(here, 1);
      if (threads > 1 && (performance.now() - start) * (jobs.length - 1) > worth)
        pool ??= openPool(context, threads - 1);
      const others =
        pool === undefined ? [] : Array.from({ length: 2 * (threads - 1) }, () => lane(elsewhere));
      await Promise.all([...others, lane(here)]);
      if (failure !== undefined) throw failure;
      return outcomes;
    },
    async close() {
      await pool?.close();
      await runner.close();
    },
  };
}
