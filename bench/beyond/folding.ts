/** @file What shifting biases gains: ways to do it with nothing protected, and what plans do at their overhead. */
import { cleanNetwork, type Assessment } from "../../src/assessment/index.ts";
import { openMemoryReader, runStages } from "../../src/engine/index.ts";
import { biasPlaces } from "../../src/onnx/index.ts";
import { meanShift, measureShifts } from "../../src/planning/folding.ts";
import { makePlan } from "../../src/planning/index.ts";
import type { Plan, PlanShift } from "../../src/protect/index.ts";
import { openSimulation, planProtection, storeByPlan } from "../../src/simulation/index.ts";
import { meanInterval, momentsOf } from "../../src/stats/index.ts";
import type { Subject } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";
import { sliceDataset, type Dataset } from "../../src/data/index.ts";
import { variant, type Estimate } from "./network.ts";

/** Ways to shift biases. */
export const foldingWays = ["outputs", "at once", "whole", "half"] as const;
/** One of `foldingWays`. */
export type FoldingWay = (typeof foldingWays)[number];

/** Shares of clean, and gains on the same chips. */
export interface FoldingResult {
  readonly name: string;
  /** With nothing protected and no bias shifted. */
  readonly kept: Estimate;
  readonly gain: Readonly<Record<FoldingWay, Estimate>>;
  /** The plan at the overhead of the table class. */
  readonly atTarget: {
    readonly overhead: number;
    /** Layers whose biases it shifts. */
    readonly layers: number;
    readonly kept: Estimate;
    readonly gain: Estimate;
  };
}

const draws = 24;
const inputs = 32;

/** The shifts of all layers under the same errors, none undone before the next is measured. */
async function shiftsAtOnce(filled: Assessment, plan: Plan): Promise<readonly PlanShift[]> {
  const { judged, memory } = filled;
  const stored = new Set(judged.tensors.map((t) => t.runtimeName));
  const places = biasPlaces(judged.model, stored);
  const { weights: clean } = cleanNetwork(filled);
  const protection = planProtection(plan);
  const flips = memory.map((t) => t.flips);
  const errors = openMemoryReader(
    { tensors: judged.tensors, flips, designFlips: flips, seed: 0 },
    "gaussian",
  );
  const shifts: PlanShift[] = [];
  await runStages(judged, sliceDataset(filled.calibration!.inputs, 0, inputs), {
    cuts: places.map(({ layer }) => layer),
    copies: 1 + draws,
    weightsOf(_, tensors, copy) {
      if (copy === 0) return tensors.map((t) => clean[t]!);
      errors.draw(2 ** 20 + copy);
      const { weights } = errors.read(protection);
      return tensors.map((t) => weights[t]!);
    },
    visit(cut, copies) {
      const place = places[cut]!;
      shifts.push({ layer: place.layer, values: Array.from(meanShift(place, copies)) });
    },
  });
  return shifts;
}

/** Shares of clean that chips keep under a plan. */
async function keptBy(assessment: Assessment, plan: Plan, test: Dataset, chips: number): Promise<number[]> {
  const simulation = await openSimulation(storeByPlan(assessment, plan), test, { seed: 0 });
  try {
    const [results] = await simulation.run([planProtection(plan)], chips);
    return results!.scores.map((score) => score / simulation.clean);
  } finally {
    await simulation.close();
  }
}

const estimateOf = (values: readonly number[]): Estimate => {
  const { estimate, low, high } = meanInterval(momentsOf(values));
  return { estimate, low, high };
};

const difference = (a: readonly number[], b: readonly number[]) => estimateOf(a.map((v, i) => v - b[i]!));

/** Measures on the chips of all other measurements. @param overhead that of the table class */
export async function measureFolding(subject: Subject, overhead: number): Promise<FoldingResult> {
  const { name, p, chips } = subject;
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, p, calibration);
  const bare = await variant(assessment, 0, "table", 0);
  const filled = storeByPlan(assessment, bare);
  const atOnce = await shiftsAtOnce(filled, bare);
  const shifts: Record<FoldingWay, readonly PlanShift[]> = {
    outputs: atOnce.slice(-1),
    "at once": atOnce,
    whole: await measureShifts(filled, bare, {}, 1),
    half: await measureShifts(filled, bare, {}),
  };
  const kept = await keptBy(assessment, bare, test, chips);
  const gainOf = async (way: FoldingWay) =>
    difference(await keptBy(assessment, { ...bare, shifts: shifts[way] }, test, chips), kept);
  const plan = await makePlan(assessment, { policy: "joint", overhead });
  const unshifted = await keptBy(assessment, { ...plan, shifts: [] }, test, chips);
  return {
    name,
    kept: estimateOf(kept),
    gain: {
      outputs: await gainOf("outputs"),
      "at once": await gainOf("at once"),
      whole: await gainOf("whole"),
      half: await gainOf("half"),
    },
    atTarget: {
      overhead,
      layers: plan.shifts.length,
      kept: estimateOf(unshifted),
      gain: difference(await keptBy(assessment, plan, test, chips), unshifted),
    },
  };
}
