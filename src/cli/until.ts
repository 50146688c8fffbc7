/** @file When a campaign ends, from flags. */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import type { StopRule } from "../campaign/index.ts";
import { QtamlError } from "../errors.ts";
import { parsePositive } from "./options.ts";

/** Most chips of a campaign that looks, unless `--trials` says otherwise. */
export const usualMost = 1000;

/** What `--until` says: to stop when settled, at a half-width of the interval, or after a number of chips. */
export type Until =
  | { readonly kind: "settled" }
  | { readonly kind: "precision"; readonly halfWidth: number }
  | { readonly kind: "chips"; readonly chips: number };

/** Reads the words of `--until`. */
export function parseUntil(text: string): Until {
  const words = text.trim().toLowerCase();
  if (words === "settled") return { kind: "settled" };
  const chips = /^(\d+)\s*chips?$/.exec(words);
  if (chips !== null) return { kind: "chips", chips: parsePositive(chips[1]!) };
  const precision = /^(?:±|\+-|\+\/-)?\s*(\d*\.?\d+(?:e-?\d+)?)\s*(%?)$/.exec(words);
  const halfWidth = precision === null ? 0 : Number(precision[1]) / (precision[2] === "%" ? 100 : 1);
  if (halfWidth > 0) return { kind: "precision", halfWidth };
  throw new InvalidArgumentError(`"${text}" is none of settled, ±0.01 and "200 chips".`);
}

/**
 * The rule of a campaign. `--trials` alone fixes the number of chips; with `--until` it is the most; without either the
 * campaign ends when its question is settled, after `usualMost` chips at the latest.
 *
 * @throws QtamlError `invalid-argument` for two different numbers of chips
 */
export function stopRule(until: Until | undefined, trials: number | undefined): StopRule {
  if (until === undefined && trials !== undefined) return { kind: "chips", chips: trials };
  if (until?.kind === "chips") {
    if (trials === undefined || trials === until.chips) return until;
    throw new QtamlError(
      "invalid-argument",
      `--until "${until.chips} chips" and --trials ${trials} do not agree; give one of them.`,
    );
  }
  return { ...(until ?? { kind: "settled" }), atMost: trials ?? usualMost };
}
