import { beforeAll, describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { symmetricFlips } from "../channel/index.ts";
import { allocator, predictedNoise, segmentsOf, storedBits } from "../protect/index.ts";
import { assess, type Assessment } from "../assessment/assess.ts";
import { shareBudget, type SharedModel } from "./budget.ts";
import { makePlan } from "./plan.ts";

const open = (name: "lenet" | "resnet", p: number) =>
  assess(
    { name: `${name}.onnx`, bytes: fixtureBytes(name) },
    { flips: (bits) => symmetricFlips(p, bits), calibration: noiseImages(6, 21), jacobian: { samples: 6 } },
  );

let lenet: Assessment;
let resnet: Assessment;
const both = (weight = 1): SharedModel[] => [
  { name: "lenet", assessment: lenet, weight },
  { name: "resnet", assessment: resnet, weight: 1 },
];
const total = () => storedBits([...lenet.memory, ...resnet.memory]);

beforeAll(async () => {
  [lenet, resnet] = [await open("lenet", 0.1), await open("resnet", 0.02)];
});

/** Relative noise of a model at a number of protected bits, in units of its noise when nothing is protected. */
function noiseAt({ memory }: Assessment, bits: number): number {
  const noise = (overhead: number) => {
    const { tensors } = allocator("tac", memory).allocate(overhead);
    return predictedNoise(
      memory,
      memory.map((t, i) => segmentsOf(t, tensors[i]!, "none")),
    )!;
  };
  return noise(bits / storedBits(memory)) / noise(0);
}

describe("a shared budget", () => {
  it("is no worse than any other way to split it between the models", async () => {
    const budget = Math.floor(0.08 * total());
    const shared = await shareBudget(both(), budget);
    const bare = await shareBudget(both(), 0);
    const [a, b] = bare.models.map((m) => m.relativeNoise);
    const objective = (bits: number) => a! * noiseAt(lenet, bits) + b! * noiseAt(resnet, budget - bits);
    expect(shared.protectedBits).toBeLessThanOrEqual(budget);
    expect(shared.protectedBits).toBeGreaterThan(budget - 16);
    const most = Math.min(budget, storedBits(lenet.memory));
    const splits = Array.from({ length: 101 }, (_, i) => objective(Math.floor((most * i) / 100)));
    const least = Math.min(...splits);
    // Sums of some 1,000 terms in double precision.
    const rounding = 1e-12 * shared.objective;
    expect(shared.objectiveBound).toBeLessThanOrEqual(least + rounding);
    expect(shared.objective).toBeLessThanOrEqual(least + 16 * shared.marginalValue + rounding);
    expect(shared.objective).toBeLessThanOrEqual(shared.objectiveAtEqualShares);
    expect(Math.max(...splits)).toBeGreaterThan(1.2 * shared.objective);
  });

  it("gives each model the plan that it would get alone for its part", async () => {
    const { models, protectedBits } = await shareBudget(both(), Math.floor(0.1 * total()));
    expect(models.reduce((sum, m) => sum + m.plan.protectedBits, 0)).toBe(protectedBits);
    for (const [m, assessment] of [lenet, resnet].entries()) {
      const { plan } = models[m]!;
      expect(plan).toEqual(await makePlan(assessment, { policy: "tac", overhead: plan.overhead }));
    }
  });

  it("gives a model of more weight more of it, and everything where there is enough", async () => {
    const budget = Math.floor(0.08 * total());
    const bits = async (weight: number) =>
      (await shareBudget(both(weight), budget)).models[0]!.plan.protectedBits;
    const [light, even, heavy] = [await bits(0.01), await bits(1), await bits(100)];
    expect(light).toBeLessThan(even);
    expect(even).toBeLessThan(heavy);
    const all = await shareBudget(both(), 2 * total());
    expect(all.protectedBits).toBe(total());
    expect(all.objective).toBe(0);
  });

  it("needs inputs of each model", async () => {
    const bare = await assess(
      { name: "lenet.onnx", bytes: fixtureBytes("lenet") },
      { flips: (bits) => symmetricFlips(0.1, bits) },
    );
    await expect(shareBudget([{ name: "bare", assessment: bare, weight: 1 }], 9)).rejects.toThrow(
      /Model "bare" has no inputs .* give its data\.$/,
    );
  });
});
