import { describe, expect, it } from "vitest";
import { uniformStream } from "../stats/random.ts";
import { codeNamed } from "./named.ts";
import { codeProtection, idealProtection, priceCodes, priceProtection, unprotected } from "./price.ts";

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

  it("stays between the bound and the best of all choices, and within one step of it", () => {
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
    const widest = Math.max(...planes.map(({ count }) => count * 9));
    for (const share of [0.7, 0.4, 0.2, 0.05]) {
      const found = priceProtection(planes, choices, share * start);
      const best = Math.min(...all.filter((x) => x.noise <= share * start).map((x) => x.bits));
      expect(found.isReached).toBe(true);
      expect(found.noise).toBeLessThanOrEqual(share * start);
      expect(found.lowerBound).toBeLessThanOrEqual(best + 1e-9);
      expect(found.storedBits).toBeGreaterThanOrEqual(best - 1e-9);
      expect(found.storedBits - best).toBeLessThan(widest);
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
