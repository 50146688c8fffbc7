import { describe, expect, it } from "vitest";
import {
  codeArray,
  codeHistogram,
  conditionalMoments,
  decoder,
  encodeInto,
  errorMoments,
  extendedValues,
  numberFormat,
  protectBits,
  runawayFactor,
  symmetricFlips,
  variancesWithout,
} from "../channel/index.ts";
import { expectedAccuracyUnderNoise } from "./margins.ts";
import { ordinaryErrors, protectionLadder, weightVariance, type MemoryTensor } from "./ladder.ts";
import { expectedRunaways, residualCurve, saturationRatio } from "./residual.ts";

/** Gaussian weights of this deviation, cut at 4 of them, stored as a 16-bit format. */
function gaussian(name: string, deviation: number, p: number, count = 20_000): MemoryTensor {
  const format = numberFormat(name);
  const weights = Float32Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log((i + 0.5) / count));
    return deviation * Math.max(-4, Math.min(4, radius * Math.cos(2.399963 * i)));
  });
  const codes = codeArray(16, count);
  encodeInto(format, weights, 1, codes);
  const flips = symmetricFlips(p, 16);
  const histogram = codeHistogram(codes, 16);
  return { name, count, format, histogram, flips, meanSquareStep: 1, stepSensitivity: 1 };
}

const bit = (k: number) => 1 << k;

