/** @file Three ways to read a memory on the same chips: as stored, every tensor corrected, and as TAC chooses. */
import { chooseCorrection, fixedReading } from "../src/planning/index.ts";
import { summarise, type ChipResults, type Simulation } from "../src/simulation/index.ts";
import type { Assessment } from "../src/assessment/index.ts";
import { allocator } from "../src/protect/index.ts";
import { meanInterval, type Interval } from "../src/stats/index.ts";
import { keeps, seed } from "./cases.ts";

/** Accuracy kept over the clean one, with 95 % intervals. */
export interface Readings {
  readonly stored: Interval;
  readonly corrected: Interval;
  readonly chosen: Interval;
  /** Differences to `stored` on the same chips. */
  readonly correctedGain: Interval;
  readonly chosenGain: Interval;
  /** [chips] What the chosen reading keeps more than `stored`. */
  readonly chosenDifferences: readonly number[];
}

/** Reads chips in three ways, with the bits of TAC's allocation protected. */
export async function measureReadings(
  assessment: Assessment,
  simulation: Simulation,
  chips: number,
  overhead: number,
): Promise<Readings> {
  const allocation = allocator("tac", assessment.memory, seed).allocate(overhead);
  const [stored, corrected, chosen] = await simulation.run(
    [
      (await fixedReading(assessment, allocation, "none")).segments,
      (await fixedReading(assessment, allocation, "unbiased-affine")).segments,
      (await chooseCorrection(assessment, allocation)).segments,
    ],
    chips,
  );
  const { clean } = simulation;
  const kept = (results: ChipResults): Interval => {
    const { accuracy, low, high } = summarise(results, simulation.goal(keeps[0]));
    return { estimate: accuracy / clean, low: low / clean, high: high / clean };
  };
  const differences = (results: ChipResults) =>
    results.scores.map((score, i) => (score - stored!.scores[i]!) / clean);
  const chosenDifferences = differences(chosen!);
  return {
    stored: kept(stored!),
    corrected: kept(corrected!),
    chosen: kept(chosen!),
    correctedGain: meanInterval(differences(corrected!)),
    chosenGain: meanInterval(chosenDifferences),
    chosenDifferences,
  };
}
