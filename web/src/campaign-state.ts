/** @file The campaign of the server, watched while it runs. */
import { useEffect } from "preact/hooks";
import {
  noCampaign,
  type CampaignRequest,
  type CampaignState,
  type NetworkSnapshot,
} from "../../src/explorer/index.ts";
import { useKnown } from "./known.ts";
import { goneWords, isServed, postJson, watch } from "./server.ts";

/** Campaigns run in the browser where the page is of static files; a page of the server's has no use for that. */
const local = import.meta.env.MODE === "static" ? () => import("./local-campaign.ts") : undefined;

/** Whether there is somebody to run a campaign. */
export const canTryChips = isServed || local !== undefined;

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
  if (!isServed) return;
  leave?.();
  leave = watch(
    "api/campaign/events",
    (value) => {
      become(value as CampaignState);
      if (isUnderWay(state)) return;
      leave?.();
      leave = undefined;
    },
    () => become({ ...state, stage: "failed", work: null, message: goneWords }),
  );
}

/** The campaign's state, and a new drawing whenever it changes. */
export function useCampaign(): CampaignState {
  const known = useKnown(listeners, () => state);
  useEffect(() => {
    follow();
    // Another page may have started a campaign meanwhile.
    const look = () => leave ?? follow();
    addEventListener("focus", look);
    return () => {
      removeEventListener("focus", look);
      leave?.();
      leave = undefined;
    };
  }, []);
  return known;
}

/** Starts a campaign and watches it. @throws Error with a sentence for the reader */
export async function startCampaign(request: CampaignRequest, snapshot: NetworkSnapshot): Promise<void> {
  if (local !== undefined) {
    const { startLocal } = await local();
    startLocal(request, snapshot, state.id + 1, become);
    return;
  }
  await postJson("api/campaign", request);
  follow();
}

/** Stops it; what was found stays. */
export async function stopCampaign(): Promise<void> {
  if (local !== undefined) {
    (await local()).stopLocal();
    return;
  }
  await postJson("api/campaign/stop", {});
}
