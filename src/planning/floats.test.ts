import { describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { symmetricFlips } from "../channel/index.ts";
import { parsePlan, type Plan, type PolicyName } from "../protect/index.ts";
import { assess, type Assessment } from "../assessment/assess.ts";
import { inspect } from "../assessment/inspect.ts";
import { makePlan } from "./plan.ts";
import { planProtection } from "../simulation/protection.ts";
import { predictKept } from "../assessment/predict.ts";
import { openSimulation } from "../simulation/simulate.ts";

const images = noiseImages(24, 21);
const stored = (format: string, p: number) =>
  assess(
    { name: "lenet.onnx", bytes: fixtureBytes("lenet") },
    { storage: { format }, flips: (bits) => symmetricFlips(p, bits), calibration: images },
  );

/** Mean agreement with the clean network and mean share of non-finite outputs over some chips, plan by plan. */
async function simulated(assessment: Assessment, policies: readonly [PolicyName, number][], chips: number) {
  const plans: Plan[] = [];
  for (const [policy, overhead] of policies) plans.push(await makePlan(assessment, { policy, overhead }));
  const simulation = await openSimulation(assessment, images, { measure: { name: "agreement" }, threads: 1 });
  try {
    const results = await simulation.run(plans.map(planProtection), chips);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    return results.map((r, i) => ({ plan: plans[i]!, kept: mean(r.scores), nonFinite: mean(r.nonFinite) }));
  } finally {
    await simulation.close();
  }
}

describe("networks stored as 16-bit floats", () => {
  it("are planned, predicted and tried on chips from end to end", async () => {
    const p = 5e-3;
    const assessment = await stored("bf16", p);
    const rows = inspect(assessment);
    for (const row of rows) {
      expect(row.runaway).toBeGreaterThan(0.5 * p);
      expect(row.runaway).toBeLessThan(2 * p);
      expect(row.driftSlope).toBeCloseTo(1, 1);
      expect(row.variance).toBeLessThan(row.infinityNorm ** 2);
      const numbers = Object.values(row).filter((v) => typeof v === "number");
      expect(numbers.every(Number.isFinite)).toBe(true);
    }
    const [open, protectedTenth] = await simulated(
      assessment,
      [
        ["none", 0],
        ["tac", 0.1],
      ],
      6,
    );
    const { plan } = protectedTenth!;
    expect(parsePlan(JSON.parse(JSON.stringify(plan)), "plan.json").tensors).toEqual(plan.tensors);
    // A tenth of the bits is 1.6 a weight: the exponent's highest bit of every weight is among them.
    expect(plan.tensors.every((t) => t.segments.every((s) => (s.protectedMask & 0x4000) !== 0))).toBe(true);
    expect(protectedTenth!.kept).toBeGreaterThan(0.6);
    expect(protectedTenth!.nonFinite).toBe(0);
    expect(open!.kept).toBeLessThan(0.5);
    // Guessing keeps much of the little confidence that an untrained network has.
    const [whole, guess] = [plan, open!.plan].map((p) => predictKept(assessment, planProtection(p)));
    expect(whole).toBeGreaterThan(0.9);
    expect(guess).toBeLessThan(0.8);
    for (const { predicted } of [open!.plan, plan]) {
      expect([predicted.noise, predicted.drift].every(Number.isFinite)).toBe(true);
    }
  });

  it("counts outputs that are not finite as an outcome of their own", async () => {
    const assessment = await stored("bf16", 0.02);
    const [open] = await simulated(assessment, [["none", 0]], 4);
    expect(open!.nonFinite).toBeGreaterThan(0.5);
    expect(open!.kept).toBeLessThanOrEqual(1 - open!.nonFinite);
  });

  it("predicts that rare runaway weights spare most chips", async () => {
    const assessment = await stored("bf16", 1e-7);
    const open = await makePlan(assessment, { policy: "none", overhead: 0 });
    expect(open.predicted.noise).toBeGreaterThan(1e60);
    expect(predictKept(assessment, planProtection(open))).toBeGreaterThan(0.95);
  });
});
