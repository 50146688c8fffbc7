import { describe, expect, it } from "vitest";
import { uniformStream } from "../stats/random.ts";
import { codeNamed } from "./named.ts";
import { capacity, shannonFloor } from "./capacity.ts";
import {
  codeProtection,
  idealProtection,
  priceCodes,
  priceProtection,
  priceWithin,
  shannonStoredBits,
  unprotected,
} from "./price.ts";

const p = (value: number) => ({ p01: value, p10: value });
const codes = ["secded(72,64)", "bch(63,45,3)", "repetition(3)", "repetition(5)", "repetition(9)"].map(
  codeNamed,
);

describe("priceCodes", () => {
  it("says at p = 0.1 that SECDED is useless and repetition is not, and at 1e-4 that SECDED is useful", () => {
    const verdict = (at: number) =>
      Object.fromEntries(priceCodes(p(at), codes).map((row) => [row.code, row.verdict]));
    expect(verdict(0.1)).toMatchObject({
      "secded(72,64)": "useless",
      "bch(63,45,3)": "useless",
      "repetition(3)": "useful",
      "repetition(9)": "useful",
    });
    expect(verdict(1e-4)["secded(72,64)"]).toBe("useful");
  });

  it("never beats Shannon", () => {
    for (const at of [0.3, 0.1, 0.01, 1e-3])
      for (const row of priceCodes(p(at), codes))
        expect(row.wordBits / row.dataBits).toBeGreaterThanOrEqual(row.floor - 1e-9);
  });
});

