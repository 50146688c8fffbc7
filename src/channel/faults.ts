/**
 * @file Faults as XOR patterns, and what a policy's protection lets through of them.
 */

import type { Codes } from "./codes.ts";

/** The weights that are hit, in ascending order, and how. */
export interface FaultList {
  /** [h] index into the codes that were given. */
  readonly indices: Uint32Array;
  /** [h] the bits that flip; never zero. */
  readonly patterns: Codes;
}

/** Which bits are protected (bit k set: bit k is): one mask for all weights, or [n] a mask for each. */
export type ProtectionMask = number | Codes;

/**
 * Flips the unprotected bits of a fault list in place, touching only weights that are hit. A second call with the same
 * arguments restores the codes.
 * @param codes [n] stored codes
 */
export function applyFaults(codes: Codes, faults: FaultList, protectedMask: ProtectionMask = 0): void {
  const { indices, patterns } = faults;
  if (typeof protectedMask === "number") {
    const open = ~protectedMask;
    for (let i = 0; i < indices.length; i++) codes[indices[i]!]! ^= patterns[i]! & open;
  } else {
    checkLength("masks", protectedMask, codes);
    for (let i = 0; i < indices.length; i++) {
      const weight = indices[i]!;
      codes[weight]! ^= patterns[i]! & ~protectedMask[weight]!;
    }
  }
}

/**
 * What is read under a protection: `codes ^ (patterns & ~mask)`.
 * @param codes [n] stored codes
 * @param patterns [n] from `FlipSampler.drawPatterns`
 * @param out [n] output; may be `codes`
 */
export function receiveInto(codes: Codes, patterns: Codes, protectedMask: ProtectionMask, out: Codes): void {
  checkLength("patterns", patterns, codes);
  checkLength("outputs", out, codes);
  if (typeof protectedMask === "number") {
    const open = ~protectedMask;
    for (let i = 0; i < codes.length; i++) out[i] = codes[i]! ^ (patterns[i]! & open);
  } else {
    checkLength("masks", protectedMask, codes);
    for (let i = 0; i < codes.length; i++) out[i] = codes[i]! ^ (patterns[i]! & ~protectedMask[i]!);
  }
}

function checkLength(what: string, array: Codes, codes: Codes): void {
  if (array.length !== codes.length)
    throw new RangeError(`${array.length} ${what} for ${codes.length} codes`);
}
