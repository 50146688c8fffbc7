import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  formatSi,
  formatTimes,
  powerOfTen,
} from "./numbers.ts";

describe("formatNumber", () => {
  it.each([
    [0, "0"],
    [0.1, "0.1"],
    [0.12345, "0.123"],
    [1234.5, "1235"],
    [999_999, "999999"],
    [1_234_567, "1.23e6"],
    [9.194257e-6, "9.19e-6"],
    [0.001, "0.001"],
    [0.000999, "9.99e-4"],
    [-0.5, "-0.5"],
    [Infinity, "∞"],
    [-Infinity, "-∞"],
    [NaN, "–"],
    [null, "–"],
  ])("writes %s as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it("sets powers of ten and minus signs for print", () => {
    expect(formatNumber(-9.194257e-16, { typeset: true })).toBe("−9.19×10⁻¹⁶");
    expect(powerOfTen(-3)).toBe("10⁻³");
    expect(powerOfTen(0)).toBe("1");
  });

  it("keeps a number to half a unit of its third digit", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (value) => {
        const read = Number(formatNumber(value));
        expect(Math.abs(read - value)).toBeLessThanOrEqual(0.005 * value * (1 + 1e-9));
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe("formatSi", () => {
  it.each([
    [0.064, "s", "64 ms"],
    [77e-6, "s", "77 µs"],
    [2.349e-12, "A", "2.35 pA"],
    [0.9996, "V", "1 V"],
    [999.96e-9, "s", "1 µs"],
    [12_345, "Hz", "12.3 kHz"],
    [0, "V", "0 V"],
    [-0.5, "V", "-500 mV"],
    [1e-30, "A", "1e-30 A"],
  ])("writes %s %s as %s", (value, unit, text) => {
    expect(formatSi(value, unit)).toBe(text);
  });
});

describe("formatPercent", () => {
  it.each([
    [0, "0 %"],
    [1, "100 %"],
    [0.918, "91.8 %"],
    [0.0763, "7.6 %"],
    [0.0042, "0.42 %"],
    [0.36, "36 %"],
    [0.09996, "10 %"],
    [1e-6, "1e-4 %"],
    [null, "–"],
  ])("writes %s as %s", (share, text) => {
    expect(formatPercent(share)).toBe(text);
  });

  it("takes a fixed number of decimals", () => {
    expect(formatPercent(0.36, 1)).toBe("36.0 %");
  });
});

describe("times and counts", () => {
  it.each([
    [0.84, "840 ms"],
    [12.34, "12.3 s"],
    [59.96, "1 min 00 s"],
    [125, "2 min 05 s"],
    [3599.7, "1 h 00 min"],
    [3720, "1 h 02 min"],
    [3.156e8, "3653 days"],
  ])("writes %s s as %s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it("groups thousands and rounds ratios", () => {
    expect(formatCount(61_706)).toBe("61,706");
    expect(formatCount(999)).toBe("999");
    expect(formatTimes(4.68)).toBe("4.7");
    expect(formatTimes(2)).toBe("2.0");
    expect(formatTimes(33.6)).toBe("34");
    expect(formatTimes(Infinity)).toBe("∞");
  });
});
