/** @file What `qtaml verify` found, as `--json` prints it. */
import type { ProtectionMode } from "../../channel/index.ts";
import type { CampaignResult, MeanMethod, Pilot, StopRule } from "../../campaign/index.ts";
import type { ChipSummary } from "../../simulation/index.ts";
import type { MeasureDescription, Outcomes } from "../../measure/index.ts";
import type { Interval } from "../../stats/index.ts";

/** What a plan's chips gave. On part of the images a chip's own score is not known, and what needs it is null. */
export interface PlanVerdict extends Omit<ChipSummary, ChipOnly>, Record<ChipOnly, number | null> {
  readonly plan: string;
  readonly overhead: number;
  /** Whether the interval settles the question; `open` while it leaves doubt. */
  readonly verdict: "kept" | "missed" | "open";
  /** Whether the estimate keeps what was asked. */
  readonly kept: boolean;
  /** Mean score less that of the first plan, on the same chips; null for the first. */
  readonly difference: Interval | null;
  /** What became of the answers of a classifier; null otherwise. */
  readonly outcomes: Outcomes | null;
  readonly scores: readonly number[];
}
type ChipOnly = "deviation" | "yield" | "yieldLow" | "yieldHigh" | "percentile5";

/** What `qtaml verify --json` prints: the first plan's verdict, all of them in `plans`, and what was asked. */
export interface Verified extends PlanVerdict {
  readonly measure: MeasureDescription;
  readonly clean: number;
  readonly target: number;
  readonly keep: number;
  readonly yieldTarget: number | null;
  readonly samples: number;
  /** Images of a chip. */
  readonly images: number;
  readonly seed: number;
  /** What became of bits that codes hold; `ideal` also where no plan has a code. */
  readonly protection: ProtectionMode;
  readonly stop: StopRule;
  readonly ended: CampaignResult["ended"];
  /** How the intervals of means were made. */
  readonly interval: MeanMethod;
  readonly resumed: number;
  readonly pilot: Pilot | null;
  readonly plans: readonly PlanVerdict[];
}
