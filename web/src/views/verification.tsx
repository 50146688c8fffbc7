/** @file The view of verification: a campaign of simulated chips is started, watched and stopped. */
import { useCallback, useMemo } from "preact/hooks";
import {
  overheadsAtTarget,
  standings,
  type CampaignState,
  type Estimate,
  type Network,
  type NetworkSnapshot,
} from "../../../src/explorer/index.ts";
import {
  accuracyChart,
  formatCount,
  formatPercent,
  formatScore,
  policyStyle,
  randomWords,
  yieldChart,
  type AccuracyData,
  type ChartOptions,
} from "../../../src/report/browser.ts";
import { changeParameters, numberOf, useAddress } from "../address.ts";
import { canTryChips, useCampaign } from "../campaign-state.ts";
import { crossingWords, statusWords } from "../campaign-words.ts";
import { Answer, Choice, Facts, Failure } from "../controls.tsx";
import { Figure, formatCsv } from "../figure.tsx";
import { useNetwork } from "../network-state.ts";
import { WithNetwork, Working } from "../opened.tsx";
import { planName } from "../plans.ts";
import { save } from "../save.ts";
import { getJson, isServed } from "../server.ts";
import { CampaignControls } from "./campaign-controls.tsx";
import { Replay } from "./replay.tsx";

const interval = ({ estimate, low, high }: Estimate, words: (value: number | null) => string) =>
  `${words(estimate)} (${words(low)} to ${words(high)})`;

const verdictWords = { kept: "keeps it", missed: "misses it", open: "open" } as const;
const columns = ["plan", "overhead", "verdict", "mean (95 % interval)", "yield (95 % interval)"];

