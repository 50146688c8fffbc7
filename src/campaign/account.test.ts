import { describe, expect, it } from "vitest";
import { uniformStream } from "../stats/random.ts";
import { openAccount } from "./account.ts";
import type { ChipRecord } from "./record.ts";

const goal = { target: 0.5, higherIsBetter: true, range: [0, 1] } as const;
const recordOf = (score: number) =>
  ({ scores: [score], outcome: { trial: 0, tallies: [], isHit: [] } }) as ChipRecord;

/** The interval of a planned campaign whose chips score what `draw` says. */
function planned(draw: () => number, halfWidth: number, atMost: number) {
  const account = openAccount(1, { question: { goal }, stop: { kind: "planned", halfWidth, atMost } });
  const records = new Map<number, ChipRecord>();
  while (account.chips < account.most) {
    records.set(account.chips, recordOf(draw()));
    account.advance(records);
  }
  return account.close(false);
}

describe("a planned campaign", () => {
  it("takes most chips whose spread a few of them hide into its interval", () => {
    const uniform = uniformStream(20261128);
    const campaigns = 1000;
    let held = 0;
    for (let i = 0; i < campaigns; i++) {
      const findings = planned(() => (uniform() < 0.05 ? 0.4 : 0.9 + 0.01 * (uniform() - 0.5)), 0.01, 2000);
      const { low, high } = findings.answers[0]!.mean;
      if (low <= 0.875 && 0.875 <= high) held++;
    }
    // 0.886 over 1500 campaigns of another seed; four standard deviations of 1000 below. By the first 16 chips: 0.53.
    expect(held / campaigns).toBeGreaterThan(
      0.886 - 4 * Math.sqrt((0.886 * 0.114) / campaigns + (0.886 * 0.114) / 1500),
    );
  });

  it("of one chip is that chip", () => {
    const findings = planned(() => 0.9, 0.01, 1);
    expect(findings.chips).toBe(1);
    expect(findings.answers[0]!.mean).toEqual({ estimate: 0.9, low: 0, high: 1 });
  });
});
