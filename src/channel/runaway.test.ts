import { describe, expect, it } from "vitest";
import { numberFormat, tableFormat } from "./format.ts";
import { boundedTable, extendedValues, runawayFactor, runawayLimit } from "./runaway.ts";

describe("values without NaN and infinity", () => {
  it("are the values themselves where all are finite", () => {
    for (const name of ["int8", "nf4"]) {
      const format = numberFormat(name);
      expect(extendedValues(format)).toBe(format.values);
    }
  });

  it.each([
    ["fp16", 5, 10],
    ["bf16", 8, 7],
    ["fp8-e5m2", 5, 2],
  ])(
    "of %s go on beyond the largest number as IEEE 754 would without infinities",
    (name, exponent, mantissa) => {
      const format = numberFormat(name);
      const extended = extendedValues(format);
      const wild = [...format.values.keys()].filter((code) => !Number.isFinite(format.values[code]!));
      expect(wild.length).toBeGreaterThan(0);
      for (const [code, value] of extended.entries()) {
        const [sign, e, m] = [
          code >= 2 ** (exponent + mantissa) ? -1 : 1,
          Math.floor(code / 2 ** mantissa) % 2 ** exponent,
          code % 2 ** mantissa,
        ];
        const bias = 2 ** (exponent - 1) - 1;
        const normal = sign * 2 ** (e - bias) * (1 + m / 2 ** mantissa);
        expect(value).toBe(e === 0 ? format.values[code] : normal);
      }
      expect(extendedValues(format)).toBe(extended);
    },
  );

  it("of a table are twice its largest, with the sign that there is", () => {
    const format = tableFormat("mine", [0, 3, -5, NaN, Infinity, -Infinity, 1, 2]);
    expect([...extendedValues(format)]).toEqual([0, 3, -5, 10, 10, -10, 1, 2]);
  });
});

describe("runaway weights", () => {
  it("are read beyond 64 times the largest that is stored, whatever its sign", () => {
    const format = numberFormat("fp16");
    const storing = (...stored: number[]) => format.values.map((v) => (stored.includes(v) ? 3 : 0));
    expect(runawayLimit(format, storing(0.5, -2, 0))).toBe(2 * runawayFactor);
    expect(runawayLimit(format, storing(0))).toBe(Infinity);
  });

  it("are not told from others in a format with a step of its own", () => {
    expect(runawayLimit(numberFormat("int8"), new Float64Array(256).fill(1))).toBe(Infinity);
  });

  it("are NaN in a bounded table, and nothing is without a limit", () => {
    const table = Float64Array.of(-3, 3, 3.5, -4, Infinity, 0);
    expect([...boundedTable(table, 3)]).toEqual([-3, 3, NaN, NaN, NaN, 0]);
    expect(boundedTable(table, Infinity)).toBe(table);
  });
});
