import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { narrowFormatNames } from "../../test/formats.ts";
import { QtamlError } from "../errors.ts";
import { codeArray } from "./codes.ts";
import { codeHistogram, encode, encodeInto, quantisationStep } from "./encode.ts";
import { formatNames, integerFormat, isLinear, linearFormat, numberFormat, tableFormat } from "./format.ts";

const popCount = (x: number) => x.toString(2).replaceAll("0", "").length;

describe("formats", () => {
  it("are 32 integer codes, four floats and NF4, each by its own name", () => {
    expect(formatNames).toHaveLength(37);
    for (const name of formatNames) {
      const format = numberFormat(name);
      expect(format.name).toBe(name);
      expect(format.values).toHaveLength(2 ** format.bits);
    }
  });

  it("read two's complement as the machine does", () => {
    const machine = Float64Array.from(Int8Array.from({ length: 256 }, (_, code) => code));
    expect(numberFormat("int8").values).toEqual(machine);
  });

  it("hold every integer of -largest to largest once, at the code that they say", () => {
    for (const name of formatNames.filter((n) => n.startsWith("int"))) {
      const { values, largest, integerCodes, bits } = numberFormat(name);
      expect(largest).toBe(2 ** (bits - 1) - 1);
      expect(integerCodes).toHaveLength(2 * largest + 1);
      expect(integerCodes!.every((code, i) => values[code] === i - largest)).toBe(true);
    }
  });

  it("have the value that is left over: -2^(B-1), or a second zero in sign-magnitude", () => {
    for (const bits of [2, 3, 4, 5, 6, 7, 8, 16]) {
      const half = 2 ** (bits - 1);
      expect(numberFormat(`int${bits}`).values[half]).toBe(-half);
      expect(numberFormat(`int${bits}-offset`).values[0]).toBe(-half);
      expect(numberFormat(`int${bits}-gray`).values[0]).toBe(-half);
      expect(numberFormat(`int${bits}-sign-magnitude`).values[half]).toBe(0);
    }
  });

  it("differ in one bit between neighbours of a Gray code", () => {
    for (let bits = 2; bits <= 8; bits++) {
      const codes = [...numberFormat(`int${bits}-gray`).integerCodes!];
      for (const [i, code] of codes.slice(1).entries()) expect(popCount(code ^ codes[i]!)).toBe(1);
    }
  });

  it("know their place values where they are linear, and only there", () => {
    for (const name of formatNames) {
      const format = numberFormat(name);
      expect(isLinear(format)).toBe(/^int\d+(-offset)?$/.test(name));
      if (!isLinear(format)) continue;
      const { placeValues, offset } = format;
      const sum = (code: number) =>
        placeValues.reduce((s, place, k) => s + place * ((code >> k) & 1), offset);
      expect(format.values.every((value, code) => value === sum(code))).toBe(true);
    }
  });

  it("have the integers that models store, of 2 to 16 bits", () => {
    expect(integerFormat(8, true).values).toEqual(numberFormat("int8").values);
    expect(integerFormat(4, false)).toMatchObject({ name: "uint4", bits: 4, largest: 15, offset: 0 });
    for (let bits = 2; bits <= 16; bits++) {
      const half = 2 ** (bits - 1);
      expect(integerFormat(bits, false).values.every((v, code) => v === code)).toBe(true);
      expect(integerFormat(bits, true).values.every((v, c) => v === (c < half ? c : c - 2 * half))).toBe(
        true,
      );
    }
    expect(() => integerFormat(17, true)).toThrow(QtamlError);
  });

  it("decode the landmarks of fp8", () => {
    const e4m3 = numberFormat("fp8-e4m3");
    expect([0x00, 0x01, 0x08, 0x38, 0x7e, 0x7f, 0x81, 0xfe].map((c) => e4m3.values[c])).toEqual([
      0,
      2 ** -9,
      2 ** -6,
      1,
      448,
      NaN,
      -(2 ** -9),
      -448,
    ]);
    const e5m2 = numberFormat("fp8-e5m2");
    expect([0x01, 0x04, 0x3c, 0x7b, 0x7c, 0x7d, 0xfb, 0xfc, 0xff].map((c) => e5m2.values[c])).toEqual([
      2 ** -16,
      2 ** -14,
      1,
      57344,
      Infinity,
      NaN,
      -57344,
      -Infinity,
      NaN,
    ]);
    expect([e4m3.largest, e5m2.largest]).toEqual([448, 57344]);
  });

  it("have 16 ascending NF4 values from -1 to 1 with an exact zero", () => {
    const { values, largest, bits } = numberFormat("nf4");
    expect([bits, largest, values[0], values[7], values[15]]).toEqual([4, 1, -1, 0, 1]);
    expect([...values]).toEqual([...values].sort((a, b) => a - b));
  });

  it("refuse names and tables that make no sense, in words", () => {
    expect(() => numberFormat("int9")).toThrow(QtamlError);
    expect(() => numberFormat("int8-grey")).toThrow(/"int8-grey": use int2 to int8/);
    expect(() => tableFormat("mine", [1, 2, 3])).toThrow(/has 3 values/);
    expect(() => tableFormat("mine", [0, 0, 0, NaN])).toThrow(/no finite value/);
  });

  it("include an unsigned integer with a zero point", () => {
    const format = linearFormat("uint4-zero-8", [1, 2, 4, 8], -8, 7);
    expect(format.values).toEqual(numberFormat("int4-offset").values);
  });
});

