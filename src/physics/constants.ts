/**
 * @file CODATA 2022 constants in SI units, and the two combinations that tunnelling uses most.
 * `q`, `k_B` and `h` are exact by definition of the SI; `m0` and `eps0` are the 2022 adjustment.
 */

/** Elementary charge, C (exact). */
export const ELEMENTARY_CHARGE = 1.602176634e-19;
/** Planck constant, J s (exact). */
export const PLANCK = 6.62607015e-34;
/** Reduced Planck constant h/(2 pi), J s. */
export const REDUCED_PLANCK = PLANCK / (2 * Math.PI);
/** Boltzmann constant, J/K (exact). */
export const BOLTZMANN = 1.380649e-23;
/** Electron rest mass, kg (CODATA 2022). */
export const ELECTRON_MASS = 9.1093837139e-31;
/** Vacuum permittivity, F/m (CODATA 2022). */
export const VACUUM_PERMITTIVITY = 8.8541878188e-12;
/** Relative permittivity of SiO2, the reference of the equivalent oxide thickness. */
export const SIO2_PERMITTIVITY = 3.9;

/**
 * Decay constant of a 1 eV barrier for a free electron, 1/nm: kappa = KAPPA_PER_NM * sqrt(m * u) with m in m0 and
 * u in eV. Equal to sqrt(2 m0 q)/hbar = 5.1231672e9 per metre.
 */
export const KAPPA_PER_NM = (Math.sqrt(2 * ELECTRON_MASS * ELEMENTARY_CHARGE) / REDUCED_PLANCK) * 1e-9;

/**
 * Thermal energy k_B T in eV.
 * @param temperatureK kelvin
 */
export function thermalEnergyEv(temperatureK: number): number {
  return (BOLTZMANN * temperatureK) / ELEMENTARY_CHARGE;
}

/**
 * Arrhenius factor exp(-E/kT).
 * @param energyEv activation energy, eV
 * @param temperatureK kelvin
 */
export function arrhenius(energyEv: number, temperatureK: number): number {
  return Math.exp(-energyEv / thermalEnergyEv(temperatureK));
}
