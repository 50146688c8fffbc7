import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTensor } from "../../test/memory-tensors.ts";
import { topBitsMask } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { allocator, segmentsOf, storedBits, type Allocation } from "./allocate.ts";
import { weightVariance, type MemoryTensor } from "./ladder.ts";
import { protectedBitsOf } from "./plan.ts";
import { policyNames } from "./policies.ts";
import { residualCurve } from "./residual.ts";

const seeded = { seed: 20_240, numRuns: 30 };

const someTensors = (format: string, most: number) =>
  fc.array(
    fc
      .record({
        count: fc.integer({ min: 1, max: 9 }),
        p: fc.double({ min: 0.01, max: 0.4, noNaN: true }),
        log: fc.double({ min: -4, max: 4, noNaN: true }),
        square: fc.double({ min: 0.1, max: 10, noNaN: true }),
      })
      .map(({ count, p, log, square }) =>
        memoryTensor({ count, format, flips: p, stepSensitivity: 4 ** log, meanSquareStep: square }),
      ),
    { minLength: 1, maxLength: most },
  );

/** What a policy's score says is left of a whole-plane choice of masks. */
function residual(tensors: readonly MemoryTensor[], masks: readonly number[], policy: "tac" | "magnitude") {
  return tensors.reduce((sum, t, i) => {
    const weight = policy === "tac" ? t.stepSensitivity! : t.meanSquareStep;
    return sum + t.count * weight * weightVariance(t, masks[i]!, "none");
  }, 0);
}

const bitCount = (mask: number) => mask.toString(2).replaceAll("0", "").length;
const costOf = (tensors: readonly MemoryTensor[], masks: readonly number[]) =>
  tensors.reduce((sum, t, i) => sum + t.count * bitCount(masks[i]!), 0);

/** All ways to protect whole bit planes of three-bit tensors. */
function* allMasks(tensors: number): Generator<number[]> {
  for (let code = 0; code < 8 ** tensors; code++)
    yield Array.from({ length: tensors }, (_, i) => (code >> (3 * i)) & 7);
}

const protectedPerWeight = (tensor: MemoryTensor, a: Allocation["tensors"][number]) =>
  Array.from({ length: tensor.count }, (_, i) => (i < a.extra ? a.extraMask : a.mask));

