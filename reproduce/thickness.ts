/** @file From oxide thickness to accuracy: thickness, flip probability, accuracy of one network under three protections. */
import { assess, flipLaw } from "../src/assessment/index.ts";
import { makePlan } from "../src/planning/index.ts";
import { openSimulation, planProtection, summarise } from "../src/simulation/index.ts";
import { readModel, readStructured } from "../src/cli/files.ts";
import { evaluateDevice, parseDevice } from "../src/physics/index.ts";
import { keeps, seed, type Subject } from "./cases.ts";
import { dataOf } from "./network.ts";

/** Device whose thickness is varied. */
export const deviceFile = "zoo/thin-oxide.yaml";

/** The three ways of protection, and what share of the bits they may protect. */
export const ways = ["none", "uniform-msp", "tac"] as const;
/** One bit of eight. */
export const overhead = 0.125;

/** One thickness. */
export interface ThicknessPoint {
  readonly thicknessNm: number;
  readonly p: number;
  /** Relative accuracy with its 95 % interval, by way of protection. */
  readonly kept: Readonly<
    Record<(typeof ways)[number], { readonly kept: number; readonly low: number; readonly high: number }>
  >;
}

/** What is drawn. */
export interface ThicknessResult {
  readonly network: string;
  readonly points: readonly ThicknessPoint[];
  /** Least thickness at which 95 % of the accuracy is kept, linear between points; by way of protection. */
  readonly bearableNm: Readonly<Record<(typeof ways)[number], number>>;
}

const grid = Array.from({ length: 24 }, (_, i) => 2.45 + 0.025 * i);

/** The thickness at which a falling oxide crosses the target from above. */
function crossing(points: readonly ThicknessPoint[], way: (typeof ways)[number], target: number): number {
  const from = points.findLastIndex((point) => point.kept[way].kept < target);
  const [low, high] = [points[from], points[from + 1]];
  if (high === undefined) return Infinity;
  if (low === undefined) return high.thicknessNm;
  const [a, b] = [low.kept[way].kept, high.kept[way].kept];
  return low.thicknessNm + ((target - a) / (b - a)) * (high.thicknessNm - low.thicknessNm);
}

/** Varies the thickness of the demonstration's oxide under a network. */
export async function thicknessToAccuracy(subject: Subject): Promise<ThicknessResult> {
  const { test, calibration } = await dataOf(subject);
  const given = readStructured(deviceFile, "Device file") as { barrier: object };
  const points: ThicknessPoint[] = [];
  for (const thicknessNm of grid) {
    const device = parseDevice({ ...given, barrier: { ...given.barrier, thicknessNm } });
    const report = evaluateDevice(device);
    const assessment = await assess(readModel(subject.model), {
      flips: flipLaw(report),
      storage: { granularity: subject.granularity },
      calibration,
    });
    const simulation = await openSimulation(assessment, test, { seed });
    try {
      const plans = [];
      for (const policy of ways)
        plans.push(await makePlan(assessment, { policy, overhead: policy === "none" ? 0 : overhead }));
      const results = await simulation.run(plans.map(planProtection), subject.chips);
      const kept = results.map((result) => {
        const { accuracy, low, high } = summarise(result, simulation.goal(keeps[0]));
        const { clean } = simulation;
        return { kept: accuracy / clean, low: low / clean, high: high / clean };
      });
      points.push({
        thicknessNm,
        p: (report.p01 + report.p10) / 2,
        kept: { none: kept[0]!, "uniform-msp": kept[1]!, tac: kept[2]! },
      });
    } finally {
      await simulation.close();
    }
  }
  const bearable = (way: (typeof ways)[number]) => crossing(points, way, keeps[0]);
  return {
    network: subject.name,
    points,
    bearableNm: { none: bearable("none"), "uniform-msp": bearable("uniform-msp"), tac: bearable("tac") },
  };
}
