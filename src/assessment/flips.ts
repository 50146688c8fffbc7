/** @file How the cells of a memory flip, for codes of any width. */
import { asymmetricFlips, perBitFlips, type FlipProbabilities } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import type { Plan } from "../protect/index.ts";

/** The flip probabilities of a cell for codes of so many bits. */
export type FlipLaw = (bits: number) => FlipProbabilities;

/** Flip probabilities, as `evaluateDevice` of `qtaml/physics` finds them. */
export interface CellFlips {
  /** Of every bit. */
  readonly p01: number;
  readonly p10: number;
  /** [bits] of each bit, the least significant first, where they differ; for codes of as many bits alone. */
  readonly perBit?: { readonly p01: readonly number[]; readonly p10: readonly number[] } | undefined;
}

/**
 * The law of cells that flip so.
 *
 * @param cells how they flip
 * @returns a law that throws QtamlError `invalid-argument` for codes of another width than `perBit` is given for
 */
export function flipLaw({ perBit, p01, p10 }: CellFlips): FlipLaw {
  if (perBit === undefined) return (bits) => asymmetricFlips(p01, p10, bits);
  return (bits) => {
    if (perBit.p01.length !== bits) {
      throw new QtamlError(
        "invalid-argument",
        `${perBit.p01.length} flip probabilities were given for weights of ${bits} bits: give one a bit, bit 0 first.`,
      );
    }
    return perBitFlips(perBit.p01, perBit.p10);
  };
}

/** The flip probabilities that a plan was made for, tensor by tensor. */
export function planFlips(plan: Plan): FlipProbabilities[] {
  return plan.tensors.map((t) => perBitFlips(t.p01, t.p10));
}

/**
 * The memory that a plan was made for: with its `storage` what `assess` has to be told to open the plan's model again.
 *
 * @returns a law that throws QtamlError `plan-mismatch` for widths that the plan has no tensor of
 */
export function planFlipLaw(plan: Plan): FlipLaw {
  return (bits) => {
    const tensor = plan.tensors.find((t) => t.p01.length === bits);
    if (tensor === undefined) {
      throw new QtamlError(
        "plan-mismatch",
        `The plan has no tensor of ${bits} bits a weight; make it again for this model.`,
      );
    }
    return perBitFlips(tensor.p01, tensor.p10);
  };
}
