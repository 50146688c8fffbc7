/** @file Entry of a worker thread: opens the context it was started with and runs the trials it is sent. */
import { workerData } from "piscina";
import { QtamlError } from "../../errors.ts";
import type { ThreadReply } from "./threads.ts";
import { openTrialRunner, type TrialContext, type TrialJob } from "../trial.ts";

let runner: ReturnType<typeof openTrialRunner> | undefined;

/** Runs one job. Errors that the user can mend come back as data. */
export default async function work(job: TrialJob): Promise<ThreadReply> {
  try {
    runner ??= openTrialRunner(workerData as TrialContext);
    return { outcome: await (await runner).run(job) };
  } catch (error) {
    if (error instanceof QtamlError) return { code: error.code, message: error.message };
    throw error;
  }
}
