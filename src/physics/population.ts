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

const SCORES = Float64Array.from({ length: STEPS + 1 }, (_, i) => -REACH + (2 * REACH * i) / STEPS);
const WEIGHTS = SCORES.map((z) => Math.exp((-z * z) / 2));
const TOTAL = WEIGHTS.reduce((sum, weight) => sum + weight, 0);

/**
 * Mean flip probabilities over a lognormal population: the trapezoid rule in the normal score, which converges
 * geometrically for smooth integrands; the weights are normalised, so a constant is returned unchanged.
 * @param cell flip probabilities of a cell whose rate is `factor` times the median's
 * @param logSpread s, the standard deviation of ln Gamma; 0 gives the median cell
 */
export function populationMean(
  cell: (factor: number) => FlipProbabilities,
  logSpread: number,
): FlipProbabilities {
  if (logSpread === 0) return cell(1);
  let p01 = 0;
  let p10 = 0;
  for (let i = 0; i <= STEPS; i += 1) {
    const flips = cell(Math.exp(logSpread * SCORES[i]!));
    p01 += WEIGHTS[i]! * flips.p01;
    p10 += WEIGHTS[i]! * flips.p10;
  }
  return { p01: p01 / TOTAL, p10: p10 / TOTAL };
}