/** Even integer (integer formats) or even code on a tie, +0 before -0; by trying every code. */
function nearestByTrial(name: string, x: number): number {
  const { values, largest, integerCodes } = numberFormat(name);
  const clipped = Math.max(-largest, Math.min(largest, x));
  const rank = (code: number) => {
    const odd = integerCodes === undefined ? code & 1 : Math.abs(values[code]! % 2);
    return [Math.abs(values[code]! - clipped), odd, code] as const;
  };
  const usable = [...values.keys()].filter((code) => Math.abs(values[code]!) <= largest);
  usable.sort((a, b) => {
    const [ra, rb] = [rank(a), rank(b)];
    return ra[0] - rb[0] || ra[1] - rb[1] || ra[2] - rb[2];
  });
  return usable[0]!;
}

describe("encoding", () => {
  it("takes the nearest code in every format, ties included", () => {
    const name = fc.constantFrom(...narrowFormatNames);
    const quarter = fc.integer({ min: -600, max: 600 }).map((i) => i / 4);
    fc.assert(
      fc.property(name, fc.oneof(quarter, fc.float({ noNaN: true, min: -1000, max: 1000 })), (n, x) => {
        expect(encode(numberFormat(n), x)).toBe(nearestByTrial(n, x));
      }),
      { seed: 11, numRuns: 3000 },
    );
  });

  it("gives every finite value its own code back", () => {
    for (const name of formatNames) {
      const format = numberFormat(name);
      const values = Float32Array.from(format.values.filter((v) => Math.abs(v) <= format.largest));
      const codes = codeArray(format.bits, values.length);
      encodeInto(format, values, 1, codes);
      expect(values.every((value, i) => format.values[codes[i]!] === value)).toBe(true);
    }
  });

  it("divides in float32, as ONNX QuantizeLinear does", () => {
    // 0.35 / 0.1 is 3.4999999 in double and 3.5 in float32, so the even neighbour is 4.
    const weights = Float32Array.of(0.35, 0.1 * 2.5, -0.35, 100, -100);
    const codes = new Uint8Array(5);
    encodeInto(numberFormat("int8"), weights, 0.1, codes);
    const expected = weights.map((w) => {
      const x = Math.fround(w / Math.fround(0.1));
      const below = Math.floor(x);
      const rounded = x - below === 0.5 ? below + Math.abs(below % 2) : Math.round(x);
      return Math.max(-127, Math.min(127, rounded));
    });
    expect([...new Int8Array(codes.buffer)]).toEqual([...expected]);
  });

  it("maps the infinity norm to the largest code, and zeros to zero", () => {
    for (const name of formatNames) {
      const format = numberFormat(name);
      if (format.unscaled) continue;
      for (const norm of [1e-3, 0.7, 123]) {
        const step = quantisationStep(format, norm);
        const codes = codeArray(format.bits, 3);
        encodeInto(format, Float32Array.of(norm, -norm, 0), step, codes);
        expect(Array.from(codes, (c) => format.values[c])).toEqual([format.largest, -format.largest, 0]);
      }
    }
    expect(quantisationStep(numberFormat("int8"), 0)).toBe(1);
  });

  it("refuses NaN, infinite norms and steps that are not positive", () => {
    const codes = new Uint8Array(2);
    for (const name of ["int8", "fp8-e4m3"]) {
      expect(() => encodeInto(numberFormat(name), Float32Array.of(1, NaN), 1, codes)).toThrow(
        /Weight 1 is NaN/,
      );
      expect(() => encodeInto(numberFormat(name), Float32Array.of(1, 2), 0, codes)).toThrow(/not a positive/);
    }
    const one = Float32Array.of(1);
    expect(() => encodeInto(numberFormat("int8"), one, 1e39, new Uint8Array(1))).toThrow(/not a positive/);
    expect(() => encodeInto(numberFormat("int8"), one, 1, codes)).toThrow(RangeError);
    expect(() => quantisationStep(numberFormat("int8"), Infinity)).toThrow(QtamlError);
  });

  it("counts codes", () => {
    const wide = codeHistogram(Uint16Array.of(65535, 300, 300), 16);
    expect([wide.length, wide[300], wide[65535], wide[44]]).toEqual([65536, 2, 1, 0]);
    expect(() => codeHistogram(Uint16Array.of(512), 9)).toThrow(/Code 512/);
    expect([...codeHistogram(Uint8Array.of(0, 3, 3, 1), 2)]).toEqual([1, 1, 0, 2]);
    expect(() => codeHistogram(Uint8Array.of(4), 2)).toThrow(/Code 4/);
  });
});

