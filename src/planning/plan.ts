/**
 * @file Makes plans: an allocation of protected bits under a policy, and how each tensor is read.
 */
import type { ProtectionSegment } from "../channel/index.ts";
import {
  allocator,
  protectedBitsOf,
  storedBits,
  type Plan,
  type PlanGoal,
  type PolicyName,
} from "../protect/index.ts";
import { QtamlError } from "../errors.ts";
import { isAssessment, type Survey } from "../assessment/index.ts";
import { chooseCorrection, fixedReading } from "./correction.ts";
import { foldedPlan } from "./folding.ts";
import { isGaussian, isLarge } from "./gaussian-check.ts";
import { jointPlan, type JointStyle } from "./joint.ts";

/** What a plan is asked for. */
export interface PlanRequest {
  /** How the protected bits are chosen. */
  readonly policy: PolicyName;
  /** Share of the stored bits to protect. */
  readonly overhead: number;
  /** Recorded in the plan; the budget itself unless told otherwise. */
  readonly goal?: PlanGoal;
  /** Of the policy `random`, and of what a joint plan draws; 0 unless given. */
  readonly seed?: number;
  /** Joint plans alone: how they are made. */
  readonly style?: JointStyle;
  /** Shifts biases where that keeps more; joint plans always try. */
  readonly foldsBiases?: boolean;
  /** Worker threads of a joint plan's check; all cores unless given. */
  readonly threads?: number;
}

/**
 * Makes the plan of a policy for a budget. TAC chooses how each tensor is read by the predicted output error;
 * `mean-correction` corrects every tensor; a joint plan chooses codes, ranges, decoders and protection together; all
 * others read the memory as it is.
 *
 * @throws QtamlError `invalid-argument` for a budget outside [0, 1], or for TAC without calibration data
 */
export async function makePlan(assessment: Survey, request: PlanRequest): Promise<Plan> {
  const { memory } = assessment;
  const { policy, overhead, seed = 0 } = request;
  const isByJacobian = policy === "tac" || policy === "joint";
  if (isByJacobian && assessment.calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `${policy === "tac" ? "TAC" : "A joint plan"} needs inputs to measure the Jacobian: give --data (labels are not needed), or plan with --policy magnitude.`,
    );
  }
  if (policy === "joint" && isAssessment(assessment) && !isGaussian(assessment)) {
    throw new QtamlError(
      "invalid-argument",
      "A joint plan is for codes of at most 8 bits, and this memory holds 16-bit codes, or shapes and indices; store weights as int8 (--format int8) and leave integers out, or plan with --policy tac.",
    );
  }
  const allocation = allocator(policy, memory, seed).allocate(overhead);
  // Reading by reading, a network of a hundred tensors would be run hundreds of times.
  const isChosen = policy === "tac" || (policy === "joint" && !isLarge(assessment));
  const reading = isChosen
    ? await chooseCorrection(assessment, allocation)
    : await fixedReading(assessment, allocation, policy === "mean-correction" ? "unbiased-affine" : "none");
  const plan = assemblePlan(assessment, {
    policy,
    goal: request.goal ?? { budget: overhead },
    seed,
    protection: "ideal",
    overhead: allocation.protectedBits / allocation.storedBits,
    reading,
    marginalValue: isByJacobian ? allocation.marginalValue : null,
  });
  const { style, threads, foldsBiases = false } = request;
  const checking = { seed, ...(threads === undefined ? {} : { threads }) };
  if (policy === "joint" && isAssessment(assessment)) {
    return jointPlan(assessment, plan, overhead, {
      ...checking,
      ...(style === undefined ? {} : { style }),
    });
  }
  return foldsBiases ? foldedPlan(assessment, plan, checking) : plan;
}

/** What a plan is put together from. */
interface PlanParts extends Pick<
  Plan,
  "policy" | "goal" | "seed" | "protection" | "overhead" | "parityBits"
> {
  readonly reading: {
    readonly segments: readonly (readonly ProtectionSegment[])[];
    readonly noise: number | null;
    readonly drift: number | null;
  };
  readonly marginalValue: number | null;
}

/** Puts a plan together. */
export function assemblePlan({ model, storage, memory }: Survey, parts: PlanParts): Plan {
  const { policy, goal, seed, protection, overhead, parityBits, reading, marginalValue } = parts;
  const segments = reading.segments.map((own) => own.filter((s) => s.count > 0));
  return {
    format: "qtaml-plan",
    version: 3,
    model: { ...model },
    storage: { ...storage, include: [...storage.include], exclude: [...storage.exclude] },
    policy,
    goal,
    protection,
    seed,
    storedBits: storedBits(memory),
    protectedBits: segments.reduce((sum, own) => sum + protectedBitsOf(own), 0),
    ...(parityBits === undefined ? {} : { parityBits }),
    overhead,
    predicted: { noise: reading.noise, drift: reading.drift, marginalValue },
    codebooks: [],
    shifts: [],
    tensors: memory.map((tensor, t) => ({
      name: tensor.name,
      count: tensor.count,
      format: tensor.format.name,
      p01: Array.from(tensor.flips.p01),
      p10: Array.from(tensor.flips.p10),
      segments: segments[t]!,
    })),
  };
}
