import { beforeAll, describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import {
  conditionalMoments,
  perBitFlips,
  protectBits,
  symmetricFlips,
  type DecoderClass,
} from "../channel/index.ts";
import { cleanWeights } from "../stored/index.ts";
import { parsePlan, protectedBitsOf, storedBits, type Plan } from "../protect/index.ts";
import { assess, type Assessment } from "../assessment/assess.ts";
import { checkByGaussian } from "./gaussian-check.ts";
import { jointStorage, usualStyle, worstBits } from "./joint.ts";
import { makePlan } from "./plan.ts";
import { planProtection } from "../simulation/protection.ts";
import { storeByPlan } from "../simulation/recode.ts";
import { openSimulation } from "../simulation/simulate.ts";

const images = noiseImages(6, 21);
const lenet = { name: "lenet.onnx", bytes: fixtureBytes("lenet") };
const assessed = (format: string, granularity: "tensor" | "channel" = "tensor") =>
  assess(lenet, {
    storage: { format, granularity },
    flips: (bits) => symmetricFlips(0.05, bits),
    calibration: images,
  });

const assessments = new Map<string, Assessment>();
beforeAll(async () => {
  for (const granularity of ["tensor", "channel"] as const)
    assessments.set(granularity, await assessed("int8", granularity));
});

const jointOf = (assessment: Assessment, overhead: number, decoderClass: DecoderClass = "table") =>
  makePlan(assessment, {
    policy: "joint",
    overhead,
    style: { ...usualStyle, decoderClass },
    threads: 1,
  });

describe("worstBits", () => {
  it("takes the bits that flip most, of equal ones the most significant", () => {
    expect(worstBits(symmetricFlips(0.1, 8), 3)).toBe(0b11100000);
    expect(worstBits(perBitFlips([0.1, 0.3, 0, 0.1]), 2)).toBe(0b1010);
    expect(worstBits(symmetricFlips(0.1, 4), 4)).toBe(15);
  });
});

describe.each(["tensor", "channel"] as const)("jointStorage, one scale a %s", (granularity) => {
  it.each([
    [0, "table", "tensor"],
    [0.03, "table", "tensor"],
    [0.03, "table", "channel"],
    [0.2, "free", "channel"],
  ] as const)(
    "spends %d and states the noise that its codebooks leave, %s, by %s",
    (overhead, decoderClass, grain) => {
      const assessment = assessments.get(granularity)!;
      const { memory, jacobian } = assessment;
      const stored = jointStorage(assessment, overhead, { decoderClass, grain });
      const bits = stored.tensors.reduce((sum, { segments }) => sum + protectedBitsOf(segments), 0);
      expect(bits).toBe(stored.protectedBits);
      expect(bits).toBeLessThanOrEqual(overhead * storedBits(memory));
      // What is left is less than a weight's bits.
      expect(bits).toBeGreaterThan(overhead * storedBits(memory) - 8);
      const noise = assessment.tensors.reduce((sum, tensor, t) => {
        const weights = cleanWeights(tensor);
        const { segments } = stored.tensors[t]!;
        const channels = jacobian![t]!.channelSquaredNorms!.length;
        const inner = tensor.count / channels;
        const errors = new Float64Array(channels);
        const squares = new Float64Array(channels);
        // Output channels come first in this network's tensors.
        weights.forEach((w, i) => (squares[Math.floor(i / inner)]! += (w * w) / inner));
        if (granularity === "tensor") squares.fill(squares.reduce((a, b) => a + b, 0) / channels);
        for (const { start, count, codebook, protectedMask } of segments) {
          const { table, gain, offset } = stored.codebooks[codebook!]!;
          const flips = protectBits(memory[t]!.flips, protectedMask);
          const shrunk = conditionalMoments(Float64Array.from(table), flips);
          for (let i = start; i < start + count; i++) {
            const c = Math.floor(i / inner);
            const x = weights[i]! / Math.sqrt(squares[c]!);
            let least = Infinity;
            let code = 0;
            for (let k = 0; k < table.length; k++) {
              const own = (x - shrunk.mean[k]!) ** 2 + shrunk.variance[k]!;
              if (own < least) [least, code] = [own, k];
            }
            const error = (gain * shrunk.mean[code]! + offset - x) ** 2 + gain ** 2 * shrunk.variance[code]!;
            errors[c]! += (error * squares[c]!) / inner;
          }
        }
        const norms = jacobian![t]!.channelSquaredNorms!;
        return sum + errors.reduce((s, e, c) => s + e * norms[c]!, 0);
      }, 0);
      // Errors are taken to be alike in all weights, and a divided tensor's first weights as sensitive as the others.
      expect(stored.noise / noise).toBeGreaterThan(granularity === "tensor" ? 0.95 : 0.8);
      expect(stored.noise / noise).toBeLessThan(granularity === "tensor" ? 1.05 : 1.25);
    },
  );
});

describe("joint plans", () => {
  const check = async (assessment: Assessment, plan: Plan) =>
    (await checkByGaussian(storeByPlan(assessment, plan), [planProtection(plan)], { threads: 1 }))[0]!;

  it.each([
    ["table", 0.02],
    ["free", 0.05],
  ] as const)("are checked to be no worse than TAC, class %s", async (kind, overhead) => {
    const assessment = assessments.get("tensor")!;
    const plan = await jointOf(assessment, overhead, kind);
    const tac = await check(assessment, await makePlan(assessment, { policy: "tac", overhead }));
    const own = await check(assessment, plan);
    expect(own.score).toBeGreaterThanOrEqual(tac.score);
    expect(plan.predicted.check).toMatchObject({ score: own.score, clean: own.clean });
    expect(plan.policy).toBe("joint");
    expect(parsePlan(JSON.parse(JSON.stringify(plan)), "plan")).toEqual(plan);
  });

  it("leave much less error than TAC on chips", async () => {
    const assessment = assessments.get("tensor")!;
    const errorOf = async (policy: "tac" | "joint") => {
      const plan = await makePlan(assessment, { policy, overhead: 0.05, threads: 1 });
      const filled = storeByPlan(assessment, plan);
      const simulation = await openSimulation(filled, images, { measure: { name: "mse" }, threads: 1 });
      const [results] = await simulation.run([planProtection(plan)], 20);
      await simulation.close();
      return results!.scores.reduce((a, b) => a + b, 0) / 20;
    };
    expect(await errorOf("joint")).toBeLessThan((await errorOf("tac")) / 2);
  });

  it("are plain TAC's where everything is protected, which is without any error", async () => {
    const assessment = assessments.get("tensor")!;
    const plan = await jointOf(assessment, 1);
    const tac = await makePlan(assessment, { policy: "tac", overhead: 1 });
    expect(plan.codebooks).toEqual([]);
    expect(plan.tensors).toEqual(tac.tensors);
    expect(plan.predicted.check!.score).toBe(plan.predicted.check!.clean);
  });

  it("are the same whatever the number of threads", async () => {
    const assessment = assessments.get("channel")!;
    const request = { policy: "joint", overhead: 0.02 } as const;
    const [one, two] = [
      await makePlan(assessment, { ...request, threads: 1 }),
      await makePlan(assessment, { ...request, threads: 2 }),
    ];
    expect(one).toEqual(two);
  });

  it("refuse codes of 16 bits, and a memory without inputs", async () => {
    await expect(jointOf(await assessed("fp16"), 0.1)).rejects.toThrow("--format int8");
    const blind = await assess(lenet, { flips: (bits) => symmetricFlips(0.05, bits) });
    await expect(jointOf(blind, 0.1)).rejects.toThrow("A joint plan needs inputs");
  });
});