describe("priceProtection", () => {
  const next = uniformStream(11);
  const planes = Array.from({ length: 6 }, (_, i) => ({
    name: `bit ${i}`,
    count: 64 + Math.floor(next() * 900),
    noisePerError: 4 ** (i % 3) * (0.2 + next()),
    channel: { p01: 0.05, p10: 0.1 },
  }));
  const choices = codes.slice(2).map(codeProtection);

  it("needs no more than the best of all choices of whole planes, and no more than its bound and a weight", () => {
    const options = [unprotected, ...choices];
    const all: { bits: number; noise: number }[] = [];
    for (let c = 0; c < options.length ** planes.length; c++) {
      let bits = 0;
      let noise = 0;
      planes.forEach((plane, i) => {
        const option = options[Math.floor(c / options.length ** i) % options.length]!;
        const left = option.residual(plane.channel);
        bits += plane.count * option.storedBits;
        noise += (plane.count * plane.noisePerError * (left.p01 + left.p10)) / 2;
      });
      all.push({ bits, noise });
    }
    const start = all[0]!.noise;
    const widest = 8;
    for (const share of [0.7, 0.4, 0.2, 0.05]) {
      const found = priceProtection(planes, choices, share * start);
      const best = Math.min(...all.filter((x) => x.noise <= share * start).map((x) => x.bits));
      expect(found.isReached).toBe(true);
      expect(found.noise).toBeLessThanOrEqual(share * start * (1 + 1e-12));
      expect(found.lowerBound).toBeLessThanOrEqual(best + 1e-9);
      expect(found.storedBits - found.lowerBound).toBeGreaterThanOrEqual(-1e-9);
      expect(found.storedBits - found.lowerBound).toBeLessThan(widest);
      // The other way round: within these bits there is that noise, and one bit less leaves more.
      expect(priceWithin(planes, choices, found.storedBits + 1e-6).noise).toBeCloseTo(found.noise, 9);
      expect(priceWithin(planes, choices, found.storedBits - 8).noise).toBeGreaterThan(share * start);
    }
  });

  it("passes over choices that a mixture of two others beats, in any order", () => {
    const choice = (name: string, storedBits: number, left: number) => ({
      name,
      storedBits,
      residual: (channel: { p01: number; p10: number }) => ({
        p01: left * channel.p01,
        p10: left * channel.p10,
      }),
    });
    // From (1, 1) to (3, 0.2) the noise falls by 0.4 a bit: (2, 0.9) lies above that line, (4, 0.1) is on the hull.
    const offered = [choice("d", 4, 0.1), choice("b", 2, 0.9), choice("c", 3, 0.2), choice("e", 5, 0.15)];
    const [plane] = planes;
    const raw = plane!.count * plane!.noisePerError * 0.075;
    for (const order of [offered, offered.toReversed()]) {
      const half = priceProtection([plane!], order, 0.6 * raw);
      expect(half.planes[0]!.first!.protection).toBe("c");
      expect(half.lowerBound).toBeCloseTo(plane!.count * 2, 9);
      const whole = priceProtection([plane!], order, 0.2 * raw * (1 + 1e-12));
      expect(whole.planes[0]!.protection).toBe("c");
      expect(priceProtection([plane!], order, 0.1 * raw * (1 + 1e-12)).storedBits).toBeCloseTo(
        4 * plane!.count,
        6,
      );
      expect(priceProtection([plane!], order, 0).isReached).toBe(false);
    }
  });

  it.each([
    { noisy: 0.1, share: 0.2 },
    { noisy: 0.2, share: 0.02 },
  ])(
    "leaves to each plane the errors that a scan of two planes finds: $noisy, $share",
    ({ noisy, share }) => {
      const two = [
        { ...planes[0]!, count: 100, noisePerError: 1, channel: p(noisy) },
        { ...planes[1]!, count: 300, noisePerError: 5, channel: p(0.05) },
      ];
      const target = share * (100 * noisy + 300 * 5 * 0.05);
      let least = Infinity;
      for (let first = 0; first <= noisy; first += 1e-5) {
        const second = (target - 100 * first) / (300 * 5);
        if (second < 0 || second > 0.05) continue;
        least = Math.min(
          least,
          100 * Math.max(1, shannonFloor(p(noisy), first)) + 300 * Math.max(1, shannonFloor(p(0.05), second)),
        );
      }
      // A grid that misses the minimum by 1e-5 in one error loses far less than 1e-3 bits.
      expect(shannonStoredBits(two, target)).toBeGreaterThan(least - 1e-3);
      expect(shannonStoredBits(two, target)).toBeLessThan(least + 1e-9);
      for (const unit of [1e-60, 1e60]) {
        const scaled = two.map((plane) => ({ ...plane, noisePerError: unit * plane.noisePerError }));
        expect(shannonStoredBits(scaled, unit * target)).toBeCloseTo(shannonStoredBits(two, target), 6);
      }
      // Bits whose errors do no harm take a stored bit each, whatever the target.
      expect(shannonStoredBits([{ ...two[0]!, noisePerError: 0 }], 0)).toBeCloseTo(100, 9);
    },
  );

  it("is never below Shannon's floor, which is what Lagrange's condition says", () => {
    const noiseOf = (errors: readonly number[]) =>
      planes.reduce((sum, { count, noisePerError }, i) => sum + count * noisePerError * errors[i]!, 0);
    for (const channel of [p(0.1), { p01: 0.05, p10: 0.1 }]) {
      const own = planes.map((plane) => ({ ...plane, channel }));
      const raw = noiseOf(own.map(() => (channel.p01 + channel.p10) / 2));
      for (const share of [0.5, 0.1, 0.01]) {
        const floor = shannonStoredBits(own, share * raw);
        expect(priceProtection(own, choices, share * raw).storedBits).toBeGreaterThan(floor);
        expect(floor).toBeGreaterThan(own.reduce((sum, { count }) => sum + count, 0));
        // Errors drawn at random, brought to the same noise: none of them needs fewer bits.
        for (let draw = 0; draw < 200; draw++) {
          const drawn = own.map(() => next() * (draw % 2 === 0 ? 0.05 : 0.02));
          const scale = (share * raw) / noiseOf(drawn);
          const errors = drawn.map((e) => e * scale);
          if (errors.some((e) => e > 0.05)) continue;
          const bits = own.reduce((sum, { count }, i) => sum + count * shannonFloor(channel, errors[i]), 0);
          expect(bits).toBeGreaterThan(floor * (1 - 1e-9));
        }
      }
      expect(shannonStoredBits(own, 0)).toBeCloseTo(
        own.reduce((sum, { count }) => sum + count, 0) / capacity(channel),
        6,
      );
      expect(shannonStoredBits(own, 2 * raw)).toBeCloseTo(
        own.reduce((sum, { count }) => sum + count, 0),
        6,
      );
    }
  });

  it("says when no choice is enough, and keeps ideal protection free of parity", () => {
    expect(priceProtection(planes, choices, 0).isReached).toBe(false);
    expect(priceProtection(planes, [idealProtection], 0)).toMatchObject({
      parityBits: 0,
      noise: 0,
      isReached: true,
    });
  });
});
