/** @file The room of assessments: what is known of a model in a memory before a fault is drawn. */
export {
  assess,
  cleanNetwork,
  isAssessment,
  jacobianSamples,
  meanFlipProbability,
  survey,
  type AssessOptions,
  type Assessment,
  type ModelBytes,
  type Survey,
  type WeightedNetwork,
} from "./assess.ts";
export { flipLaw, planFlipLaw, planFlips, type CellFlips, type FlipLaw } from "./flips.ts";
export { inspect, type InspectionRow } from "./inspect.ts";
export { isWhole } from "./integers.ts";
export { hasAnswers, isPredicted, predict, predictKept, type Prediction } from "./predict.ts";
export { storageOptions, usualStorage, type Storage } from "./storage.ts";
