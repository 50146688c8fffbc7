/**
 * @file The state of a view is its address, `#device?material=HfO2&thickness=4.2`: an address that is sent to a
 * colleague shows the same. What stands at its usual value is left out. Views share one set of parameters, so that a
 * flip probability goes from one to the next.
 */
import { useKnown } from "./known.ts";

/** Everything that the views change. */
const parameterNames = [
  "cell",
  "material",
  "thicknessNm",
  "biasV",
  "energyEv",
  "temperatureK",
  "holdS",
  "thicknessSpreadNm",
  "transmission",
  "p01",
  "p10",
  "format",
  "weights",
  "reading",
  "top",
  "policy",
  "budget",
  "keep",
  "code",
  "policyA",
  "budgetA",
  "policyB",
  "budgetB",
  "plans",
  "policies",
  "budgets",
  "chips",
  "until",
  "seed",
  "look",
] as const;
/** One of them. */
export type ParameterName = (typeof parameterNames)[number];

/** Where the reader is: a view, and what was changed from the usual. */
export interface Address {
  readonly view: string;
  readonly parameters: ReadonlyMap<ParameterName, string>;
  /** Names of parameters that no view has. */
  readonly strangers: readonly string[];
}

const isParameter = (name: string): name is ParameterName =>
  (parameterNames as readonly string[]).includes(name);

/** Reads the part of an address after `#`. */
export function parseAddress(hash: string): Address {
  const [view = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const parameters = new Map<ParameterName, string>();
  const strangers: string[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (isParameter(name)) parameters.set(name, value);
    else strangers.push(name);
  }
  return { view, parameters, strangers };
}

/** Writes it back. */
export function formatAddress({ view, parameters }: Omit<Address, "strangers">): string {
  const query = new URLSearchParams([...parameters]).toString();
  return `#${view}${query === "" ? "" : `?${query}`}`;
}

let current = parseAddress(globalThis.location?.hash ?? "");
const listeners = new Set<() => void>();
let pending: number | undefined;

/** What an address asks for that cannot be shown: the parameter's text, and what is shown instead. */
const replaced = new Map<ParameterName, { readonly text: string; readonly taken: string }>();
const replacedListeners = new Set<() => void>();
let replacedWords: readonly string[] = [];

function publishReplaced(): void {
  replacedWords = Array.from(
    replaced,
    ([name, { text, taken }]) =>
      `The address asks for ${name} = ${text || "nothing"}; ${taken || "the usual"} is taken instead.`,
  );
  for (const listener of replacedListeners) listener();
}

/**
 * Notes whether a parameter was taken as it stands. Views ask while they draw, so who listens is told afterwards.
 *
 * @param taken what is taken instead; undefined where the parameter is taken
 */
export function noteReplaced({ parameters }: Address, name: ParameterName, taken: string | undefined): void {
  const text = parameters.get(name);
  const known = replaced.get(name);
  if (text === undefined || taken === undefined) {
    if (!replaced.delete(name)) return;
  } else {
    if (known?.text === text && known.taken === taken) return;
    replaced.set(name, { text, taken });
  }
  queueMicrotask(publishReplaced);
}

const tell = () => {
  const gone = Array.from(replaced).filter(([name, { text }]) => current.parameters.get(name) !== text);
  for (const [name] of gone) replaced.delete(name);
  if (gone.length > 0) publishReplaced();
  for (const listener of listeners) listener();
};

globalThis.addEventListener?.("hashchange", () => {
  current = parseAddress(location.hash);
  tell();
});

/** Browsers refuse an address that changes too often: a slider's is written when it rests. */
const restMs = 150;

/** New values of parameters; undefined for one that is taken away. */
export type ParameterChanges = Readonly<Partial<Record<ParameterName, string | undefined>>>;

/** Changes parameters; those that no view has are forgotten. */
export function changeParameters(changes: ParameterChanges): void {
  const parameters = new Map(current.parameters);
  for (const [name, value] of Object.entries(changes) as [ParameterName, string | undefined][]) {
    if (value === undefined) parameters.delete(name);
    else parameters.set(name, value);
  }
  current = { view: current.view, parameters, strangers: [] };
  clearTimeout(pending);
  pending = window.setTimeout(() => history.replaceState(null, "", formatAddress(current)), restMs);
  tell();
}

/** What a control does with its values: they become one parameter. */
export const setParameter = (name: ParameterName) => (value: number | string) =>
  changeParameters({ [name]: String(value) });

/** The address of another view with the parameters of now. */
export const addressOf = (view: string): string => formatAddress({ ...current, view });

/** The address, and a new drawing whenever it changes. */
export function useAddress(): Address {
  return useKnown(listeners, () => current);
}

/** What of the address was not taken as it stands, in sentences. */
export function useReplaced(): readonly string[] {
  return useKnown(replacedListeners, () => replacedWords);
}

/** A number out of the address, within limits; the usual one where there is none or it is not a number. */
export function numberOf(
  address: Address,
  name: ParameterName,
  usual: number,
  low: number,
  high: number,
): number {
  const text = address.parameters.get(name);
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  const taken = Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : usual;
  noteReplaced(address, name, taken === value ? undefined : String(Number(taken.toPrecision(6))));
  return taken;
}

/** A word out of the address, one of those allowed. */
export function wordOf<T extends string>(
  address: Address,
  name: ParameterName,
  usual: T,
  allowed: readonly T[],
): T {
  const found = allowed.find((word) => word === address.parameters.get(name));
  noteReplaced(address, name, found === undefined ? usual : undefined);
  return found ?? usual;
}
