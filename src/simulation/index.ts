/** @file The room of simulations: a model in a memory as a plan fills it, and chips tried under plans. */
export { checkKeep, isKept, type Goal } from "./goal.ts";
export { hardenByPlan, planDecode } from "./harden.ts";
export {
  contentDigest,
  digestSchema,
  samplingScheme,
  simulationIdentitySchema,
  type SimulationIdentity,
} from "./identity.ts";
export type { ImageParts } from "./parts.ts";
export { planProtection } from "./protection.ts";
export { checkPlan, rootMeanSquares, scaleAxis, storeByPlan } from "./recode.ts";
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
