/** @file How a run of stored weights is protected and read. */

import type { DecoderKind } from "./decoders.ts";
import { protectBits, type FlipProbabilities } from "./flips.ts";

/** Protected bits that are held by a code. */
export interface CodedBits {
  /** Bit k set: bit k of each weight of the segment is held by the code. */
  readonly mask: number;
  /** The code's name, such as "secded(72,64)". */
  readonly code: string;
  /** The channel of these bits behind the code's decoder that the readings were made for. */
  readonly p01: number;
  readonly p10: number;
}

/** Neighbouring weights of one tensor, in C order, that share their protected bits and their decoder. */
export interface ProtectionSegment {
  /** Index of the first weight. */
  readonly start: number;
  /** Number of weights. */
  readonly count: number;
  /** Bit k set: bit k of each weight of the segment is protected. */
  readonly protectedMask: number;
  readonly decoder: DecoderKind;
  /**
   * [2^B] what each received code is read as, in units of the step, where the weights are stored by a codebook; the
   * decoder's own table otherwise.
   */
  readonly table?: ArrayLike<number>;
  /** Which protected bits are held by codes; the others are protected ideally: free of errors and of parity. */
  readonly codes?: readonly CodedBits[] | undefined;
}

/**
 * The bits of a segment that are held by codes.
 *
 * @param segment with the codes that hold its bits, if any do
 */
export const codedMask = ({ codes = [] }: Pick<ProtectionSegment, "codes">): number =>
  codes.reduce((mask, coded) => mask | coded.mask, 0);

/**
 * The channel of the bits of a segment: that of its cells, none where protection is ideal, and behind a code what the
 * code leaves.
 *
 * @param segment its protected bits, and the codes that hold some of them
 * @param left the channel behind a code of a bit; what the segment states unless given
 */
export function segmentFlips(
  flips: FlipProbabilities,
  { protectedMask, codes = [] }: Pick<ProtectionSegment, "protectedMask" | "codes">,
  left: (coded: CodedBits, bit: number) => Pick<CodedBits, "p01" | "p10"> = (coded) => coded,
): FlipProbabilities {
  if (codes.length === 0) return protectBits(flips, protectedMask);
  const residual = { p01: new Float64Array(flips.p01.length), p10: new Float64Array(flips.p01.length) };
  for (const coded of codes) {
    for (let k = 0; k < flips.p01.length; k++) {
      if (((coded.mask >> k) & 1) === 0) continue;
      const { p01, p10 } = left(coded, k);
      residual.p01[k] = p01;
      residual.p10[k] = p10;
    }
  }
  return protectBits(flips, protectedMask, residual);
}

/**
 * Names the protected bits, the codes and the decoder of a segment: equal for segments that are read alike.
 *
 * @param segment wherever it lies
 */
export const segmentKey = ({
  protectedMask,
  decoder,
  codes = [],
}: Omit<ProtectionSegment, "start" | "count">) =>
  `${protectedMask}:${decoder}${codes.map((c) => `:${c.mask}:${c.code}:${c.p01}:${c.p10}`).join("")}`;

/**
 * What becomes of protected bits that codes hold. `ideal`: they never flip. `residual`: each flips by itself with the
 * probability that its code leaves. `exact`: codewords are encoded, hit in data and check bits, and decoded.
 */
export const protectionModes = ["ideal", "residual", "exact"] as const;

/** One of `protectionModes`. */
export type ProtectionMode = (typeof protectionModes)[number];
