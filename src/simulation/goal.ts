/**
 * @file What a chip has to reach: a score under a measure, from a share of the clean quality.
 */
import { QtamlError } from "../errors.ts";

/** A score to reach. */
export interface Goal {
  /** The score. */
  readonly target: number;
  /** Whether scores above the target reach it, or those below. */
  readonly higherIsBetter: boolean;
  /** Least and largest score that can occur. */
  readonly range: readonly [low: number, high: number];
}

/** Whether a score reaches the goal. @param goal the score to reach */
export function isKept({ target, higherIsBetter }: Goal, score: number): boolean {
  return higherIsBetter ? score >= target : score <= target;
}

/**
 * Checks the share of the clean quality to keep.
 *
 * @param allowAll whether all of it may be asked: to verify a plan, not to search for one
 * @throws QtamlError `invalid-argument` for a share outside (0, 1), or (0, 1]
 */
export function checkKeep(keep: number, allowAll = false): void {
  if (keep > 0 && (keep < 1 || (allowAll && keep === 1))) return;
  throw new QtamlError(
    "invalid-argument",
    `--keep ${keep} is outside (0, 1${allowAll ? "]" : ")"}: give the share of the clean result to keep, for instance 0.95.`,
  );
}
