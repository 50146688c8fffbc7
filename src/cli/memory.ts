/**
 * @file From flags to the memory's flip probabilities.
 */
import type { FlipLaw } from "../assessment/index.ts";
import { asymmetricFlips, perBitFlips, type FlipProbabilities } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { deviceFromFlags, evaluateDevice, type Device, type FlipReport } from "../physics/index.ts";
import type { Plan } from "../protect/index.ts";
import { readDevice } from "./files.ts";

/** Flip probabilities: a device file, or numbers that replace it. */
export interface FlipFlags {
  readonly device?: string | undefined;
  readonly p?: number | number[] | undefined;
  readonly p01?: number | number[] | undefined;
  readonly p10?: number | number[] | undefined;
}

/** A memory as flags describe it, and how its bits flip. */
export interface DescribedMemory {
  readonly device: Device;
  readonly report: FlipReport;
}

/** Whether any flag describes the memory. */
export function hasFlips(flags: FlipFlags): boolean {
  return [flags.device, flags.p, flags.p01, flags.p10].some((flag) => flag !== undefined);
}

/**
 * The memory that flags describe. A list of probabilities holds for codes of as many bits.
 *
 * @throws QtamlError `invalid-argument` when nothing describes it
 */
export function flipsFromFlags(flags: FlipFlags): DescribedMemory {
  if (!hasFlips(flags)) {
    throw new QtamlError(
      "invalid-argument",
      "The flip probability is missing: give --p 0.1, --p01 and --p10, or --device FILE.",
    );
  }
  const { device: path, p, p01, p10 } = flags;
  const device = deviceFromFlags({ p, p01, p10 }, path === undefined ? undefined : readDevice(path));
  return { device, report: evaluateDevice(device) };
}

/** The flip probabilities of a report for codes of any width. */
export function flipLaw(report: FlipReport): FlipLaw {
  const { perBit, p01, p10 } = report;
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

/** The flip probabilities that a plan was made for, by width of the codes. */
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
