/**
 * @file What an executor is: something that carries out trials of one context. The outcomes are the same, bit for bit,
 * whatever carries them out, in whatever order, and however often.
 */
import { QtamlError } from "../../errors.ts";
import type { TrialJob, TrialOutcome } from "../trial.ts";

/** Settings of one `run`. */
export interface RunOptions {
  /** Called as outcomes arrive, in any order; once for each job. */
  readonly onOutcome?: (outcome: TrialOutcome) => void;
  /** Stops the run; trials under way are finished and dropped. */
  readonly signal?: AbortSignal;
}

/** Carries out trials of one context. */
export interface Executor {
  /** Trials under way at the same time, as far as is known now. */
  readonly workers: number;
  /**
   * Runs jobs and returns their outcomes in the order of the jobs.
   *
   * @throws QtamlError `aborted` when the signal fires, or whatever a trial throws
   */
  run(jobs: readonly TrialJob[], options?: RunOptions): Promise<TrialOutcome[]>;
  close(): Promise<void>;
}

/** What a run that was stopped throws. */
export const aborted = () => new QtamlError("aborted", "Stopped before all trials were done.");
