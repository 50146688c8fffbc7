/**
 * @file The room of statistics: mergeable moments, and intervals for means, proportions, quantiles, differences and
 * ratios over chips. Pure: runs in a browser unchanged.
 */
export { boundedMeanInterval, type BoundedMeanOptions } from "./betting.ts";
export { clipInterval, type ClipOptions, type ConfidenceOptions, type Interval } from "./interval.ts";
export { meanInterval, pairedDifference, requiredChips, type RequiredChipsOptions } from "./mean.ts";
export {
  addValue,
  emptyMoments,
  mergeMoments,
  momentsOf,
  sampleVariance,
  standardDeviation,
  type Moments,
} from "./moments.ts";
export {
  chipsForYield,
  proportionInterval,
  quantile,
  quantileInterval,
  type ChipsForYieldOptions,
} from "./proportion.ts";
export { rankCorrelation, ranks } from "./rank.ts";
export { bootstrapInterval, jointConfidence, ratioInterval, type BootstrapOptions } from "./ratio.ts";
export {
  asymptoticMeanSequence,
  asymptoticStart,
  proportionSequence,
  type AsymptoticOptions,
} from "./sequence.ts";
export {
  optimalImages,
  twoLevelVariances,
  type TwoLevelCosts,
  type TwoLevelDesign,
  type TwoLevelVariances,
} from "./two-level.ts";
export {
  controlledValues,
  stratifiedMean,
  varianceFactor,
  withKnownStratum,
  type Control,
  type ControlBasis,
  type Stratum,
} from "./variance.ts";
