/** @file Trials one after the other in this thread. */
import { openTrialRunner, type TrialContext, type TrialOutcome } from "../trial.ts";
import { aborted, type Executor } from "./executor.ts";

/** Runs trials one after the other in this thread. */
export async function inlineExecutor(context: TrialContext): Promise<Executor> {
  const runner = await openTrialRunner(context);
  // A runner holds one chip at a time: runs that overlap take turns.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    workers: 1,
    async run(jobs, { onOutcome, signal } = {}) {
      const outcomes: TrialOutcome[] = [];
      for (const job of jobs) {
        if (signal?.aborted === true) throw aborted();
        const mine = turn.then(() => runner.run(job));
        turn = mine.catch(() => undefined);
        const outcome = await mine;
        onOutcome?.(outcome);
        outcomes.push(outcome);
      }
      return outcomes;
    },
    close: () => runner.close(),
  };
}
