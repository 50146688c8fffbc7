/** @file What a view shows while there is no network to show, and why. */
import type { ComponentChildren } from "preact";
import type { NetworkSnapshot } from "../../src/explorer/index.ts";
import { Failure, Warnings } from "./controls.tsx";
import { useNetworkState } from "./network-state.ts";

/** Work under way, with how much of it is done. */
export function Working({ stage, done, total }: { stage: string; done: number; total: number }) {
  return (
    <p class="working" role="status">
      {stage} … {total > 0 ? `${done} of ${total}` : ""}
      <progress value={total > 0 ? done : undefined} max={total > 0 ? total : undefined} aria-label={stage} />
    </p>
  );
}

/** Shows a network once there is one. */
export function WithNetwork({ children }: { children: (snapshot: NetworkSnapshot) => ComponentChildren }) {
  const state = useNetworkState();
  switch (state.kind) {
    case "opening":
      return <Working {...(state.about?.work ?? { stage: "Opening the model", done: 0, total: 0 })} />;
    case "failed":
      return <Failure message={state.message} />;
    case "absent":
      return (
        <p class="note">
          This page has no network to show. <code>qtaml serve model.onnx --data test.npz</code> opens it with
          yours; <code>qtaml serve</code> alone shows the one that is shipped.
        </p>
      );
    case "ready":
      return (
        <>
          <p class="note">
            Network: <code>{state.snapshot.model.name}</code>
          </p>
          {children(state.snapshot)}
          <Warnings warnings={state.warnings} />
        </>
      );
  }
}
