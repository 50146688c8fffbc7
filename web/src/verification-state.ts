/** @file The campaign that an address asks for. */
import {
  campaignLimits,
  policiesOf,
  type CampaignRequest,
  type ExplorerPolicy,
  type Network,
  type PlanChoice,
} from "../../src/explorer/index.ts";
import { noteReplaced, numberOf, wordOf, type Address } from "./address.ts";
import { flipsOf } from "./network-state.ts";

/** What the controls of a campaign stand at. */
export interface CampaignSettings {
  /** Plans of their own budgets, as those that were compared; instead of policies under the same budgets. */
  readonly own: readonly PlanChoice[] | undefined;
  readonly policies: readonly ExplorerPolicy[];
  /** Per cent of the stored bits, as the reader wrote them. */
  readonly budgets: string;
  readonly keep: number;
  readonly chips: number;
  readonly untilSettled: boolean;
  readonly seed: number;
}

const usualBudgets = "10, 20, 30, 40, 50";

/** Plans as one parameter of the address: `tac:0.27,uniform-msp:0.45`. */
export const planParameter = (plans: readonly PlanChoice[]): string =>
  plans.map(({ policy, budget }) => `${policy}:${budget}`).join(",");

/** The plans of such a parameter, each once; undefined where there is none, or one that is no plan. */
function ownPlans(
  text: string | undefined,
  possible: readonly ExplorerPolicy[],
): readonly PlanChoice[] | undefined {
  const words = [...new Set(text?.split(","))];
  const plans = words.flatMap((word): PlanChoice[] => {
    const [name, share = ""] = word.split(":", 2);
    const policy = possible.find((one) => one === name);
    const budget = share.trim() === "" ? Number.NaN : Number(share);
    return policy !== undefined && budget >= 0 && budget <= 1 ? [{ policy, budget }] : [];
  });
  return plans.length > 0 && plans.length === words.length ? plans : undefined;
}

/** The settings of an address. */
export function campaignSettings(address: Address, network: Network): CampaignSettings {
  const possible = policiesOf(network);
  const own = ownPlans(address.parameters.get("plans"), possible);
  noteReplaced(address, "plans", own === undefined ? "what policies and budgets say" : undefined);
  const asked = address.parameters.get("policies")?.split(",");
  const usual = possible.filter((policy) => policy === "tac" || policy === "uniform-msp");
  const policies = asked === undefined ? usual : possible.filter((policy) => asked.includes(policy));
  const isTaken = asked?.every((name) => name === "" || policies.some((policy) => policy === name)) ?? true;
  noteReplaced(address, "policies", isTaken ? undefined : policies.join(",") || "none");
  return {
    own,
    policies,
    budgets: address.parameters.get("budgets") ?? usualBudgets,
    keep: numberOf(address, "keep", 0.95, 0.5, 0.999),
    chips: Math.round(numberOf(address, "chips", 200, 10, campaignLimits.chips)),
    untilSettled: wordOf(address, "until", "chips", ["chips", "settled"]) === "settled",
    seed: Math.round(numberOf(address, "seed", 0, 0, 1e9)),
  };
}

/** The plans of a campaign, or what is wrong with them in a sentence. */
export function campaignPlans({ own, policies, budgets }: CampaignSettings): readonly PlanChoice[] | string {
  if (own !== undefined) return own;
  const shares: number[] = [];
  for (const word of budgets.split(/[\s,;%]+/).filter((text) => text !== "")) {
    const percent = Number(word);
    if (!(percent >= 0 && percent <= 100)) {
      return `"${word}" is no budget: give per cent of the stored bits, such as 10, 20, 30.`;
    }
    const share = Number((percent / 100).toPrecision(6));
    if (!shares.includes(share)) shares.push(share);
  }
  if (shares.length === 0) return "Give at least one budget, in per cent of the stored bits.";
  if (policies.length === 0) return "Choose at least one way to choose bits.";
  const plans = policies.flatMap((policy) =>
    shares.sort((a, b) => a - b).map((budget): PlanChoice => ({ policy, budget })),
  );
  if (plans.length <= campaignLimits.plans) return plans;
  return `${plans.length} plans are more than ${campaignLimits.plans}: leave out some budgets.`;
}

/** What is sent to the server. */
export function campaignRequest(
  address: Address,
  settings: CampaignSettings,
  plans: readonly PlanChoice[],
): CampaignRequest {
  const { keep, chips, untilSettled, seed } = settings;
  return { plans, keep, chips, untilSettled, seed, flips: flipsOf(address) ?? null };
}
