import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import {
  conditionalMoments,
  flipSampler,
  protectBits,
  receiveInto,
  type ProtectionSegment,
} from "../channel/index.ts";
import { usualFaults } from "../faults/index.ts";
import { decodeInto } from "../stored/index.ts";
import { faultlessChance } from "./faultless.ts";
import { decodeSegments, openMemoryReader, type Protection } from "./memory-reader.ts";

const whole = (count: number, protectedMask: number): ProtectionSegment[] => [
  { start: 0, count, protectedMask, decoder: "unbiased-affine" },
];

describe("openMemoryReader", () => {
  it("gives Gaussian errors with the mean and variance that the error law gives each stored code", async () => {
    for (const granularity of ["tensor", "channel"] as const) {
      const { context } = await trialContext("lenet", { p: 0.05, storage: { granularity } });
      const reader = openMemoryReader(context, "gaussian");
      const protection: Protection = context.tensors.map((t) => whole(t.count, 0x80));
      const chips = 40;
      let count = 0;
      let sum = 0;
      let squares = 0;
      let fourths = 0;
      for (let chip = 0; chip < chips; chip++) {
        reader.draw(chip);
        const read = reader.read(protection).weights;
        context.tensors.forEach((tensor, t) => {
          const flips = protectBits(context.flips[t]!, 0x80);
          const { table } = decodeSegments(tensor, context.flips[t]!, protection[t]!)[0]!;
          const { mean, variance } = conditionalMoments(Float64Array.from(table), flips);
          const perChannel = tensor.count / tensor.steps.length;
          tensor.codes.forEach((code, i) => {
            // The fixture's output channels are the first axis.
            const step = tensor.steps[Math.floor(i / perChannel)]!;
            const z = (read[t]![i]! / step - mean[code]!) / Math.sqrt(variance[code]!);
            count++;
            sum += z;
            squares += z * z;
            fourths += z ** 4;
          });
        });
      }
      // Moments 0, 1 and 3 of a standard normal number; five standard errors.
      expect(Math.abs(sum / count)).toBeLessThan(5 / Math.sqrt(count));
      expect(Math.abs(squares / count - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
      expect(Math.abs(fourths / count - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
    }
  });

  it("meets the same draw under every protection, and none where all bits are protected", async () => {
    const { context } = await trialContext("lenet", {});
    for (const source of ["faults", "gaussian"] as const) {
      const reader = openMemoryReader(context, source);
      const open: Protection = context.tensors.map((t) => whole(t.count, 0));
      const closed: Protection = context.tensors.map((t) => whole(t.count, 0xff));
      reader.draw(3);
      const first = reader.read(open).weights.map((w) => w.slice());
      const clean = reader.read(closed).weights.map((w) => w.slice());
      expect(reader.read(open).weights).toEqual(first);
      reader.draw(4);
      expect(reader.read(open).weights).not.toEqual(first);
      expect(reader.read(closed).weights).toEqual(clean);
      context.tensors.forEach(({ codes, format, steps }, t) => {
        codes.forEach((code, i) => expect(clean[t]![i]).toBe(Math.fround(format.values[code]! * steps[0]!)));
      });
    }
  });

  it.each(["tensor", "channel"] as const)(
    "patches few hits into weights as a full decode would, by %s, whatever was read before",
    async (granularity) => {
      // At p = 1e-3 a weight is hit with probability 0.008: the sparse way.
      const { context } = await trialContext("lenet", { p: 1e-3, storage: { granularity } });
      const reader = openMemoryReader(context, "faults");
      const halves = (mask: number, decoder: ProtectionSegment["decoder"]): Protection =>
        context.tensors.map(({ count }) => {
          const half = Math.ceil(count / 2);
          const first = { start: 0, count: half, protectedMask: mask, decoder };
          const rest = { start: half, count: count - half, protectedMask: 0, decoder: "none" } as const;
          return count === half ? [first] : [first, rest];
        });
      const plans = [halves(0xc0, "bayes"), halves(0xc0, "bayes"), halves(0x80, "none")];
      for (const chip of [1, 2, 1, 3]) {
        reader.draw(chip);
        for (const plan of plans) {
          const { weights, isHit } = reader.read(plan);
          expect(isHit).toBe(true);
          context.tensors.forEach((tensor, t) => {
            const patterns = new Uint8Array(tensor.count);
            const address = { seed: context.seed, trial: chip, tensor: t };
            flipSampler(context.flips[t]!).drawPatterns(address, tensor.codes, patterns);
            const received = new Uint8Array(tensor.count);
            const masks = new Uint8Array(tensor.count);
            for (const s of plan[t]!) masks.fill(s.protectedMask, s.start, s.start + s.count);
            receiveInto(tensor.codes, patterns, masks, received);
            const expected = new Float32Array(tensor.count);
            decodeInto(tensor, decodeSegments(tensor, context.flips[t]!, plan[t]!), received, expected);
            expect(weights[t]).toEqual(expected);
          });
        }
      }
    },
  );

  it("says which chips have no unprotected flip, as often as is known", async () => {
    const { context } = await trialContext("lenet", { p: 1e-5 });
    const protection: Protection = context.tensors.map((t) => whole(t.count, 0xf0));
    const reader = openMemoryReader(context, "faults");
    const chance = faultlessChance(context, protection)!;
    const cells = context.tensors.reduce((sum, t) => sum + 4 * t.count, 0);
    expect(chance).toBeCloseTo((1 - 1e-5) ** cells, 12);
    const chips = 2000;
    let clean = 0;
    for (let chip = 0; chip < chips; chip++) {
      reader.draw(chip);
      clean += reader.read(protection).isHit ? 0 : 1;
    }
    expect(Math.abs(clean / chips - chance)).toBeLessThan(4.5 * Math.sqrt((chance * (1 - chance)) / chips));
    const bursts = { ...usualFaults, models: [{ model: "burst" as const, length: 2 }] };
    expect(faultlessChance({ ...context, faults: bursts }, protection)).toBeUndefined();
  });
});
