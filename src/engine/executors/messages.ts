/** @file What goes between the coordinator and workers besides content: results, failures, notices of presence. */
import { z } from "zod";
import { QtamlError, type QtamlErrorCode } from "../../errors.ts";
import type { TrialOutcome } from "../trial.ts";
import { fromText, toText } from "./wire.ts";

/** What a shard gave. */
export interface ShardResult {
  readonly outcomes: readonly TrialOutcome[];
  readonly seconds: number;
}

const resultSchema = z.object({
  outcomes: z.array(z.looseObject({ trial: z.number().int() })),
  seconds: z.number().nonnegative(),
});

/** A result as the queue keeps it. */
export const resultText = (result: ShardResult): string => toText(result);

/** @throws QtamlError `invalid-file` when it is not the result of these trials */
export function parseResult(text: unknown, trials: readonly number[]): ShardResult {
  const what = "The result of a shard";
  const parsed = resultSchema.safeParse(typeof text === "string" ? fromText(text, what) : undefined);
  const isWhole =
    parsed.success &&
    parsed.data.outcomes.length === trials.length &&
    trials.every((trial, i) => parsed.data.outcomes[i]!.trial === trial);
  if (!isWhole) {
    throw new QtamlError(
      "invalid-file",
      `${what} is not of the trials that were asked for; empty the queue.`,
    );
  }
  return parsed.data as unknown as ShardResult;
}

const failureSchema = z.object({ code: z.string(), message: z.string() });

/** An error that the user can mend, as the queue keeps it. */
export const failureText = (code: QtamlErrorCode, message: string): string =>
  JSON.stringify({ code, message });

/** What a queue says of a shard whose workers went away too often. */
const stalledTooOften = /stalled more than allowable limit/;

/** The error behind a failed shard. @param what what to call the shard */
export function failureOf(reason: string, what: string): Error {
  if (stalledTooOften.test(reason)) {
    return new QtamlError(
      "runtime-failure",
      `The workers that took ${what} went away in the middle, time and again, as when memory runs out; try them on this machine, without --on.`,
    );
  }
  try {
    const { code, message } = failureSchema.parse(JSON.parse(reason));
    return new QtamlError(code as QtamlErrorCode, message);
  } catch {
    return new Error(`A worker failed on ${what}: ${reason}`);
  }
}

export const presenceSchema = z.object({
  host: z.string(),
  pid: z.number(),
  threads: z.number().int().positive(),
  /** Hash of the campaign that it serves. */
  serves: z.string().optional(),
  /** Why it does not serve campaigns, by their hash. */
  refuses: z.record(z.string(), z.string()),
});

/** A worker, as it tells of itself. */
export type Presence = z.infer<typeof presenceSchema>;
