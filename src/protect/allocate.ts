/**
 * @file Which bits a budget protects, under each policy.
 */
import { addressedStreams, nextUniform, topBitsMask, type ProtectionSegment } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { bitCount, protectionLadders, type Ladder, type MemoryTensor } from "./ladder.ts";
import type { PolicyName } from "./policies.ts";

/** The protected bits of one tensor: `extra` of its first weights have `extraMask`, all others `mask`. */
export interface TensorAllocation {
  /** Bit k set: bit k is protected, of all weights but the first `extra`. */
  readonly mask: number;
  /** The same for those first weights. */
  readonly extraMask: number;
  readonly extra: number;
}

/** One way to spend a budget. */
export interface Allocation {
  /** In the order of the tensors. */
  readonly tensors: readonly TensorAllocation[];
  readonly protectedBits: number;
  readonly storedBits: number;
  /** Fall of the score per further protected bit; 0 when everything is protected. */
  readonly marginalValue: number;
}

/** Bits the memory stores for these tensors. */
export function storedBits(tensors: readonly MemoryTensor[]): number {
  return tensors.reduce((sum, t) => sum + t.count * t.format.bits, 0);
}

/** A plane of one tensor's weights that can be protected, and its score per bit. */
interface Move {
  readonly tensor: number;
  readonly mask: number;
  readonly bits: number;
  readonly score: number;
}

/** Prepares the ladders once; allocations for many budgets then cost little. */
export interface Allocator {
  /**
   * Spends a budget: what is left over is less than a rung of one weight, under Uniform-MSP less than one weight a
   * tensor.
   *
   * @param overhead share of the stored bits to protect, 0 to 1
   * @throws QtamlError `invalid-argument` for a budget outside [0, 1]
   */
  readonly allocate: (overhead: number) => Allocation;
}

/** @throws QtamlError `invalid-argument` for a budget outside [0, 1] */
export function checkBudget(overhead: number): void {
  if (!(overhead >= 0 && overhead <= 1)) {
    throw new QtamlError(
      "invalid-argument",
      `Budget ${overhead} is outside [0, 1]: it is the share of stored bits to protect, for instance 0.05.`,
    );
  }
}

function total(
  tensors: readonly MemoryTensor[],
  allocations: readonly TensorAllocation[],
  marginalValue: number,
): Allocation {
  const protectedBits = allocations.reduce((sum, a, t) => {
    const { count } = tensors[t]!;
    return sum + a.extra * bitCount(a.extraMask) + (count - a.extra) * bitCount(a.mask);
  }, 0);
  return { tensors: allocations, protectedBits, storedBits: storedBits(tensors), marginalValue };
}

/** Takes moves in order until the budget is spent; the move that does not fit is made for part of the tensor. */
function spend(tensors: readonly MemoryTensor[], moves: readonly Move[], overhead: number): Allocation {
  checkBudget(overhead);
  // A share k / n times n may round to just below k.
  let left = Math.floor(overhead * storedBits(tensors) * (1 + 2 ** -50) + 1e-9);
  const allocations: TensorAllocation[] = tensors.map(() => ({ mask: 0, extraMask: 0, extra: 0 }));
  let marginalValue = 0;
  for (const move of moves) {
    const before = allocations[move.tensor]!;
    const count = tensors[move.tensor]!.count;
    const mask = before.mask | move.mask;
    const fitting = Math.min(count, Math.floor(left / move.bits));
    left -= fitting * move.bits;
    if (fitting === count) {
      allocations[move.tensor] = { mask, extraMask: mask, extra: 0 };
      continue;
    }
    allocations[move.tensor] = { mask: before.mask, extraMask: mask, extra: fitting };
    marginalValue = move.score;
    break;
  }
  return total(tensors, allocations, marginalValue);
}

