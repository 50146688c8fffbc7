/**
 * @file The room of protection: what each bit is worth, which bits a budget protects under each policy, the plan, and
 * what is predicted of it. Pure: it knows error laws and sensitivities, not networks.
 */
export {
  allocator,
  checkBudget,
  segmentsOf,
  storedBits,
  type Allocation,
  type Allocator,
  type TensorAllocation,
} from "./allocate.ts";
export {
  allocateChoices,
  convexChoices,
  type ChoiceAllocation,
  type ChosenStorage,
  type StorageChoice,
} from "./choices.ts";
export {
  keptAccuracy,
  knownAnswers,
  leastOverhead,
  type KnownAnswers,
  type MeasuredClassifier,
  type TensorSensitivity,
} from "./kept.ts";
export {
  ordinaryErrors,
  protectionLadder,
  protectionLadders,
  weightVariance,
  type Ladder,
  type MemoryTensor,
  type OrdinaryErrors,
  type Rung,
} from "./ladder.ts";
export {
  expectedAccuracyUnderNoise,
  softmaxRows,
  type CleanOutputs,
  type ConfidentOutputs,
} from "./margins.ts";
export { parsePlan, planSchema, protectedBitsOf } from "./plan.ts";
export type {
  Plan,
  PlanCheck,
  PlanCodebook,
  PlanGoal,
  PlanPrediction,
  PlanSegment,
  PlanShift,
  PlanStorage,
  PlanTensor,
} from "./plan-types.ts";
export {
  expectedRunaways,
  heterogeneity,
  overheadAtNoise,
  predictedNoise,
  residualCurve,
  saturationRatio,
  tensorNoise,
  type Heterogeneity,
  type ResidualCurve,
} from "./residual.ts";
export { policyNames, type PolicyName } from "./policies.ts";
