/**
 * @file How many chips have no fault that matters: a stratum whose share is known exactly and which needs no inference.
 */
import type { FlipProbabilities } from "../channel/index.ts";
import { marginalFlips, usualFaults } from "../faults/index.ts";
import { isCoded } from "./coded-memory.ts";
import type { MemoryContent, Protection } from "./memory-reader.ts";

/**
 * The probability that no unprotected bit of a chip flips: the product of `1 - p` over the stored bits. For
 * `stats.withKnownStratum` with `TrialOutcome.isHit`.
 *
 * @param memory what it holds, and how its cells fail
 * @returns undefined where cells do not flip independently of each other, a chip is read more than once, or codes hold bits
 */
export function faultlessChance(
  {
    tensors,
    flips,
    faults = usualFaults,
    protection: mode,
  }: Pick<MemoryContent, "tensors" | "flips" | "faults" | "protection">,
  protection: Protection,
): number | undefined {
  const isIndependent = faults.models.every((m) => m.model === "independent" || m.model === "stuck-at");
  if (!isIndependent || faults.regime !== "quenched" || isCoded(protection, mode)) {
    return undefined;
  }
  let logarithm = 0;
  for (const [t, { codes, format }] of tensors.entries()) {
    const law: FlipProbabilities = marginalFlips(flips[t]!, faults);
    for (const { start, count, protectedMask } of protection[t]!) {
      for (let k = 0; k < format.bits; k++) {
        if ((protectedMask >> k) & 1) continue;
        let ones = 0;
        for (let i = start; i < start + count; i++) ones += (codes[i]! >> k) & 1;
        if (ones > 0) logarithm += ones * Math.log1p(-law.p10[k]!);
        if (ones < count) logarithm += (count - ones) * Math.log1p(-law.p01[k]!);
      }
    }
  }
  return Math.exp(logarithm);
}
