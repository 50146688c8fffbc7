import { describe, expect, it } from "vitest";
import { narrowFormatNames } from "../../test/formats.ts";
import { memoryTensor } from "../../test/memory-tensors.ts";
import { asymmetricFlips, perBitFlips, topBitsMask } from "../channel/index.ts";
import { protectionLadder, protectionLadders, weightVariance } from "./ladder.ts";

/** Variances are means of positive terms, at most 2^16 of them and each mixed 16 times: 2^16 roundings of 2^-53. */
const tolerance = 2 ** -37;

describe("protectionLadder", () => {
  it.each(["int2", "int3", "int8", "int4-offset", "int8-offset"])(
    "%s with symmetric flips: the most significant bit first, each worth 4^k p(1-p)",
    (format) => {
      const p = 0.07;
      const tensor = memoryTensor({ count: 10, format, flips: p });
      const { bits } = tensor.format;
      const { start, rungs } = protectionLadder(tensor);
      expect(rungs.map((r) => r.mask)).toEqual(
        Array.from({ length: bits }, (_, m) => topBitsMask(m + 1, bits)),
      );
      const scale = p * (1 - p) * 4 ** bits;
      rungs.forEach((rung, m) => {
        expect(Math.abs(rung.gain - 4 ** (bits - 1 - m) * p * (1 - p))).toBeLessThan(tolerance * scale);
        expect(rung.bits).toBe(1);
      });
      expect(Math.abs(start - (p * (1 - p) * (4 ** bits - 1)) / 3)).toBeLessThan(tolerance * scale);
    },
  );

  it("puts a weak low bit before a sound high one", () => {
    const tensor = memoryTensor({ count: 10, format: "int3", flips: perBitFlips([0.4, 0.2, 0.001]) });
    // 4^k p(1-p): 0.24, 0.64, 0.015984.
    expect(protectionLadder(tensor).rungs.map((r) => r.mask)).toEqual([0b010, 0b011, 0b111]);
  });

  it.each(narrowFormatNames.filter((name) => !/^int[567]/.test(name)))(
    "%s: gains fall, rungs are nested, add up, and end without variance",
    (format) => {
      const { bits } = memoryTensor({ count: 1, format }).format;
      for (const flips of [asymmetricFlips(0.1, 0.1, bits), asymmetricFlips(0.01, 0.2, bits)]) {
        const tensor = memoryTensor({ count: 10, format, flips });
        const { start, rungs } = protectionLadder(tensor);
        const slack = tolerance * start;
        let mask = 0;
        let variance = start;
        let gain = Infinity;
        let joined = 0;
        for (const rung of rungs) {
          expect(rung.mask & mask).toBe(mask);
          expect(rung.gain).toBeLessThanOrEqual(gain);
          expect(Math.abs(variance - rung.gain * rung.bits - rung.variance)).toBeLessThanOrEqual(slack);
          const whole = weightVariance(tensor, rung.mask, "none");
          expect(Math.abs(rung.variance - whole)).toBeLessThanOrEqual(tolerance * whole);
          ({ mask, variance, gain } = rung);
          joined += rung.bits;
        }
        expect(joined).toBe(bits);
        expect(mask).toBe(2 ** bits - 1);
        expect(variance).toBeLessThanOrEqual(slack);
      }
    },
  );

  it("joins rungs where a single bit brings less than the next", () => {
    // Otherwise the test of rungs above, and of curves over them, would see single bits only.
    const joined = narrowFormatNames.flatMap((format) => {
      const { bits } = memoryTensor({ count: 1, format }).format;
      return protectionLadder(
        memoryTensor({ count: 1, format, flips: asymmetricFlips(0.01, 0.2, bits) }),
      ).rungs.filter((r) => r.bits > 1);
    });
    expect(joined.length).toBeGreaterThan(0);
  });

  it.each(["int8-gray", "fp8-e5m2", "fp16"])("%s: is the same for tensors that climb together", (format) => {
    const shared = memoryTensor({ count: 1, format });
    const flips = asymmetricFlips(1e-3, 1e-4, shared.format.bits);
    // One holds small numbers, one zero and the largest, one all that are negative.
    const { values } = shared.format;
    const kept: ((code: number) => boolean)[] = [
      (c) => Math.abs(values[c]!) <= 1,
      (c) => values[c] === 0 || values[c] === shared.format.largest,
      (c) => values[c]! < 0,
    ];
    const tensors = kept.map((isStored) => ({
      ...shared,
      flips,
      histogram: values.map((v, c) => (Number.isFinite(v) && isStored(c) ? 1 + (c % 3) : 0)),
    }));
    const together = protectionLadders(tensors);
    expect(new Set(together.map((l) => l.rungs.map((r) => r.mask).join())).size).toBeGreaterThan(1);
    tensors.forEach((tensor, t) => expect(protectionLadders([{ ...tensor }])[0]).toEqual(together[t]));
  });
});
