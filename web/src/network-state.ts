/**
 * @file The network that the page shows: from the server, which may still be opening it, or from a file beside the page.
 */
import { useMemo } from "preact/hooks";
import { QtamlError } from "../../src/errors.ts";
import {
  openNetwork,
  type About,
  type FlipChoice,
  type Network,
  type NetworkSnapshot,
  type StartedMemory,
} from "../../src/explorer/index.ts";
import { numberOf, useAddress, type Address } from "./address.ts";
import { useKnown } from "./known.ts";
import { getJson, goneWords, isServed, watch } from "./server.ts";

/** How far the page is with its network. */
export type NetworkState =
  | { readonly kind: "opening"; readonly about: About | undefined }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "ready"; readonly snapshot: NetworkSnapshot; readonly warnings: readonly string[] };

/** Mean flip probabilities of cells that differ by the bit they hold. */
function meanOverBits({ p01, p10 }: Readonly<Record<"p01" | "p10", Iterable<number>>>): FlipChoice {
  const mean = (list: Iterable<number>) => {
    const bits = [...list];
    return bits.reduce((a, b) => a + b, 0) / bits.length;
  };
  return { p01: mean(p01), p10: mean(p10) };
}

let state: NetworkState = { kind: "opening", about: undefined };
/** The memory that the views begin with: the demonstration's until the server has told of its own. */
let started: StartedMemory = { flips: { p01: 0.1, p10: 0.1 }, device: null };
let isAsked = false;
const listeners = new Set<() => void>();

function become(next: NetworkState): void {
  state = next;
  for (const listener of listeners) listener();
}

async function load(warnings: readonly string[]): Promise<void> {
  try {
    const snapshot = (await getJson("api/network")) as NetworkSnapshot;
    become({ kind: "ready", snapshot, warnings });
  } catch (error) {
    become({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

async function loadBeside(): Promise<void> {
  try {
    const response = await fetch("network.json");
    if (!response.ok) throw new Error("none");
    const snapshot = (await response.json()) as NetworkSnapshot;
    const [first] = snapshot.tensors;
    if (first !== undefined) started = { flips: meanOverBits(first), device: null };
    become({ kind: "ready", snapshot, warnings: [] });
  } catch {
    become({ kind: "absent" });
  }
}

function begin(): void {
  if (isAsked) return;
  isAsked = true;
  if (!isServed) {
    void loadBeside();
    return;
  }
  const leave = watch(
    "api/about/events",
    (value) => {
      const about = value as About;
      if (state.kind === "opening" && state.about === undefined) started = about.memory;
      if (about.state === "opening") {
        become({ kind: "opening", about });
        return;
      }
      // Browsers open few connections to a place: none is kept that has said all.
      leave();
      if (about.state === "failed") become({ kind: "failed", message: about.message ?? "" });
      else void load(about.warnings);
    },
    () => become({ kind: "failed", message: goneWords }),
  );
}

/** The network's state, and a new drawing whenever it changes. */
export function useNetworkState(): NetworkState {
  return useKnown(listeners, () => state, begin);
}

/** Ends of the sliders for flip probabilities. */
export const flipLimits = [1e-6, 0.5] as const;

/** The flip probabilities of an address; undefined where it leaves those the server was started with. */
export function flipsOf(address: Address): FlipChoice | undefined {
  const isSet = address.parameters.has("p01") || address.parameters.has("p10");
  if (!isSet) return undefined;
  const number = (name: "p01" | "p10") => numberOf(address, name, 0.1, ...flipLimits);
  return { p01: number("p01"), p10: number("p10") };
}

/** Mean flip probabilities of a network's cells. */
export function meanFlips({ memory }: Network): FlipChoice {
  return meanOverBits(memory[0]!.flips);
}

/** The memory that the server was started with, as soon as it is known. */
export function useStartedMemory(): StartedMemory {
  // How far the opening is does not concern those who ask for the memory alone: what is typed there stays.
  return useKnown(listeners, () => started, begin);
}

/** The network under the flips of the address. */
export function useNetwork(snapshot: NetworkSnapshot): {
  readonly network?: Network;
  readonly message?: string;
} {
  const flips = flipsOf(useAddress());
  const key = JSON.stringify(flips);
  return useMemo(() => {
    try {
      return { network: openNetwork(snapshot, flips) };
    } catch (error) {
      if (error instanceof QtamlError) return { message: error.message };
      throw error;
    }
  }, [snapshot, key]);
}
