/** @file From a plan to what trials are told: the protection of each tensor. */
import type { Protection } from "../engine/index.ts";
import type { Plan } from "../protect/index.ts";

/** The protection of a plan, tensor by tensor. */
export function planProtection(plan: Plan): Protection {
  const tables = plan.codebooks.map(({ table, gain, offset }) => table.map((value) => gain * value + offset));
  return plan.tensors.map(({ segments }) =>
    segments.map(({ codebook, ...segment }) =>
      codebook === undefined ? segment : { ...segment, table: tables[codebook]! },
    ),
  );
}
