/**
 * @file Ways to bring the noise of a memory down to the same target, in one currency: stored bits.
 */
import {
  codeNamed,
  codeProtection,
  meanError,
  priceProtection,
  residualChannel,
  shannonStoredBits,
} from "../ecc/index.ts";
import { planeCode } from "../engine/index.ts";
import { overheadAtNoise, residualCurve, storedBits, type MemoryTensor } from "../protect/index.ts";
import { pricedBits } from "./coded-plan.ts";

/** One way. */
export interface Way {
  /** A code, or what else is done. */
  readonly name: string;
  /** `floor`: no code can do with less. `ideal`: protected bits that are free of errors and of parity; no code. */
  readonly kind: "code" | "mix" | "in-place" | "ideal" | "floor";
  /** Whether the target is reached. */
  readonly isReached: boolean;
  /** Stored bits, data and parity; null where the target is not reached. */
  readonly storedBits: number | null;
  /** Share of the weights' bits that are protected; null for the floor, and where the target is not reached. */
  readonly held: number | null;
  /** Noise that is left where everything is done, over the target; 1 where it is reached. */
  readonly left: number;
}

/** A way by codes. */
function byCodes(
  name: string,
  kind: Way["kind"],
  memory: readonly MemoryTensor[],
  codes: readonly string[],
  target: number,
): Way {
  const bits = pricedBits(memory);
  const choices = codes.map((code) => codeProtection(planeCode(code)));
  const priced = priceProtection(bits, choices, target);
  if (!priced.isReached) {
    return { name, kind, isReached: false, storedBits: null, held: null, left: priced.noise / target };
  }
  const heldBits = priced.planes.reduce((sum, { protection, first }, i) => {
    const { count } = bits[i]!;
    return sum + (protection === "none" ? (first?.count ?? 0) : count);
  }, 0);
  const held = heldBits / storedBits(memory);
  return { name, kind, isReached: true, storedBits: priced.storedBits, held, left: 1 };
}

/**
 * Zero-space SECDED: the check bits take the place of bit 6 of int8 weights, which then have half their range, so that
 * they are stored with twice the step. Undefined where a tensor is not int8.
 */
function zeroSpaceWay(memory: readonly MemoryTensor[], target: number): Way | undefined {
  if (memory.some(({ format }) => format.name !== "int8")) return undefined;
  const code = codeNamed("zero-space(64,57)");
  // Place values 1 to 7 of the former step are those of the seven bits that are left.
  const flips = pricedBits(memory)
    .filter(({ mask }) => mask !== 1)
    .reduce(
      (sum, { count, noisePerError, channel }) =>
        sum + count * noisePerError * meanError(residualChannel(code, channel)),
      0,
    );
  // Rounding to twice the step: (2^2 - 1^2) / 12 squared steps more.
  const rounding = memory.reduce((sum, t) => sum + (t.count * t.stepSensitivity!) / 4, 0);
  const left = (flips + rounding) / target;
  const isReached = left <= 1;
  const name = code.name;
  const stored = isReached ? storedBits(memory) : null;
  return {
    name,
    kind: "in-place",
    isReached,
    storedBits: stored,
    held: isReached ? 1 : null,
    left: Math.max(1, left),
  };
}

/**
 * What it takes to bring the first-order noise down to a target: each code alone, all together, zero-space SECDED,
 * ideal protection, and Shannon's floor.
 *
 * @param target squared output error
 * @throws QtamlError `invalid-argument` without Jacobians
 */
export function priceWays(memory: readonly MemoryTensor[], codes: readonly string[], target: number): Way[] {
  const total = storedBits(memory);
  const inPlace = zeroSpaceWay(memory, target);
  const floor = shannonStoredBits(pricedBits(memory), target);
  const mix = codes.length < 2 ? [] : [byCodes("these codes together", "mix", memory, codes, target)];
  return [
    ...codes.map((code) => byCodes(code, "code", memory, [code], target)),
    ...(inPlace === undefined ? [] : [inPlace]),
    ...mix,
    {
      name: "Shannon's floor",
      kind: "floor",
      isReached: Number.isFinite(floor),
      storedBits: Number.isFinite(floor) ? floor : null,
      held: null,
      left: 1,
    },
    {
      name: "ideal protection",
      kind: "ideal",
      isReached: true,
      storedBits: total,
      held: overheadAtNoise(residualCurve("tac", memory), target),
      left: 1,
    },
  ];
}
