/**
 * @file What an interval is, and the options that all of them share.
 */
import { QtamlError } from "../errors.ts";

/** An estimate with the interval that covers the true value with the stated confidence. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** How sure an interval has to be. */
export interface ConfidenceOptions {
  /** Probability of covering the true value, between 0 and 1; 0.95 by default. */
  readonly confidence?: number;
}

/** A confidence, and the range that the quantity is known to lie in. */
export interface ClipOptions extends ConfidenceOptions {
  /** Ends of the possible range, for instance `[0, 1]` for an accuracy: the interval is cut there. Not cut unless given. */
  readonly clip?: readonly [number, number];
}

/**
 * The probability of missing, 1 - confidence.
 * @throws QtamlError `invalid-argument` when the confidence is not between 0 and 1
 */
export function missProbability(confidence = 0.95): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new QtamlError(
      "invalid-argument",
      `A confidence of ${confidence} is not possible; give a number between 0 and 1, for instance 0.95.`,
    );
  }
  return 1 - confidence;
}

/** The interval cut to the range that the quantity is known to lie in; its estimate is not moved. */
export function clipInterval(interval: Interval, clip: readonly [number, number] | undefined): Interval {
  if (clip === undefined) return interval;
  const [low, high] = clip;
  return {
    estimate: interval.estimate,
    low: Math.min(Math.max(interval.low, low), high),
    high: Math.max(Math.min(interval.high, high), low),
  };
}
