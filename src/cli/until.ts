/** @file What `--until` says. */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { parsePositive } from "./options.ts";

/** Most chips of a campaign that looks, unless `--trials` says otherwise. */
export const usualMost = 1000;

/**
 * What `--until` says: to stop when settled, at a half-width of the interval, or after a number of chips; or to work out
 * the number of chips beforehand, for a half-width or a yield.
 */
export type Until =
  | { readonly kind: "settled" }
  | { readonly kind: "precision"; readonly halfWidth: number }
  | { readonly kind: "planned"; readonly halfWidth: number | undefined }
  | { readonly kind: "chips"; readonly chips: number };

/** Reads the words of `--until`. */
export function parseUntil(text: string): Until {
  const words = text.trim().toLowerCase();
  if (words === "settled") return { kind: "settled" };
  const chips = /^(\d+)\s*chips?$/.exec(words);
  if (chips !== null) return { kind: "chips", chips: parsePositive(chips[1]!) };
  const isPlanned = words.startsWith("planned");
  if (words === "planned") return { kind: "planned", halfWidth: undefined };
  const precision = /^(?:±|\+-|\+\/-)?\s*(\d*\.?\d+(?:e-?\d+)?)\s*(%?)$/.exec(
    words.replace(/^planned\s+/, ""),
  );
  if (/^\d+$/.test(words)) {
    throw new InvalidArgumentError(
      `"${text}" could be chips or half a width: write "${text} chips" or "±${text}".`,
    );
  }
  const halfWidth = precision === null ? 0 : Number(precision[1]) / (precision[2] === "%" ? 100 : 1);
  if (halfWidth > 0) return { kind: isPlanned ? "planned" : "precision", halfWidth };
  throw new InvalidArgumentError(`"${text}" is none of settled, ±0.01, "200 chips" and "planned ±0.01".`);
}
