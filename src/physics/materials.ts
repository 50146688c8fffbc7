/**
 * @file Barrier materials against silicon: conduction-band offset, tunnelling mass and permittivity, each with the
 * range found in the literature. Marks: `published` is a figure from the cited works, `folklore` is a figure in
 * common use without one authoritative source. The spread matters: between the ends of HfO2's ranges the
 * transmission at one equivalent oxide thickness of 1.5 nm changes by ten decades.
 */

import { QtamlError } from "../errors.ts";
import { unknownWord } from "./check.ts";

/** How well a figure is founded. */
export type Provenance = "published" | "folklore";

/** A material figure: the default, the range met in the literature and how it is founded. */
export interface MaterialFigure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly provenance: Provenance;
}

/** A dielectric on silicon. */
export interface Material {
  readonly name: string;
  /** Conduction-band offset to silicon, eV. */
  readonly barrierEv: MaterialFigure;
  /** Tunnelling mass, units of the electron mass. */
  readonly mass: MaterialFigure;
  /** Relative permittivity. */
  readonly permittivity: MaterialFigure;
  readonly sources: readonly string[];
}

const ROBERTSON =
  "J. Robertson, Band offsets of wide-band-gap oxides, J. Vac. Sci. Technol. B 18, 1785 (2000)";
const YEO =
  "Y.-C. Yeo, T.-J. King, C. Hu, Direct tunneling leakage current and scalability of alternative gate dielectrics, APL 81, 2091 (2002)";
const LENZLINGER =
  "M. Lenzlinger, E. H. Snow, Fowler-Nordheim tunneling into thermally grown SiO2, JAP 40, 278 (1969)";
const BSIM = "BSIM4 MOSFET model, user's manual, gate tunnelling parameters (phi 3.1 eV, m 0.40)";
const COMMON = "values in common use; no single authoritative source";

const published = (value: number, low: number, high: number): MaterialFigure => ({
  value,
  low,
  high,
  provenance: "published",
});
const folklore = (value: number, low: number, high: number): MaterialFigure => ({
  value,
  low,
  high,
  provenance: "folklore",
});

/** The presets, by name. */
export const MATERIALS: Readonly<Record<string, Material>> = {
  SiO2: {
    name: "SiO2",
    barrierEv: published(3.15, 3.1, 3.2),
    mass: published(0.42, 0.33, 0.5),
    permittivity: published(3.9, 3.9, 3.9),
    sources: [LENZLINGER, BSIM],
  },
  SiON: {
    name: "SiON",
    barrierEv: folklore(2.75, 2.4, 3.1),
    mass: folklore(0.45, 0.4, 0.5),
    permittivity: folklore(5, 4, 6.5),
    sources: [COMMON],
  },
  Si3N4: {
    name: "Si3N4",
    barrierEv: published(2.15, 2.15, 2.4),
    mass: published(0.42, 0.42, 0.42),
    permittivity: published(7.5, 7.5, 7.5),
    sources: [ROBERTSON, YEO],
  },
  Al2O3: {
    name: "Al2O3",
    barrierEv: published(2.8, 2.8, 2.8),
    mass: published(0.2, 0.2, 0.2),
    permittivity: published(9, 9, 9),
    sources: [ROBERTSON, YEO],
  },
  HfO2: {
    name: "HfO2",
    barrierEv: published(1.5, 1.4, 2),
    mass: published(0.18, 0.18, 0.2),
    permittivity: published(22, 20, 25),
    sources: [ROBERTSON, YEO],
  },
  ZrO2: {
    name: "ZrO2",
    barrierEv: published(1.5, 1.5, 1.5),
    mass: folklore(0.2, 0.15, 0.3),
    permittivity: published(25, 25, 25),
    sources: [ROBERTSON, COMMON],
  },
  La2O3: {
    name: "La2O3",
    barrierEv: published(2.3, 2.3, 2.3),
    mass: folklore(0.26, 0.26, 0.26),
    permittivity: published(30, 30, 30),
    sources: [ROBERTSON, COMMON],
  },
};

/** Names of the material presets. */
export const MATERIAL_NAMES: readonly string[] = Object.keys(MATERIALS);

/** The preset of that name, or undefined; letters' case is ignored. */
export function findMaterial(name: string): Material | undefined {
  const key = MATERIAL_NAMES.find((known) => known.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : MATERIALS[key];
}

/**
 * The preset of that name; letters' case is ignored.
 * @throws QtamlError invalid-argument listing the known materials and suggesting the nearest
 */
export function material(name: string): Material {
  const found = findMaterial(name);
  if (found === undefined)
    throw new QtamlError("invalid-argument", unknownWord("material", name, MATERIAL_NAMES));
  return found;
}
