/** @file The view of two plans side by side: what they protect, what is predicted of them, where they differ. */
import { useCallback, useMemo, useState } from "preact/hooks";
import {
  layerRows,
  policiesOf,
  spendBudget,
  type ExplorerPolicy,
  type LayerRow,
  type Network,
  type NetworkSnapshot,
  type PlanChoice,
  type Spending,
} from "../../../src/explorer/index.ts";
import {
  formatCount,
  formatNumber,
  formatPercent,
  keptChart,
  policyStyle,
  protectionMap,
  randomWords,
  type ChartOptions,
} from "../../../src/report/browser.ts";
import { addressOf, changeParameters, numberOf, setParameter, useAddress, wordOf } from "../address.ts";
import { canTryChips, startCampaign } from "../campaign-state.ts";
import { Answer, Choice, Controls, Facts, Failure, Slider } from "../controls.tsx";
import { Figure } from "../figure.tsx";
import { keptTable, useKept, useKeptCurves } from "../kept.ts";
import { flipsOf, useNetwork } from "../network-state.ts";
import { WithNetwork } from "../opened.tsx";
import { PlanFiles } from "../plan-files.tsx";
import { campaignRequest, campaignSettings, planParameter } from "../verification-state.ts";
import { leftShare, mapRows, policyWords, smallPercent } from "../plans.ts";

type Side = "A" | "B";

/** A plan of the address. */
function useChoice(side: Side, possible: readonly ExplorerPolicy[]): PlanChoice {
  const address = useAddress();
  const usual = side === "A" ? possible[0]! : "uniform-msp";
  const budget = numberOf(address, "budget", 0.2, 0, 1);
  return {
    policy: wordOf(address, `policy${side}`, usual, possible),
    budget: numberOf(address, `budget${side}`, budget, 0, 1),
  };
}

function Half({
  side,
  network,
  choice,
  layers,
  spending,
  kept,
}: {
  side: Side;
  network: Network;
  choice: PlanChoice;
  layers: readonly LayerRow[];
  spending: Spending;
  kept: number | undefined;
}) {
  const { policy, budget } = choice;
  const nothing = useMemo(() => spendBudget(network, policy, 0), [network, policy]);
  const rows = useMemo(() => mapRows(network, layers, spending), [network, layers, spending]);
  const draw = useCallback((options: ChartOptions) => protectionMap(rows, options), [rows]);
  return (
    <section aria-label={`Plan ${side}`}>
      <h2>Plan {side}</h2>
      <Controls title={`Plan ${side}`}>
        <Slider
          label={`Budget of plan ${side}`}
          unit="% of bits"
          value={Number((100 * budget).toPrecision(6))}
          low={0}
          high={100}
          step={0.1}
          onChange={(percent) => setParameter(`budget${side}`)(Number((percent / 100).toPrecision(6)))}
        />
        <Choice
          label={`Bits of plan ${side} are chosen by`}
          value={policy}
          options={policiesOf(network).map((value) => ({ value, label: policyWords[value] }))}
          onChange={setParameter(`policy${side}`)}
        />
      </Controls>
      <Facts
        facts={[
          {
            name: "protected bits",
            value: formatPercent(spending.overhead),
            note: formatCount(spending.allocation.protectedBits),
          },
          {
            name: "accuracy kept, predicted",
            value: network.classifier === undefined ? "–" : kept === undefined ? "…" : formatPercent(kept),
            note: network.classifier === undefined ? "needs inputs" : "of the clean network's",
          },
          {
            name: "output error left",
            value: smallPercent(leftShare(spending, nothing)),
            note: "of the unprotected squared error",
          },
        ]}
      />
      <PlanFiles network={network} choice={choice} />
      <Figure
        name={`plan-${side.toLowerCase()}`}
        draw={draw}
        caption={`Bits that plan ${side} protects.`}
        data={() => [
          ["tensor", "bit", "share of weights protected"],
          ...rows.flatMap((row) => row.shares.map((share, bit) => [row.name, bit, share] as const)),
        ]}
      />
    </section>
  );
}

const bitsOf = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0);
const signed = (value: number) =>
  value === 0
    ? "0"
    : `${value > 0 ? "+" : "−"}${formatNumber(Math.abs(value), { digits: 3, typeset: true })}`;

