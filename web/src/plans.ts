/** @file Plans as the views show them. */
import type { ExplorerPolicy, LayerRow, Network, PlanChoice, Spending } from "../../src/explorer/index.ts";
import { formatPercent, policyStyle, type ProtectionRow } from "../../src/report/browser.ts";

/** How bits are chosen, for menus. */
export const policyWords: Readonly<Record<ExplorerPolicy, string>> = {
  tac: "TAC: where error falls most",
  "uniform-msp": "Uniform-MSP: every weight's top bits",
  magnitude: "magnitude: TAC without the Jacobian",
  random: "random bit planes",
};

/** What a plan is called: its policy and its budget. */
export const planName = ({ policy, budget }: Pick<PlanChoice, "policy" | "budget">): string =>
  `${policyStyle(policy).label}, ${formatPercent(budget)}`;

/** Rows of the map of protected bits. */
export function mapRows(network: Network, layers: readonly LayerRow[], spending: Spending): ProtectionRow[] {
  return network.snapshot.tensors.map(({ name, operator, count }, t) => ({
    name,
    operator,
    count,
    shares: spending.shares[t]!,
    decoder: "as stored",
    score: layers[t]!.score ?? null,
  }));
}

/** Share of the predicted output error that is left, beside all of it. */
export function leftShare(spending: Spending, nothing: Spending): number | undefined {
  const sum = (noise: readonly number[] | undefined) => noise?.reduce((a, b) => a + b, 0);
  const [left, whole] = [sum(spending.noise), sum(nothing.noise)];
  return left === undefined || whole === undefined || whole === 0 ? undefined : left / whole;
}

/** A share that may be as good as nothing. */
export function smallPercent(share: number | undefined): string {
  return share !== undefined && share > 0 && share < 1e-6 ? "below 0.0001 %" : formatPercent(share);
}
