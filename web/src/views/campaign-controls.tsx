/** @file What a campaign is asked: plans, target, chips, memory; and its start and stop. */
import { useState } from "preact/hooks";
import {
  policiesOf,
  type CampaignState,
  type Network,
  type PlanChoice,
} from "../../../src/explorer/index.ts";
import { formatCount, policyStyle } from "../../../src/report/browser.ts";
import { changeParameters, setParameter, useAddress } from "../address.ts";
import { startCampaign, stopCampaign } from "../campaign-state.ts";
import { Choice, Choices, Controls, Failure, Slider, TextField } from "../controls.tsx";
import { FlipSliders } from "../flip-sliders.tsx";
import { flipsOf, meanFlips } from "../network-state.ts";
import { planName } from "../plans.ts";
import { campaignPlans, campaignRequest, campaignSettings } from "../verification-state.ts";

const percent = (share: number) => Number((100 * share).toPrecision(6));
const shareOf = (value: number) => String(Number((value / 100).toPrecision(6)));

/** The plans that were compared, and a way back to plans by policy and budget. */
function OwnPlans({ plans }: { plans: readonly PlanChoice[] }) {
  return (
    <div class="own-plans">
      <p>Plans, as compared</p>
      <ul>
        {plans.map((plan) => (
          <li key={`${plan.policy} ${plan.budget}`}>{planName(plan)}</li>
        ))}
      </ul>
      <button type="button" class="quiet" onClick={() => changeParameters({ plans: undefined })}>
        Choose other plans
      </button>
    </div>
  );
}

/** The controls of the campaign. */
export function CampaignControls({ network, campaign }: { network: Network; campaign: CampaignState }) {
  const address = useAddress();
  const settings = campaignSettings(address, network);
  const [message, setMessage] = useState<string>();
  const plans = campaignPlans(settings);
  const isUnderWay = campaign.stage === "preparing" || campaign.stage === "running";
  const run = async (action: () => Promise<void>) => {
    setMessage(undefined);
    try {
      await action();
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    }
  };
  const start = () => {
    if (typeof plans === "string") setMessage(plans);
    else void run(() => startCampaign(campaignRequest(address, settings, plans), network.snapshot));
  };
  return (
    <Controls title="The campaign">
      {isUnderWay ? (
        <button type="button" onClick={() => void run(stopCampaign)}>
          Stop
        </button>
      ) : (
        <button type="button" onClick={start} disabled={typeof plans === "string"}>
          Try {formatCount(settings.chips)} chips{" "}
          {typeof plans === "string" ? "" : `under ${plans.length} plan${plans.length === 1 ? "" : "s"}`}
        </button>
      )}
      {typeof plans === "string" ? <Failure message={plans} /> : null}
      {message === undefined ? null : <Failure message={message} />}
      {settings.own === undefined ? (
        <>
          <Choices
            label="Bits are chosen by"
            values={settings.policies}
            options={policiesOf(network).map((value) => ({ value, label: policyStyle(value).label }))}
            onChange={(values) => changeParameters({ policies: values.join(",") })}
          />
          <TextField
            label="Budgets"
            note="% of stored bits, separated by commas"
            value={settings.budgets}
            onChange={setParameter("budgets")}
          />
        </>
      ) : (
        <OwnPlans plans={settings.own} />
      )}
      <Slider
        label="Result to keep"
        unit="% of clean"
        value={percent(settings.keep)}
        low={50}
        high={99.9}
        step={0.1}
        onChange={(value) => setParameter("keep")(shareOf(value))}
      />
      <Slider
        label="Chips at most"
        unit=""
        value={settings.chips}
        low={10}
        high={10_000}
        step={0.05}
        logarithmic
        onChange={(value) => setParameter("chips")(Math.round(value))}
      />
      <Choice
        label="Ends"
        value={settings.untilSettled ? "settled" : "chips"}
        options={[
          { value: "chips", label: "after all chips" },
          { value: "settled", label: "when every plan is settled" },
        ]}
        onChange={setParameter("until")}
      />
      <FlipSliders flips={flipsOf(address) ?? meanFlips(network)} />
    </Controls>
  );
}
