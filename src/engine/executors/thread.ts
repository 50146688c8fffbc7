/** @file Entry of a worker thread: opens the context it was started with and runs the trials it is sent. */
import { workerData } from "piscina";
import { QtamlError } from "../../errors.ts";
import { openTrialRunner, type TrialContext, type TrialJob, type TrialOutcome } from "../trial.ts";
import type { ThreadReply } from "./threads.ts";

// A thread first tries to require its file, which aborts all of Node where the thread is ended meanwhile. A module that
// awaits at its top level can only be imported.
await Promise.resolve();

let runner: ReturnType<typeof openTrialRunner> | undefined;

/** Runs jobs one after the other. Errors that the user can mend come back as data. */
export default async function work(jobs: readonly TrialJob[]): Promise<ThreadReply> {
  try {
    runner ??= openTrialRunner(workerData as TrialContext);
    const opened = await runner;
    const started = performance.now();
    const outcomes: TrialOutcome[] = [];
    for (const job of jobs) outcomes.push(await opened.run(job));
    return { outcomes, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if (error instanceof QtamlError) return { code: error.code, message: error.message };
    throw error;
  }
}
