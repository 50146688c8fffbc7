/** @file The executor that fits where trials are to run, and the worker that serves such executors. What talks to servers is loaded when it is wanted. */
import { threadCount } from "../thread-count.ts";
import type { TrialContext } from "../trial.ts";
import type { Executor } from "./executor.ts";
import { inlineExecutor } from "./inline.ts";
import type { Served, ServeOptions } from "./serve.ts";
import { threadsExecutor } from "./threads.ts";

/** Where trials run: on threads of this machine, or on the workers that serve a queue. */
export interface ExecutorOptions {
  /** Worker threads of this process; all cores by default, four a core at most; one runs in this thread. Not used with `on`. */
  readonly threads?: number | undefined;
  /** `redis://`, `rediss://`, `postgres://` or `postgresql://`: the queue that workers on any machine serve. */
  readonly on?: string | undefined;
  /** Name of the queue, where several share a server; `qtaml` by default. */
  readonly queue?: string | undefined;
  /** Told in one sentence what the user should know: workers that refuse, a server that does not answer. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/**
 * Opens the executor for these options.
 *
 * @param options where trials run; in threads on all cores of this machine unless given
 * @throws QtamlError `invalid-argument` for an address of another kind
 */
export async function openExecutor(
  context: TrialContext,
  { threads: asked, on, queue, onNotice }: ExecutorOptions = {},
): Promise<Executor> {
  if (on !== undefined) {
    const { bullmqExecutor } = await import("./bullmq.ts");
    return bullmqExecutor(context, { on, queue, onNotice });
  }
  const threads = threadCount(asked);
  return threads === 1 ? inlineExecutor(context) : threadsExecutor(context, threads);
}

/** Takes part in the campaigns of a queue until told to stop. @throws QtamlError `file-access` when its server is away */
export async function serve(options: ServeOptions): Promise<Served> {
  return (await import("./serve.ts")).serve(options);
}