describe("allocator", () => {
  it.each(["tac", "magnitude"] as const)(
    "%s leaves no more than any other whole-plane allocation of its cost, by enumeration",
    (policy) => {
      fc.assert(
        fc.property(someTensors("int3", 3), (tensors) => {
          const { allocate } = allocator(policy, tensors);
          const bits = storedBits(tensors);
          const start = residual(tensors, Array<number>(tensors.length).fill(0), policy);
          for (let spent = 0; spent <= bits; spent++) {
            const found = allocate(spent / bits);
            if (found.tensors.some((a) => a.extra > 0)) continue;
            const own = residual(
              tensors,
              found.tensors.map((a) => a.mask),
              policy,
            );
            for (const masks of allMasks(tensors.length)) {
              if (costOf(tensors, masks) > found.protectedBits) continue;
              // Sums of a few dozen products, each rounded to 2^-53.
              expect(residual(tensors, masks, policy)).toBeGreaterThanOrEqual(own - start * 2 ** -42);
            }
          }
        }),
        { ...seeded, numRuns: 10 },
      );
    },
  );

  it.each(["tac", "magnitude", "random"] as const)(
    "%s fills every budget to the last bit where rungs are single bits",
    (policy) => {
      fc.assert(
        fc.property(
          someTensors("int4", 4),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (tensors, overhead) => {
            const found = allocator(policy, tensors, 5).allocate(overhead);
            const bits = storedBits(tensors);
            expect(found.storedBits).toBe(bits);
            // Shares of whole bits may round to just below them.
            expect(found.protectedBits).toBe(Math.floor(overhead * bits + 1e-9));
            const counted = tensors.reduce(
              (sum, t, i) =>
                sum + protectedPerWeight(t, found.tensors[i]!).reduce((s, mask) => s + bitCount(mask), 0),
              0,
            );
            expect(found.protectedBits).toBe(counted);
          },
        ),
        seeded,
      );
    },
  );

  it("reaches every whole number of bits of a large memory", () => {
    const tensors = [memoryTensor({ count: 12_345_679 }), memoryTensor({ count: 98_765, flips: 0.05 })];
    const { allocate } = allocator("tac", tensors);
    const bits = storedBits(tensors);
    for (let i = 1; i < 2000; i++) {
      const wanted = Math.floor((i / 2000) * bits) + i;
      expect(allocate(wanted / bits).protectedBits).toBe(wanted);
    }
  });

  it("tac protects a bit exactly when g Delta^2 4^k p(1-p) reaches the threshold", () => {
    fc.assert(
      fc.property(someTensors("int4", 4), fc.double({ min: 0, max: 1, noNaN: true }), (tensors, overhead) => {
        const found = allocator("tac", tensors).allocate(overhead);
        const threshold = found.marginalValue;
        tensors.forEach((tensor, t) => {
          const { mask, extraMask, extra } = found.tensors[t]!;
          const p = tensor.flips.p01[0]!;
          for (let k = 0; k < 4; k++) {
            const score = tensor.stepSensitivity! * 4 ** k * p * (1 - p);
            // Ladder gains are differences of sums of up to 4^4 p(1-p)/3: 2^-40 of the top bit's score.
            const slack = tensor.stepSensitivity! * 4 ** 4 * 2 ** -40;
            const isOpen = extra > 0 && (extraMask & ~mask) >> k === 1;
            const isProtected = ((mask >> k) & 1) === 1;
            const surplus = (isProtected ? 1 : -1) * (score - threshold);
            expect(surplus).toBeGreaterThanOrEqual(-slack);
            expect(isOpen ? surplus : 0).toBeLessThanOrEqual(slack);
          }
        });
      }),
      seeded,
    );
  });

  it.each(["tac", "magnitude", "random", "uniform-msp"] as const)("%s is nested in the budget", (policy) => {
    fc.assert(
      fc.property(
        someTensors("int4", 3),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (tensors, a, b) => {
          const { allocate } = allocator(policy, tensors, 9);
          const small = allocate(Math.min(a, b));
          const large = allocate(Math.max(a, b));
          tensors.forEach((tensor, t) => {
            const more = protectedPerWeight(tensor, large.tensors[t]!);
            protectedPerWeight(tensor, small.tensors[t]!).forEach((mask, i) =>
              expect(mask & more[i]!).toBe(mask),
            );
          });
        },
      ),
      seeded,
    );
  });

  it("uniform-msp protects the top m bits of every weight at whole levels and a share between", () => {
    const tensors = [memoryTensor({ count: 10 }), memoryTensor({ count: 7, stepSensitivity: 1e6 })];
    const { allocate } = allocator("uniform-msp", tensors);
    for (let m = 0; m <= 8; m++) {
      const found = allocate(m / 8);
      for (const a of found.tensors) expect(a).toMatchObject({ mask: topBitsMask(m, 8), extra: 0 });
      expect(found.protectedBits).toBe(17 * m);
    }
    expect(allocate(2.5 / 8).tensors).toEqual([
      { mask: 0xc0, extraMask: 0xe0, extra: 5 },
      { mask: 0xc0, extraMask: 0xe0, extra: 3 },
    ]);
  });

  it("random is the same for a seed and differs between seeds", () => {
    const tensors = [1, 2, 3].map((g) => memoryTensor({ count: 4 + g, stepSensitivity: g }));
    const masks = (seed: number) => allocator("random", tensors, seed).allocate(0.4).tensors;
    expect(masks(1)).toEqual(masks(1));
    expect(new Set([1, 2, 3, 4, 5].map((seed) => JSON.stringify(masks(seed)))).size).toBeGreaterThan(3);
  });

  it("random begins with each bit plane as often as with any other", () => {
    const tensors = [1, 2].map(() => memoryTensor({ count: 1, format: "int3" }));
    const times = new Map<string, number>();
    const seeds = 6000;
    for (let seed = 0; seed < seeds; seed++) {
      const masks = allocator("random", tensors, seed)
        .allocate(1 / 6)
        .tensors.map(({ mask }) => mask);
      times.set(masks.join(), (times.get(masks.join()) ?? 0) + 1);
    }
    // Chi squared of five degrees of freedom lies above 25.7 once in 10,000 times.
    const expected = seeds / 6;
    const chiSquared = Array.from(times.values(), (n) => (n - expected) ** 2 / expected).reduce(
      (a, b) => a + b,
    );
    expect(times.size).toBe(6);
    expect(chiSquared).toBeLessThan(25.7);
  });

  it.each(["bf16", "int8-sign-magnitude"])("never spends more than the budget: %s", (format) => {
    const tensors = [3, 40].map((count) => memoryTensor({ count, format, stepSensitivity: count }));
    for (const policy of ["tac", "magnitude", "uniform-msp"] as const) {
      const { allocate } = allocator(policy, tensors);
      for (let spent = 0; spent <= storedBits(tensors); spent++)
        expect(allocate(spent / storedBits(tensors)).protectedBits).toBeLessThanOrEqual(spent);
    }
  });

  it("none and mean-correction protect nothing, everything protects all", () => {
    const tensors = [memoryTensor({ count: 5 }), memoryTensor({ count: 6, format: "int4" })];
    for (const policy of ["none", "mean-correction"] as const)
      expect(allocator(policy, tensors).allocate(0.5).protectedBits).toBe(0);
    const all = allocator("everything", tensors).allocate(0);
    expect(all.protectedBits).toBe(storedBits(tensors));
    expect(all.tensors.map((a) => a.mask)).toEqual([255, 15]);
  });

  it("needs no Jacobian except for tac, and for joint plans, which start from it", () => {
    const tensors = [memoryTensor({ name: "conv.w", count: 5, stepSensitivity: undefined })];
    for (const policy of policyNames.filter((name) => name !== "tac" && name !== "joint"))
      expect(() => allocator(policy, tensors).allocate(0.25)).not.toThrow();
    expect(() => allocator("tac", tensors)).toThrow(/Jacobian of tensor "conv.w" was not measured/);
  });

  it.each([-0.01, 1.01, Number.NaN, Infinity])("refuses the budget %d", (overhead) => {
    for (const policy of ["tac", "uniform-msp", "random"] as const) {
      const allocate = () => allocator(policy, [memoryTensor({ count: 3 })]).allocate(overhead);
      expect(allocate).toThrow(QtamlError);
      expect(allocate).toThrow(/is outside \[0, 1\]/);
    }
  });
});

