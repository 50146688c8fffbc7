/**
 * @file Memory cells worth a preset. A preset is a starting point with plausible geometry, to be replaced by one's
 * own figures; `sources` says which figures come from where and which are chosen by us.
 */

import type { FlipModel } from "./flips.ts";
import type { LayerInput } from "./barrier.ts";
import type { RateModel } from "./device-types.ts";

/** A cell preset: defaults for a device file. */
export interface Cell {
  readonly name: string;
  readonly title: string;
  readonly layers: readonly LayerInput[];
  readonly biasV: number;
  readonly energyEv: number;
  readonly holdS: number;
  readonly attemptHz: number;
  readonly rate: RateModel;
  readonly flip: FlipModel;
  /** Standard deviation of the total thickness between cells, nm. */
  readonly thicknessSpreadNm: number;
  /** A powered cell restores itself, so that tunnelling through a barrier flips nothing. */
  readonly restoresItself: boolean;
  readonly sources: readonly string[];
}

const ATTEMPT_HZ = 1e13;

/** The presets, by name. */
export const CELLS: Readonly<Record<string, Cell>> = {
  "gain-cell": {
    name: "gain-cell",
    title: "gain cell (embedded DRAM of logic transistors)",
    layers: [{ material: "SiO2", thicknessNm: 1.65 }],
    biasV: 0.6,
    energyEv: 0.1,
    holdS: 77e-6,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "tsu-esaki", areaNm2: 512, fermiEv: 0.1, dosMass: 0.38 },
    flip: {
      model: "threshold",
      statistics: "poisson",
      electrons: 3700,
      criticalElectrons: 1850,
      chargedState: 1,
    },
    thicknessSpreadNm: 0.02,
    restoresItself: false,
    sources: [
      "published: retention 77 us at 0.6 V in 16 nm FinFET, R. Giterman et al., IEEE Solid-State Circuits Letters 3, 110 (2020)",
      "folklore: about 1 fF of storage node, hence 3.7e3 electrons at 0.6 V; half of them lost is a failure",
      "chosen: read gate of 16 nm x 32 nm; 1.65 nm of oxide with a spread of 0.02 nm, so that the quoted retention is borne by nearly all cells",
    ],
  },
  edram: {
    name: "edram",
    title: "1T1C embedded DRAM",
    layers: [{ material: "HfO2", thicknessNm: 4.7 }],
    biasV: 0.5,
    energyEv: 0.1,
    holdS: 40e-6,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "tsu-esaki", areaNm2: 1e5, fermiEv: 0.1, dosMass: 0.38 },
    flip: {
      model: "threshold",
      statistics: "poisson",
      electrons: 30_000,
      criticalElectrons: 10_000,
      chargedState: 1,
    },
    thicknessSpreadNm: 0.05,
    restoresItself: false,
    sources: [
      "folklore: refresh every 40 us, some 10 fF",
      "chosen: area, dielectric and its spread and the critical third of the charge",
    ],
  },
  dram: {
    name: "dram",
    title: "1T1C DRAM",
    layers: [{ material: "ZrO2", thicknessNm: 6 }],
    biasV: 0.5,
    energyEv: 0.1,
    holdS: 0.064,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "tsu-esaki", areaNm2: 1e5, fermiEv: 0.1, dosMass: 0.38 },
    flip: {
      model: "threshold",
      statistics: "poisson",
      electrons: 30_000,
      criticalElectrons: 10_000,
      chargedState: 1,
    },
    thicknessSpreadNm: 0.05,
    restoresItself: false,
    sources: [
      "folklore: refresh every 64 ms, some 10 fF",
      "chosen: area, dielectric and its spread and the critical third of the charge",
    ],
  },
  "charge-trap-flash": {
    name: "charge-trap-flash",
    title: "charge-trap flash",
    layers: [
      { material: "Si3N4", thicknessNm: 3.5 },
      { material: "SiO2", thicknessNm: 2 },
    ],
    biasV: 0,
    energyEv: 0.95,
    holdS: 86_400,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "discrete-state" },
    flip: {
      model: "threshold",
      statistics: "binomial",
      electrons: 100,
      criticalElectrons: 50,
      chargedState: 1,
    },
    thicknessSpreadNm: 0,
    restoresItself: false,
    sources: [
      "published: tunnel oxide of 2 nm, traps 1.2 eV deep in the nitride (0.95 eV above silicon's band edge with an offset of 2.15 eV)",
      "chosen: traps 3.5 nm inside the nitride, 100 electrons of which half must stay, a day of storage",
    ],
  },
  "floating-gate": {
    name: "floating-gate",
    title: "floating-gate flash",
    layers: [{ material: "SiO2", thicknessNm: 8 }],
    biasV: 0.5,
    energyEv: 0.1,
    holdS: 3.156e8,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "trap-assisted", areaNm2: 400, trapDensityPerCm3: 1e17, activationEv: 0 },
    flip: {
      model: "threshold",
      statistics: "poisson",
      electrons: 200,
      criticalElectrons: 60,
      chargedState: 1,
    },
    thicknessSpreadNm: 0,
    restoresItself: false,
    sources: [
      "folklore: product tunnel oxides are 7 to 9 nm, ten years of retention",
      "chosen: trap density, area, 200 electrons of which 30 % may leave",
    ],
  },
  fefet: {
    name: "fefet",
    title: "ferroelectric transistor, as an asymmetric two-state memory",
    layers: [{ material: "SiO2", thicknessNm: 3.2 }],
    biasV: 0,
    energyEv: 0.1,
    holdS: 1,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "discrete-state" },
    flip: { model: "two-state", energyDifferenceEv: 0.05 },
    thicknessSpreadNm: 0,
    restoresItself: false,
    sources: [
      "chosen: an effective barrier and an imprint of 0.05 eV; the two-state form is the point, not the figures",
    ],
  },
  "sram-6t": {
    name: "sram-6t",
    title: "powered 6T SRAM",
    layers: [{ material: "SiON", thicknessNm: 1.5 }],
    biasV: 0.8,
    energyEv: 0.1,
    holdS: 1,
    attemptHz: ATTEMPT_HZ,
    rate: { model: "tsu-esaki", areaNm2: 1000, fermiEv: 0.1, dosMass: 0.38 },
    flip: { model: "telegraph" },
    thicknessSpreadNm: 0,
    restoresItself: true,
    sources: ["chosen: gate area and film; the cross-coupled inverters replace every electron that leaves"],
  },
};

/** Names of the cell presets. */
export const CELL_NAMES: readonly string[] = Object.keys(CELLS);
