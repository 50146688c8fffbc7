/** @file The policies, by name. */

/** The policies a plan can follow. */
export const policyNames = [
  "none",
  "mean-correction",
  "uniform-msp",
  "magnitude",
  "random",
  "tac",
  "joint",
  "everything",
] as const;

/** How protected bits are chosen. */
export type PolicyName = (typeof policyNames)[number];