function DifferenceTable({ network, a, b }: { network: Network; a: Spending; b: Spending }) {
  return (
    <div class="scroll rows" role="region" aria-label="Differences" tabIndex={0}>
      <table>
        <caption>Protected bits of a weight, on the mean over each tensor</caption>
        <thead>
          <tr>
            {["tensor", "weights", "bits of a weight", "plan A", "plan B", "B less A"].map((head, i) => (
              <th key={head} scope="col" class={i > 0 ? "num" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {network.snapshot.tensors.map(({ name, count }, t) => {
            const [own, other] = [bitsOf(a.shares[t]!), bitsOf(b.shares[t]!)];
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="num">{formatCount(count)}</td>
                <td class="num">{a.shares[t]!.length}</td>
                <td class="num">{formatNumber(own)}</td>
                <td class="num">{formatNumber(other)}</td>
                <td class="num">{signed(Number((other - own).toFixed(3)))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** What sets two plans apart, in a sentence. */
function verdict(a: Spending, b: Spending, keptA: number | undefined, keptB: number | undefined): string {
  if (keptA === undefined || keptB === undefined) {
    return `Plan A protects ${formatPercent(a.overhead)} of the stored bits, plan B ${formatPercent(b.overhead)}.`;
  }
  const words = `Plan A is predicted to keep ${formatPercent(keptA)} of the accuracy with ${formatPercent(a.overhead)} of the bits, plan B ${formatPercent(keptB)} with ${formatPercent(b.overhead)}`;
  if (keptA > keptB && a.overhead <= b.overhead) return `${words}: A keeps more for no more.`;
  if (keptB > keptA && b.overhead <= a.overhead) return `${words}: B keeps more for no more.`;
  return `${words}.`;
}

function TryBoth({ network, plans }: { network: Network; plans: readonly PlanChoice[] }) {
  const address = useAddress();
  const [message, setMessage] = useState<string>();
  const settings = campaignSettings(address, network);
  const start = async () => {
    setMessage(undefined);
    try {
      await startCampaign(campaignRequest(address, settings, plans), network.snapshot);
      changeParameters({ plans: planParameter(plans), look: undefined });
      location.hash = addressOf("verification");
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <p>
        <button type="button" onClick={() => void start()}>
          Try both on the same chips
        </button>
      </p>
      <p class="note">
        {settings.untilSettled ? "Until both are settled" : `${formatCount(settings.chips)} chips`}, shown in
        the view Verification, which opens.
      </p>
      {message === undefined ? null : <Failure message={message} />}
    </>
  );
}

function Opened({ network }: { network: Network }) {
  const address = useAddress();
  const flips = flipsOf(address);
  const keep = numberOf(address, "keep", 0.95, 0.5, 0.999);
  const possible = policiesOf(network);
  const [a, b] = [useChoice("A", possible), useChoice("B", possible)];
  const layers = useMemo(() => layerRows(network), [network]);
  const spentA = useMemo(() => spendBudget(network, a.policy, a.budget), [network, a.policy, a.budget]);
  const spentB = useMemo(() => spendBudget(network, b.policy, b.budget), [network, b.policy, b.budget]);
  const keptA = useKept(network, a.policy, spentA, flips, "A");
  const keptB = useKept(network, b.policy, spentB, flips, "B");
  const policies = useMemo(
    () => possible.filter((policy) => policy === a.policy || policy === b.policy),
    [network, a.policy, b.policy],
  );
  const { curves, isBusy } = useKeptCurves(network, flips, keep, policies);
  const draw = useCallback(
    (options: ChartOptions) =>
      keptChart(
        {
          curves: curves?.curves ?? [],
          keep,
          chosen: [
            { policy: a.policy, name: "A", overhead: spentA.overhead, kept: keptA },
            { policy: b.policy, name: "B", overhead: spentB.overhead, kept: keptB },
          ],
        },
        options,
      ),
    [curves, keep, a.policy, b.policy, spentA, spentB, keptA, keptB],
  );
  return (
    <>
      <Answer sentence={verdict(spentA, spentB, keptA, keptB)} isLong />
      <div class="halves">
        <Half side="A" network={network} choice={a} layers={layers} spending={spentA} kept={keptA} />
        <Half side="B" network={network} choice={b} layers={layers} spending={spentB} kept={keptB} />
      </div>
      {canTryChips && network.snapshot.data !== null ? <TryBoth network={network} plans={[a, b]} /> : null}
      {network.classifier === undefined ? null : (
        <Figure
          name="compared"
          isBusy={isBusy && curves === undefined}
          draw={draw}
          caption={`Both plans (${policyStyle(a.policy).label} and ${policyStyle(b.policy).label}) among all budgets: predicted share of the clean network's expected accuracy.${randomWords([a.policy, b.policy])}`}
          data={() => keptTable(curves)}
        />
      )}
      <DifferenceTable network={network} a={spentA} b={spentB} />
    </>
  );
}

function Loaded({ snapshot }: { snapshot: NetworkSnapshot }) {
  const { network, message } = useNetwork(snapshot);
  return network === undefined ? <Failure message={message ?? ""} /> : <Opened network={network} />;
}

/** The view. */
export function CompareView() {
  return (
    <>
      <p class="lead">
        Two plans for the same memory, side by side: which bits each protects, what is predicted to be left,
        and where they differ.
      </p>
      <WithNetwork>{(snapshot) => <Loaded snapshot={snapshot} />}</WithNetwork>
    </>
  );
}
