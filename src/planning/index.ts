/** @file The room of planning: plans for a budget or a goal, and policies compared. */
export { shareBudget, type ModelShare, type SharedBudget, type SharedModel } from "./budget.ts";
export {
  codePlan,
  makeCodedPlan,
  parityOf,
  planCodesToKeep,
  pricedBits,
  pricedNoise,
  type CodedRequest,
  type CodesToKeep,
  type PricedBits,
} from "./coded-plan.ts";
export {
  compare,
  type CompareOptions,
  type Comparison,
  type JointComparison,
  type PolicyCurve,
  type PredictedComparison,
} from "./compare.ts";
export { chooseCorrection, fixedReading, type ReadingChoice } from "./correction.ts";
export { usualStyle, type JointStyle } from "./joint.ts";
export { makePlan, type PlanRequest } from "./plan.ts";
export {
  overheadAtTarget,
  planToKeep,
  searchOverhead,
  simulatePlan,
  type CurvePoint,
  type KeepRequest,
  type OverheadAtTarget,
  type SearchOptions,
} from "./search.ts";
export { predictByGaussian, type PredictedPolicy, type SurrogateOptions } from "./surrogate.ts";
export { priceWays, type Way } from "./ways.ts";
