import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTensor } from "../../test/memory-tensors.ts";
import { asymmetricFlips } from "../channel/index.ts";
import { allocator, segmentsOf } from "./allocate.ts";
import { protectionLadder, type MemoryTensor } from "./ladder.ts";
import {
  heterogeneity,
  overheadAtNoise,
  predictedNoise,
  residualCurve,
  saturationRatio,
  tensorNoise,
} from "./residual.ts";

const sensitivities = [3, 0.02, 40, 1];
const counts = [30, 200, 11, 64];
const net = (format: string): MemoryTensor[] =>
  sensitivities.map((stepSensitivity, i) => {
    const { bits } = memoryTensor({ count: 1, format }).format;
    return memoryTensor({
      count: counts[i]!,
      format,
      stepSensitivity,
      flips: asymmetricFlips(0.02, 0.15, bits),
    });
  });

function noiseAt({ overhead, noise }: ReturnType<typeof residualCurve>, at: number): number {
  const right = Math.max(
    1,
    overhead.findIndex((o) => o >= at),
  );
  const share = (at - overhead[right - 1]!) / (overhead[right]! - overhead[right - 1]!);
  return noise[right - 1]! + share * (noise[right]! - noise[right - 1]!);
}

/** Formats whose ladders have rungs of several bits, beside those that have none. */
const formats = ["int8", "int4-gray", "int4-sign-magnitude", "int8-sign-magnitude", "fp8-e4m3", "nf4"];

