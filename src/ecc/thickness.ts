/**
 * @file The physical dual of a code: a thicker oxide for the bits that matter, a thinner one for the others.
 */
import type { BitPlane } from "./price.ts";

/** What a thickness makes of a bit. */
export interface ThicknessLevel {
  readonly thicknessNm: number;
  /** Probability that a bit is wrong, the mean over stored zeros and ones. */
  readonly error: number;
}

/** A thickness for each plane. */
export interface ThicknessSpread {
  /** [planes] in nm. */
  readonly thicknessNm: readonly number[];
  /** Mean over all bits, in nm. */
  readonly meanNm: number;
  readonly noise: number;
}

/**
 * Gives each plane one of the thicknesses so that the noise is least for a total thickness: each plane takes the level
 * with the least `noisePerError error + price thickness`, and the price is raised or lowered until `isEnough`. For
 * error probabilities that fall as `exp(-s d)` that is `d_k = mean + ln(v_k / GM) / s`, v the noise of an error and GM
 * their geometric mean.
 *
 * @param isEnough whether a spread is thick enough; thicker ones must be so too
 * @returns `enough`: the thinnest that is enough, undefined where none is; `short`: the thickest that is not
 */
export function spreadThickness(
  planes: readonly BitPlane[],
  levels: readonly ThicknessLevel[],
  isEnough: (spread: ThicknessSpread) => boolean,
): { readonly enough: ThicknessSpread | undefined; readonly short: ThicknessSpread } {
  const bits = planes.reduce((sum, { count }) => sum + count, 0);
  const at = (price: number): ThicknessSpread => {
    let noise = 0;
    let total = 0;
    const thicknessNm = planes.map(({ count, noisePerError }) => {
      const cost = (level: ThicknessLevel) => noisePerError * level.error + price * level.thicknessNm;
      const best = levels.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      noise += count * noisePerError * best.error;
      total += count * best.thicknessNm;
      return best.thicknessNm;
    });
    return { thicknessNm, meanNm: total / bits, noise };
  };
  const scale = Math.log(Math.max(...planes.map(({ noisePerError }) => noisePerError), 1e-300));
  let [low, high] = [scale - 80, scale + 40];
  if (!isEnough(at(Math.exp(low)))) return { enough: undefined, short: at(Math.exp(low)) };
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (isEnough(at(Math.exp(middle)))) low = middle;
    else high = middle;
  }
  return { enough: at(Math.exp(low)), short: at(Math.exp(high)) };
}
