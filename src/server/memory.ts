/** @file An assessed model under other flip probabilities: what was measured of the network stays. */
import type { Assessment } from "../assessment/index.ts";
import { asymmetricFlips, type FlipProbabilities } from "../channel/index.ts";
import type { FlipChoice } from "../explorer/index.ts";

/** The same model in a memory that flips bits so; null for the one it was assessed in. */
export function withFlips(assessment: Assessment, flips: FlipChoice | null): Assessment {
  if (flips === null) return assessment;
  const known = new Map<number, FlipProbabilities>();
  const law = (bits: number) => {
    const own = known.get(bits) ?? asymmetricFlips(flips.p01, flips.p10, bits);
    known.set(bits, own);
    return own;
  };
  const { calibration } = assessment;
  return {
    ...assessment,
    memory: assessment.memory.map((tensor) => ({ ...tensor, flips: law(tensor.format.bits) })),
    // What is remembered of a calibration holds for one memory.
    calibration: calibration === undefined ? undefined : { ...calibration },
  };
}
