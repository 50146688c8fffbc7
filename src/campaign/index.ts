/**
 * @file The room of campaigns: what is known of a model in a memory, plans for it, simulated chips, and comparisons.
 */
export {
  assess,
  isAssessment,
  jacobianSamples,
  survey,
  type AssessOptions,
  type Assessment,
  type FlipLaw,
  type ModelBytes,
  type Survey,
} from "./assess.ts";
export { shareBudget, type ModelShare, type SharedBudget, type SharedModel } from "./budget.ts";
export {
  compare,
  meanFlipProbability,
  type CompareOptions,
  type Comparison,
  type PolicyCurve,
} from "./compare.ts";
export { chooseCorrection, fixedReading, type ReadingChoice } from "./correction.ts";
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
export { priceWays, type Way } from "./ways.ts";
export { checkKeep, isKept, type Goal } from "./goal.ts";
export {
  checkIdentity,
  contentDigest,
  differences,
  fingerprint,
  planIdentity,
  samplingScheme,
  type CampaignIdentity,
  type SimulationIdentity,
} from "./identity.ts";
export { inspect, type InspectionRow } from "./inspect.ts";
export type { ImageParts } from "./parts.ts";
export { usualStyle, type JointStyle } from "./joint.ts";
export { makePlan, type PlanRequest } from "./plan.ts";
export { planProtection } from "./protection.ts";
export { checkPlan, storeByPlan } from "./recode.ts";
export { hasAnswers, isPredicted, predict, predictKept, type Prediction } from "./predict.ts";
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
export {
  openSimulation,
  summarise,
  type ChipResults,
  type ChipSummary,
  type ChipTrials,
  type RunControl,
  type Simulation,
  type SimulationOptions,
} from "./simulate.ts";
export { storageOptions, usualStorage, type Storage } from "./storage.ts";
export { runPilot, type Pilot } from "./pilot.ts";
export {
  checkYield,
  chipsExpected,
  meanBy,
  pilotChips,
  type Answer,
  type MeanMethod,
  type Question,
  type StopRule,
} from "./question.ts";
export { encodeRecord, type ChipRecord, type Recorder } from "./record.ts";
export { runCampaign, type CampaignOptions, type CampaignProgress, type CampaignResult } from "./run.ts";
export {
  openStore,
  type CampaignEvent,
  type CampaignStore,
  type StoredCampaign,
  type StoreOptions,
} from "./store.ts";
export { chipColumns, type ChipColumn } from "./chip-table.ts";
export {
  replayChip,
  type BitPlane,
  type ChangedSample,
  type ChipReplay,
  type ReplayOptions,
} from "./replay.ts";
