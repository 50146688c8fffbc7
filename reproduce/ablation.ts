/** @file What each part of TAC brings: the same overhead, one part taken away at a time. */
import { chooseCorrection, makePlan, type CurvePoint } from "../src/planning/index.ts";
import { openSimulation, planProtection, summarise, type Simulation } from "../src/simulation/index.ts";
import type { Assessment } from "../src/assessment/index.ts";
import type { Protection } from "../src/engine/index.ts";
import { allocator, segmentsOf, type Allocation, type MemoryTensor } from "../src/protect/index.ts";
import { keeps, seed, type Subject } from "./cases.ts";
import { assessSubject, dataOf } from "./network.ts";

/** Accuracy at one overhead over the clean one, with parts taken away. */
export interface Ablation {
  readonly network: string;
  readonly p: number;
  readonly overhead: number;
  /** Relative accuracy of each variant with its 95 % interval. */
  readonly variants: Readonly<
    Record<Variant, { readonly kept: number; readonly low: number; readonly high: number }>
  >;
}

/** TAC, TAC with one part less, and TAC with one quantisation step an output channel. */
export const variants = [
  "TAC",
  "without correction",
  "without the Jacobian",
  "without the infinity norm",
  "one step a channel",
] as const;

/** A row of the ablation. */
export type Variant = (typeof variants)[number];

const asStored = ({ memory }: Assessment, { tensors }: Allocation): Protection =>
  memory.map((tensor, t) => segmentsOf(tensor, tensors[t]!, "none"));

/** Scores without Delta_l^2: only how much the outputs depend on a weight. */
const withoutNorm = (tensor: MemoryTensor): MemoryTensor => ({
  ...tensor,
  stepSensitivity: tensor.stepSensitivity! / tensor.meanSquareStep,
});

async function keptBy(simulation: Simulation, chips: number, protection: Protection) {
  const [results] = await simulation.run([protection], chips);
  const { accuracy, low, high }: Omit<CurvePoint, "overhead"> = summarise(
    results!,
    simulation.goal(keeps[0]),
  );
  const { clean } = simulation;
  return { kept: accuracy / clean, low: low / clean, high: high / clean };
}

/** Takes TAC apart at an overhead. */
export async function ablate(subject: Subject, p: number, overhead: number): Promise<Ablation> {
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, p, calibration);
  const { memory } = assessment;
  const tac = allocator("tac", memory).allocate(overhead);
  const magnitude = allocator("magnitude", memory).allocate(overhead);
  const jacobianOnly = allocator("tac", memory.map(withoutNorm)).allocate(overhead);
  const simulation = await openSimulation(assessment, test, { seed });
  const kept = (on: Simulation, protection: Protection) => keptBy(on, subject.chips, protection);
  const chosen = async (allocation: Allocation) =>
    kept(simulation, (await chooseCorrection(assessment, allocation)).segments);
  try {
    const byChannel = await assessSubject(subject, p, calibration, "channel");
    const channelSimulation = await openSimulation(byChannel, test, { seed });
    try {
      const plan = await makePlan(byChannel, { policy: "tac", overhead });
      return {
        network: subject.name,
        p,
        overhead,
        variants: {
          TAC: await chosen(tac),
          "without correction": await kept(simulation, asStored(assessment, tac)),
          "without the Jacobian": await chosen(magnitude),
          "without the infinity norm": await chosen(jacobianOnly),
          "one step a channel": await kept(channelSimulation, planProtection(plan)),
        },
      };
    } finally {
      await channelSimulation.close();
    }
  } finally {
    await simulation.close();
  }
}
