/** @file Entry of a worker thread: opens the context it was started with and runs the gradient jobs it is sent. */
import { workerData } from "piscina";
import { QtamlError } from "../errors.ts";
import type { GradientReply } from "./gradient-lanes.ts";
import { openGradientRunner, type GradientContext, type GradientJob } from "./gradient-run.ts";

// As in `executors/thread.ts`: a module that awaits at its top level is imported, never required.
await Promise.resolve();

let runner: ReturnType<typeof openGradientRunner> | undefined;

/** Runs one job. Errors that the user can mend come back as data. */
export default async function work(job: GradientJob): Promise<GradientReply> {
  try {
    runner ??= openGradientRunner(workerData as GradientContext);
    return { outcome: await (await runner).run(job) };
  } catch (error) {
    if (error instanceof QtamlError) return { code: error.code, message: error.message };
    throw error;
  }
}