describe.each([
  { name: "fp16", exponentBits: 5, mantissaBits: 10, overflow: 65520 },
  { name: "bf16", exponentBits: 8, mantissaBits: 7, overflow: 2 ** 128 * (1 - 2 ** -9) },
])("$name", ({ name, exponentBits, mantissaBits, overflow }) => {
  const format = numberFormat(name);
  const { values, largest } = format;
  const half = 2 ** 15;

  it("is the float of its layout, and holds the weights themselves", () => {
    expect(format).toMatchObject({ unscaled: true, floatLayout: { exponentBits, mantissaBits } });
    expect(quantisationStep(format, 0.37)).toBe(1);
    expect(values[1]).toBe(2 ** (2 - 2 ** (exponentBits - 1) - mantissaBits));
    expect(values[half]).toBe(-0);
    expect(values.filter(Number.isNaN)).toHaveLength(2 * (2 ** mantissaBits - 1));
    expect(values.filter((v) => v === Infinity || v === -Infinity)).toHaveLength(2);
    const finite = values.indexOf(Infinity);
    expect(largest).toBe(values[finite - 1]);
    for (let code = 1; code < finite; code++)
      if (!(values[code]! > values[code - 1]!)) throw new Error(`${code}`);
  });

  it("rounds every float32 to nearest, ties to even, and keeps the sign of zero", () => {
    // The nearest code by bisection: non-negative codes are in the order of their values.
    const top = values.indexOf(largest);
    const nearest = (x: number) => {
      const magnitude = Math.abs(x);
      let [low, high] = [0, top];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (values[middle]! <= magnitude) low = middle;
        else high = middle;
      }
      const centre = (values[low]! + values[high]!) / 2;
      const up = magnitude > centre || (magnitude === centre && (low & 1) === 1);
      return (up ? high : low) + (x < 0 || Object.is(x, -0) ? half : 0);
    };
    const words = new Uint32Array(200_000).map((_, i) => Math.imul(i, 0x9e3779b1));
    const drawn = [...new Float32Array(words.buffer)].filter(Number.isFinite);
    const ordinary = Array.from({ length: 50_000 }, (_, i) => Math.sin(i) * 2 ** ((i % 50) - 30));
    const middles = Array.from({ length: 30_000 }, (_, c) => (values[c]! + values[c + 1]!) / 2).filter(
      Number.isFinite,
    );
    const weights = Float32Array.from([0, -0, largest, -largest, ...drawn, ...ordinary, ...middles]);
    const codes = codeArray(16, weights.length);
    encodeInto(format, weights, 1, codes);
    expect(weights.findIndex((x, i) => codes[i] !== nearest(x))).toBe(-1);
  });

  it("saturates one weight, refuses a tensor that would overflow, and NaN", () => {
    expect(values[encode(format, -3.4e38)]).toBe(-largest);
    expect(quantisationStep(format, largest)).toBe(1);
    expect(() => quantisationStep(format, overflow)).toThrow(`and ${name} ends at ${largest}`);
    expect(quantisationStep(format, overflow * (1 - 2 ** -30))).toBe(1);
    expect(() => encode(format, NaN)).toThrow(/Weight 0 is NaN/);
  });
});
