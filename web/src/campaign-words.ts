/** @file A campaign in sentences: how far it is, and what its verdicts say of each policy. */
import {
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

/** The least overhead that was shown to be enough, and what is open below it. */
function enoughWords({ policy, enough, open }: Standing, leastTried: number): string {
  const below =
    open.length > 0
      ? ` (${rangeWords(open)}: open)`
      : enough === leastTried && enough > 0
        ? " (the least tried)"
        : "";
  return `${formatPercent(enough)} by ${policyStyle(policy).label}${below}`;
}

/** What the verdicts say: which policies were shown to keep what is asked, which are open, which miss it. */
function verdictWords({ plans, judged, request }: CampaignState): string[] {
  if (judged === null || judged.target === null || request === null) return [];
  const leastOf = (policy: string) =>
    Math.min(...plans.filter((plan) => plan.policy === policy).map(({ overhead }) => overhead));
  const all = standings(plans);
  const of = (state: Standing["state"]) => all.filter((own) => own.state === state);
  const [shown, open, refuted] = [of("shown"), of("open"), of("refuted")];
  const goal = `${formatPercent(request.keep)} of ${judged.measure.kept}`;
  const openList = open.map((own) => `${policyStyle(own.policy).label} with ${rangeWords(own.open)}`);
  const refutedList = refuted.map(({ policy }) => policyStyle(policy).label);
  return [
    ...(shown.length === 0
      ? []
      : [
          `The least overhead tried that is shown to keep ${goal}: ${shown.map((own) => enoughWords(own, leastOf(own.policy))).join(", ")}.`,
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

/** Where curves meet the target between the overheads tried, which is no verdict of a plan. */
export function crossingWords({
  overheadAtTarget,
  overheadInterval,
}: Pick<OverheadsAtTarget, "overheadAtTarget" | "overheadInterval">): string {
  const met = Object.entries(overheadAtTarget).filter(([, overhead]) => overhead > 0 && overhead < 1);
  const list = met.map(([policy, overhead]) => {
    const [from, to] = overheadInterval[policy] ?? [overhead, overhead];
    const end = to < 1 ? ` to ${formatPercent(to)}` : " or more";
    return `${formatPercent(overhead)} (${formatPercent(from)}${end}) under ${policyStyle(policy).label}`;
  });
  return list.length === 0
    ? ""
    : ` Interpolated between the overheads tried, the mean meets the target at ${list.join(", at ")}.`;
}

/** How far a campaign is, and what it says of each policy: no more than the verdicts of its plans. */
export function statusWords(campaign: CampaignState): string {
  const { stage, judged, request, ended, done } = campaign;
  if (stage === "failed") return "";
  if (judged === null || request === null)
    return ended === "interrupted" ? "Stopped before the first chip." : "";
  return [progressWords(campaign), ...(done < 2 ? [] : verdictWords(campaign))].join(" ");
}
