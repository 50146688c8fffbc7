/** @file How jobs become shards: trials that share everything but their ordinal, cut at whole multiples of a power of two. */
import type { TrialJob, TrialOutcome } from "../trial.ts";
import { hashOf, toParts } from "./wire.ts";

/** What the trials of a shard share: a job without its ordinal. */
export type CommonPart = Omit<TrialJob, "trial">;

/** One trial, and the places among the jobs that wait for its outcome. */
export interface Task {
  readonly common: string;
  readonly trial: number;
  readonly slots: number[];
}

/** Trials that travel together. */
export interface Shard {
  /** The same for the same trials of the same campaign, whoever asks for them. */
  readonly id: string;
  readonly common: string;
  readonly tasks: readonly Task[];
}

/** How long a shard is to take, in seconds. */
export const shardSeconds = 0.5;

/** Most trials of a shard. */
const largest = 4096;

/** Number of trials that take about half a second: a power of two. */
export function shardSize(secondsOfTrial: number): number {
  const exponent = Math.round(Math.log2(shardSeconds / Math.max(secondsOfTrial, 1e-6)));
  return Math.min(largest, 2 ** Math.max(0, exponent));
}

/** Jobs without repetition, in the order of what they share and of their ordinals; and what they share, by hash. */
export function tasksOf(jobs: readonly TrialJob[]): {
  readonly tasks: Task[];
  readonly commons: Map<string, readonly Uint8Array[]>;
} {
  const commons = new Map<string, readonly Uint8Array[]>();
  const tasks = new Map<string, Task>();
  let last: { readonly part: CommonPart; readonly hash: string } | undefined;
  jobs.forEach(({ trial, ...part }, slot) => {
    if (last === undefined || !isSame(last.part, part)) {
      const parts = toParts(part);
      last = { part, hash: hashOf(parts) };
      commons.set(last.hash, parts);
    }
    const key = `${last.hash}:${trial}`;
    const known = tasks.get(key);
    if (known === undefined) tasks.set(key, { common: last.hash, trial, slots: [slot] });
    else known.slots.push(slot);
  });
  return {
    commons,
    tasks: [...tasks.values()].sort((a, b) =>
      a.common === b.common ? a.trial - b.trial : a.common < b.common ? -1 : 1,
    ),
  };
}

/** Whether two parts hold the very same values: the jobs of a run mostly share them. */
function isSame(a: CommonPart, b: CommonPart): boolean {
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    left.length === right.length &&
    left.every(([key, value], i) => right[i]![0] === key && Object.is(right[i]![1], value))
  );
}

/** Cuts the next shard off a list of tasks. @param size most trials; a power of two */
export function cutShard(tasks: readonly Task[], from: number, size: number): Shard {
  const first = tasks[from]!;
  const block = Math.floor(first.trial / size);
  let end = from + 1;
  while (
    end < tasks.length &&
    tasks[end]!.common === first.common &&
    Math.floor(tasks[end]!.trial / size) === block
  ) {
    end++;
  }
  const own = tasks.slice(from, end);
  const trials = own.map((t) => t.trial).join(",");
  return { id: `s${hashOf([first.common, ":", trials]).slice(0, 32)}`, common: first.common, tasks: own };
}

/**
 * Takes out of a list of tasks what a queue holds already, cut as it is there: a campaign that is taken up again gets
 * what is done, and asks for nothing twice.
 * @param held shards in the queue; those that ask for something else are left
 */
export function takeUp(
  tasks: readonly Task[],
  held: readonly { readonly id: string; readonly common: string; readonly trials: readonly number[] }[],
): { readonly shards: Shard[]; readonly rest: Task[] } {
  const open = new Map(tasks.map((task) => [`${task.common}:${task.trial}`, task]));
  const shards: Shard[] = [];
  for (const { id, common, trials } of held) {
    const own = trials.flatMap((trial) => open.get(`${common}:${trial}`) ?? []);
    if (own.length === 0 || own.length < trials.length) continue;
    for (const trial of trials) open.delete(`${common}:${trial}`);
    shards.push({ id, common, tasks: own });
  }
  return { shards, rest: [...open.values()] };
}

/** What to call a shard for a person. */
export function shardWords({ tasks }: Shard): string {
  const [first, last] = [tasks[0]!.trial, tasks.at(-1)!.trial];
  return first === last ? `chip ${first}` : `chips ${first} to ${last}`;
}

/** Hands the outcomes of a shard to the places that wait for them. */
export function deliver(
  shard: Shard,
  outcomes: readonly TrialOutcome[],
  into: (slot: number, outcome: TrialOutcome) => void,
): void {
  shard.tasks.forEach(({ slots }, i) => slots.forEach((slot) => into(slot, outcomes[i]!)));
}
