/** @file A campaign in sentences: how far it is, and what its verdicts say of each policy. */
import {
  overheadsAtTarget,
  standings,
  type CampaignState,
  type OverheadsAtTarget,
  type Standing,
} from "../../src/explorer/index.ts";
import {
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  policyStyle,
} from "../../src/report/browser.ts";

const endWords: Readonly<Record<NonNullable<CampaignState["ended"]>, string>> = {
  chips: "All chips were tried",
  limit: "All chips were tried",
  planned: "All chips were tried",
  precision: "The intervals have no width left",
  settled: "Every plan is settled",
  interrupted: "Stopped",
};

/** How far it is. */
function progressWords({ done, expected, seconds, ended, request }: CampaignState): string {
  if (ended !== null) return `${endWords[ended]}: ${formatCount(done)} chips in ${formatSeconds(seconds)}.`;
  const rate = seconds > 0 ? done / seconds : 0;
  const about = done < expected && request?.untilSettled === true ? "about " : "";
  const pace = `, ${formatNumber(rate)} a second, ${formatSeconds((expected - done) / rate)} left`;
  return `${formatCount(done)} of ${about}${formatCount(Math.max(done, expected))} chips${rate > 0 ? pace : ""}.`;
}

/** From the least of some overheads to the largest. */
function rangeWords(overheads: readonly number[]): string {
  const [least, most] = [formatPercent(overheads[0]), formatPercent(overheads.at(-1))];
  return overheads.length > 1 ? `${least} to ${most}` : least;
}

/** What was shown to be enough: by estimate and interval, or the least that was tried. */
function enoughWords(
  { policy, enough, open }: Standing,
  { overheadAtTarget, overheadInterval }: OverheadsAtTarget,
  leastTried: number,
): string {
  const { label } = policyStyle(policy);
  const [estimate, ends] = [overheadAtTarget[policy], overheadInterval[policy]];
  if (enough === 0 || estimate === undefined || ends === undefined || estimate >= 1) {
    const less = open.length > 0 ? ` (${rangeWords(open)}: open)` : enough === leastTried ? " or less" : "";
    return `${label} with ${formatPercent(enough)}${enough === 0 ? "" : less}`;
  }
  const [from, to] = ends;
  const below = from > 0 && from <= leastTried ? " or less" : "";
  return `${label} with ${formatPercent(estimate)} (${formatPercent(from)}${below} to ${formatPercent(to)})`;
}

/** What the verdicts say: which policies were shown to keep what is asked, which are open, which miss it. */
function verdictWords({ plans, judged, request }: CampaignState): string[] {
  if (judged === null || judged.target === null || request === null) return [];
  const { target, measure } = judged;
  const crossings = overheadsAtTarget(plans, target, measure.higherIsBetter);
  const leastOf = (policy: string) =>
    Math.min(...plans.filter((plan) => plan.policy === policy).map(({ overhead }) => overhead));
  const all = standings(plans);
  const of = (state: Standing["state"]) => all.filter((own) => own.state === state);
  const [shown, open, refuted] = [of("shown"), of("open"), of("refuted")];
  const goal = `${formatPercent(request.keep)} of ${measure.kept}`;
  const openList = open.map((own) => `${policyStyle(own.policy).label} with ${rangeWords(own.open)}`);
  const refutedList = refuted.map(({ policy }) => policyStyle(policy).label);
  return [
    ...(shown.length === 0
      ? []
      : [
          `${goal} is kept by ${shown.map((own) => enoughWords(own, crossings, leastOf(own.policy))).join(", by ")}.`,
        ]),
    ...(open.length === 0
      ? []
      : [
          `${shown.length > 0 ? "Still open" : `Whether ${goal} is kept is still open`}: ${openList.join(", ")}.`,
        ]),
    ...(refuted.length === 0
      ? []
      : [
          `${all.length > refuted.length ? "Missed" : `${goal} is missed`} at every budget tried: ${refutedList.join(", ")}.`,
        ]),
  ];
}

/** How far a campaign is, and what it says of each policy: no more than the verdicts of its plans. */
export function statusWords(campaign: CampaignState): string {
  const { stage, judged, request, ended, done } = campaign;
  if (stage === "failed") return "";
  if (judged === null || request === null)
    return ended === "interrupted" ? "Stopped before the first chip." : "";
  return [progressWords(campaign), ...(done < 2 ? [] : verdictWords(campaign))].join(" ");
}
