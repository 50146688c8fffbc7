/** @file The campaign of the tests of faults: trials long enough to be met in the middle of a shard. */
import type { TrialContext, TrialJob } from "../../src/engine/index.ts";
import { masked, trialContext } from "../trials.ts";

/** The context; the same in every process. */
export async function faultsContext(): Promise<TrialContext> {
  return (await trialContext("lenet", { images: 300 })).context;
}

/** Chips from 0, each under two protections. */
export function chipsOf(context: TrialContext, chips: number): TrialJob[] {
  const protections = [masked(context, 0), masked(context, 0x80)];
  return Array.from({ length: chips }, (_, trial) => ({ trial, protections }));
}
