/**
 * @file What codes cost: which is useful at a flip probability, and which code for which bits costs the fewest stored
 * bits for a given noise.
 */
import { shannonFloor } from "./capacity.ts";
import type { BitChannel, WordCode } from "./code.ts";
import { meanError, residualChannel } from "./residual.ts";

/** What a code does on a channel. */
export interface CodePrice {
  readonly code: string;
  readonly wordBits: number;
  readonly dataBits: number;
  /** Stored bits a data bit beyond the bit itself, `n / k - 1`. */
  readonly parity: number;
  readonly p01: number;
  readonly p10: number;
  readonly residual: "exact" | "estimate";
  /** Errors left over errors without the code. */
  readonly left: number;
  /** Stored bits a data bit that no code of this residual error can do without. */
  readonly floor: number;
  /** `useless`: leaves more than half of the errors; `dominated`: another code leaves no more for fewer bits. */
  readonly verdict: "useful" | "dominated" | "useless";
}

/** Prices codes on a channel, in the order given. */
export function priceCodes(channel: BitChannel, codes: readonly WordCode[]): CodePrice[] {
  const raw = meanError(channel);
  const rows = codes.map((code) => {
    const { p01, p10, kind } = residualChannel(code, channel);
    const error = meanError({ p01, p10 });
    return {
      code: code.name,
      wordBits: code.wordBits,
      dataBits: code.dataBits,
      parity: code.family === "zero-space" ? 0 : code.wordBits / code.dataBits - 1,
      p01,
      p10,
      residual: kind,
      left: raw === 0 ? 1 : error / raw,
      floor: shannonFloor(channel, error),
    };
  });
  return rows.map((row) => {
    const isUseless = row.left > 0.5;
    const isDominated = rows.some(
      (other) =>
        other.left <= row.left &&
        other.parity <= row.parity &&
        (other.left < row.left || other.parity < row.parity),
    );
    return { ...row, verdict: isUseless ? "useless" : isDominated ? "dominated" : "useful" };
  });
}

/** Bits of one place value of one tensor. */
export interface BitPlane {
  readonly name: string;
  /** Weights in the tensor. */
  readonly count: number;
  /** Squared output error that one wrong bit of this plane causes on the mean. */
  readonly noisePerError: number;
  readonly channel: BitChannel;
}

/** A way to keep a bit: a code, nothing (`none`), or protection that is free of errors and of parity (`ideal`). */
export interface Protection {
  readonly name: string;
  /** Stored bits a data bit, at least 1. */
  readonly storedBits: number;
  /** The channel it leaves. */
  readonly residual: (channel: BitChannel) => BitChannel;
}

/** No protection. */
export const unprotected: Protection = { name: "none", storedBits: 1, residual: (channel) => channel };

/** Protection by a code. */
export function codeProtection(code: WordCode): Protection {
  const known = new Map<string, BitChannel>();
  return {
    name: code.name,
    storedBits: code.family === "zero-space" ? 1 : code.wordBits / code.dataBits,
    residual(channel) {
      const key = `${channel.p01} ${channel.p10}`;
      const found = known.get(key) ?? residualChannel(code, channel);
      known.set(key, found);
      return found;
    },
  };
}

/** Which protection each plane gets. */
export interface PricedProtection {
  readonly planes: readonly { readonly name: string; readonly protection: string }[];
  readonly dataBits: number;
  readonly storedBits: number;
  readonly parityBits: number;
  /** Squared output error left. */
  readonly noise: number;
  readonly isReached: boolean;
  /** Stored bits below which no choice of whole planes can reach the target: the Lagrangian bound. */
  readonly lowerBound: number;
}

interface Step {
  readonly plane: number;
  readonly choice: Protection;
  readonly bits: number;
  readonly fall: number;
}

/** Steps along the lower convex hull of (stored bits, noise) of one plane: each buys less noise a bit than the one before. */
function hullSteps(plane: BitPlane, p: number, choices: readonly Protection[]): Step[] {
  const points = choices
    .map((choice) => ({
      choice,
      bits: plane.count * choice.storedBits,
      noise: plane.count * plane.noisePerError * meanError(choice.residual(plane.channel)),
    }))
    .sort((a, b) => a.bits - b.bits || a.noise - b.noise);
  const steps: Step[] = [];
  let at = {
    choice: unprotected,
    bits: plane.count,
    noise: plane.count * plane.noisePerError * meanError(plane.channel),
  };
  for (;;) {
    const slope = (x: (typeof points)[number]) => (at.noise - x.noise) / Math.max(x.bits - at.bits, 1e-300);
    const better = points.filter((x) => x.noise < at.noise && x.bits >= at.bits);
    const next = better.reduce<(typeof points)[number] | undefined>(
      (best, x) => (best === undefined || slope(x) > slope(best) ? x : best),
      undefined,
    );
    if (next === undefined) return steps;
    steps.push({ plane: p, choice: next.choice, bits: next.bits - at.bits, fall: at.noise - next.noise });
    at = next;
  }
}

/**
 * Which protection for which plane reaches a noise with the fewest stored bits: steepest steps of the convex hulls
 * first. Within one step of the best choice of whole planes; `lowerBound` says how far at most.
 *
 * @param target squared output error to reach
 */
export function priceProtection(
  planes: readonly BitPlane[],
  choices: readonly Protection[],
  target: number,
): PricedProtection {
  const steps = planes
    .flatMap((plane, p) => hullSteps(plane, p, choices))
    .sort((a, b) => b.fall / b.bits - a.fall / a.bits);
  const taken: Protection[] = planes.map(() => unprotected);
  const dataBits = planes.reduce((sum, { count }) => sum + count, 0);
  let noise = planes.reduce((sum, x) => sum + x.count * x.noisePerError * meanError(x.channel), 0);
  let storedBits = dataBits;
  let lowerBound = dataBits;
  for (const { plane, choice, bits, fall } of steps) {
    if (noise <= target) break;
    lowerBound = storedBits + bits * Math.min(1, (noise - target) / fall);
    taken[plane] = choice;
    storedBits += bits;
    noise -= fall;
  }
  // Summed anew: differences of large and small noises lose digits.
  const left = planes.reduce(
    (sum, x, p) => sum + x.count * x.noisePerError * meanError(taken[p]!.residual(x.channel)),
    0,
  );
  return {
    planes: planes.map(({ name }, p) => ({ name, protection: taken[p]!.name })),
    dataBits,
    storedBits,
    parityBits: storedBits - dataBits,
    noise: left,
    isReached: left <= target * (1 + 1e-12),
    lowerBound,
  };
}

/** Free of errors and of parity: what the theory of protected bits assumes. Not a code; a bound. */
export const idealProtection: Protection = {
  name: "ideal",
  storedBits: 1,
  residual: () => ({ p01: 0, p10: 0 }),
};