/** Moves of all ladders by falling score; equal scores in the order of the tensors. */
function rankedMoves(
  tensors: readonly MemoryTensor[],
  ladders: readonly Ladder[],
  weightOf: (tensor: MemoryTensor) => number,
): Move[] {
  const moves = ladders.flatMap((ladder, t) =>
    ladder.rungs.map((rung): Move => ({
      tensor: t,
      mask: rung.mask,
      bits: rung.bits,
      score: rung.gain * weightOf(tensors[t]!),
    })),
  );
  return moves.sort((a, b) => b.score - a.score || a.tensor - b.tensor || a.mask - b.mask);
}

/** Every bit plane of every tensor, shuffled. */
function randomMoves(tensors: readonly MemoryTensor[], seed: number): Move[] {
  const state = addressedStreams({ seed, trial: 0, tensor: 0 }, 2)(0);
  const moves = tensors.flatMap((tensor, t) =>
    Array.from({ length: tensor.format.bits }, (_, k): Move => ({
      tensor: t,
      mask: 1 << k,
      bits: 1,
      score: 0,
    })),
  );
  for (let i = moves.length - 1; i > 0; i--) {
    const j = Math.floor(nextUniform(state) * (i + 1));
    [moves[i], moves[j]] = [moves[j]!, moves[i]!];
  }
  return moves;
}

/** The top m bits of every weight; between two levels an equal share of each tensor has one more. */
function uniform(tensors: readonly MemoryTensor[], overhead: number): Allocation {
  checkBudget(overhead);
  const allocations = tensors.map(({ count, format }): TensorAllocation => {
    const level = Math.min(format.bits - 1, Math.floor(overhead * format.bits + 1e-9));
    const extra = Math.max(0, Math.min(count, Math.floor((overhead * format.bits - level) * count + 1e-9)));
    const mask = topBitsMask(level, format.bits);
    const extraMask = topBitsMask(level + 1, format.bits);
    return extra === count ? { mask: extraMask, extraMask, extra: 0 } : { mask, extraMask, extra };
  });
  return total(tensors, allocations, 0);
}

/** Sensitivity of a tensor, for TAC. @throws QtamlError `invalid-argument` when it was not measured */
function sensitivity(tensor: MemoryTensor): number {
  if (tensor.stepSensitivity === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `The Jacobian of tensor "${tensor.name}" was not measured: give calibration data, or plan with --policy magnitude.`,
    );
  }
  return tensor.stepSensitivity;
}

/**
 * An allocator for a policy. Scores per bit: TAC `g_l Delta_l^2` times the variance the bit carries (`4^k p(1-p)` for
 * linear codes), magnitude the same without the Jacobian `g_l`, random a shuffled order of bit planes, Uniform-MSP
 * the top bits of every tensor.
 *
 * @throws QtamlError `invalid-argument` when TAC is asked for without Jacobians
 */
export function allocator(policy: PolicyName, tensors: readonly MemoryTensor[], seed = 0): Allocator {
  switch (policy) {
    case "none":
    case "mean-correction":
      return { allocate: () => spend(tensors, [], 0) };
    case "everything":
      return { allocate: () => uniform(tensors, 1) };
    case "uniform-msp":
      return { allocate: (overhead) => uniform(tensors, overhead) };
    case "random": {
      const moves = randomMoves(tensors, seed);
      return { allocate: (overhead) => spend(tensors, moves, overhead) };
    }
    case "magnitude":
    case "joint":
    case "tac": {
      // Joint plans divide their budget among codebooks (`allocateChoices`); in the tensors' own formats they are TAC.
      const weightOf = policy !== "magnitude" ? sensitivity : (t: MemoryTensor) => t.meanSquareStep;
      const moves = rankedMoves(tensors, protectionLadders(tensors), weightOf);
      return { allocate: (overhead) => spend(tensors, moves, overhead) };
    }
  }
}

/** The segments of a tensor under an allocation, all read by one decoder. */
export function segmentsOf(
  tensor: MemoryTensor,
  allocation: TensorAllocation,
  decoder: ProtectionSegment["decoder"],
): ProtectionSegment[] {
  const { mask, extraMask, extra } = allocation;
  const rest = { start: extra, count: tensor.count - extra, protectedMask: mask, decoder };
  return extra === 0 ? [rest] : [{ start: 0, count: extra, protectedMask: extraMask, decoder }, rest];
}