function PlanTable({ campaign, shown }: { campaign: CampaignState; shown: number }) {
  const unit = campaign.judged?.measure.unit ?? "share";
  return (
    <div class="scroll rows" role="region" aria-label="Plans" tabIndex={0}>
      <table>
        <caption>
          What the chips say of each plan; the intervals hold at every look, so that watching and stopping
          does no harm
        </caption>
        <thead>
          <tr>
            {columns.map((head, i) => (
              <th key={head} scope="col" class={i > 0 && i !== 2 ? "num" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {campaign.plans.map((plan, p) => (
            <tr key={`${plan.policy} ${plan.budget}`} aria-current={p === shown ? "true" : undefined}>
              <th scope="row">{policyStyle(plan.policy).label}</th>
              <td class="num">{formatPercent(plan.overhead)}</td>
              <td>{verdictWords[plan.verdict]}</td>
              <td class="num">
                {plan.mean === null ? "–" : interval(plan.mean, (value) => formatScore(value, unit, 2))}
              </td>
              <td class="num">
                {plan.yield === null ? "–" : interval(plan.yield, (value) => formatPercent(value, 1))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The curves as the chart of the report draws them. */
function accuracyData(campaign: CampaignState): AccuracyData | undefined {
  const { judged, plans, request } = campaign;
  if (judged === null || judged.target === null || request === null) return undefined;
  const { measure, target } = judged;
  const { overheadAtTarget, overheadInterval } = overheadsAtTarget(plans, target, measure.higherIsBetter);
  // A ratio of what is still open would say too much.
  const shown = new Set(standings(plans).flatMap(({ policy, state }) => (state === "shown" ? [policy] : [])));
  const [tac, uniform] = ["tac", "uniform-msp"].map((policy) =>
    shown.has(policy) ? (overheadAtTarget[policy] ?? 1) : 1,
  ) as [number, number];
  const known = plans.filter((plan) => (plan.mean?.estimate ?? null) !== null);
  if (known.length === 0) return undefined;
  // An interval that leaves everything open is no band to draw.
  const ends = ({ estimate, low, high }: Estimate) =>
    low === null || high === null || (measure.unit === "share" && low <= 0 && high >= 1)
      ? { low: estimate!, high: estimate! }
      : { low, high };
  return {
    clean: judged.clean ?? target,
    measure,
    keep: request.keep,
    target,
    policies: Array.from(
      Map.groupBy(known, ({ policy }) => policy),
      ([name, own]) => ({
        name,
        points: own.map((plan) => ({
          overhead: plan.overhead,
          accuracy: plan.mean!.estimate!,
          ...ends(plan.mean!),
          yield: plan.yield?.estimate ?? 0,
          yieldLow: plan.yield?.low ?? 0,
          yieldHigh: plan.yield?.high ?? 1,
          chips: campaign.done,
          deviation: 0,
          percentile5: 0,
          nonFinite: 0,
        })),
      }),
    ),
    isWhole: true,
    overheadAtTarget,
    overheadInterval,
    ratio: tac < 1 && uniform < 1 ? uniform / tac : Number.NaN,
    ratioInterval: [Number.NaN, Infinity],
  };
}

/** The plan that is looked at first: the first that reaches the target. */
function usualPlan({ plans, judged }: CampaignState): number {
  const target = judged?.target ?? Infinity;
  const isUp = judged?.measure.higherIsBetter ?? true;
  const found = plans.findIndex(({ mean }) => {
    const estimate = mean?.estimate ?? null;
    return estimate !== null && (isUp ? estimate >= target : estimate <= target);
  });
  return Math.max(0, found);
}

async function saveScores(campaign: CampaignState): Promise<void> {
  const { chips, scores } = (await getJson("api/campaign/scores")) as { chips: number[]; scores: number[][] };
  const table = [
    ["chip", ...campaign.plans.map(planName)],
    ...chips.map((chip, i) => [chip, ...scores.map((own) => own[i] ?? null)]),
  ];
  save("chips.csv", new Blob([formatCsv(table)], { type: "text/csv" }));
}

function Outcome({ campaign }: { campaign: CampaignState }) {
  const address = useAddress();
  const { plans, judged } = campaign;
  const usual = usualPlan(campaign);
  const shown = Math.min(plans.length - 1, Math.round(numberOf(address, "look", usual, 0, 23)));
  const data = useMemo(() => accuracyData(campaign), [campaign]);
  const drawCurves = useCallback((options: ChartOptions) => accuracyChart(data!, options), [data]);
  const plan = plans[shown];
  const histogram = useMemo(() => {
    const bins = plan?.histogram ?? null;
    if (plan === undefined || bins === null || judged === null || judged.target === null) return undefined;
    const { estimate, low, high } = plan.yield ?? { estimate: null, low: null, high: null };
    return {
      ...bins,
      target: judged.target,
      clean: judged.clean ?? Number.NaN,
      measure: judged.measure,
      yield: estimate === null || low === null || high === null ? undefined : { estimate, low, high },
    };
  }, [plan, judged]);
  const drawYield = useCallback((options: ChartOptions) => yieldChart(histogram!, options), [histogram]);
  return (
    <>
      {data === undefined ? null : (
        <Figure
          name="accuracy"
          draw={drawCurves}
          caption={`Mean over chips against overhead, all plans on the same chips. The bands are 95 % intervals that hold at every look and grow tight as chips are tried; there is none while too few chips are tried to say anything.${crossingWords(data)}${randomWords(plans.map(({ policy: name }) => name))}`}
          data={() => [
            ["policy", "overhead", "mean", "low", "high"],
            ...data.policies.flatMap(({ name, points }) =>
              points.map((p) => [name, p.overhead, p.accuracy, p.low, p.high] as const),
            ),
          ]}
        />
      )}
      <PlanTable campaign={campaign} shown={shown} />
      {plan === undefined || histogram === undefined ? null : (
        <>
          <h2>Chips of one plan</h2>
          <div class="inline">
            <Choice
              label="Plan"
              value={String(shown)}
              options={plans.map((p, i) => ({ value: String(i), label: planName(p) }))}
              onChange={(value) => changeParameters({ look: value })}
            />
          </div>
          <Figure
            name="yield"
            draw={drawYield}
            caption="Chips by their score under this plan. Filled bars keep the target, open ones miss it; the yield is the share that keeps it."
            data={() => [
              ["from", "to", "chips"],
              ...histogram.counts.map((count, i) => {
                const from = histogram.from + i * histogram.width;
                return [from, from + histogram.width, count] as const;
              }),
            ]}
          />
          {isServed && campaign.stage === "ended" ? (
            <p class="keep">
              <button type="button" class="quiet" onClick={() => void saveScores(campaign)}>
                Scores of all chips (CSV)
              </button>
            </p>
          ) : null}
          {isServed ? <Replay campaign={campaign} plan={shown} /> : null}
        </>
      )}
    </>
  );
}

function Shown({ campaign }: { campaign: CampaignState }) {
  switch (campaign.stage) {
    case "none":
      return (
        <p class="note">
          No chip has been tried yet. Choose plans and start: every chip draws its own faults and is tried
          under all plans.
        </p>
      );
    case "preparing":
      return <Working {...(campaign.work ?? { stage: "Preparing", done: 0, total: 0 })} />;
    case "failed":
      return <Failure message={campaign.message ?? ""} />;
    case "running":
    case "ended":
      return (
        <>
          <progress
            aria-label="Chips tried"
            value={campaign.done}
            max={Math.max(1, campaign.expected)}
            hidden={campaign.stage === "ended"}
          />
          {campaign.judged === null ? null : (
            <Facts
              facts={[
                {
                  name: "chips",
                  value: formatCount(campaign.done),
                  note: `each on ${formatCount(campaign.judged.samples)} samples`,
                },
                {
                  name: `clean ${campaign.judged.measure.title}`,
                  value: formatScore(campaign.judged.clean, campaign.judged.measure.unit),
                  note: "without a fault",
                },
                {
                  name: "target",
                  value: formatScore(campaign.judged.target, campaign.judged.measure.unit),
                  note: `${formatPercent(campaign.request?.keep)} of ${campaign.judged.measure.kept}`,
                },
              ]}
            />
          )}
          <Outcome campaign={campaign} />
        </>
      );
  }
}

function Opened({ network }: { network: Network }) {
  const campaign = useCampaign();
  return (
    <>
      <Answer sentence={statusWords(campaign)} isLong isLoud={campaign.stage !== "running"} />
      <div class="split">
        <CampaignControls network={network} campaign={campaign} />
        <div class="pictures">
          <Shown campaign={campaign} />
        </div>
      </div>
    </>
  );
}

function Loaded({ snapshot }: { snapshot: NetworkSnapshot }) {
  const { network, message } = useNetwork(snapshot);
  if (network === undefined) return <Failure message={message ?? ""} />;
  if (snapshot.data === null) {
    return (
      <p class="note">
        Trying chips needs data to judge them by: start the server with <code>--data test.npz</code>.
      </p>
    );
  }
  return <Opened network={network} />;
}

/** The view. */
export function VerificationView() {
  return (
    <>
      <p class="lead">
        A prediction is put to the test on simulated chips: each draws its faults at random, and the network
        answers on it as it would from that memory.
      </p>
      {canTryChips ? (
        <WithNetwork>{(snapshot) => <Loaded snapshot={snapshot} />}</WithNetwork>
      ) : (
        <p class="note">
          This page has nobody to run a campaign; <code>qtaml serve</code> has.
        </p>
      )}
    </>
  );
}
