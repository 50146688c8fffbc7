import { describe, expect, it } from "vitest";
import type { Protection } from "../memory-reader.ts";
import { cutShard, deliver, shardSeconds, shardSize, takeUp, tasksOf, type Shard } from "./shards.ts";

const protection = (protectedMask: number): Protection => [
  [{ start: 0, count: 8, protectedMask, decoder: "none" }],
];
const jobsOf = (trials: readonly number[], mask = 0) => {
  const protections = [protection(mask)];
  return trials.map((trial) => ({ trial, protections }));
};

function cutAll(trials: readonly number[], size: number): Shard[] {
  const { tasks } = tasksOf(jobsOf(trials));
  const shards: Shard[] = [];
  for (let at = 0; at < tasks.length; at += shards.at(-1)!.tasks.length)
    shards.push(cutShard(tasks, at, size));
  return shards;
}
const trialsOf = (shard: Shard) => shard.tasks.map((t) => t.trial);

describe("tasksOf", () => {
  it("asks once for what is asked for twice", () => {
    const { tasks, commons } = tasksOf([...jobsOf([3, 1]), ...jobsOf([3], 0x80), ...jobsOf([1, 3])]);
    expect(commons.size).toBe(2);
    expect(tasks).toHaveLength(3);
    const found = tasks.map(({ trial, slots }) => ({ trial, slots }));
    expect(found).toContainEqual({ trial: 3, slots: [0, 4] });
    expect(found).toContainEqual({ trial: 1, slots: [1, 3] });
    expect(found).toContainEqual({ trial: 3, slots: [2] });
  });
});

describe("cutShard", () => {
  it("cuts at whole multiples, so that the same chips are in the same shards wherever a run begins", () => {
    const whole = cutAll(
      Array.from({ length: 20 }, (_, i) => i),
      8,
    );
    expect(whole.map(trialsOf).map((t) => t.length)).toEqual([8, 8, 4]);
    const later = cutAll([13, 12, 11, 10, 9, 8, 14, 15, 16], 8);
    expect(trialsOf(later[0]!)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(later[0]!.id).toBe(whole[1]!.id);
    expect(new Set(whole.map((s) => s.id)).size).toBe(3);
  });

  it("has ids that BullMQ takes, which tell protections apart", () => {
    const [a] = cutAll([0, 1], 2);
    const { tasks } = tasksOf(jobsOf([0, 1], 1));
    expect(a!.id).toMatch(/^s[0-9a-f]{32}$/);
    expect(cutShard(tasks, 0, 2).id).not.toBe(a!.id);
  });

  it("hands outcomes to all that wait", () => {
    const { tasks } = tasksOf(jobsOf([4, 5, 4]));
    const found: number[] = [];
    const outcomes = [4, 5].map((trial) => ({ trial, tallies: [], isHit: [] }));
    deliver(cutShard(tasks, 0, 8), outcomes, (slot, { trial }) => (found[slot] = trial));
    expect(found).toEqual([4, 5, 4]);
  });
});

describe("takeUp", () => {
  it("keeps the cut of what a queue holds, and leaves what it holds for others", () => {
    const { tasks } = tasksOf(jobsOf([0, 1, 2, 3, 4, 5, 6, 7]));
    const { common } = tasks[0]!;
    const { shards, rest } = takeUp(tasks, [
      { id: "a", common, trials: [2, 3] },
      { id: "overlaps", common, trials: [3, 4] },
      { id: "of another run", common, trials: [7, 8] },
      { id: "of another protection", common: "other", trials: [0, 1] },
      { id: "b", common, trials: [6] },
    ]);
    expect(shards.map((shard) => [shard.id, trialsOf(shard)])).toEqual([
      ["a", [2, 3]],
      ["b", [6]],
    ]);
    expect(rest.map((t) => t.trial)).toEqual([0, 1, 4, 5, 7]);
  });
});

describe("shardSize", () => {
  it("takes within a factor of the root of two of half a second, where that can be", () => {
    for (const seconds of [0.0002, 0.001, 0.0123, 0.1, 0.3]) {
      const time = shardSize(seconds) * seconds;
      expect(time).toBeGreaterThan(shardSeconds / 1.4143);
      expect(time).toBeLessThan(shardSeconds * 1.4143);
    }
    expect(shardSize(60)).toBe(1);
    expect(shardSize(0)).toBe(4096);
  });
});
