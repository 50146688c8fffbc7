/** @file When a campaign ends, from flags. */
import type { StopRule } from "../campaign/index.ts";
import { QtamlError } from "../errors.ts";
import { chipsForYield } from "../stats/index.ts";
import { usualMost, type Until } from "./until.ts";

/** Chips of a campaign that shows a yield if no chip is bad, by a number fixed beforehand. */
function plannedForYield(wanted: number | undefined, trials: number | undefined): StopRule {
  if (wanted === undefined) {
    throw new QtamlError(
      "invalid-argument",
      '--until planned works out the chips for a --yield; for a mean, say how well it is to be known: --until "planned ±0.01".',
    );
  }
  const chips = chipsForYield(wanted, 1);
  if (trials === undefined || trials >= chips) return { kind: "chips", chips };
  throw new QtamlError(
    "invalid-argument",
    `A yield of ${wanted} takes ${chips} chips even if none is bad; give --trials ${chips} or more, or leave it out.`,
  );
}

/**
 * The rule of a campaign. `--trials` alone fixes the number of chips; with `--until` it is the most; without either the
 * campaign ends when its question is settled, after `usualMost` chips at the latest.
 *
 * @param wanted the yield that is asked about
 * @throws QtamlError `invalid-argument` for two different numbers of chips, or a number that cannot be worked out
 */
export function stopRule(until: Until | undefined, trials: number | undefined, wanted?: number): StopRule {
  if (until === undefined && trials !== undefined) return { kind: "chips", chips: trials };
  if (until?.kind === "chips") {
    if (trials === undefined || trials === until.chips) return until;
    throw new QtamlError(
      "invalid-argument",
      `--until "${until.chips} chips" and --trials ${trials} do not agree; give one of them.`,
    );
  }
  const atMost = trials ?? usualMost;
  if (until?.kind !== "planned") return { ...(until ?? { kind: "settled" }), atMost };
  if (until.halfWidth === undefined) return plannedForYield(wanted, trials);
  if (wanted === undefined) return { kind: "planned", halfWidth: until.halfWidth, atMost };
  throw new QtamlError(
    "invalid-argument",
    "A half-width plans the chips for a mean: give --until planned with --yield, or leave --yield out.",
  );
}
