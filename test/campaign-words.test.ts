/** @file What the explorer says of a campaign: no more than the verdicts of its plans. */
import { describe, expect, it } from "vitest";
import {
  noCampaign,
  overheadsAtTarget,
  type CampaignState,
  type PlanOutcome,
} from "../src/explorer/index.ts";
import { builtInMeasure } from "../src/measure/index.ts";
import { policyStyle } from "../src/report/browser.ts";
import { uniformStream } from "../src/stats/random.ts";
import { crossingWords, statusWords } from "../web/src/campaign-words.ts";

/** A plan whose verdict follows from its interval and a target of 0.87, as the server's does. */
function plan(policy: PlanOutcome["policy"], overhead: number, low: number, high: number): PlanOutcome {
  return {
    policy,
    budget: overhead,
    overhead,
    mean: { estimate: (low + high) / 2, low, high },
    yield: null,
    verdict: low >= 0.87 ? "kept" : high < 0.87 ? "missed" : "open",
    histogram: null,
    worstChip: null,
    medianChip: null,
  };
}

function campaign(plans: readonly PlanOutcome[], change: Partial<CampaignState> = {}): CampaignState {
  return {
    ...noCampaign,
    stage: "ended",
    ended: "limit",
    request: { plans, keep: 0.95, chips: 200, untilSettled: false, seed: 0, flips: null },
    judged: {
      measure: builtInMeasure("accuracy").description,
      clean: 0.9158,
      target: 0.87,
      samples: 100,
    },
    done: 200,
    expected: 200,
    seconds: 8,
    plans,
    ...change,
  };
}

const ended = "All chips were tried: 200 chips in 8 s.";
const verdicts = (plans: readonly PlanOutcome[]) => {
  const words = statusWords(campaign(plans));
  expect(words.startsWith(ended)).toBe(true);
  return words.slice(ended.length + 1);
};

describe("what is said of a campaign", () => {
  it("claims nothing where every interval holds the target", () => {
    const open = [plan("tac", 0.1, 0.8, 0.95), plan("tac", 0.3, 0.85, 0.97), plan("random", 0.2, 0.5, 0.9)];
    expect(verdicts(open)).toBe(
      "Whether 95 % of the clean accuracy is kept is still open: TAC with 10 % to 30 %, random with 20 %.",
    );
  });

  it("names the least overhead tried that was shown to keep it, and none between those tried", () => {
    const shown = [plan("tac", 0.2, 0.8, 0.84), plan("tac", 0.4, 0.9, 0.92)];
    expect(verdicts(shown)).toBe(
      "The least overhead tried that is shown to keep 95 % of the clean accuracy: 40 % by TAC.",
    );
  });

  it("says of the least that was tried that it is, and what is open below what is shown", () => {
    const both = [plan("tac", 0.1, 0.88, 0.9), plan("uniform-msp", 0, 0.88, 0.9)];
    expect(verdicts(both)).toBe(
      "The least overhead tried that is shown to keep 95 % of the clean accuracy: 10 % by TAC (the least tried), 0 % by Uniform-MSP.",
    );
    const half = [plan("tac", 0.1, 0.86, 0.9), plan("tac", 0.2, 0.865, 0.9), plan("tac", 0.3, 0.88, 0.9)];
    expect(verdicts(half)).toBe(
      "The least overhead tried that is shown to keep 95 % of the clean accuracy: 30 % by TAC (10 % to 20 %: open).",
    );
  });

  it("calls nothing kept that the table calls open, whatever the intervals", () => {
    const random = uniformStream(7);
    let claims = 0;
    for (let i = 0; i < 300; i++) {
      const plans = (["tac", "uniform-msp", "random"] as const).flatMap((policy) =>
        [0.1, 0.2, 0.3, 0.4].map((overhead) => {
          const middle = 0.77 + 0.2 * random();
          const half = 0.05 * random();
          return plan(policy, overhead, middle - half, middle + half);
        }),
      );
      const claimed = /: ([^.]*)\./.exec(verdicts(plans).replace(/^The least overhead tried .*accuracy/, ""));
      const named = Array.from((claimed?.[1] ?? "").matchAll(/(\d+) % by ([\w-]+)/g));
      for (const [, percent, label] of named) {
        const own = plans.find(
          (p) => policyStyle(p.policy).label === label && p.overhead === Number(percent) / 100,
        );
        expect(own?.verdict).toBe("kept");
        claims++;
      }
      const kept = new Set(plans.filter((p) => p.verdict === "kept").map((p) => p.policy));
      expect(named.length).toBe(kept.size);
      expect(verdicts(plans).startsWith("The least")).toBe(kept.size > 0);
    }
    expect(claims).toBeGreaterThan(300);
  });

  it("says of a crossing that it lies between what was tried", () => {
    const words = (plans: readonly PlanOutcome[]) => crossingWords(overheadsAtTarget(plans, 0.87, true));
    const shown = [plan("tac", 0.2, 0.8, 0.84), plan("tac", 0.4, 0.9, 0.92)];
    // Means of 0.82 and 0.91 meet 0.87 five ninths of the way, high ends of 0.84 and 0.92 three eighths, low ones seven tenths.
    expect(words(shown)).toBe(
      " Interpolated between the overheads tried, the mean meets the target at 31.1 % (27.5 % to 34 %) under TAC.",
    );
    expect(words([plan("tac", 0.2, 0.8, 0.84), plan("tac", 0.4, 0.86, 0.92)])).toMatch(
      /at 34.3 % \(27.5 % or more\)/,
    );
    expect(words([plan("tac", 0, 0.9, 0.92)])).toBe("");
    expect(words([plan("tac", 0.2, 0.8, 0.84)])).toBe("");
  });

  it("names apart what was shown, what is open and what is refuted", () => {
    const plans = [
      plan("tac", 0.1, 0.88, 0.9),
      plan("uniform-msp", 0.1, 0.3, 0.4),
      plan("uniform-msp", 0.4, 0.86, 0.88),
      plan("random", 0.4, 0.3, 0.4),
    ];
    expect(verdicts(plans)).toBe(
      "The least overhead tried that is shown to keep 95 % of the clean accuracy: 10 % by TAC (the least tried). Still open: Uniform-MSP with 40 %. Missed at every budget tried: random.",
    );
    expect(verdicts(plans.slice(3))).toBe(
      "95 % of the clean accuracy is missed at every budget tried: random.",
    );
  });

  it("tells of progress alone before there is anything to judge", () => {
    const running = { stage: "running", ended: null, done: 1, seconds: 0.5 } as const;
    const plans = [plan("tac", 0.1, 0.88, 0.9)];
    expect(statusWords(campaign(plans, running))).toBe("1 of 200 chips, 2 a second, 1 min 40 s left.");
    expect(statusWords(campaign(plans, { ...running, done: 0, seconds: 0 }))).toBe("0 of 200 chips.");
    const settled = { ...campaign(plans, running).request!, untilSettled: true };
    expect(statusWords(campaign(plans, { ...running, request: settled }))).toMatch(/^1 of about 200 chips/);
    expect(statusWords(campaign(plans, { judged: null, ended: "interrupted" }))).toBe(
      "Stopped before the first chip.",
    );
    expect(statusWords(campaign(plans, { judged: null, ended: null }))).toBe("");
    expect(statusWords(campaign(plans, { stage: "failed" }))).toBe("");
  });
});
