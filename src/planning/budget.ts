/**
 * @file One allocation of protected bits for several models that share a memory.
 */
import { outputSize } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import {
  allocator,
  predictedNoise,
  protectedBitsOf,
  segmentsOf,
  storedBits,
  type Allocation,
  type MemoryTensor,
  type Plan,
} from "../protect/index.ts";
import { type Assessment, hasAnswers, predictKept } from "../assessment/index.ts";
import { makePlan } from "./plan.ts";
import { planProtection } from "../simulation/index.ts";

/** A model of a shared memory. */
export interface SharedModel {
  /** What messages call it. */
  readonly name: string;
  /** With calibration data. */
  readonly assessment: Assessment;
  /** Importance of its relative output noise. */
  readonly weight: number;
}

/** A model's part of a shared budget. */
export interface ModelShare {
  /** As it was given. */
  readonly name: string;
  /** As it was given. */
  readonly weight: number;
  /** Its part of the budget. */
  readonly plan: Plan;
  /** Predicted mean squared output error over the mean square of the clean outputs about their mean, read as stored. */
  readonly relativeNoise: number;
  /** The same where every model gets the same overhead. */
  readonly relativeNoiseAtEqualShares: number;
  /** Predicted share of the clean expected accuracy that is kept; null where outputs are no answers. */
  readonly predictedKept: number | null;
}

/** A budget shared out. */
export interface SharedBudget {
  /** In the order in which they were given. */
  readonly models: readonly ModelShare[];
  /** Of all models. */
  readonly storedBits: number;
  /** Of all models. */
  readonly protectedBits: number;
  /** The weighted sum of relative noises that was minimised. */
  readonly objective: number;
  /** The same where every model gets the same overhead. */
  readonly objectiveAtEqualShares: number;
  /** No allocation within the budget is below this (the relaxed knapsack). */
  readonly objectiveBound: number;
  /** Fall of the objective per further protected bit, the same for all models. */
  readonly marginalValue: number;
}

/** Mean over the samples of the squared clean outputs about their mean; of one output about zero. */
function outputPower({ calibration }: Assessment, name: string): number {
  if (calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `Model "${name}" has no inputs to measure its Jacobian: give its data.`,
    );
  }
  const { values } = calibration.logits;
  const size = outputSize(calibration.logits);
  let sum = 0;
  for (let at = 0; at < values.length; at += size) {
    const row = values.subarray(at, at + size);
    const mean = size === 1 ? 0 : row.reduce((a, b) => a + b, 0) / size;
    for (const value of row) sum += (value - mean) ** 2;
  }
  const power = sum / (values.length / size);
  if (power > 0 && Number.isFinite(power)) return power;
  throw new QtamlError(
    "invalid-argument",
    `The clean outputs of model "${name}" are all alike or not finite on its data; give other data.`,
  );
}

/** A tensor whose sensitivity is counted on the scale that all models share. */
interface ScaledModel extends SharedModel {
  readonly tensors: readonly MemoryTensor[];
  readonly storedBits: number;
}

/** Noise of an allocation, tensors being read as stored. */
function noiseOf(tensors: readonly MemoryTensor[], allocations: Allocation["tensors"]): number {
  return predictedNoise(
    tensors,
    tensors.map((tensor, t) => segmentsOf(tensor, allocations[t]!, "none")),
  )!;
}

/**
 * Shares out protected bits so that the weighted sum of the models' relative output noises is least: noise adds up over
 * tensors and models alike, so this is one knapsack over the bit planes of all of them, and a bit is protected exactly
 * when its value exceeds a threshold that is the same everywhere. Relative noise is the common scale: it has no unit,
 * and a model whose outputs are ten times as large bears ten times the error.
 *
 * @param protectedBits the most bits that may be protected
 * @throws QtamlError `invalid-argument` for a model without calibration data
 */
export async function shareBudget(
  models: readonly SharedModel[],
  protectedBits: number,
): Promise<SharedBudget> {
  const scaled = models.map((model): ScaledModel => {
    const scale = model.weight / outputPower(model.assessment, model.name);
    const { memory } = model.assessment;
    const tensors = memory.map((t) => ({ ...t, stepSensitivity: t.stepSensitivity! * scale }));
    return { ...model, tensors, storedBits: storedBits(memory) };
  });
  const all = scaled.flatMap((m) => m.tensors);
  const total = storedBits(all);
  const overhead = Math.min(1, protectedBits / total);
  const joint = allocator("tac", all).allocate(overhead);
  let first = 0;
  const shares: (ModelShare & { readonly objective: number; readonly equal: number })[] = [];
  for (const { name, weight, assessment, tensors, storedBits: stored } of scaled) {
    const own = joint.tensors.slice(first, first + tensors.length);
    first += tensors.length;
    const bits = protectedBitsOf(tensors.flatMap((t, i) => segmentsOf(t, own[i]!, "none")));
    const plan = await makePlan(assessment, { policy: "tac", overhead: bits / stored });
    const objective = noiseOf(tensors, own);
    const equal = noiseOf(tensors, allocator("tac", tensors).allocate(overhead).tensors);
    shares.push({
      name,
      weight,
      plan,
      relativeNoise: objective / weight,
      relativeNoiseAtEqualShares: equal / weight,
      predictedKept: hasAnswers(assessment) ? predictKept(assessment, planProtection(plan)) : null,
      objective,
      equal,
    });
  }
  const objective = shares.reduce((sum, s) => sum + s.objective, 0);
  const left = Math.max(0, protectedBits - joint.protectedBits);
  return {
    models: shares.map(({ objective: _objective, equal: _equal, ...share }) => share),
    storedBits: total,
    protectedBits: joint.protectedBits,
    objective,
    objectiveAtEqualShares: shares.reduce((sum, s) => sum + s.equal, 0),
    objectiveBound: Math.max(0, objective - left * joint.marginalValue),
    marginalValue: joint.marginalValue,
  };
}
