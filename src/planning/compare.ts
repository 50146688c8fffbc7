/**
 * @file Compares the policies on one model: accuracy against overhead under common faults, the least overhead that
 * keeps the target, and the gain that was predicted.
 */
import type { DecoderClass } from "../channel/index.ts";
import type { PolicyName } from "../protect/index.ts";
import { jointConfidence, ratioInterval, type Interval } from "../stats/index.ts";
import { QtamlError } from "../errors.ts";
import type { MeasureDescription } from "../measure/index.ts";
import { meanFlipProbability, type Assessment, isPredicted, predict } from "../assessment/index.ts";
import {
  checkKeep,
  isKept,
  type Goal,
  planProtection,
  summarise,
  type RunControl,
  type Simulation,
} from "../simulation/index.ts";
import { makePlan } from "./plan.ts";
import { isGaussian } from "./gaussian-check.ts";
import type { JointStyle } from "./joint.ts";
import { predictByGaussian, type PredictedPolicy } from "./surrogate.ts";
import {
  overheadAtTarget,
  jointGuess,
  searchOverhead,
  simulatePlan,
  type CurvePoint,
  type OverheadAtTarget,
} from "./search.ts";

/** Settings of a comparison. */
export interface CompareOptions extends Pick<RunControl, "signal"> {
  /** Share of the clean quality to keep; 0.95 by default. */
  readonly keep?: number;
  /** Chips a point; 20 by default. */
  readonly chips?: number;
  /** Worker threads of the prediction; all cores by default. */
  readonly threads?: number;
  /** Overheads at which all policies with a budget are simulated. */
  readonly budgets?: readonly number[];
  /** Joint plans are compared too, made so. */
  readonly style?: JointStyle;
  /** Called with what is under way, and how far it is. */
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/** One policy's curve. */
export interface PolicyCurve {
  /** The policy. */
  readonly name: PolicyName;
  /** By overhead. */
  readonly points: readonly CurvePoint[];
}

/** Joint plans among the compared. */
export interface JointComparison {
  /** What their decoding may cost at inference. */
  readonly decoderClass: DecoderClass;
  /** Decode tables at the target; 0 where decoding is free or the plan is plain TAC's. */
  readonly tables: number;
  /** Overhead of Uniform-MSP over that of joint plans, both at the target. */
  readonly ratio: number;
  /** Its 95 % interval: [low, high]. */
  readonly ratioInterval: readonly [number, number];
}

/** What was predicted without flipping a bit. */
export interface PredictedComparison {
  /** Output noise that TAC is predicted to leave at the target, to first order. */
  readonly noise: number;
  /** Overheads by the first-order law and the logits' margins. */
  readonly firstOrder: Readonly<Record<PredictedPolicy, number>>;
  /**
   * Overheads by Gaussian errors of the predicted strength in all weights at once, and that of Uniform-MSP over that
   * of TAC; null for 16-bit floats and whole numbers, whose errors are nothing like Gaussian.
   */
  readonly gaussian: {
    readonly overhead: Readonly<Record<PredictedPolicy, number>>;
    readonly ratio: number;
  } | null;
}

/** What `qtaml compare` reports; also the content of `results.json`. */
export interface Comparison {
  /** Score of the network with clean quantised weights. */
  readonly clean: number;
  /** What was judged on each chip. */
  readonly measure: MeasureDescription;
  /** Mean flip probability of an unprotected cell. */
  readonly p: number;
  /** Share of the clean quality to keep. */
  readonly keep: number;
  /** The score that keeps the share. */
  readonly target: number;
  /** Simulated chips a point. */
  readonly chips: number;
  /** Samples that each chip is judged on. */
  readonly samples: number;
  /** Seed of the chips. */
  readonly seed: number;
  /** Name of the model's file and its `ModelFile.sha256`. */
  readonly model: { readonly name: string; readonly sha256: string };
  /** The curves, one a policy. */
  readonly policies: readonly PolicyCurve[];
  /** Least overhead at which the mean score keeps the target, by policy. */
  readonly overheadAtTarget: Readonly<Record<string, number>>;
  /** Where the ends of the score's 95 % interval cross the target: [low, high]. */
  readonly overheadInterval: Readonly<Record<string, readonly [number, number]>>;
  /** Least whole number of protected bits a weight, over the stored bits, at which Uniform-MSP keeps the target. */
  readonly uniformWholeLevel: number;
  /** Overhead of Uniform-MSP over that of TAC, both at the target. */
  readonly ratio: number;
  /** Its 95 % interval: [low, high]. */
  readonly ratioInterval: readonly [number, number];
  /** Joint plans, where they were asked for and the memory holds codes of at most 8 bits alone. */
  readonly joint?: JointComparison;
  /** The ratio predicted before any simulation; null where the measure cannot be predicted. */
  readonly saturationRatio: number | null;
  /** What was predicted without flipping a bit; null where the measure cannot be predicted. */
  readonly predicted: PredictedComparison | null;
}

const defaultBudgets = [0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5];
const budgeted = ["uniform-msp", "magnitude", "random", "tac"] as const satisfies readonly PolicyName[];
const searched = ["uniform-msp", "magnitude", "tac"] as const satisfies readonly PolicyName[];

/** Interval of an overhead at the confidence that two of them need for a ratio of 95 %. */
function jointInterval(found: OverheadAtTarget, goal: Goal): Interval {
  const { overhead, low, high } = overheadAtTarget(found.points, goal, jointConfidence(2));
  return { estimate: overhead, low, high };
}

/** Joint plans over the budgets, each with a memory of its own. */
async function jointCurve(
  assessment: Assessment,
  simulation: Simulation,
  style: JointStyle,
  budgets: readonly number[],
  goal: Goal,
  chips: number,
  control: RunControl,
): Promise<CurvePoint[]> {
  const points: CurvePoint[] = [];
  for (const [i, overhead] of budgets.entries()) {
    const plan = await makePlan(assessment, {
      policy: "joint",
      overhead,
      seed: simulation.seed,
      style,
    });
    const { onProgress, ...rest } = control;
    points.push(await simulatePlan(simulation, plan, goal, chips, rest));
    onProgress?.(i + 1, budgets.length);
  }
  return points;
}

/** Simulates all policies over the budgets, every chip under all of them. */
async function sweep(
  assessment: Assessment,
  simulation: Simulation,
  budgets: readonly number[],
  goal: Goal,
  chips: number,
  control: RunControl,
): Promise<PolicyCurve[]> {
  const { seed } = simulation;
  const plans = [];
  for (const policy of ["none", "mean-correction", "everything"] as const) {
    plans.push(await makePlan(assessment, { policy, overhead: policy === "everything" ? 1 : 0, seed }));
  }
  for (const policy of budgeted) {
    const levels = policy === "uniform-msp" ? wholeLevels(assessment, budgets) : [];
    for (const overhead of [...new Set([...budgets, ...levels])].sort((a, b) => a - b)) {
      plans.push(await makePlan(assessment, { policy, overhead, seed }));
    }
  }
  const results = await simulation.run(plans.map(planProtection), chips, control);
  const curves = new Map<PolicyName, CurvePoint[]>();
  plans.forEach((plan, i) => {
    const points = curves.get(plan.policy) ?? [];
    points.push({ overhead: plan.overhead, ...summarise(results[i]!, goal) });
    curves.set(plan.policy, points);
  });
  return Array.from(curves, ([name, points]) => ({ name, points }));
}

/** Whole numbers of protected bits a weight, as overheads, within the range of the budgets. */
function wholeLevels(assessment: Assessment, budgets: readonly number[]): number[] {
  const bits = Math.max(...assessment.memory.map((t) => t.format.bits));
  const reach = Math.max(...budgets);
  return Array.from({ length: bits + 1 }, (_, m) => m / bits).filter((overhead) => overhead <= reach);
}

/** The least whole level at which Uniform-MSP keeps the goal: the first that does from where its curve crosses it. */
async function leastWholeLevel(
  assessment: Assessment,
  simulation: Simulation,
  { overhead, points }: OverheadAtTarget,
  goal: Goal,
  chips: number,
  control: RunControl,
): Promise<number> {
  for (const level of wholeLevels(assessment, [1]).filter((l) => l >= overhead)) {
    const known = points.find((p) => p.overhead === level);
    const point =
      known ??
      (await simulatePlan(
        simulation,
        await makePlan(assessment, { policy: "uniform-msp", overhead: level }),
        goal,
        chips,
        control,
      ));
    if (isKept(goal, point.accuracy)) return level;
  }
  return 1;
}

/** What joint plans gain over Uniform-MSP, and what they cost at inference. */
async function jointResult(
  assessment: Assessment,
  style: JointStyle,
  found: ReadonlyMap<PolicyName, OverheadAtTarget>,
  goal: Goal,
  seed: number,
): Promise<JointComparison> {
  const joint = found.get("joint")!;
  const ratio = ratioInterval(jointInterval(found.get("uniform-msp")!, goal), jointInterval(joint, goal));
  const plan = await makePlan(assessment, { policy: "joint", overhead: joint.overhead, seed, style });
  const { decoderClass } = style;
  return {
    decoderClass,
    tables: decoderClass === "table" ? plan.codebooks.length : 0,
    ratio: ratio.estimate,
    ratioInterval: [ratio.low, ratio.high],
  };
}

/**
 * Compares the policies. Deterministic: the same assessment, data, seed and settings give the same numbers.
 *
 * @throws QtamlError `invalid-argument` without calibration data or for `keep` outside (0, 1)
 */
export async function compare(
  assessment: Assessment,
  simulation: Simulation,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { keep = 0.95, chips = 20, budgets = defaultBudgets, onProgress } = options;
  checkKeep(keep);
  if (assessment.calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "A comparison needs inputs to measure the Jacobian for TAC: give --data (labels are not needed).",
    );
  }
  const goal = simulation.goal(keep);
  const prediction = isPredicted(assessment, simulation.measure.name) ? predict(assessment, keep) : undefined;
  const control = (stage: string): RunControl => ({
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: (done: number, total: number) => onProgress(stage, done, total) }),
  });
  const expected =
    prediction === undefined || !isGaussian(assessment)
      ? undefined
      : await predictByGaussian(assessment, {
          keep,
          seed: simulation.seed,
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...control("prediction"),
        });
  const policies = await sweep(assessment, simulation, budgets, goal, chips, control("all policies"));
  const found = new Map<PolicyName, OverheadAtTarget>();
  for (const policy of searched) {
    const guess = policy === "magnitude" ? undefined : (expected ?? prediction?.overhead)?.[policy];
    found.set(
      policy,
      await searchOverhead(assessment, simulation, {
        policy,
        goal,
        chips,
        known: policies.find((c) => c.name === policy)!.points,
        completeInterval: true,
        seed: simulation.seed,
        ...(guess === undefined ? {} : { guess }),
        ...control(`least overhead, ${policy}`),
      }),
    );
  }
  const { style } = options;
  const isJoint = style !== undefined && isGaussian(assessment);
  if (isJoint) {
    const stage = control("joint plans");
    const known = await jointCurve(assessment, simulation, style, budgets, goal, chips, stage);
    policies.push({ name: "joint", points: known });
    const search = {
      policy: "joint",
      goal,
      chips,
      known,
      guess: jointGuess,
      completeInterval: true,
    } as const;
    found.set(
      "joint",
      await searchOverhead(assessment, simulation, {
        ...search,
        style,
        seed: simulation.seed,
        ...control("least overhead, joint"),
      }),
    );
  }
  const random = policies.find((c) => c.name === "random");
  if (random !== undefined) found.set("random", overheadAtTarget(random.points, goal));
  const uniform = found.get("uniform-msp")!;
  const tac = found.get("tac")!;
  const ratio = ratioInterval(jointInterval(uniform, goal), jointInterval(tac, goal));
  const whole = await leastWholeLevel(assessment, simulation, uniform, goal, chips, control("whole levels"));
  return {
    clean: simulation.clean,
    measure: simulation.measure,
    p: meanFlipProbability(assessment),
    keep,
    target: goal.target,
    chips,
    samples: simulation.samples,
    seed: simulation.seed,
    model: { ...assessment.model },
    policies: policies.map((curve) => ({
      name: curve.name,
      points: found.get(curve.name)?.points ?? curve.points,
    })),
    overheadAtTarget: Object.fromEntries(Array.from(found, ([name, f]) => [name, f.overhead])),
    overheadInterval: Object.fromEntries(Array.from(found, ([name, f]) => [name, [f.low, f.high] as const])),
    uniformWholeLevel: whole,
    ratio: ratio.estimate,
    ratioInterval: [ratio.low, ratio.high],
    ...(isJoint ? { joint: await jointResult(assessment, style, found, goal, simulation.seed) } : {}),
    saturationRatio: prediction?.saturationRatio ?? null,
    predicted:
      prediction === undefined
        ? null
        : {
            noise: prediction.noise,
            firstOrder: prediction.overhead,
            gaussian:
              expected === undefined
                ? null
                : { overhead: expected, ratio: expected["uniform-msp"] / expected.tac },
          },
  };
}