describe("residualCurve", () => {
  it.each(formats)("of TAC over %s is what allocations leave at any budget", (format) => {
    const tensors = net(format);
    const curve = residualCurve("tac", tensors);
    expect(curve.overhead.at(-1)).toBe(1);
    expect(Math.abs(curve.noise.at(-1)!)).toBeLessThan(1e-9 * curve.noise[0]!);
    const { allocate } = allocator("tac", tensors);
    const rung = Math.max(...tensors.flatMap((t) => protectionLadder(t).rungs.map((r) => r.bits)));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (overhead) => {
        const found = allocate(overhead);
        // A rung of r bits leaves up to r - 1 bits of the budget.
        expect(overhead * found.storedBits - found.protectedBits).toBeLessThan(rung);
        const own = predictedNoise(
          tensors,
          tensors.map((t, i) => segmentsOf(t, found.tensors[i]!, "none")),
        )!;
        const read = noiseAt(curve, found.protectedBits / found.storedBits);
        expect(Math.abs(own - read)).toBeLessThan(1e-9 * curve.noise[0]!);
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  it("of Uniform-MSP is exact where every tensor splits evenly, for tensors of unlike width", () => {
    const tensors = [
      memoryTensor({ count: 120, format: "int8", stepSensitivity: 1 }),
      memoryTensor({ count: 60, format: "int6", stepSensitivity: 9 }),
    ];
    const curve = residualCurve("uniform-msp", tensors);
    const { allocate } = allocator("uniform-msp", tensors);
    for (let n = 0; n <= 120; n++) {
      const found = allocate(n / 120);
      const own = predictedNoise(
        tensors,
        tensors.map((t, i) => segmentsOf(t, found.tensors[i]!, "none")),
      )!;
      expect(Math.abs(own - noiseAt(curve, n / 120))).toBeLessThan(1e-9 * curve.noise[0]!);
    }
  });

  it("refuses tensors whose Jacobian was not measured", () => {
    const tensors = [memoryTensor({ count: 3, stepSensitivity: undefined })];
    expect(() => residualCurve("uniform-msp", tensors)).toThrow(/was not measured/);
    expect(tensorNoise(tensors, [[]])).toBeUndefined();
    expect(heterogeneity(tensors)).toBeUndefined();
  });
});

describe("tensorNoise", () => {
  it("leaves out runs without weights, whatever their decoder", () => {
    const tensor = memoryTensor({ count: 4 });
    const whole = { start: 0, count: 4, protectedMask: 3, decoder: "none" } as const;
    const none = { start: 4, count: 0, protectedMask: 0, decoder: "bayes" } as const;
    expect(tensorNoise([tensor], [[whole, none]])).toEqual(tensorNoise([tensor], [[whole]]));
  });

  it("is n g Delta^2 p(1-p) (4^B - 1)/3 without protection, and adds up", () => {
    const tensors = sensitivities.map((stepSensitivity, i) =>
      memoryTensor({ count: counts[i]!, stepSensitivity, flips: 0.1 }),
    );
    const open = tensors.map(
      (t) => [{ start: 0, count: t.count, protectedMask: 0, decoder: "none" }] as const,
    );
    const noise = tensorNoise(tensors, open)!;
    noise.forEach((value, t) =>
      expect(value / ((counts[t]! * sensitivities[t]! * 0.09 * (4 ** 8 - 1)) / 3)).toBeCloseTo(1, 10),
    );
    expect(predictedNoise(tensors, open)).toBeCloseTo(
      noise.reduce((a, b) => a + b, 0),
      6,
    );
  });
});

describe("overheadAtNoise", () => {
  it("inverts the curve and stops at its ends", () => {
    const curve = residualCurve("tac", net("int8"));
    for (let i = 1; i < 100; i++) {
      const noise = (curve.noise[0]! * i) / 100;
      expect(noiseAt(curve, overheadAtNoise(curve, noise)) / noise).toBeCloseTo(1, 9);
    }
    expect(overheadAtNoise(curve, curve.noise[0]! * 2)).toBe(0);
    expect(overheadAtNoise(curve, curve.noise[0]!)).toBe(0);
    expect(overheadAtNoise(curve, -1)).toBe(1);
    const corner = { overhead: [0, 0.2, 0.6], noise: [8, 4, 0] };
    expect([9, 8, 6, 4, 1, 0].map((n) => overheadAtNoise(corner, n))).toEqual([0, 0, 0.1, 0.2, 0.5, 0.6]);
  });
});

describe("saturationRatio", () => {
  it("is 1 for a homogeneous network at whole levels", () => {
    const tensors = counts.map((count) => memoryTensor({ count, stepSensitivity: 2 }));
    const { noise } = residualCurve("uniform-msp", tensors);
    for (const level of noise.slice(0, -1)) expect(saturationRatio(tensors, level)).toBeCloseTo(1, 9);
  });

  it("follows log4(AM/GM) bits where nothing clips", () => {
    // Sensitivities are powers of 4, so that the interior optimum has whole bits: m = mean + log4(g / GM).
    const tensors = [4 ** 2, 4, 1].map((stepSensitivity) =>
      memoryTensor({ count: 50, stepSensitivity, flips: 0.1 }),
    );
    const { extraBits, noiseRatio } = heterogeneity(tensors)!;
    expect(noiseRatio).toBeCloseTo((16 + 4 + 1) / 3 / 4, 12);
    const tac = residualCurve("tac", tensors);
    const { overhead: at, noise: levels } = tac;
    const point = at.findIndex((o) => Math.abs(o - 4 / 8) < 1e-12);
    const uniform = residualCurve("uniform-msp", tensors);
    // At equal overhead; 4^-(B-m) of the variance is missing from the geometric law, 4^-3 here at worst.
    expect(noiseAt(uniform, 0.5) / levels[point]! / noiseRatio).toBeGreaterThan(1 - 4 ** -3);
    expect(noiseAt(uniform, 0.5) / levels[point]! / noiseRatio).toBeLessThan(1 + 4 ** -2);
    // At equal noise; between whole levels the curve is a chord of 4^-m, at most 0.2 bits above it.
    const extra = 8 * overheadAtNoise(uniform, levels[point]!) - 4;
    expect(Math.abs(extra - extraBits)).toBeLessThan(0.25);
    expect(saturationRatio(tensors, levels[point]!)).toBeCloseTo((4 + extra) / 4, 9);
  });

  it("is 1 where neither policy needs anything", () => {
    const tensors = net("int8");
    expect(saturationRatio(tensors, residualCurve("tac", tensors).noise[0]! * 1.01)).toBe(1);
  });

  it("is not known without sensitivities, and none where a tensor has none", () => {
    const tensors = [
      memoryTensor({ count: 3, stepSensitivity: 2 }),
      memoryTensor({ count: 3, stepSensitivity: 0 }),
    ];
    expect(heterogeneity(tensors)).toBeUndefined();
    const alike = heterogeneity([memoryTensor({ count: 3, stepSensitivity: 2 })])!;
    expect(alike.noiseRatio).toBeCloseTo(1, 14);
    expect(alike.extraBits).toBeCloseTo(0, 14);
    // Weights count: AM 7 of 3 ones and one 25, GM 5^(1/2).
    const unlike = heterogeneity([
      memoryTensor({ count: 3, stepSensitivity: 1 }),
      memoryTensor({ count: 1, stepSensitivity: 25 }),
    ])!;
    expect(unlike.noiseRatio).toBeCloseTo(7 / Math.sqrt(5), 12);
    expect(unlike.extraBits).toBeCloseTo(Math.log2(7 / Math.sqrt(5)) / 2, 12);
  });
});
