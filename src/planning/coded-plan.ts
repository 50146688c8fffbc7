/**
 * @file Plans whose protected bits are held by codes.
 */
import type { CodedBits, ProtectionSegment } from "../channel/index.ts";
import {
  codeProtection,
  priceWithin,
  residualChannel,
  type BitPlane,
  type PricedProtection,
} from "../ecc/index.ts";
import { planeCode } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import {
  protectionLadders,
  storedBits,
  type MemoryTensor,
  type Plan,
  type PlanGoal,
} from "../protect/index.ts";
import type { Assessment } from "../assessment/index.ts";
import { chooseReading } from "./correction.ts";
import { isKept, type RunControl, type Simulation } from "../simulation/index.ts";
import { assemblePlan } from "./plan.ts";
import { searchCurve, simulatePlan } from "./search.ts";

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

/** Bits of one tensor that are priced together: a rung of its ladder, as a rule one bit of every weight. */
export interface PricedBits extends BitPlane {
  /** Index of the tensor. */
  readonly tensor: number;
  /** Bit k set: bit k of each weight. */
  readonly mask: number;
}

/**
 * What codes are priced for: the rungs of each tensor's ladder with the noise of one wrong bit, which is taken to be
 * the same for all error probabilities of a rung.
 *
 * @throws QtamlError `invalid-argument` without Jacobians
 */
export function pricedBits(memory: readonly MemoryTensor[]): PricedBits[] {
  return protectionLadders(memory).flatMap(({ rungs }, t) => {
    const { name, count, flips, stepSensitivity } = memory[t]!;
    if (stepSensitivity === undefined) {
      throw new QtamlError(
        "invalid-argument",
        "Which code is worth its parity takes the Jacobian: give --data (labels are not needed).",
      );
    }
    return rungs.map(({ mask: after, gain, bits }, r): PricedBits => {
      const mask = after & ~(rungs[r - 1]?.mask ?? 0);
      const own = Array.from(flips.p01.keys()).filter((k) => (mask >> k) & 1);
      const mean = (of: Float64Array) => own.reduce((sum, k) => sum + of[k]!, 0) / bits;
      const channel = { p01: mean(flips.p01), p10: mean(flips.p10) };
      const error = (channel.p01 + channel.p10) / 2;
      const noisePerError = error === 0 ? 0 : (Math.max(0, gain) * stepSensitivity) / error;
      return { name, tensor: t, mask, count: count * bits, noisePerError, channel };
    });
  });
}

/** The bits of a mask behind a code; bits whose cells differ have entries of their own. */
function coded({ flips }: MemoryTensor, mask: number, name: string): CodedBits[] {
  const code = planeCode(name);
  const byChannel = Map.groupBy(
    Array.from(flips.p01.keys()).filter((k) => (mask >> k) & 1),
    (k) => `${flips.p01[k]} ${flips.p10[k]}`,
  );
  return Array.from(byChannel.values(), (bits): CodedBits => {
    const { p01, p10 } = residualChannel(code, { p01: flips.p01[bits[0]!]!, p10: flips.p10[bits[0]!]! });
    return { mask: bits.reduce((sum, k) => sum | (1 << k), 0), code: code.name, p01, p10 };
  });
}

/** The segments of each tensor, read as stored, under prices. */
function codedSegments(
  memory: readonly MemoryTensor[],
  bits: readonly PricedBits[],
  { planes }: PricedProtection,
): ProtectionSegment[][] {
  return memory.map((tensor, t) => {
    const own = planes.map((plane, i) => ({ ...plane, ...bits[i]! })).filter((plane) => plane.tensor === t);
    const segment = (start: number, end: number, isFirst: boolean): ProtectionSegment => {
      const masks = new Map<string, number>();
      for (const { mask, protection, first } of own) {
        const name = isFirst ? (first?.protection ?? protection) : protection;
        if (name !== "none") masks.set(name, (masks.get(name) ?? 0) | mask);
      }
      const codes = [...masks].flatMap(([name, mask]) => coded(tensor, mask, name));
      const protectedMask = codes.reduce((sum, { mask }) => sum | mask, 0);
      const plain = { start, count: end - start, protectedMask, decoder: "none" } as const;
      return codes.length === 0 ? plain : { ...plain, codes };
    };
    const part = own.find(({ first }) => first !== undefined);
    // A rung of several bits a weight holds these for whole weights.
    const split = part === undefined ? 0 : Math.ceil((part.first!.count / part.count) * tensor.count - 1e-9);
    return split === 0 || split === tensor.count
      ? [segment(0, tensor.count, split > 0)]
      : [segment(0, split, true), segment(split, tensor.count, false)];
  });
}

