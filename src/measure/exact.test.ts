import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExactSum } from "./exact.ts";

const sumOf = (values: readonly number[]) => {
  const sum = new ExactSum();
  for (const value of values) sum.add(value);
  return sum.expansion();
};

/** A finite double as a whole number of 2^-1074. */
function units(value: number): bigint {
  const bits = new DataView(new Float64Array([value]).buffer).getBigUint64(0, true);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & ((1n << 52n) - 1n)) + (exponent === 0 ? 0n : 1n << 52n);
  return (bits >> 63n === 0n ? 1n : -1n) * (mantissa << BigInt(Math.max(exponent, 1) - 1));
}

const terms = fc.array(
  fc.oneof(
    fc.double({ min: -1e300, max: 1e300, noNaN: true }),
    fc.double({ min: -4, max: 4, noNaN: true }),
    fc.integer({ min: -1000, max: 1000 }),
    fc.integer({ min: -60, max: 60 }).map((e) => 2 ** e),
  ),
  { maxLength: 30 },
);

describe("ExactSum", () => {
  it("is the exact sum, led by the double nearest to it", () => {
    fc.assert(
      fc.property(terms, (values) => {
        const expansion = sumOf(values);
        const exact = values.reduce((sum, v) => sum + units(v), 0n);
        expect(expansion.reduce((sum, v) => sum + units(v), 0n)).toBe(exact);
        const first = expansion[0] ?? 0;
        const miss = (value: number) => {
          const distance = units(value) - exact;
          return distance < 0n ? -distance : distance;
        };
        expect(miss(first) <= miss(nextTowardsZero(first))).toBe(true);
        expect(miss(first) <= miss(nextFromZero(first))).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it("has the same bits in any order and any grouping", () => {
    fc.assert(
      fc.property(terms, fc.nat(), (values, salt) => {
        const shuffled = values
          .map((value, i) => ({ value, key: ((i + 1) * 7919 * (salt + 1)) % 1009 }))
          .sort((a, b) => a.key - b.key)
          .map(({ value }) => value);
        const cut = values.length === 0 ? 0 : salt % values.length;
        const parts = [sumOf(shuffled.slice(0, cut)), sumOf(shuffled.slice(cut))];
        expect(new ExactSum(parts.flat()).expansion()).toEqual(sumOf(values));
      }),
      { seed: 2 },
    );
  });

  it("keeps what rounding loses, and decides half-way cases by what lies below", () => {
    expect(sumOf([1, 1e100, 1, -1e100])).toEqual([2]);
    expect(sumOf([1, 2 ** -53, 2 ** -200])[0]).toBe(1 + 2 ** -52);
    expect(sumOf([1, 2 ** -53, -(2 ** -200)])[0]).toBe(1);
    expect(sumOf([])).toEqual([]);
    expect(() => sumOf([Number.NaN])).toThrow(/NaN/);
  });
});

function neighbour(value: number, step: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  view.setBigUint64(0, view.getBigUint64(0, true) + step, true);
  return view.getFloat64(0, true);
}
const nextTowardsZero = (value: number) => (value === 0 ? 0 : neighbour(value, -1n));
const nextFromZero = (value: number) => neighbour(value, 1n);
