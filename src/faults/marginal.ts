/**
 * @file What faults do to a single cell, averaged over chips: exact, so that the error law and the predictions hold for
 * every model, whatever its neighbours do.
 */
import { exposedFlips, perBitFlips, type FlipProbabilities } from "../channel/index.ts";
import { inOrder, type FaultDescription, type FaultModel } from "./description.ts";
import type { ThicknessMap } from "./thickness.ts";

/**
 * The flip probabilities of a cell, over all chips and places.
 * @param flips those of one refresh interval
 * @param faults how cells fail, and over how many intervals
 */
export function marginalFlips(
  flips: FlipProbabilities,
  { models, intervals }: Pick<FaultDescription, "models" | "intervals">,
): FlipProbabilities {
  const map = models.find((m) => m.model === "thickness");
  const soft = map === undefined ? exposedFlips(flips, intervals) : overThickness(flips, intervals, map);
  return inOrder(models).reduce(overridden, soft);
}

/** A hard fault wins with its share, and then the cell is read as 1 with probability `ones`. */
function overridden(flips: FlipProbabilities, model: FaultModel): FlipProbabilities {
  if (model.model !== "word-line" && model.model !== "stuck-at") return flips;
  const share = model.model === "word-line" ? model.rate : model.share;
  const value = model.model === "word-line" ? { random: 0.5, zeros: 0, ones: 1 }[model.reads] : model.value;
  const ones = value === "either" ? 0.5 : value;
  return perBitFlips(
    flips.p01.map((p) => (1 - share) * p + share * ones),
    flips.p10.map((p) => (1 - share) * p + share * (1 - ones)),
  );
}

/**
 * The mean over a normal thickness, by the trapezoidal rule over 8 standard deviations, which converges faster than any
 * power of the step for such integrands.
 */
function overThickness(
  flips: FlipProbabilities,
  intervals: number,
  { sigmaNm, slopePerNm }: ThicknessMap,
): FlipProbabilities {
  const [points, reach] = [400, 8];
  const p01 = new Float64Array(flips.p01.length);
  const p10 = new Float64Array(flips.p01.length);
  let total = 0;
  for (let i = 0; i <= points; i++) {
    const z = reach * ((2 * i) / points - 1);
    const weight = Math.exp((-z * z) / 2);
    const at = exposedFlips(flips, intervals * Math.exp(slopePerNm * sigmaNm * z));
    total += weight;
    p01.forEach((_, k) => (p01[k]! += weight * at.p01[k]!));
    p10.forEach((_, k) => (p10[k]! += weight * at.p10[k]!));
  }
  return { p01: p01.map((p) => p / total), p10: p10.map((p) => p / total) };
}
