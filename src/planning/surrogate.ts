/**
 * @file Predicts the overheads that policies need by Gaussian errors of the predicted strength in all weights at once.
 * No bit is flipped: each weight's error has the mean and the variance of the error law. Unlike the first-order
 * prediction this sees how noise of real strength passes through the layers together; it costs a few forward passes of
 * the calibration inputs for each budget tried.
 */
import { sliceDataset } from "../data/index.ts";
import { type Assessment, predict } from "../assessment/index.ts";
import { searchOverhead } from "./search.ts";
import { openSimulation, type RunControl } from "../simulation/index.ts";

/** Policies whose overhead is predicted. */
export type PredictedPolicy = "uniform-msp" | "tac";

/** Settings of `predictByGaussian`. */
export interface SurrogateOptions extends RunControl {
  /** Share of the clean expected accuracy to keep. */
  readonly keep: number;
  /** Draws of Gaussian errors a budget; all budgets and policies meet the same ones. 12 by default. */
  readonly draws?: number;
  /** Of the draws; 0 unless given. */
  readonly seed?: number;
  /** Worker threads; all cores unless given. */
  readonly threads?: number;
}

const usualDraws = 12;
/** At most so many calibration inputs are judged. */
const usualInputs = 256;

/**
 * The least overhead at which each policy keeps a share of the expected accuracy under Gaussian errors.
 *
 * @param options the share to keep, and how many errors are drawn
 * @throws QtamlError `invalid-argument` without calibration data
 */
export async function predictByGaussian(
  assessment: Assessment,
  { keep, draws = usualDraws, seed = 0, threads, ...control }: SurrogateOptions,
): Promise<Record<PredictedPolicy, number>> {
  const guess = predict(assessment, keep).overhead;
  const inputs = sliceDataset(assessment.calibration!.inputs, 0, usualInputs);
  const simulation = await openSimulation(
    assessment,
    { ...inputs, labels: undefined },
    {
      seed,
      errors: "gaussian",
      measure: { name: "expected-accuracy" },
      ...(threads === undefined ? {} : { threads }),
    },
  );
  try {
    const goal = simulation.goal(keep);
    const overheadOf = async (policy: PredictedPolicy) => {
      const found = await searchOverhead(assessment, simulation, {
        ...control,
        policy,
        goal,
        chips: draws,
        guess: guess[policy],
        seed,
      });
      return found.overhead;
    };
    return { "uniform-msp": await overheadOf("uniform-msp"), tac: await overheadOf("tac") };
  } finally {
    await simulation.close();
  }
}
