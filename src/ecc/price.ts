/**
 * @file What codes cost: which is useful at a flip probability, and which code for which bits costs the fewest stored
 * bits for a given noise.
 */
import { capacity, shannonFloor } from "./capacity.ts";
import type { BitChannel, WordCode } from "./code.ts";
import { meanError, residualChannel } from "./residual.ts";

/** What a code does on a channel. */
export interface CodePrice {
  readonly code: string;
  readonly wordBits: number;
  readonly dataBits: number;
  /** Stored bits a data bit beyond the bit itself, `n / k - 1`. */
  readonly parity: number;
  /** Flip probabilities of a data bit behind the decoder. */
  readonly p01: number;
  readonly p10: number;
  /** Whether these are exact, or an estimate. */
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

/** How one plane is kept. */
export interface PlaneProtection {
  readonly name: string;
  /** Name of the code, or of what else keeps the plane. */
  readonly protection: string;
  /** The first weights of the plane are kept by another protection; of at most one plane. */
  readonly first?: { readonly count: number; readonly protection: string };
}

/** Which protection each plane gets. */
export interface PricedProtection {
  readonly planes: readonly PlaneProtection[];
  readonly dataBits: number;
  /** As if codewords could be parts of words: a code of n bits for k data bits costs n / k a bit. */
  readonly storedBits: number;
  /** Stored bits beyond the data bits. */
  readonly parityBits: number;
  /** Squared output error left. */
  readonly noise: number;
  /** Whether the target is met. */
  readonly isReached: boolean;
  /** Stored bits below which no choice can reach the target (of a budget: reach this noise): the Lagrangian bound. */
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
    .sort((a, b) => a.bits - b.bits);
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

const planeNoise = ({ count, noisePerError, channel }: BitPlane, { residual }: Protection, share = 1) =>
  share * count * noisePerError * meanError(residual(channel));

/** Takes steps, steepest first, until one more would be too many; of that one, the first weights. */
function takeSteps(
  planes: readonly BitPlane[],
  choices: readonly Protection[],
  /** Share of a step that is needed, 1 or more for all of it. */
  shareOf: (step: Step, noise: number, storedBits: number) => number,
): Omit<PricedProtection, "isReached"> {
  const steps = planes
    .flatMap((plane, p) => hullSteps(plane, p, choices))
    .sort((a, b) => b.fall / b.bits - a.fall / a.bits);
  const taken: Protection[] = planes.map(() => unprotected);
  const dataBits = planes.reduce((sum, { count }) => sum + count, 0);
  let noise = planes.reduce((sum, plane) => sum + planeNoise(plane, unprotected), 0);
  let storedBits = dataBits;
  let lowerBound = dataBits;
  let part: { readonly plane: number; readonly count: number; readonly choice: Protection } | undefined;
  for (const step of steps) {
    const share = Math.max(0, shareOf(step, noise, storedBits));
    if (share === 0) break;
    const { plane, choice, bits, fall } = step;
    lowerBound = storedBits + bits * Math.min(1, share);
    const { count } = planes[plane]!;
    const own = share < 1 ? Math.min(count, Math.ceil(share * count * (1 - 1e-12))) : count;
    storedBits += (bits * own) / count;
    noise -= (fall * own) / count;
    if (own === count) taken[plane] = choice;
    else part = { plane, count: own, choice };
    if (share < 1) break;
  }
  // Summed anew: differences of large and small noises lose digits.
  const left = planes.reduce((sum, plane, p) => {
    const share = part?.plane === p ? part.count / plane.count : 0;
    const rest = planeNoise(plane, taken[p]!, 1 - share);
    return sum + rest + (share === 0 ? 0 : planeNoise(plane, part!.choice, share));
  }, 0);
  return {
    planes: planes.map(({ name }, p) => ({
      name,
      protection: taken[p]!.name,
      ...(part?.plane === p ? { first: { count: part.count, protection: part.choice.name } } : {}),
    })),
    dataBits,
    storedBits,
    parityBits: storedBits - dataBits,
    noise: left,
    lowerBound,
  };
}

/**
 * Which protection for which plane reaches a noise with the fewest stored bits: steepest steps of the convex hulls
 * first, the last of them for the first weights of its plane only. No choice needs fewer stored bits than `lowerBound`,
 * from which this one differs by less than a weight's.
 *
 * @param target squared output error to reach
 */
export function priceProtection(
  planes: readonly BitPlane[],
  choices: readonly Protection[],
  target: number,
): PricedProtection {
  const priced = takeSteps(planes, choices, ({ fall }, noise) => (noise - target) / fall);
  return { ...priced, isReached: priced.noise <= target * (1 + 1e-9) };
}

/**
 * Which protection for which plane leaves the least noise within so many stored bits: `priceProtection` asked the other
 * way.
 *
 * @param storedBits data and parity
 */
export function priceWithin(
  planes: readonly BitPlane[],
  choices: readonly Protection[],
  storedBits: number,
): PricedProtection {
  const share = (step: Step, _noise: number, stored: number) => {
    if (step.bits === 0) return 1;
    const { count } = planes[step.plane]!;
    const fitting = Math.min(1, (storedBits - stored) / step.bits);
    return Math.floor(fitting * count * (1 + 1e-12)) / count;
  };
  return { ...takeSteps(planes, choices, share), isReached: true };
}

/** The largest error for which a bit needs a stored bit of its own: that of the channel itself where it is symmetric. */
function errorOfOneBit(channel: BitChannel): number {
  let [low, high] = [0, 0.5];
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (shannonFloor(channel, middle) > 1) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Stored bits below which no code whatever reaches a noise, if each bit gets at least one. A plane may leave errors of
 * its own probability e for `(1 - h(e)) / capacity` stored bits a bit (Shannon); the sum is least where
 * `log2((1 - e) / e)` is in one proportion to the noise of an error in all planes.
 *
 * @param target squared output error to reach
 */
export function shannonStoredBits(planes: readonly BitPlane[], target: number): number {
  const most = planes.map(({ channel }) => errorOfOneBit(channel));
  const errorsAt = (slope: number) =>
    planes.map(({ noisePerError, channel }, i) =>
      Math.min(most[i]!, 1 / (1 + 2 ** (slope * noisePerError * capacity(channel)))),
    );
  const noiseOf = (errors: readonly number[]) =>
    planes.reduce((sum, { count, noisePerError }, i) => sum + count * noisePerError * errors[i]!, 0);
  const bitsOf = (errors: readonly number[]) =>
    planes.reduce(
      (sum, { count, channel }, i) => sum + count * Math.max(1, shannonFloor(channel, errors[i])),
      0,
    );
  if (noiseOf(most) <= target) return bitsOf(most);
  if (target <= 0) return bitsOf(most.map(() => 0));
  const scale = 1 / Math.max(...planes.map(({ noisePerError }) => noisePerError));
  let [low, high] = [0, 1e30];
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2;
    if (noiseOf(errorsAt(middle * scale)) > target) low = middle;
    else high = middle;
  }
  return bitsOf(errorsAt(low * scale));
}

/** Free of errors and of parity: what the theory of protected bits assumes. Not a code; a bound. */
export const idealProtection: Protection = {
  name: "ideal",
  storedBits: 1,
  residual: () => ({ p01: 0, p10: 0 }),
};
