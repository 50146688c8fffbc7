import { describe, expect, it } from "vitest";
import { fromHalf, toHalf } from "./half.ts";

describe("binary16", () => {
  it("turns every pattern into its value and back", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits);
      if (toHalf(value) !== (Number.isNaN(value) ? 0x7e00 : bits)) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it("rounds to the nearest, ties to even", () => {
    // Patterns of neighbours are neighbours: all positive finite ones, at and around the middle of each pair.
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (fromHalf(bits) + fromHalf(bits + 1)) / 2;
      const step = middle * 2 ** -20;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const found = [toHalf(middle - step), toHalf(middle), toHalf(middle + step)];
      if (found.join() !== [bits, even, bits + 1].join()) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    expect([65519.996, 65520, -65520, Infinity].map(toHalf)).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00]);
    expect([NaN, -0, 1, 2 ** -25, 2 ** -24].map(toHalf)).toEqual([0x7e00, 0x8000, 0x3c00, 0, 1]);
  });
});
