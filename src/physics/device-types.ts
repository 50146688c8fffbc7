/** @file The types of a resolved device. */

import type { Barrier } from "./barrier.ts";
import type { FlipModel } from "./flips.ts";
import type { Draw } from "./population.ts";
import type { TransmissionModel } from "./transmission.ts";

/** How transmission becomes a rate. */
export type RateModel =
  | { readonly model: "discrete-state" }
  | {
      readonly model: "tsu-esaki";
      readonly areaNm2: number;
      /** Fermi level above the cathode's band edge, eV. */
      readonly fermiEv: number;
      /** Mass of the emitter's density of states, electron masses. */
      readonly dosMass: number;
    }
  | { readonly model: "fowler-nordheim"; readonly areaNm2: number }
  | {
      readonly model: "trap-assisted";
      readonly areaNm2: number;
      readonly trapDensityPerCm3: number;
      readonly activationEv: number;
    };

/** Flip probabilities that were given instead of computed: one number, or one a bit with bit 0 first. */
export interface DirectFlips {
  /** Chance that a stored 0 is read as 1: one number, or one a bit of the code, bit 0 first. */
  readonly p01: number | readonly number[];
  /** Chance that a stored 1 is read as 0, alike. */
  readonly p10: number | readonly number[];
}

/** A memory with nothing left to guess: presets and defaults are filled in. */
export interface Device {
  readonly name: string | null;
  /** Cell preset that the defaults came from. */
  readonly cell: string | null;
  /** Null only when `direct` replaces the physics. */
  readonly barrier: Barrier | null;
  readonly energyEv: number;
  readonly temperatureK: number;
  /** Null only when `direct` replaces the physics. */
  readonly holdS: number | null;
  readonly attemptHz: number;
  readonly transmission: TransmissionModel;
  readonly rate: RateModel;
  readonly flip: FlipModel;
  /** Standard deviation of the film's total thickness between cells, nm. */
  readonly thicknessSpreadNm: number;
  readonly draw: Draw;
  readonly direct: DirectFlips | null;
}