const choicesOf = (codes: readonly string[]) => codes.map((name) => codeProtection(planeCode(name)));

/** The first-order noise of `makeCodedPlan` at a parity, read as stored. */
export function pricedNoise(
  memory: readonly MemoryTensor[],
  codes: readonly string[],
  parity: number,
): number {
  return priceWithin(pricedBits(memory), choicesOf(codes), storedBits(memory) * (1 + parity)).noise;
}

/** What a plan with codes is asked for. */
export interface CodedRequest {
  /** Codes that may be used, each for any bits. */
  readonly codes: readonly string[];
  /** Check bits over data bits; a word that is not full has all its check bits, up to one word a code more than that. */
  readonly parity: number;
  /** Recorded in the plan. */
  readonly goal?: PlanGoal;
  /** Recorded in the plan; 0 unless given. */
  readonly seed?: number;
}

/**
 * The plan that leaves the least noise within a parity: which code for which bits, and how each tensor is read then.
 *
 * @throws QtamlError `invalid-argument` for a code that holds no bit planes, or without calibration data
 */
export async function makeCodedPlan(assessment: Assessment, request: CodedRequest): Promise<Plan> {
  const { memory } = assessment;
  const { codes, parity, seed = 0 } = request;
  const bits = pricedBits(memory);
  const total = storedBits(memory);
  const priced = priceWithin(bits, choicesOf(codes), total * (1 + parity));
  const reading = await chooseReading(assessment, codedSegments(memory, bits, priced));
  const parityBits = parityOf(reading.segments);
  const overhead = parityBits / total;
  return assemblePlan(assessment, {
    policy: "tac",
    goal: request.goal ?? { budget: Math.min(1, overhead) },
    seed,
    protection: "coded",
    parityBits,
    overhead,
    reading,
    marginalValue: null,
  });
}

/** What `planCodesToKeep` is asked for. */
export interface CodesToKeep extends Pick<CodedRequest, "codes" | "seed">, RunControl {
  /** Share of the clean quality to keep. */
  readonly keep: number;
  /** Simulated chips that each candidate is judged by. */
  readonly chips: number;
  /** Parity at which the target is expected to be kept: the first guess. */
  readonly guess?: number;
}

/**
 * The plan with the least parity whose simulated chips keep a share of the clean quality on average; undefined where
 * no parity that these codes can take does.
 *
 * @param request the codes, the share to keep, and how it is searched for
 */
export async function planCodesToKeep(
  assessment: Assessment,
  simulation: Simulation,
  { codes, keep, seed = 0, ...search }: CodesToKeep,
): Promise<Plan | undefined> {
  const goal = simulation.goal(keep);
  const made = new Map<number, Plan>();
  const most = Math.max(...choicesOf(codes).map((choice) => choice.storedBits - 1));
  const named = { keep, criterion: simulation.measure.name };
  const planAt = async (parity: number) => {
    const plan = await makeCodedPlan(assessment, { codes, parity, goal: named, seed });
    made.set(plan.overhead, plan);
    return plan;
  };
  const found = await searchCurve(simulation, { ...search, goal, most, tolerance: 0.002, planAt });
  const kept = found.points.find((point) => isKept(goal, point.accuracy));
  if (kept !== undefined) return made.get(kept.overhead);
  // The search comes near the most without trying it.
  const full = await planAt(most);
  const point = await simulatePlan(simulation, full, goal, search.chips, search);
  return isKept(goal, point.accuracy) ? full : undefined;
}
