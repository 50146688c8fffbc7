/** @file What the page and its server say to each other, as JSON. */

import type { MeasureDescription } from "../measure/index.ts";
import type { Device } from "../physics/index.ts";
import type { ExplorerPolicy } from "./budget.ts";
import type { Estimate, ScoreBins } from "./outcomes.ts";
import type { FlipChoice } from "./snapshot.ts";

/** Work under way, in words and numbers. */
export interface Work {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** The memory that the server was started with. */
export interface StartedMemory {
  /** Flip probabilities, means over the bits of a code. */
  readonly flips: FlipChoice;
  /** What they follow from; null where they were given as numbers. */
  readonly device: Device | null;
}

/** What the server was started with, and how far it is with it. */
export interface About {
  /** Version of qtaml. */
  readonly version: string;
  /** File name of the model. */
  readonly model: string;
  readonly memory: StartedMemory;
  readonly state: "opening" | "ready" | "failed";
  /** While it opens. */
  readonly work: Work | null;
  /** Why it failed, in a sentence. */
  readonly message: string | null;
  readonly warnings: readonly string[];
}

/** A plan that is asked for. */
export interface PlanChoice {
  readonly policy: ExplorerPolicy;
  /** Share of the stored bits to protect. */
  readonly budget: number;
}

/** A campaign that is asked for: all plans on the same chips. */
export interface CampaignRequest {
  readonly plans: readonly PlanChoice[];
  /** Share of the clean result that a plan is to keep. */
  readonly keep: number;
  /** Chips at most. */
  readonly chips: number;
  /** Whether it ends as soon as it is clear for every plan whether it keeps what is asked. */
  readonly untilSettled: boolean;
  readonly seed: number;
  /** Null for the flip probabilities that the server was started with. */
  readonly flips: FlipChoice | null;
}

/** Limits of a campaign from the page. */
export const campaignLimits = { plans: 24, chips: 10_000 } as const;

/** What is known of a plan so far. */
export interface PlanOutcome extends PlanChoice {
  readonly overhead: number;
  /** Mean score over chips; null before the first look. */
  readonly mean: Estimate | null;
  /** Share of chips that keep the target. */
  readonly yield: Estimate | null;
  readonly verdict: "kept" | "missed" | "open";
  /** Chips by score; null before the first. */
  readonly histogram: ScoreBins | null;
  /** The chip with the worst score, and the one in the middle. */
  readonly worstChip: number | null;
  readonly medianChip: number | null;
}

/** A campaign as the page sees it. */
export interface CampaignState {
  /** Counts the campaigns of the server; 0 before the first. */
  readonly id: number;
  readonly stage: "none" | "preparing" | "running" | "ended" | "failed";
  readonly request: CampaignRequest | null;
  /** While it is prepared. */
  readonly work: Work | null;
  /** Why it failed, in a sentence. */
  readonly message: string | null;
  /** What is judged, once it runs. */
  readonly judged: {
    readonly measure: MeasureDescription;
    readonly clean: number | null;
    readonly target: number | null;
    readonly samples: number;
  } | null;
  readonly done: number;
  readonly expected: number;
  readonly seconds: number;
  /** Why it ended. */
  readonly ended: "chips" | "settled" | "limit" | "precision" | "planned" | "interrupted" | null;
  readonly plans: readonly PlanOutcome[];
}

/** The state before the first campaign. */
export const noCampaign: CampaignState = {
  id: 0,
  stage: "none",
  request: null,
  work: null,
  message: null,
  judged: null,
  done: 0,
  expected: 0,
  seconds: 0,
  ended: null,
  plans: [],
};

/** A chip to look at. */
export interface ReplayRequest {
  /** The campaign, and which of its plans. */
  readonly id: number;
  readonly plan: number;
  readonly chip: number;
}

/** A sample as a picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red, green and blue. */
  readonly channels: 1 | 3;
  /** [height][width][channels] bytes as base64, the sample's least value black and its largest white. */
  readonly pixels: string;
}

/** A bit plane. */
export interface PlaneName {
  readonly tensor: string;
  readonly bit: number;
}

/** A chip that was replayed. */
export interface ReplayAnswer {
  readonly chip: number;
  readonly samples: number;
  readonly changed: readonly {
    readonly index: number;
    /** Answers: class numbers; -1 where an output is not finite. */
    readonly clean: number;
    readonly chip: number;
    readonly label: number | null;
    /** Bit planes each of which alone, protected as well, brings the clean answer back. */
    readonly causes: readonly PlaneName[];
    /** Null where samples are no pictures, and beyond the first of them. */
    readonly picture: Picture | null;
  }[];
  /** [tensors][B] unprotected bits that flipped, bit 0 first. */
  readonly flips: readonly { readonly tensor: string; readonly byBit: readonly number[] }[];
}

/** An answer that is an error. */
export interface Refusal {
  readonly code: string;
  /** What is wrong and what to do, in a sentence. */
  readonly message: string;
}

/** Name of the page's `meta` element with the token, and of the header that brings it back. */
export const tokenName = "qtaml-token";
