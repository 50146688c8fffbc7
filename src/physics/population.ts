/**
 * @file A population of cells whose film thickness scatters: `ln Gamma` is normal with standard deviation
 * `s = |d ln Gamma/dd| sigma_d` (2 kappa sigma_d for a rectangle). `quenched` means that each cell keeps its rate:
 * one draw per chip, the same weak cells fail at every refresh. `redrawn` means a fresh draw at every read. The mean
 * over cells is the same; what differs is how flips repeat.
 */

import type { FlipProbabilities } from "./flips.ts";

/** How often the scatter is drawn. */
export type Draw = "quenched" | "redrawn";

/** Normal scores beyond this many standard deviations are left out (1.3e-15 of the population). */
const REACH = 8;
const STEPS = 800;
/** Steps of the widest populations of the sharpest cells; beyond, the error is below 1e-4. */
const MOST_STEPS = 50_000;

/** Steps that resolve a law which rises within `width` normal scores, as a normal distribution does, to 1e-6. */
const stepsFor = (width: number): number =>
  Math.min(MOST_STEPS, Math.max(STEPS, 2 * Math.ceil((0.84 * REACH) / width)));

/**
 * Mean flip probabilities over a lognormal population: the trapezoid rule in the normal score, which converges
 * geometrically for smooth integrands; the weights are normalised, so a constant is returned unchanged.
 * @param cell flip probabilities of a cell whose rate is `factor` times the median's
 * @param logSpread s, the standard deviation of ln Gamma; 0 gives the median cell
 * @param sharpness over how much of ln Gamma a cell's law rises, as the reciprocal: the root of the number of electrons
 *   that must leave for cells that count them, 1 for others
 */
export function populationMean(
  cell: (factor: number) => FlipProbabilities,
  logSpread: number,
  sharpness = 1,
): FlipProbabilities {
  if (logSpread === 0) return cell(1);
  const steps = stepsFor(1 / (logSpread * sharpness));
  let [p01, p10, total] = [0, 0, 0];
  for (let i = 0; i <= steps; i += 1) {
    const score = -REACH + (2 * REACH * i) / steps;
    const weight = Math.exp((-score * score) / 2);
    const flips = cell(Math.exp(logSpread * score));
    total += weight;
    p01 += weight * flips.p01;
    p10 += weight * flips.p10;
  }
  return { p01: p01 / total, p10: p10 / total };
}
