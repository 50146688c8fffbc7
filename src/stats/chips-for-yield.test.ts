import { describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { chipsForYield, proportionInterval } from "./index.ts";

/** P(Bin(n, p) <= most), term by term from the one before. */
function atMost(most: number, n: number, p: number): number {
  let term = (1 - p) ** n;
  let sum = 0;
  for (let k = 0; k <= most; k++) {
    sum += term;
    term *= ((n - k) / (k + 1)) * (p / (1 - p));
  }
  return sum;
}

/** Straight from the definition: every n from 1 on, wherever one more bad chip is allowed. */
function scanned(wanted: number, assumed: number, confidence: number, power: number): number {
  let allowed = -1;
  for (let n = 1; ; n++) {
    const bad = allowed + 1;
    if (bad > n || proportionInterval(n - bad, n, confidence).low < wanted) continue;
    allowed = bad;
    if (atMost(allowed, n, 1 - assumed) >= power) return n;
  }
}

describe("chipsForYield", () => {
  it.each([
    [0.5, 1, 0.95, 0.9],
    [0.9, 1, 0.8, 0.5],
    [0.9, 0.96, 0.95, 0.9],
    [0.9, 0.96, 0.95, 0.8],
    [0.9, 0.96, 0.99, 0.5],
    [0.2, 0.5, 0.95, 0.9],
    [0.3, 0.95, 0.95, 0.3],
    [0.02, 0.99, 0.5, 0.9],
    [0.97, 0.985, 0.9, 0.9],
  ])("shows %d where the truth is %d, at confidence %d with probability %d: as a scan finds", (...given) => {
    const [wanted, assumed, confidence, power] = given;
    expect(chipsForYield(wanted, assumed, { confidence, power })).toBe(scanned(...given));
  });

  it("is 95 % sure with a probability of 0.9 unless told otherwise", () => {
    expect(chipsForYield(0.8, 0.9)).toBe(scanned(0.8, 0.9, 0.95, 0.9));
  });

  it("refuses what cannot be shown, and what takes more than a million chips", () => {
    for (const [wanted, assumed] of [
      [0, 0.5],
      [-0.1, 0.5],
      [0.5, 0.5],
      [0.6, 0.5],
      [0.9, 1.01],
      [Number.NaN, 0.9],
    ] as const) {
      expect(() => chipsForYield(wanted, assumed)).toThrow(QtamlError);
    }
    expect(() => chipsForYield(0.5, 0.9, { confidence: 1 })).toThrow(/between 0 and 1/);
    expect(() => chipsForYield(1 - 1e-7, 1)).toThrow(/More than a million/);
  });
});
