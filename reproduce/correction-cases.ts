/** @file Where docs/correction.md asks whether mean correction helps: networks in memories, partly protected. */
import { openSimulation } from "../src/simulation/index.ts";
import type { FlipLaw } from "../src/assessment/index.ts";
import { asymmetricFlips, symmetricFlips } from "../src/channel/index.ts";
import { formatPercent } from "../src/report/index.ts";
import { seed, subjects, type Subject } from "./cases.ts";
import { assessMemory, dataOf } from "./network.ts";
import { measureReadings, type Readings } from "./reading.ts";

/** A network in a memory, a share of it protected as TAC allots it. */
export interface CorrectionCase {
  readonly subject: Subject;
  /** Name of the memory in the table. */
  readonly memory: string;
  readonly flips: FlipLaw;
  readonly overhead: number;
}

const symmetric = (subject: Subject, p: number, overhead: number): CorrectionCase => ({
  subject,
  memory: String(p),
  flips: (bits) => symmetricFlips(p, bits),
  overhead,
});
const losing = (subject: Subject, p10: number, overhead: number): CorrectionCase => ({
  subject,
  memory: `${p10}, ${formatPercent(overhead)} protected`,
  flips: (bits) => asymmetricFlips(0, p10, bits),
  overhead,
});

/** Flips both ways alike, nothing protected. */
export const unprotected = subjects.flatMap((s) => [s.p, s.otherP, s.lowP].map((p) => symmetric(s, p, 0)));
/** Cells that lose charge. */
export const chargeLoss = subjects.flatMap((s) => [
  losing(s, 0.01, 0),
  losing(s, 0.05, 0.1),
  losing(s, 0.1, 0.2),
]);
export const cases: readonly CorrectionCase[] = [...unprotected, ...chargeLoss];

/** Reads the chips of a case in three ways. */
export async function measureCorrection({ subject, flips, overhead }: CorrectionCase): Promise<Readings> {
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessMemory(subject, flips, calibration);
  const simulation = await openSimulation(assessment, test, { seed });
  try {
    return await measureReadings(assessment, simulation, subject.chips, overhead);
  } finally {
    await simulation.close();
  }
}
