/** @file What the page asks its worker. */
import type { DeviceSettings } from "./device-settings.ts";
import type { ExplorerPolicy, FlipChoice, NetworkSnapshot } from "../../src/explorer/index.ts";
import type { LawSettings } from "./law.ts";

/** A question. */
export type Question =
  | { readonly kind: "thickness"; readonly settings: DeviceSettings; readonly points: number }
  | { readonly kind: "law"; readonly settings: LawSettings }
  /** Not a question: the network that the next ones are about. */
  | { readonly kind: "network"; readonly snapshot: NetworkSnapshot }
  | {
      readonly kind: "kept";
      readonly flips: FlipChoice | undefined;
      readonly policy: ExplorerPolicy;
      readonly overhead: number;
    }
  | {
      readonly kind: "curves";
      readonly flips: FlipChoice | undefined;
      readonly keep: number;
      readonly policies: readonly ExplorerPolicy[];
    };

/** Its answer, by the same number. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly message?: string;
}
