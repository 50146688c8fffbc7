/** @file One network at one flip probability: the whole comparison, or only the overheads at the targets. */
import { assess, predict, type Assessment, type FlipLaw } from "../src/assessment/index.ts";
import {
  compare,
  predictByGaussian,
  searchOverhead,
  type Comparison,
  type CurvePoint,
  type PredictedPolicy,
  overheadAtTarget,
} from "../src/planning/index.ts";
import { openSimulation, type Simulation } from "../src/simulation/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { readModel } from "../src/cli/files.ts";
import { readDataset, sliceDataset, type Dataset } from "../src/data/index.ts";
import type { Granularity } from "../src/onnx/index.ts";
import { heterogeneity } from "../src/protect/index.ts";
import { jointConfidence, ratioInterval, type Interval } from "../src/stats/index.ts";
import { budgets, keeps, seed, type Subject } from "./cases.ts";

/** A policy's least overhead at a target, measured and predicted. */
export interface Overhead {
  readonly measured: number;
  readonly low: number;
  readonly high: number;
  readonly firstOrder: number;
  readonly gaussian: number;
  /** The Gaussian prediction on inputs that the network was trained on; null where it was not asked. */
  readonly gaussianTrained: number | null;
}

/** One (network, p, target) case. */
export interface Case {
  readonly network: string;
  readonly family: string;
  readonly data: string;
  readonly p: number;
  readonly keep: number;
  readonly uniform: Overhead;
  readonly tac: Overhead;
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
  /** Closed form, first order. */
  readonly saturationRatio: number;
  /** Overheads by Gaussian errors, one over the other. */
  readonly predictedRatio: number;
}

/** What is known of a network at a flip probability. */
export interface NetworkResult {
  readonly clean: number;
  readonly cases: readonly Case[];
  /** How unequal the tensors are: `log4(AM/GM)`, protected bits a weight. */
  readonly extraBits: number;
  /** Only at the published setting. */
  readonly comparison: Comparison | null;
}

/** The data of a subject. */
export interface SubjectData {
  /** What chips are judged on. */
  readonly test: Dataset;
  /** Other unlabelled inputs that the network was not trained on. */
  readonly calibration: Dataset;
  /** Unlabelled inputs that it was trained on. */
  readonly trained: Dataset;
}

/** Reads the data of a subject. */
export async function dataOf(subject: Subject): Promise<SubjectData> {
  const { samples, calibrationInputs } = subject;
  const read = async (path: string) => (await readDataset({ data: [path] })).dataset;
  const all = await read(subject.test);
  const unlabelled = (data: Dataset): Dataset => ({ ...data, labels: undefined });
  return {
    test: sliceDataset(all, 0, samples),
    calibration: unlabelled(sliceDataset(all, samples, samples + calibrationInputs)),
    trained: unlabelled(sliceDataset(await read(subject.trained), 0, calibrationInputs)),
  };
}

/** A subject in a memory. */
export async function assessMemory(
  subject: Subject,
  flips: FlipLaw,
  calibration: Dataset,
  granularity: Granularity = subject.granularity,
): Promise<Assessment> {
  return assess(readModel(subject.model), { flips, storage: { granularity }, calibration });
}

/** A subject in a memory of this flip probability. */
export async function assessSubject(
  subject: Subject,
  p: number,
  calibration: Dataset,
  granularity: Granularity = subject.granularity,
): Promise<Assessment> {
  return assessMemory(subject, (bits) => symmetricFlips(p, bits), calibration, granularity);
}

/** Measures and predicts one case. */
async function measureCase(
  subject: Subject,
  p: number,
  keep: number,
  assessment: Assessment,
  onTrained: Assessment,
  simulation: Simulation,
  known: Readonly<Record<PredictedPolicy, readonly CurvePoint[]>>,
): Promise<{ result: Case; points: Record<PredictedPolicy, readonly CurvePoint[]> }> {
  const { draws } = subject;
  const goal = simulation.goal(keep);
  const first = predict(assessment, keep);
  const gaussian = await predictByGaussian(assessment, { keep, seed, draws });
  const trained = keep === keeps[0] ? await predictByGaussian(onTrained, { keep, seed, draws }) : undefined;
  const points: Record<PredictedPolicy, readonly CurvePoint[]> = { ...known };
  const joint: Record<PredictedPolicy, Interval> = { "uniform-msp": nothing, tac: nothing };
  const overheadOf = async (policy: PredictedPolicy): Promise<Overhead> => {
    const found = await searchOverhead(assessment, simulation, {
      policy,
      goal,
      chips: subject.chips,
      guess: gaussian[policy],
      known: known[policy],
      completeInterval: true,
      seed,
    });
    points[policy] = found.points;
    const wide = overheadAtTarget(found.points, goal, jointConfidence(2));
    joint[policy] = { estimate: wide.overhead, low: wide.low, high: wide.high };
    return {
      measured: found.overhead,
      low: found.low,
      high: found.high,
      firstOrder: first.overhead[policy],
      gaussian: gaussian[policy],
      gaussianTrained: trained?.[policy] ?? null,
    };
  };
  const uniform = await overheadOf("uniform-msp");
  const tac = await overheadOf("tac");
  const ratio = ratioInterval(joint["uniform-msp"], joint.tac);
  return {
    result: {
      network: subject.name,
      family: subject.family,
      data: subject.data,
      p,
      keep,
      uniform,
      tac,
      ratio: ratio.estimate,
      ratioLow: ratio.low,
      ratioHigh: ratio.high,
      saturationRatio: first.saturationRatio,
      predictedRatio: gaussian["uniform-msp"] / gaussian.tac,
    },
    points,
  };
}

const nothing: Interval = { estimate: 0, low: 0, high: 0 };

/** Everything about one network at one flip probability. */
export async function measureNetwork(
  subject: Subject,
  p: number,
  isFull: boolean,
  targets: readonly number[],
): Promise<NetworkResult> {
  const { chips } = subject;
  const { test, calibration, trained } = await dataOf(subject);
  const assessment = await assessSubject(subject, p, calibration);
  const onTrained = await assessSubject(subject, p, trained);
  const simulation = await openSimulation(assessment, test, { seed });
  try {
    const comparison = isFull
      ? await compare(assessment, simulation, { keep: keeps[0], chips, budgets })
      : null;
    const curve = (policy: PredictedPolicy) =>
      comparison?.policies.find((c) => c.name === policy)?.points ?? [];
    let known = { "uniform-msp": curve("uniform-msp"), tac: curve("tac") };
    const cases: Case[] = [];
    for (const keep of targets) {
      const { result, points } = await measureCase(
        subject,
        p,
        keep,
        assessment,
        onTrained,
        simulation,
        known,
      );
      cases.push(result);
      // Yields belong to a target; the points' means and intervals do not.
      known = points;
    }
    return {
      clean: simulation.clean,
      cases,
      extraBits: heterogeneity(assessment.memory)!.extraBits,
      comparison,
    };
  } finally {
    await simulation.close();
  }
}
