/**
 * @file Flip probabilities of a cell that is exposed for longer, or more strongly, than the one they were given for.
 */
import type { FlipProbabilities } from "./flips.ts";

/**
 * The two-state channel `[[1 - p01, p01], [p10, 1 - p10]]` to a power: with `lambda = 1 - p01 - p10` and the stationary
 * share of ones `pi = p01 / (p01 + p10)`,
 * `p01(e) = pi (1 - lambda^e)` and `p10(e) = (1 - pi)(1 - lambda^e)`.
 *
 * A whole exposure n is n holds one after the other, each rewriting what was read. A symmetric cell forgets
 * (`(1 - (1 - 2p)^n) / 2` tends to 1/2); a cell that only loses charge (p01 = 0) ends empty (`1 - (1 - p10)^n`). A
 * fractional one is a hold during which the rates of both transitions are scaled.
 *
 * @param exposure 0 or more
 * @throws RangeError for a fractional exposure of a bit with p01 + p10 > 1, which no rates make
 */
export function exposedFlips(flips: FlipProbabilities, exposure: number): FlipProbabilities {
  if (exposure === 1) return flips;
  const p01 = new Float64Array(flips.p01.length);
  const p10 = new Float64Array(flips.p01.length);
  flips.p01.forEach((up, k) => {
    const sum = up + flips.p10[k]!;
    if (sum === 0) return;
    if (sum > 1 && !Number.isInteger(exposure))
      throw new RangeError(`No exposure of ${exposure} to flip probabilities that add up to ${sum}`);
    const flipped = sum < 1 ? -Math.expm1(exposure * Math.log1p(-sum)) : 1 - (1 - sum) ** exposure;
    p01[k] = (up / sum) * flipped;
    p10[k] = (flips.p10[k]! / sum) * flipped;
  });
  return { p01, p10 };
}
