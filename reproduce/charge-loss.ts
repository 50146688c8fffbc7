/** @file Networks in cells that lose charge: only ones flip. */
import { openSimulation } from "../src/campaign/index.ts";
import { asymmetricFlips } from "../src/channel/index.ts";
import { seed, type Subject } from "./cases.ts";
import { assessMemory, dataOf } from "./network.ts";
import { measureReadings, type Readings } from "./reading.ts";

/** Cells that lose charge and are partly protected: the flip probability of ones, and the share of protected bits. */
export const chargeLoss = { p10: 0.1, overhead: 0.2 } as const;

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
