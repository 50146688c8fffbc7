/**
 * @file What is predicted of a protection by Gaussian errors of the predicted strength in all weights at once, run through
 * the network on the calibration inputs. No bit is flipped.
 */
import { sliceDataset } from "../data/index.ts";
import type { Protection } from "../engine/index.ts";
import { meanInterval, momentsOf } from "../stats/index.ts";
import { type Assessment, isWhole, hasAnswers } from "../assessment/index.ts";
import { openSimulation } from "../simulation/index.ts";

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
  /** [draws] */
  readonly scores: readonly number[];
}

/** Draws and inputs; fewer in large networks. */
const usual = { draws: 12, inputs: 256 } as const;
const ofLarge = { draws: 4, inputs: 64 } as const;

/** Whether a network has so many weights (above two million) that Gaussian errors are drawn sparingly. */
export function isLarge({ memory }: Pick<Assessment, "memory">): boolean {
  return memory.reduce((sum, { count }) => sum + count, 0) > 2e6;
}

/** Inputs of the question whether one reading is better than another, which is asked at every budget. */
const readingInputs = 128;

/** What a reading must gain to be chosen, as a share of the clean score: less hangs on which inputs were taken. */
const leastGain = 0.005;

/**
 * Whether a protection keeps more than another one beyond doubt: the 95 % interval of the difference under the same draws
 * lies above zero, and its mean above `leastGain` of the clean score (of the other's, where outputs are no answers and the
 * clean error is zero).
 *
 * @param assessment the memory with calibration data
 */
export async function isShownBetter(
  assessment: Assessment,
  protection: Protection,
  than: Protection,
): Promise<boolean> {
  const { results, simulation } = await drawBoth(assessment, [protection, than], {
    threads: 1,
    most: readingInputs,
  });
  const sign = simulation.measure.higherIsBetter ? 1 : -1;
  const [own, other] = [results[0]!.scores, results[1]!.scores];
  const whole = simulation.measure.higherIsBetter ? simulation.clean : momentsOf(other).mean;
  const { low, estimate } = meanInterval(own.map((score, i) => sign * (score - other[i]!)));
  return low > 0 && estimate > leastGain * whole;
}

/**
 * Checks protections of one memory under the same draws.
 *
 * @param assessment the memory as the protections' plan fills it, with calibration data
 */
export async function checkByGaussian(
  assessment: Assessment,
  protections: readonly Protection[],
  options: CheckOptions,
): Promise<GaussianCheck[]> {
  const { results, simulation } = await drawBoth(assessment, protections, options);
  const { name, higherIsBetter } = simulation.measure;
  return results.map(({ scores }) => {
    const { estimate, low, high } = meanInterval(momentsOf(scores));
    return { measure: name, higherIsBetter, clean: simulation.clean, score: estimate, low, high, scores };
  });
}

/** Draws errors for protections, the same for all. */
async function drawBoth(
  assessment: Assessment,
  protections: readonly Protection[],
  { seed = 0, threads, most = Infinity }: CheckOptions & { readonly most?: number },
) {
  const { draws, inputs } = isLarge(assessment) ? ofLarge : usual;
  const data = sliceDataset(assessment.calibration!.inputs, 0, Math.min(inputs, most));
  const name = hasAnswers(assessment) ? "expected-accuracy" : "mse";
  const simulation = await openSimulation(
    assessment,
    { ...data, labels: undefined },
    { seed, errors: "gaussian", measure: { name }, ...(threads === undefined ? {} : { threads }) },
  );
  try {
    return { results: await simulation.run(protections, draws), simulation };
  } finally {
    await simulation.close();
  }
}
