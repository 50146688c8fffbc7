import { describe, expect, it } from "vitest";
import { TensorDamage } from "./damage.ts";

const damageOf = (weights: number) => new TensorDamage({ codes: new Uint8Array(weights), bits: 8 });

describe("TensorDamage", () => {
  it("lists what was hit in any number, and forgets all of it", () => {
    const damage = damageOf(10_000);
    expect(Array.from(damage.touched!)).toEqual([]);
    const hit = Array.from({ length: 300 }, (_, i) => (i * 37) % 10_000);
    for (const round of [0, 1]) {
      for (const weight of hit) damage.flip(weight, round + 3);
      expect(Array.from(damage.touched!)).toEqual(hit);
      for (const [weight, pattern] of damage.patterns.entries())
        expect(pattern).toBe(hit.includes(weight) ? 1 << (round + 3) : 0);
      damage.clear();
      expect(damage.patterns.every((pattern) => pattern === 0)).toBe(true);
      expect(Array.from(damage.touched!)).toEqual([]);
    }
  });

  it.each([
    { weights: 512, isListed: false },
    { weights: 520, isListed: true },
  ])("keeps no list beyond 64 hits of $weights weights: $isListed", ({ weights, isListed }) => {
    const damage = damageOf(weights);
    for (let weight = 0; weight < 64; weight++) damage.flip(weight, 0);
    expect(damage.touched).toHaveLength(64);
    damage.flip(64, 0);
    expect(damage.touched !== undefined).toBe(isListed);
    damage.clear();
    expect(damage.patterns.every((pattern) => pattern === 0)).toBe(true);
    expect(Array.from(damage.touched!)).toEqual([]);
  });

  it("has no list after it was overwritten, and forgets that too", () => {
    const damage = damageOf(20);
    damage.overwrite().fill(7);
    expect(damage.touched).toBeUndefined();
    expect(damage.read(3, 2)).toBe(1);
    expect(damage.read(3, 3)).toBe(0);
    damage.clear();
    expect(Array.from(damage.patterns)).toEqual(Array<number>(20).fill(0));
    expect(Array.from(damage.touched!)).toEqual([]);
  });
});
