/** @file What the page asks its worker. */
import type { DeviceSettings } from "./device-state.ts";
import type { LawSettings } from "./law.ts";

/** A question. */
export type Question =
  | { readonly kind: "thickness"; readonly settings: DeviceSettings; readonly points: number }
  | { readonly kind: "law"; readonly settings: LawSettings };

/** Its answer, by the same number. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly message?: string;
}
