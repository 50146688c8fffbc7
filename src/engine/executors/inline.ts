/** @file Trials one after the other in this thread. */
import { openTrialRunner, type TrialContext, type TrialOutcome } from "../trial.ts";
import { aborted, type Executor } from "./executor.ts";

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