describe("protection of 16-bit floats", () => {
  it("takes the exponent's highest bit first, and the mantissa from its top", () => {
    for (const name of ["fp16", "bf16"]) {
      const tensor = gaussian(name, 0.1, 1e-3);
      const { mantissaBits } = tensor.format.floatLayout!;
      const { start, rungs } = protectionLadder(tensor);
      expect(rungs[0]).toMatchObject({ mask: bit(14), bits: 1 });
      expect(rungs[0]!.variance / start).toBeLessThan(1e-6);
      const order = rungs.slice(1).flatMap((r, i) => (r.bits === 1 ? [r.mask & ~rungs[i]!.mask] : []));
      const mantissa = order.filter((m) => m < bit(mantissaBits));
      expect(mantissa).toEqual([...mantissa].sort((a, b) => b - a));
      expect(mantissa.length).toBeGreaterThan(3);
      expect(rungs.at(-1)).toMatchObject({ mask: 0xffff, variance: 0 });
      for (const [i, { gain }] of rungs.entries())
        expect(gain).toBeLessThanOrEqual(rungs[i - 1]?.gain ?? gain);
    }
  });

  it("never gains by turning errors into NaN", () => {
    // Of 1.5 the exponent is 0111 1111: a flip of its highest bit makes it NaN, one of another makes it smaller.
    const format = numberFormat("bf16");
    const histogram = new Float64Array(65536);
    histogram[0x3fc0] = 1;
    const tensor = { ...gaussian("bf16", 1, 1e-3, 1), format, histogram };
    expect(protectionLadder(tensor).rungs[0]!.mask).toBe(bit(14));
    // Moments of finite results alone would leave it for last: without it hardly anything but NaN changes.
    const finite = (mask: number) =>
      errorMoments({
        values: format.values,
        decode: format.values,
        flips: protectBits(tensor.flips, mask),
        histogram,
      });
    expect(finite(0).nonFinite).toBeCloseTo(1e-3, 4);
    expect(finite(bit(14)).nonFinite).toBe(0);
    expect(finite(0).variance).toBeGreaterThan(0);
    expect(weightVariance(tensor, 0, "none")).toBeGreaterThan(1e-3 * 0.99 * (2 ** 128) ** 2);
    // Then the sign moves it by 3, seven bits of exponent by less than 1.5, the mantissa by less than 0.75 in all.
    expect(weightVariance(tensor, bit(14), "none")).toBeLessThan(1e-3 * (9 + 7 * 2.25 + 0.75));
  });

  it("gives special codes values beyond all finite ones, in order, and no others", () => {
    for (const name of ["fp16", "bf16", "fp8-e4m3", "fp8-e5m2"]) {
      const format = numberFormat(name);
      const table = extendedValues(format);
      const half = table.length / 2;
      expect(table.every(Number.isFinite)).toBe(true);
      expect(format.values.every((v, c) => !Number.isFinite(v) || table[c] === v)).toBe(true);
      for (let c = 1; c < half; c++) if (!(table[c]! > table[c - 1]!)) throw new Error(`${name}: code ${c}`);
      expect(table.subarray(half)).toEqual(table.slice(0, half).map((v) => -v));
    }
    expect(extendedValues(numberFormat("fp8-e4m3"))[0x7f]).toBe(480);
  });

  it("leaves one bit out at a time as the whole law does", () => {
    for (const [name, mask] of [
      ["int8-gray", 0],
      ["bf16", bit(14) | bit(9)],
    ] as const) {
      const format = numberFormat(name);
      const values = extendedValues(format);
      const flips = protectBits(symmetricFlips(0.02, format.bits), mask);
      const open = Array.from({ length: format.bits }, (_, k) => k).filter((k) => !(mask & bit(k)));
      const seen: number[] = [];
      variancesWithout(values, flips, open, (k, variance) => {
        seen.push(k);
        const expected = conditionalMoments(values, protectBits(flips, mask | bit(k))).variance;
        // The stages in another order: each variance is a sum of positive terms that round 16 times.
        const worst = variance.reduce(
          (m, v, c) => Math.max(m, Math.abs(v - expected[c]!) / (expected[c]! || 1)),
          0,
        );
        expect(worst).toBeLessThan(2 ** -40);
      });
      expect(seen.sort((a, b) => a - b)).toEqual(open);
    }
  });

  it("knows runaway weights as an outcome of their own, with the probability of enumerated flips", () => {
    const p = 1e-5;
    const tensor = gaussian("bf16", 0.1, p);
    const { values } = tensor.format;
    const limit = runawayFactor * Math.max(...values.filter((_, c) => tensor.histogram[c]! > 0));
    const total = tensor.histogram.reduce((a, b) => a + b, 0);
    let single = 0;
    tensor.histogram.forEach((count, c) => {
      if (count === 0) return;
      for (let k = 0; k < 16; k++)
        if (!(Math.abs(values[c ^ bit(k)]!) <= limit)) single += (count / total) * p;
    });
    const { runaway, variance } = ordinaryErrors(tensor, 0, "none");
    // To first order; pairs of flips: fewer than 120 p^2, and 15 p of the single ones meet another.
    expect(Math.abs(runaway - single)).toBeLessThan(120 * p * p);
    expect(variance).toBeLessThan(limit ** 2 * 16 * p);
    expect(ordinaryErrors(tensor, bit(14), "none").runaway).toBe(0);
    const one = (mask: number) => [
      [{ start: 0, count: tensor.count, protectedMask: mask, decoder: "none" as const }],
    ];
    expect(expectedRunaways([tensor], one(0)) / (tensor.count * runaway)).toBeCloseTo(1, 12);
    expect(expectedRunaways([tensor], one(bit(14)))).toBe(0);
  });

  it("corrects the drift of the weights that do not run away", () => {
    const tensor = gaussian("bf16", 0.1, 0.01);
    for (const mask of [0, bit(14)]) {
      const corrected = ordinaryErrors(tensor, mask, "unbiased-affine").variance;
      const plain = ordinaryErrors(tensor, mask, "none").variance;
      // The line is near 1: p is 1 %, and a flip changes an ordinary weight by at most 64 times the largest.
      expect(corrected / plain).toBeGreaterThan(0.3);
      expect(corrected / plain).toBeLessThan(3);
    }
  });

  it("keeps predictions finite where weights reach 1e38", () => {
    const tensors = [gaussian("bf16", 0.1, 1e-3), { ...gaussian("bf16", 0.02, 1e-3), stepSensitivity: 1e4 }];
    for (const policy of ["tac", "uniform-msp", "magnitude"] as const) {
      const { overhead, noise } = residualCurve(policy, tensors);
      expect(noise.every((n) => Number.isFinite(n) && n >= 0)).toBe(true);
      expect(noise[0]).toBeGreaterThan(1e70);
      expect(noise.at(-1)).toBe(0);
      expect(overhead.at(-1)).toBe(1);
      if (policy !== "tac") continue;
      noise.slice(1).forEach((n, i) => expect(n).toBeLessThanOrEqual(noise[i]! * (1 + 1e-9)));
    }
    for (const target of [1e60, 1, 1e-3]) {
      const ratio = saturationRatio(tensors, target);
      expect(ratio).toBeGreaterThanOrEqual(1);
      expect(ratio).toBeLessThan(100);
    }
  });

  it("counts answers that a shift to NaN or infinity leaves as lost", () => {
    const clean = { values: Float32Array.of(3, 1, 3, 1), classes: 2, confidences: [1, 0, 1, 0] };
    expect(expectedAccuracyUnderNoise(clean, [0, 0], [0, 0, NaN, 0])).toBe(0.5);
    expect(expectedAccuracyUnderNoise(clean, [0.1, 0.1], [Infinity, 0, 0, NaN])).toBe(0);
    // Of two draws with opposite signs one keeps the answer.
    expect(expectedAccuracyUnderNoise(clean, [1e300, 1e300])).toBe(0.5);
  });
});

