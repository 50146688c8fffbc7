import { describe, expect, it } from "vitest";
import type { StopRule } from "../../campaign/index.ts";
import { builtInMeasure } from "../../measure/index.ts";
import { account } from "./verify-account.ts";
import type { PlanVerdict, Verified } from "./verified.ts";

/** The last line of a campaign of one plan that left its question open. */
function lastLine(stop: StopRule, ended: Verified["ended"]): string {
  const verdict: PlanVerdict = {
    plan: "plan.json",
    overhead: 0.1,
    chips: 30,
    accuracy: 0.9,
    low: 0.88,
    high: 0.92,
    deviation: 0.05,
    yield: 0.5,
    yieldLow: 0.3,
    yieldHigh: 0.7,
    percentile5: 0.8,
    nonFinite: 0,
    verdict: "open",
    kept: true,
    difference: null,
    outcomes: null,
    scores: [],
  };
  const verified: Verified = {
    ...verdict,
    measure: builtInMeasure("top-1").description,
    clean: 0.94,
    target: 0.89,
    keep: 0.95,
    yieldTarget: null,
    samples: 100,
    images: 100,
    seed: 0,
    protection: "ideal",
    stop,
    ended,
    interval: "asymptotic",
    resumed: 0,
    pilot: null,
    plans: [verdict],
  };
  return account(verified).split("\n").at(-1)!;
}

describe("an open verdict", () => {
  const doubt = "Kept so far, but the interval leaves doubt: ";

  it("is remedied by what ended the campaign", () => {
    expect(lastLine({ kind: "chips", chips: 30 }, "chips")).toBe(`${doubt}try more chips with --trials.`);
    expect(lastLine({ kind: "settled", atMost: 30 }, "limit")).toBe(`${doubt}try more chips with --trials.`);
    expect(lastLine({ kind: "precision", halfWidth: 0.02, atMost: 30 }, "limit")).toBe(
      `${doubt}try more chips with --trials.`,
    );
    expect(lastLine({ kind: "precision", halfWidth: 0.02, atMost: 90 }, "precision")).toBe(
      `${doubt}ask for less than ±0.02 with --until, or for --until settled.`,
    );
    expect(lastLine({ kind: "planned", halfWidth: 0.02, atMost: 90 }, "planned")).toBe(
      `${doubt}ask for less than ±0.02 with --until, or for --until settled.`,
    );
    expect(lastLine({ kind: "settled", atMost: 90 }, "interrupted")).toBe(`${doubt}go on.`);
  });
});
