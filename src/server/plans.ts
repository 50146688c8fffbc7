/** @file Plans and hardened models for the page to keep. */
import { makePlan } from "../planning/index.ts";
import type { FlipChoice, PlanChoice } from "../explorer/index.ts";
import { serialiseModel } from "../onnx/index.ts";
import type { Plan } from "../protect/index.ts";
import { hardenByPlan } from "../simulation/index.ts";
import { withFlips } from "./memory.ts";
import type { Opened } from "./opened.ts";

/** What is asked for: a plan in a memory. */
export type PlanRequest = PlanChoice & { readonly flips: FlipChoice | null };

/** The plan. */
export function planOf({ assessment }: Opened, { policy, budget, flips }: PlanRequest): Promise<Plan> {
  return makePlan(withFlips(assessment, flips), { policy, overhead: budget });
}

/** The model's file as the memory holds it under the plan. */
export async function hardenedOf(opened: Opened, request: PlanRequest): Promise<Uint8Array<ArrayBuffer>> {
  const plan = await planOf(opened, request);
  return new Uint8Array(serialiseModel(hardenByPlan(withFlips(opened.assessment, request.flips), plan)));
}
