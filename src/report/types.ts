/**
 * @file What a report is made of: plain data that can be written to JSON and read back. Every part but the model and
 * the environment may be missing; the report is then shorter.
 */
import type { Comparison } from "../planning/index.ts";
import type { InspectionRow } from "../assessment/index.ts";
import type { FlipReport } from "../physics/index.ts";
import type { Plan } from "../protect/index.ts";

/** A barrier as drawn: energies in eV above the cathode's band edge, distances in nm from the cathode's face. */
export interface BarrierPicture {
  readonly layers: readonly {
    readonly material: string | null;
    readonly fromNm: number;
    readonly toNm: number;
    /** Band edge at the two faces. */
    readonly fromEv: number;
    readonly toEv: number;
  }[];
  /** The band edge as one polyline, electrodes included. */
  readonly xNm: readonly number[];
  readonly edgeEv: readonly number[];
  /** Energy of the electron. */
  readonly energyEv: number;
  /** Fermi level of the cathode, where the rate model has one. */
  readonly fermiEv: number | null;
  readonly anodeEdgeEv: number;
  /** Where the electron would have negative kinetic energy. */
  readonly forbidden: readonly { readonly fromNm: number; readonly toNm: number }[];
  /** The exact wave function inside the barrier: log10 |psi|, 0 at the cathode's face. */
  readonly wave: { readonly xNm: readonly number[]; readonly log10Amplitude: readonly number[] };
}

/** Flip probability against total thickness. */
export interface ThicknessPicture {
  readonly curves: readonly {
    readonly model: "wkb" | "corrected" | "exact";
    readonly thicknessNm: readonly number[];
    /** Mean of p01 and p10; 0 where it is below the smallest double. */
    readonly p: readonly number[];
  }[];
  /** The device itself, by its own transmission model. */
  readonly chosen: { readonly thicknessNm: number; readonly p: number };
}

/** A device: its flip probabilities and, where it has a barrier, the pictures of it. */
export interface DeviceSection {
  readonly name: string | null;
  readonly flips: FlipReport;
  readonly barrier?: BarrierPicture;
  readonly thickness?: ThicknessPicture;
}

/** The error law of one tensor, unprotected and read as it is: predicted, and sampled as a check. */
export interface LawSection {
  readonly tensor: string;
  readonly format: string;
  /** Quantisation step, in the weights' own units. */
  readonly step: number;
  /** Number of weights drawn for the check. */
  readonly draws: number;
  /** The errors that occur, ascending, in steps: predicted probability and how many of the draws had each. */
  readonly errors: {
    readonly error: readonly number[];
    readonly probability: readonly number[];
    readonly sampled: readonly number[];
    /** Width of the bins in steps where errors were binned; 0 where each is a value of its own. */
    readonly binWidth: number;
  };
  /** Predicted probability of a NaN or an infinity. */
  readonly nonFinite: number;
  /** Mean of the weights as read against the weights as stored, in steps. */
  readonly drift: {
    readonly slope: number;
    readonly offset: number;
    readonly exact: boolean;
    /** Sampled means over bins of stored values, with 95 % intervals. */
    readonly sampled: readonly {
      readonly stored: number;
      readonly read: number;
      readonly low: number;
      readonly high: number;
    }[];
  };
  /** [B] share of each bit in the variance, bit 0 first. */
  readonly bitShares: readonly number[];
}

/** The error law of one tensor of codes wider than a byte, unprotected: whose errors are too many to draw one by one. */
export interface WideLawSection extends Pick<
  LawSection,
  "tensor" | "format" | "step" | "nonFinite" | "bitShares"
> {
  /** Probability that a weight is read as NaN, infinite, or far beyond the tensor. */
  readonly runaway: number;
  /** Mean of the other weights as read against the weights as stored, in steps. */
  readonly drift: Pick<LawSection["drift"], "slope" | "offset">;
  /** Standard deviation of the error of the other weights, in steps. */
  readonly deviation: number;
}

/** Where, when and how a report was made. */
export interface ReportEnvironment {
  /** Version of qtaml. */
  readonly version: string;
  /** Time of making, ISO 8601. */
  readonly created: string;
  /** Commands that make the numbers again, one a line. */
  readonly commands?: readonly string[];
  /** Anything else worth noting, by name: runtime, machine, settings. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Everything that `renderReport` shows. */
export interface ReportInput {
  readonly title: string;
  /** Absent for a report on a device alone. */
  readonly model?: { readonly name: string; readonly sha256: string };
  readonly device?: DeviceSection;
  readonly tensors?: readonly InspectionRow[];
  readonly law?: LawSection;
  readonly wideLaw?: WideLawSection;
  readonly plan?: Plan;
  readonly comparison?: Comparison;
  /** Score of guessing, for instance 1 over the number of classes. */
  readonly chance?: number;
  readonly environment: ReportEnvironment;
}