describe("segmentsOf", () => {
  it("covers the tensor and protects what the allocation says", () => {
    fc.assert(
      fc.property(someTensors("int4", 3), fc.double({ min: 0, max: 1, noNaN: true }), (tensors, overhead) => {
        const found = allocator("tac", tensors).allocate(overhead);
        const segments = tensors.map((t, i) => segmentsOf(t, found.tensors[i]!, "bayes"));
        segments.forEach((list, t) => {
          let end = 0;
          for (const { start, count, decoder } of list) {
            expect(start).toBe(end);
            expect(decoder).toBe("bayes");
            end += count;
          }
          expect(end).toBe(tensors[t]!.count);
        });
        expect(protectedBitsOf(segments.flat())).toBe(found.protectedBits);
      }),
      seeded,
    );
  });
});

describe("breakpoints of the residual curve", () => {
  it("are the budgets at which no tensor is protected in part", () => {
    fc.assert(
      fc.property(someTensors("int3", 3), (tensors) => {
        const { allocate } = allocator("tac", tensors);
        const bits = storedBits(tensors);
        const whole = Array.from({ length: bits + 1 }, (_, n) => n).filter((n) =>
          allocate(n / bits).tensors.every((a) => a.extra === 0),
        );
        expect(residualCurve("tac", tensors).overhead).toEqual(whole.map((n) => n / bits));
      }),
      seeded,
    );
  });
});
