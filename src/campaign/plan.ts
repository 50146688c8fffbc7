/**
 * @file Makes plans: an allocation of protected bits under a policy, and how each tensor is read.
 */
import type { ProtectionSegment } from "../channel/index.ts";
import { allocator, protectedBitsOf, storedBits, type Plan, type PolicyName } from "../protect/index.ts";
import { QtamlError } from "../errors.ts";
import { planeCode, type Protection } from "../engine/index.ts";
import type { Survey } from "./assess.ts";
import { chooseCorrection, fixedReading } from "./correction.ts";

/** What a plan is asked for. */
export interface PlanRequest {
  readonly policy: PolicyName;
  /** Share of the stored bits to protect. */
  readonly overhead: number;
  /** Recorded in the plan; the budget itself unless told otherwise. */
  readonly goal?: Plan["goal"];
  readonly seed?: number;
}

/**
 * Makes the plan of a policy for a budget. TAC chooses how each tensor is read by the predicted output error;
 * `mean-correction` corrects every tensor; all others read the memory as it is.
 *
 * @throws QtamlError `invalid-argument` for a budget outside [0, 1], or for TAC without calibration data
 */
export async function makePlan(assessment: Survey, request: PlanRequest): Promise<Plan> {
  const { memory } = assessment;
  const { policy, overhead, seed = 0 } = request;
  if (policy === "tac" && assessment.calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "TAC needs inputs to measure the Jacobian: give --data (labels are not needed), or plan with --policy magnitude.",
    );
  }
  const allocation = allocator(policy, memory, seed).allocate(overhead);
  const reading =
    policy === "tac"
      ? await chooseCorrection(assessment, allocation)
      : await fixedReading(assessment, allocation, policy === "mean-correction" ? "unbiased-affine" : "none");
  return assemblePlan(assessment, {
    policy,
    goal: request.goal ?? { budget: overhead },
    seed,
    protection: "ideal",
    overhead: allocation.protectedBits / allocation.storedBits,
    reading,
    marginalValue: policy === "tac" ? allocation.marginalValue : null,
  });
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
    version: 2,
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

/** The protection of a plan, tensor by tensor. */
export function planProtection(plan: Plan): Protection {
  const tables = plan.codebooks.map(({ table, gain }) => table.map((value) => gain * value));
  return plan.tensors.map(({ segments }) =>
    segments.map(({ codebook, ...segment }) =>
      codebook === undefined ? segment : { ...segment, table: tables[codebook]! },
    ),
  );
}

/**
 * Checks that a plan was made for a model and its tensors.
 *
 * @throws QtamlError `plan-mismatch`, and `invalid-argument` for a code that does not exist
 */
export function checkPlan(plan: Plan, assessment: Survey): void {
  const { model, memory } = assessment;
  if (plan.model.sha256 !== model.sha256) {
    throw new QtamlError(
      "plan-mismatch",
      `The plan was made for ${plan.model.name} (sha256 ${plan.model.sha256.slice(0, 12)}), not for ${model.name} (sha256 ${model.sha256.slice(0, 12)}); plan this model, or give the one the plan names.`,
    );
  }
  for (const { segments } of plan.tensors)
    for (const { codes = [] } of segments) for (const { code } of codes) planeCode(code);
  const fits =
    plan.tensors.length === memory.length &&
    plan.tensors.every((t, i) => {
      const own = memory[i]!;
      return (
        t.name === own.name &&
        t.count === own.count &&
        t.format === own.format.name &&
        t.p01.length === own.format.bits
      );
    });
  if (!fits) {
    throw new QtamlError(
      "plan-mismatch",
      `The plan's tensors are not those of ${model.name} in this memory; make the plan again with this version of qtaml.`,
    );
  }
}
