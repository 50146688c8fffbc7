/** @file The campaign of the server, watched while it runs. */
import { useEffect, useState } from "preact/hooks";
import { noCampaign, type CampaignRequest, type CampaignState } from "../../src/explorer/index.ts";
import { postJson, watch } from "./server.ts";

let state: CampaignState = noCampaign;
let leave: (() => void) | undefined;
const listeners = new Set<() => void>();

const isUnderWay = ({ stage }: CampaignState) => stage === "preparing" || stage === "running";

function become(next: CampaignState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Watches until the campaign ends, or the view is left. */
function follow(): void {
  leave?.();
  leave = watch("api/campaign/events", (value) => {
    become(value as CampaignState);
    if (!isUnderWay(state)) {
      leave?.();
      leave = undefined;
    }
  });
}

/** The campaign's state, and a new drawing whenever it changes. */
export function useCampaign(): CampaignState {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    follow();
    return () => {
      listeners.delete(listener);
      leave?.();
      leave = undefined;
    };
  }, []);
  return state;
}

/** Starts a campaign and watches it. @throws Error with a sentence for the reader */
export async function startCampaign(request: CampaignRequest): Promise<void> {
  await postJson("api/campaign", request);
  follow();
}

/** Stops it; what was found stays. */
export async function stopCampaign(): Promise<void> {
  await postJson("api/campaign/stop", {});
}
