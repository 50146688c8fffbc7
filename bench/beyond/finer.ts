/** @file The overhead of joint plans whose bits are allotted to output channels rather than tensors. */
import { openSimulation } from "../../src/simulation/index.ts";
import { searchOverhead, usualStyle } from "../../src/planning/index.ts";
import type { Subject } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";
import type { Estimate } from "./network.ts";

/** A network's overhead by both grains. */
export interface FinerResult {
  readonly name: string;
  readonly overhead: Readonly<Record<"tensor" | "channel", Estimate>>;
}

/** Searches the least overhead that keeps a share, under the chips of all other policies. */
export async function measureFiner(subject: Subject, keep: number): Promise<FinerResult> {
  const { chips, name, p } = subject;
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, p, calibration);
  const simulation = await openSimulation(assessment, test, { seed: 0 });
  const overheadBy = async (grain: "tensor" | "channel"): Promise<Estimate> => {
    const { overhead, low, high } = await searchOverhead(assessment, simulation, {
      policy: "joint",
      goal: simulation.goal(keep),
      chips,
      guess: 0.03,
      tolerance: 0.001,
      completeInterval: true,
      style: { ...usualStyle, grain },
    });
    return { estimate: overhead, low, high };
  };
  try {
    return { name, overhead: { tensor: await overheadBy("tensor"), channel: await overheadBy("channel") } };
  } finally {
    await simulation.close();
  }
}
