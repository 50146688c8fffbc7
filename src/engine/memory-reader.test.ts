import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import { conditionalMoments, protectBits, type ProtectionSegment } from "../channel/index.ts";
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
        const read = reader.read(protection);
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
      const first = reader.read(open).map((w) => w.slice());
      const clean = reader.read(closed).map((w) => w.slice());
      expect(reader.read(open)).toEqual(first);
      reader.draw(4);
      expect(reader.read(open)).not.toEqual(first);
      expect(reader.read(closed)).toEqual(clean);
      context.tensors.forEach(({ codes, format, steps }, t) => {
        codes.forEach((code, i) => expect(clean[t]![i]).toBe(Math.fround(format.values[code]! * steps[0]!)));
      });
    }
  });
});
