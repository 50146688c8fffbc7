/** @file Predicted accuracy: at once where it costs little, from the worker for networks of many classes. */
import { useEffect, useMemo, useState } from "preact/hooks";
import {
  keptBy,
  predictionCost,
  type ExplorerPolicy,
  type FlipChoice,
  type KeptCurves,
  type Network,
  type NetworkSnapshot,
  type Spending,
} from "../../src/explorer/index.ts";
import { ask } from "./ask.ts";

/** Logits up to which a prediction keeps up with a slider. */
const cheap = 3000;

let sent: NetworkSnapshot | undefined;

/** Gives the worker the network, once. */
function send(snapshot: NetworkSnapshot): void {
  if (sent === snapshot) return;
  sent = snapshot;
  void ask({ kind: "network", snapshot });
}

/**
 * What a spending is predicted to keep; undefined while it is worked out, or where nothing is predicted.
 *
 * @param lane tells spendings apart that are looked at together
 */
export function useKept(
  network: Network,
  policy: ExplorerPolicy,
  spending: Spending,
  flips: FlipChoice | undefined,
  lane = "",
): number | undefined {
  const isCheap = predictionCost(network) <= cheap;
  const now = useMemo(() => (isCheap ? keptBy(network, spending) : undefined), [network, spending]);
  const [later, setLater] = useState<{ spending: Spending; kept: number | undefined }>();
  useEffect(() => {
    if (isCheap) return;
    send(network.snapshot);
    const load = async () => {
      const kept = await ask({ kind: "kept", flips, policy, overhead: spending.overhead }, lane);
      if (kept !== undefined) setLater({ spending, kept: kept as number });
    };
    void load();
  }, [network, spending]);
  return isCheap ? now : later?.spending === spending ? later.kept : undefined;
}

/** The curves of some policies; those of settings before while they are worked out. */
export function useKeptCurves(
  network: Network,
  flips: FlipChoice | undefined,
  keep: number,
  policies: readonly ExplorerPolicy[],
): { readonly curves: KeptCurves | undefined; readonly isBusy: boolean } {
  const key = JSON.stringify([flips, keep, policies]);
  const [known, setKnown] = useState<{ key: string; network: Network; curves: KeptCurves }>();
  useEffect(() => {
    if (network.classifier === undefined) return;
    send(network.snapshot);
    const load = async () => {
      const curves = await ask({ kind: "curves", flips, keep, policies });
      if (curves !== undefined) setKnown({ key, network, curves: curves as KeptCurves });
    };
    void load();
  }, [network.snapshot, key]);
  const isBusy = network.classifier !== undefined && known?.key !== key;
  return { curves: known?.network.snapshot === network.snapshot ? known.curves : undefined, isBusy };
}

/** The curves as rows of a table, under a head; the head alone while there are none. */
export const keptTable = (curves: KeptCurves | undefined) => [
  ["policy", "overhead", "accuracy kept"],
  ...(curves?.curves ?? []).flatMap((curve) =>
    curve.overhead.map((x, i) => [curve.policy, x, curve.kept[i]!] as const),
  ),
];
