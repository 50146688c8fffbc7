/** @file A plan and the model under it, as files. The server makes them: they need the weights. */
import { useState } from "preact/hooks";
import type { Network, PlanChoice } from "../../src/explorer/index.ts";
import { useAddress } from "./address.ts";
import { Failure } from "./controls.tsx";
import { flipsOf } from "./network-state.ts";
import { save, saveJson } from "./save.ts";
import { isServed, post } from "./server.ts";

/** Buttons that save the plan of a choice, and the model hardened by it. */
export function PlanFiles({ network, choice }: { network: Network; choice: PlanChoice }) {
  const flips = flipsOf(useAddress()) ?? null;
  const [busy, setBusy] = useState<string>();
  const [message, setMessage] = useState<string>();
  if (!isServed) return null;
  const stem = network.snapshot.model.name.replace(/\.onnx$/, "");
  const run = (name: string, work: () => Promise<void>) => async () => {
    setBusy(name);
    setMessage(undefined);
    try {
      await work();
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(undefined);
    }
  };
  const files = {
    "Plan (JSON)": async () => {
      const response = await post("api/plan", { ...choice, flips });
      saveJson(`${stem}-plan.json`, await response.json());
    },
    "Hardened model (ONNX)": async () => {
      const response = await post("api/hardened", { ...choice, flips });
      save(`${stem}-hardened.onnx`, await response.blob());
    },
  };
  return (
    <>
      <p class="keep">
        {Object.entries(files).map(([name, work]) => (
          <button
            key={name}
            type="button"
            class="quiet"
            disabled={busy !== undefined}
            onClick={() => void run(name, work)()}
          >
            {busy === name ? "Making …" : name}
          </button>
        ))}
      </p>
      {message === undefined ? null : <Failure message={message} />}
    </>
  );
}
