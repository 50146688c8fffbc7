/**
 * @file The room of the explorer: what its page and its server share. Pure: the page computes with it in the browser.
 */
export {
  codeCost,
  curveBudgets,
  explorerCodes,
  explorerPolicies,
  keptBy,
  keptCurves,
  layerRows,
  policiesOf,
  predictionCost,
  spendBudget,
  type CodeCost,
  type ExplorerPolicy,
  type KeptCurve,
  type KeptCurves,
  type LayerRow,
  type Spending,
} from "./budget.ts";
export {
  campaignLimits,
  noCampaign,
  tokenName,
  type About,
  type CampaignRequest,
  type CampaignState,
  type Picture,
  type PlanChoice,
  type PlaneName,
  type PlanOutcome,
  type Refusal,
  type ReplayAnswer,
  type ReplayRequest,
  type StartedMemory,
  type Work,
} from "./protocol.ts";
export {
  binScores,
  overheadsAtTarget,
  standings,
  type Estimate,
  type OverheadsAtTarget,
  type ScoreBins,
  type Standing,
} from "./outcomes.ts";
export {
  decodeCounts,
  encodeCounts,
  openNetwork,
  type FlipChoice,
  type Network,
  type NetworkSnapshot,
  type TensorSnapshot,
} from "./snapshot.ts";
export {
  openChips,
  shareRight,
  type BrowserChips,
  type BrowserMemory,
  type ReceivedCodes,
} from "./browser-memory.ts";
