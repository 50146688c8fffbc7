import { describe, expect, it } from "vitest";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import { allocateChoices, convexChoices, type StorageChoice } from "./choices.ts";

function randomItems(seed: number, items: number, choices: number): StorageChoice[][] {
  const state = addressedStreams({ seed, trial: 0, tensor: 0 }, 2)(0);
  return Array.from({ length: items }, () => [
    { bits: 0, noise: 1 + nextUniform(state) },
    ...Array.from({ length: choices - 1 }, () => ({
      bits: Math.ceil(20 * nextUniform(state)),
      noise: 1.2 * nextUniform(state),
    })),
  ]);
}

/** The least noise of undivided items within a budget, by trying all combinations. */
function leastWhole(items: readonly (readonly StorageChoice[])[], budget: number): number {
  const [first, ...rest] = items;
  if (first === undefined) return 0;
  return Math.min(
    ...first
      .filter(({ bits }) => bits <= budget)
      .map(({ bits, noise }) => noise + leastWhole(rest, budget - bits)),
  );
}

describe("convexChoices", () => {
  it("leaves out what a mixture of two others beats", () => {
    const choices = [
      { bits: 0, noise: 10 },
      { bits: 1, noise: 9 },
      { bits: 2, noise: 4 },
      { bits: 3, noise: 3.5 },
      { bits: 4, noise: 1 },
      { bits: 5, noise: 2 },
    ];
    expect(convexChoices(choices)).toEqual([0, 2, 4]);
    // In any order, the better of two of one price, and those on a line between their neighbours left out.
    expect(convexChoices([choices[4]!, choices[2]!, choices[0]!])).toEqual([2, 1, 0]);
    expect(
      convexChoices([
        { bits: 0, noise: 5 },
        { bits: 0, noise: 4 },
        { bits: 1, noise: 4 },
      ]),
    ).toEqual([1]);
    expect(convexChoices([4, 3, 2, 1].map((noise, bits) => ({ bits, noise })))).toEqual([0, 3]);
  });
});

describe("allocateChoices", () => {
  it.each([1, 2, 3, 4, 5])("leaves no more than any whole allocation of its cost, seed %i", (seed) => {
    const items = randomItems(seed, 4, 5);
    for (const budget of [0, 3, 11, 25, 40, 80]) {
      const { items: chosen, noise } = allocateChoices(items, budget);
      expect(noise).toBeLessThanOrEqual(leastWhole(items, budget) + 1e-12);
      // What it states is what its own choices cost and leave.
      const mixed = (of: (choice: StorageChoice) => number) =>
        chosen.reduce(
          (sum, { base, upper, share }, i) =>
            sum + (1 - share) * of(items[i]![base]!) + share * of(items[i]![upper]!),
          0,
        );
      expect(mixed((c) => c.noise)).toBeCloseTo(noise, 12);
      expect(mixed((c) => c.bits)).toBeLessThanOrEqual(budget + 1e-9);
      expect(chosen.filter(({ share }) => share > 0).length).toBeLessThanOrEqual(1);
    }
  });

  it("is at a breakpoint the best whole allocation, and states what the next bit is worth", () => {
    const items = [
      [
        { bits: 0, noise: 8 },
        { bits: 4, noise: 2 },
        { bits: 8, noise: 0 },
      ],
      [
        { bits: 0, noise: 5 },
        { bits: 5, noise: 1 },
      ],
    ];
    const { noise, marginalValue } = allocateChoices(items, 4);
    expect([noise, marginalValue]).toEqual([7, 0.8]);
    expect(noise).toBe(leastWhole(items, 4));
    expect(allocateChoices(items, 100)).toMatchObject({ noise: 1, marginalValue: 0 });
    const whole = (index: number) => ({ base: index, upper: index, share: 0 });
    expect(allocateChoices(items, 100).items).toEqual([whole(2), whole(1)]);
    expect(allocateChoices(items, 0).items).toEqual([whole(0), whole(0)]);
    expect(allocateChoices(items, 4).items).toEqual([whole(1), whole(0)]);
    expect(allocateChoices(items, 1).items).toEqual([{ base: 0, upper: 1, share: 0.25 }, whole(0)]);
    expect(allocateChoices(items, 6.5)).toEqual({
      items: [whole(1), { base: 0, upper: 1, share: 0.5 }],
      noise: 5,
      marginalValue: 0.8,
    });
  });
});
