/**
 * @file The view of the network: its tensors, which of their bits a budget protects, and what is predicted to be left.
 * Everything follows the sliders at once; nothing is asked of the server.
 */
import { useCallback, useMemo } from "preact/hooks";
import {
  codeCost,
  explorerCodes,
  layerRows,
  policiesOf,
  spendBudget,
  type CodeCost,
  type ExplorerPolicy,
  type KeptCurves,
  type LayerRow,
  type Network,
  type NetworkSnapshot,
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
import { numberOf, setParameter, useAddress, wordOf } from "../address.ts";
import { Answer, Choice, Controls, Facts, Failure, Slider, Warnings } from "../controls.tsx";
import { Figure } from "../figure.tsx";
import { FlipSliders } from "../flip-sliders.tsx";
import { keptTable, useKept, useKeptCurves } from "../kept.ts";
import { flipsOf, meanFlips, useNetwork } from "../network-state.ts";
import { WithNetwork } from "../opened.tsx";
import { PlanFiles } from "../plan-files.tsx";
import { leftShare, mapRows, policyWords, smallPercent } from "../plans.ts";

const number = (value: number | undefined, digits = 3) => formatNumber(value, { digits, typeset: true });

/** What the controls of plans stand at. */
interface Settings {
  readonly policy: ExplorerPolicy;
  readonly budget: number;
  readonly keep: number;
  readonly code: string;
}

function useSettings(network: Network): Settings {
  const address = useAddress();
  const policies = policiesOf(network);
  return {
    policy: wordOf(address, "policy", policies[0]!, policies),
    budget: numberOf(address, "budget", 0.2, 0, 1),
    keep: numberOf(address, "keep", 0.95, 0.5, 0.999),
    code: wordOf(address, "code", "none", explorerCodes),
  };
}

function NetworkControls({
  network,
  settings,
  least,
}: {
  network: Network;
  settings: Settings;
  least: number | undefined;
}) {
  const { policy, budget, keep, code } = settings;
  const flips = flipsOf(useAddress()) ?? meanFlips(network);
  return (
    <Controls title="The budget and the memory">
      <Slider
        label="Budget: protected bits"
        unit="% of bits"
        value={Number((100 * budget).toPrecision(6))}
        low={0}
        high={100}
        step={0.1}
        onChange={(percent) => setParameter("budget")(Number((percent / 100).toPrecision(6)))}
      />
      <Choice
        label="Bits are chosen by"
        value={policy}
        options={policiesOf(network).map((value) => ({ value, label: policyWords[value] }))}
        onChange={setParameter("policy")}
      />
      <Slider
        label="Accuracy to keep"
        unit="% of clean"
        value={Number((100 * keep).toPrecision(6))}
        low={50}
        high={99.9}
        step={0.1}
        onChange={(percent) => setParameter("keep")(Number((percent / 100).toPrecision(6)))}
      />
      {least === undefined ? null : (
        <button
          type="button"
          onClick={() => setParameter("budget")(Number((Math.ceil(1e4 * least) / 1e4).toPrecision(6)))}
        >
          Take the least budget predicted for it: {formatPercent(least)}
        </button>
      )}
      <FlipSliders flips={flips} />
      <Choice
        label="Protected bits are held in"
        value={code}
        options={explorerCodes.map((value) => ({
          value,
          label: value === "none" ? "cells that do not fail (ideal)" : value,
        }))}
        onChange={setParameter("code")}
      />
    </Controls>
  );
}

/** What a code is worth at this flip probability. */
function codeWords(code: string, { residual, raw }: CodeCost): string {
  return residual > raw / 2
    ? `${code} leaves ${formatPercent(residual / raw)} of the errors of a bit at this flip probability: it is of no use here. The predictions are for ideal protection.`
    : "Parity is counted for the code chosen; the predictions are for ideal protection, which the code approaches as far as its residual error is small.";
}

function BudgetFacts({
  network,
  spending,
  nothing,
  kept,
  code,
}: {
  network: Network;
  spending: Spending;
  nothing: Spending;
  kept: number | undefined;
  code: string;
}) {
  const { protectedBits, storedBits } = spending.allocation;
  const cost = useMemo(() => codeCost(network, code, protectedBits), [network, code, protectedBits]);
  return (
    <>
      <Facts
        facts={[
          {
            name: "protected bits",
            value: formatPercent(spending.overhead),
            note: `${formatCount(protectedBits)} of ${formatCount(storedBits)}`,
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
          {
            name: "parity",
            value: code === "none" ? "none" : formatPercent(cost.parityOverhead),
            note:
              code === "none"
                ? "ideal cells"
                : `${formatCount(cost.parityBits)} check bits; a protected bit is still wrong with ${number(cost.residual, 2)}`,
          },
        ]}
      />
      <Warnings warnings={code === "none" ? [] : [codeWords(code, cost)]} />
    </>
  );
}

const columns = [
  "tensor",
  "operator",
  "weights",
  "format",
  "error of a weight",
  "mean J²",
  "score",
  "error, % of all",
];

function LayerTable({
  network,
  layers,
  spending,
}: {
  network: Network;
  layers: readonly LayerRow[];
  spending: Spending;
}) {
  const total = spending.noise?.reduce((a, b) => a + b, 0) ?? 0;
  return (
    <div class="scroll rows" role="region" aria-label="Tensors" tabIndex={0}>
      <table>
        <caption>The tensors in the memory, in network order</caption>
        <thead>
          <tr>
            {columns.map((head, i) => (
              <th key={head} scope="col" class={i > 1 && i !== 3 ? "num" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {network.snapshot.tensors.map((tensor, t) => {
            const share = total > 0 ? (spending.noise?.[t] ?? 0) / total : undefined;
            return (
              <tr key={tensor.name}>
                <th scope="row">{tensor.name}</th>
                <td>{tensor.operator}</td>
                <td class="num">{formatCount(tensor.count)}</td>
                <td>{tensor.format}</td>
                <td class="num">{number(layers[t]!.deviation)}</td>
                <td class="num">{number(layers[t]!.sensitivity)}</td>
                <td class="num">{number(layers[t]!.score)}</td>
                <td class="num">
                  {share === undefined ? "–" : formatPercent(share, 1)}
                  <span
                    class="share-bar"
                    aria-hidden="true"
                    style={{ width: `${Math.round(100 * (share ?? 0))}%` }}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Pictures({
  network,
  settings,
  layers,
  spending,
  kept,
  curves,
  isBusy,
}: {
  network: Network;
  settings: Settings;
  layers: readonly LayerRow[];
  spending: Spending;
  kept: number | undefined;
  curves: KeptCurves | undefined;
  isBusy: boolean;
}) {
  const { policy, keep } = settings;
  const rows = useMemo(() => mapRows(network, layers, spending), [network, layers, spending]);
  const drawMap = useCallback((options: ChartOptions) => protectionMap(rows, options), [rows]);
  const drawKept = useCallback(
    (options: ChartOptions) =>
      keptChart(
        { curves: curves?.curves ?? [], keep, chosen: [{ policy, overhead: spending.overhead, kept }] },
        options,
      ),
    [curves, keep, policy, spending, kept],
  );
  return (
    <>
      <Figure
        name="protection-map"
        draw={drawMap}
        caption="Which bits are protected: a row a tensor, a column a bit. The dot is the tensor's score on a logarithmic scale: how much the squared output error falls with the first protected bit."
        data={() => [
          ["tensor", "bit", "share of weights protected"],
          ...rows.flatMap((row) => row.shares.map((share, bit) => [row.name, bit, share] as const)),
        ]}
      />
      {network.classifier === undefined ? (
        <p class="note">
          Accuracy is predicted for classifiers whose Jacobian was measured: start the server with inputs (
          <code>--data</code>; labels are not needed).
        </p>
      ) : (
        <Figure
          name="kept"
          isBusy={isBusy && curves === undefined}
          draw={drawKept}
          caption={`Share of the clean network's expected accuracy that is predicted to be kept, to first order and without drawing a fault, every tensor read as stored. Verification puts it to the test.${randomWords([policy])}`}
          data={() => keptTable(curves)}
        />
      )}
      <LayerTable network={network} layers={layers} spending={spending} />
    </>
  );
}

function Opened({ network }: { network: Network }) {
  const settings = useSettings(network);
  const { policy, budget, keep, code } = settings;
  const flips = flipsOf(useAddress());
  const layers = useMemo(() => layerRows(network), [network]);
  const spending = useMemo(() => spendBudget(network, policy, budget), [network, policy, budget]);
  const nothing = useMemo(() => spendBudget(network, policy, 0), [network, policy]);
  const kept = useKept(network, policy, spending, flips);
  const compared = useMemo(() => {
    const possible = policiesOf(network);
    return possible.filter((p) => p === "tac" || p === "uniform-msp" || p === policy);
  }, [network, policy]);
  const { curves, isBusy } = useKeptCurves(network, flips, keep, compared);
  const least = isBusy ? undefined : curves?.least[policy];
  const sentence =
    kept === undefined
      ? `${policyStyle(policy).label} protects ${formatPercent(spending.overhead)} of the stored bits.`
      : `${policyStyle(policy).label} with ${formatPercent(spending.overhead)} of the bits is predicted to keep ${formatPercent(kept)} of the accuracy${kept >= keep ? "" : `: less than the ${formatPercent(keep)} that is asked`}.`;
  return (
    <>
      <Answer sentence={sentence} />
      <div class="split">
        <NetworkControls network={network} settings={settings} least={least} />
        <div class="pictures">
          <BudgetFacts network={network} spending={spending} nothing={nothing} kept={kept} code={code} />
          <PlanFiles network={network} choice={{ policy, budget }} />
          <Pictures
            network={network}
            settings={settings}
            layers={layers}
            spending={spending}
            kept={kept}
            curves={curves}
            isBusy={isBusy}
          />
        </div>
      </div>
    </>
  );
}

function Loaded({ snapshot }: { snapshot: NetworkSnapshot }) {
  const { network, message } = useNetwork(snapshot);
  return network === undefined ? <Failure message={message ?? ""} /> : <Opened network={network} />;
}

/** The view. */
export function NetworkView() {
  return (
    <>
      <p class="lead">
        Bits are not alike: a wrong top bit of a weight that the answers depend on costs most. A budget of
        protected bits goes where the output error falls most; drag it and see.
      </p>
      <WithNetwork>{(snapshot) => <Loaded snapshot={snapshot} />}</WithNetwork>
    </>
  );
}
