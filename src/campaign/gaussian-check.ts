/**
 * @file What is predicted of a protection by Gaussian errors of the predicted strength in all weights at once, run through
 * the network on the calibration inputs. No bit is flipped.
 */
import { sliceDataset } from "../data/index.ts";
import type { Protection } from "../engine/index.ts";
import { meanInterval, momentsOf } from "../stats/index.ts";
import type { Assessment } from "./assess.ts";
import { isWhole } from "./integers.ts";
import { hasAnswers } from "./predict.ts";
import { openSimulation } from "./simulate.ts";

/**
 * Whether Gaussian errors can stand for the faults: not for 16-bit floats, a few of whose errors outweigh all others,
 * and not for shapes, indices and zero points.
 */
export function isGaussian({ memory, tensors }: Assessment): boolean {
  return memory.every(({ format }) => format.bits <= 8) && !tensors.some(isWhole);
}

/** Settings of a check. */
export interface CheckOptions {
  readonly seed?: number;
  readonly threads?: number;
}

/** What was found of one protection. */
export interface GaussianCheck {
  /** The measure: expected accuracy, or the mean squared error where outputs are no answers. */
  readonly measure: string;
  readonly higherIsBetter: boolean;
  /** Score of the clean network. */
  readonly clean: number;
  /** Mean over the draws, with its 95 % interval. */
  readonly score: number;
  readonly low: number;
  readonly high: number;
}

/** Draws and inputs; fewer in networks of more weights than this. */
const usual = { draws: 12, inputs: 256 } as const;
const ofLarge = { draws: 4, inputs: 64 } as const;
const largeWeights = 2e6;

/**
 * Checks protections of one memory under the same draws.
 *
 * @param assessment the memory as the protections' plan fills it, with calibration data
 */
export async function checkByGaussian(
  assessment: Assessment,
  protections: readonly Protection[],
  { seed = 0, threads }: CheckOptions,
): Promise<GaussianCheck[]> {
  const weights = assessment.memory.reduce((sum, { count }) => sum + count, 0);
  const { draws, inputs } = weights > largeWeights ? ofLarge : usual;
  const data = sliceDataset(assessment.calibration!.inputs, 0, inputs);
  const name = hasAnswers(assessment) ? "expected-accuracy" : "mse";
  const simulation = await openSimulation(
    assessment,
    { ...data, labels: undefined },
    { seed, errors: "gaussian", measure: { name }, ...(threads === undefined ? {} : { threads }) },
  );
  try {
    const { higherIsBetter } = simulation.measure;
    const results = await simulation.run(protections, draws);
    return results.map(({ scores }) => {
      const { estimate, low, high } = meanInterval(momentsOf(scores));
      return { measure: name, higherIsBetter, clean: simulation.clean, score: estimate, low, high };
    });
  } finally {
    await simulation.close();
  }
}
