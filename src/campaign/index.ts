/** @file The room of campaigns: chips in their order until a question is answered, their store, and chips looked at closely. */
export type { Findings } from "./account.ts";
export { keptForm, type Asked } from "./asked.ts";
export { chipColumns, type ChipColumn } from "./chip-table.ts";
export {
  checkIdentity,
  differences,
  fingerprint,
  planIdentity,
  type CampaignIdentity,
  type PlanIdentity,
} from "./identity.ts";
export { runPilot, type Pilot } from "./pilot.ts";
export {
  checkYield,
  chipsExpected,
  leastChips,
  type Answer,
  type MeanMethod,
  type Question,
  type StopRule,
} from "./question.ts";
export { isSameRecord, type ChipRecord, type Recorder } from "./record.ts";
export {
  replayChip,
  type BitPlane,
  type ChangedSample,
  type ChipReplay,
  type ReplayOptions,
} from "./replay.ts";
export { runCampaign, type CampaignOptions, type CampaignProgress, type CampaignResult } from "./run.ts";
export { storedFindings } from "./stored-findings.ts";
export { openStore, type CampaignEvent, type CampaignStore, type StoredCampaign } from "./store.ts";
export type { StoreOptions } from "./store-options.ts";
