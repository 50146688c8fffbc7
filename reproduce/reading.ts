/** @file Three ways to read a memory on the same chips: as stored, every tensor corrected, and as TAC chooses. */
import {
  chooseCorrection,
  fixedReading,
  openSimulation,
  summarise,
  type Assessment,
  type ChipResults,
  type Simulation,
} from "../src/campaign/index.ts";
import { asymmetricFlips } from "../src/channel/index.ts";
import { allocator } from "../src/protect/index.ts";
import { meanInterval, type Interval } from "../src/stats/index.ts";
import { keeps, seed, type Subject } from "./cases.ts";
import { assessMemory, dataOf } from "./network.ts";

/** Accuracy kept over the clean one, with 95 % intervals. */
export interface Readings {
  readonly stored: Interval;
  readonly corrected: Interval;
  readonly chosen: Interval;
  /** Differences to `stored` on the same chips. */
  readonly correctedGain: Interval;
  readonly chosenGain: Interval;
}

/** Cells that lose charge and are partly protected: the flip probability of ones, and the share of protected bits. */
export const chargeLoss = { p10: 0.1, overhead: 0.2 } as const;

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
  const gain = (results: ChipResults) =>
    meanInterval(results.scores.map((score, i) => (score - stored!.scores[i]!) / clean));
  return {
    stored: kept(stored!),
    corrected: kept(corrected!),
    chosen: kept(chosen!),
    correctedGain: gain(corrected!),
    chosenGain: gain(chosen!),
  };
}

/** Readings of a network whose cells lose charge. */
export async function underChargeLoss(subject: Subject): Promise<Readings> {
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessMemory(
    subject,
    (bits) => asymmetricFlips(0, chargeLoss.p10, bits),
    calibration,
  );
  const simulation = await openSimulation(assessment, test, { seed });
  try {
    return await measureReadings(assessment, simulation, subject.chips, chargeLoss.overhead);
  } finally {
    await simulation.close();
  }
}
