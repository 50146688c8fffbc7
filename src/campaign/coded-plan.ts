/**
 * @file Plans whose protected bits are held by codes.
 */
import { planeCode } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { Plan } from "../protect/index.ts";
import type { ProtectionSegment } from "../channel/index.ts";

/** Bits of each weight that a mask protects. */
const maskBits = (mask: number): number => {
  let count = 0;
  for (let rest = mask; rest > 0; rest &= rest - 1) count++;
  return count;
};

/** Check bits of all codewords that hold these bits: each code's words are filled one after the other. */
export function parityOf(segments: readonly (readonly ProtectionSegment[])[]): number {
  const held = new Map<string, number>();
  for (const { count, codes = [] } of segments.flat())
    for (const { code, mask } of codes) held.set(code, (held.get(code) ?? 0) + count * maskBits(mask));
  let parity = 0;
  for (const [name, bits] of held) {
    const { dataBits, wordBits } = planeCode(name);
    parity += Math.ceil(bits / dataBits) * (wordBits - dataBits);
  }
  return parity;
}

/**
 * The plan with all its protected bits held by one code. Its readings stay those of ideal protection, for which they
 * were made.
 *
 * @throws QtamlError `invalid-argument` for a code that does not exist, or a plan that has codes already
 */
export function codePlan(plan: Plan, code: string): Plan {
  const { name } = planeCode(code);
  if (plan.protection === "coded") {
    throw new QtamlError("invalid-argument", "The plan names its codes; leave --code out.");
  }
  const tensors = plan.tensors.map((tensor) => ({
    ...tensor,
    segments: tensor.segments.map((segment) =>
      segment.protectedMask === 0
        ? segment
        : { ...segment, codes: [{ mask: segment.protectedMask, code: name, p01: 0, p10: 0 }] },
    ),
  }));
  const parityBits = parityOf(tensors.map((tensor) => tensor.segments));
  return { ...plan, protection: "coded", parityBits, overhead: parityBits / plan.storedBits, tensors };
}