describe("docs/error-law.md, section 7", () => {
  const deviation = 0.05;
  /** Weights with a Gaussian density on the format's values, cut at 6 standard deviations. */
  const gaussianMass = (name: string): MemoryTensor => {
    const format = numberFormat(name);
    const { values, bits } = format;
    const step = format.unscaled ? 1 : (6 * deviation) / format.largest;
    const order = Array.from(values.keys()).filter((c) => Number.isFinite(values[c]!));
    order.sort((a, b) => values[a]! - values[b]!);
    const histogram = new Float64Array(values.length);
    order.forEach((c, i) => {
      const weight = values[c]! * step;
      if (Math.abs(weight) > 6.0001 * deviation) return;
      const width = values[order[i + 1] ?? c]! - values[order[i - 1] ?? c]!;
      histogram[c] = Math.exp(-((weight / deviation) ** 2) / 2) * width;
    });
    const flips = symmetricFlips(1e-3, bits);
    return { name, count: 1, format, histogram, flips, meanSquareStep: step * step, stepSensitivity: 1 };
  };

  it.each([
    ["int8", "0.221 0.110 0.0552 0.0276 0.0138"],
    ["int16", "0.219 0.109 0.0547 0.0274 0.0137"],
    ["fp16", "2.36e+3 0.525 0.270 0.0812 0.0510"],
    ["bf16", "1.22e+37 0.526 0.275 0.0991 0.0765"],
  ])("has the digits of %s", (name, digits) => {
    const tensor = gaussianMass(name);
    const { start, rungs } = protectionLadder(tensor);
    const variances = [start, ...rungs.slice(0, 4).map((r) => r.variance)];
    expect(rungs.slice(0, 4).every((r) => r.bits === 1)).toBe(true);
    const relative = variances.map((v) => Math.sqrt(v * tensor.meanSquareStep) / deviation);
    expect(relative.map((r) => r.toPrecision(3)).join(" ")).toBe(digits);
  });

  it("has the digits of the decoders", () => {
    const row = (name: string, mask: number) => {
      const { format, histogram, flips: open, meanSquareStep } = gaussianMass(name);
      const flips = protectBits(open, mask);
      return (["none", "unbiased-affine", "linear-mmse", "bayes"] as const).map((kind) => {
        const { table, affine } = decoder(kind, { format, flips, histogram });
        const decode =
          affine === undefined ? table : extendedValues(format).map((v) => affine.slope * v + affine.offset);
        const { meanSquareError } = errorMoments({ values: format.values, decode, flips, histogram });
        return ((meanSquareError * meanSquareStep) / deviation ** 2).toPrecision(3);
      });
    };
    expect([row("bf16", 0), row("bf16", bit(14)), row("int8", 0)]).toMatchInlineSnapshot(`
      [
        [
          "1.50e+74",
          "1.47e+74",
          "9.10e+73",
          "0.00803",
        ],
        [
          "0.277",
          "0.273",
          "0.214",
          "0.00803",
        ],
        [
          "0.0487",
          "0.0489",
          "0.0466",
          "0.0105",
        ],
      ]
    `);
  });
});
