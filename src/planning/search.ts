/**
 * @file Finds the least overhead at which a policy keeps a target, by bisection on simulated chips.
 */
import type { Plan, PolicyName } from "../protect/index.ts";
import { meanInterval } from "../stats/index.ts";
import { type Assessment, isPredicted, predict } from "../assessment/index.ts";
import {
  checkKeep,
  isKept,
  type Goal,
  planProtection,
  summarise,
  type ChipSummary,
  type RunControl,
  type Simulation,
} from "../simulation/index.ts";
import type { JointStyle } from "./joint.ts";
import { makePlan } from "./plan.ts";

/** One budget of one policy, simulated. */
export interface CurvePoint extends ChipSummary {
  /** Of the plan. */
  readonly overhead: number;
}

/** The least overhead that keeps the target. */
export interface OverheadAtTarget {
  /** Where the measured curve crosses the target; the most there is when even that does not keep it. */
  readonly overhead: number;
  /** Where the better end of the score's interval crosses the target. */
  readonly low: number;
  /** Where the worse end of the score's interval crosses the target. */
  readonly high: number;
  /** The points that were simulated, by overhead. */
  readonly points: readonly CurvePoint[];
}

/** Settings of a search. */
export interface CurveOptions extends RunControl {
  /** The plan of an overhead. */
  readonly planAt: (overhead: number) => Promise<Plan>;
  /** Overhead beyond which nothing is gained; 1 unless told. */
  readonly most?: number;
  /** What the mean score over chips is to reach. */
  readonly goal: Goal;
  /** Simulated chips a point. */
  readonly chips: number;
  /** Overhead at which the policy is expected to keep the target: the first guess. */
  readonly guess?: number;
  /** Points already simulated with the same chips. */
  readonly known?: readonly CurvePoint[];
  /**
   * Stop when the bracket is this narrow, in overhead. By default the larger of 0.002 and a twenty-fifth of the
   * overhead: the crossing is interpolated within the bracket.
   */
  readonly tolerance?: number;
  /** Also try budgets around the crossing until both ends of the interval have crossed; only for curves. */
  readonly completeInterval?: boolean;
}

/** Settings of a search along a policy. */
export interface SearchOptions extends Omit<CurveOptions, "planAt" | "most"> {
  /** How the protected bits are chosen. */
  readonly policy: PolicyName;
  /** Of the policy `random`, and of what a joint plan draws; 0 unless given. */
  readonly seed?: number;
  /** Joint plans: how they are made. */
  readonly style?: JointStyle;
  /** Shifts biases where that keeps more; joint plans always try. */
  readonly foldsBiases?: boolean;
}

/** The overhead at which a curve first reaches a goal, linear between points; `never` when it does not. */
function crossing(
  points: readonly CurvePoint[],
  height: (p: CurvePoint) => number,
  goal: Goal,
  never: number,
): number {
  for (const [i, point] of points.entries()) {
    if (!isKept(goal, height(point))) continue;
    const before = points[i - 1];
    if (before === undefined) return point.overhead;
    const rise = height(point) - height(before);
    const share = Number.isFinite(rise) ? (goal.target - height(before)) / rise : 1;
    return before.overhead + share * (point.overhead - before.overhead);
  }
  return never;
}

/** Where to look next: away from a guess by a growing factor until it is bracketed, then half-way. */
function nextBudget(low: number, high: number, most: number, factor: number): number {
  if (low === 0) return high / factor;
  if (high === most) return Math.min((most + low) / 2, low * factor);
  return (low + high) / 2;
}

/** The first step away from a guess; every further one is its square. */
const firstFactor = 1.2;
/** Before less than this is protected, nothing at all is tried. */
const nearNothing = 0.02;
/** At most so many points beyond the crossing, each a fifth further, to find where the interval's ends cross. */
const intervalPoints = 5;

/** Simulates one plan, in the memory as it fills it. */
export async function simulatePlan(
  simulation: Simulation,
  plan: Plan,
  goal: Goal,
  chips: number,
  control: RunControl = {},
): Promise<CurvePoint> {
  const own = await simulation.under(plan);
  try {
    const [results] = await own.run([planProtection(plan)], chips, control);
    return { overhead: plan.overhead, ...summarise(results!, goal) };
  } finally {
    if (own !== simulation) await own.close();
  }
}

/**
 * Where a curve of simulated points reaches a goal, with the crossings of the ends of its intervals of the given
 * confidence; `most` where it does not.
 */
export function overheadAtTarget(
  points: readonly CurvePoint[],
  goal: Goal,
  confidence = 0.95,
  most = 1,
): OverheadAtTarget {
  const sorted = [...points].sort((a, b) => a.overhead - b.overhead);
  const intervals = new Map(
    sorted.map(({ chips, accuracy, deviation }, i) => {
      const moments = { count: chips, mean: accuracy, m2: deviation ** 2 * (chips - 1) };
      return [sorted[i]!, meanInterval(moments, { confidence, clip: goal.range })];
    }),
  );
  const better = goal.higherIsBetter ? "high" : "low";
  const worse = goal.higherIsBetter ? "low" : "high";
  return {
    overhead: crossing(sorted, (p) => p.accuracy, goal, most),
    low: crossing(sorted, (p) => intervals.get(p)![better], goal, most),
    high: crossing(sorted, (p) => intervals.get(p)![worse], goal, most),
    points: sorted,
  };
}

/**
 * Bisects the overhead of a policy (`searchCurve`).
 *
 * @param options the policy, the goal, and how it is searched for
 */
export function searchOverhead(
  assessment: Assessment,
  simulation: Simulation,
  { policy, seed = 0, style, foldsBiases = false, ...options }: SearchOptions,
): Promise<OverheadAtTarget> {
  const styled = style === undefined ? {} : { style };
  const planAt = (overhead: number) =>
    makePlan(assessment, { policy, overhead, seed, foldsBiases, ...styled });
  return searchCurve(simulation, { ...options, planAt });
}

/**
 * Bisects the overhead of plans. Every budget meets the same chips, so that neighbouring budgets are compared under
 * common faults.
 */
export async function searchCurve(simulation: Simulation, options: CurveOptions): Promise<OverheadAtTarget> {
  const { planAt, goal, chips, most = 1 } = options;
  const points = [...(options.known ?? [])];
  const control: RunControl = options.signal === undefined ? {} : { signal: options.signal };
  let low = Math.max(0, ...points.filter((p) => !isKept(goal, p.accuracy)).map((p) => p.overhead));
  let high = Math.min(
    most,
    ...points.filter((p) => isKept(goal, p.accuracy) && p.overhead >= low).map((p) => p.overhead),
  );
  const toleranceAt = (overhead: number) => options.tolerance ?? Math.max(0.002, overhead / 25);
  const total = Math.max(1, Math.ceil(Math.log2(most / toleranceAt(0))));
  const simulate = async (overhead: number) => {
    const point = await simulatePlan(simulation, await planAt(overhead), goal, chips, control);
    points.push(point);
    return point;
  };
  // A guess of nothing still says where to look should nothing not be enough.
  const guess = options.guess === undefined ? undefined : Math.max(options.guess, nearNothing / 2);
  let next = guess !== undefined && guess > low && guess < high ? guess : (low + high) / 2;
  let factor = firstFactor;
  for (let step = 0; high - low > toleranceAt(high) && step < 2 * total; step++) {
    const isUntried = !points.some((p) => p.overhead === 0);
    const budget = low === 0 && next < nearNothing && isUntried ? 0 : next;
    const point = await simulate(budget);
    if (isKept(goal, point.accuracy)) high = budget;
    else low = budget;
    if (budget === next) {
      next = nextBudget(low, high, most, factor);
      factor = Math.min(factor ** 2, 4);
    }
    options.onProgress?.(Math.min(step + 1, total), total);
  }
  if (options.completeInterval === true) {
    for (let i = 0, above = high; i < intervalPoints && above < most; i++) {
      if (overheadAtTarget(points, goal, 0.95, most).high < most) break;
      above = Math.min(most, above * firstFactor);
      await simulate(above);
    }
    for (let i = 0, below = low; i < intervalPoints && below > 0; i++) {
      const least = Math.min(...points.map((p) => p.overhead));
      if (overheadAtTarget(points, goal, 0.95, most).low > least) break;
      below = Math.min(below, least) / firstFactor;
      await simulate(below < 0.001 ? 0 : below);
    }
  }
  return overheadAtTarget(points, goal, 0.95, most);
}

/** Where searches for joint plans begin: most networks need about a hundredth. */
export const jointGuess = 0.01;

/** What `planToKeep` is asked for. */
export interface KeepRequest extends Pick<
  SearchOptions,
  "policy" | "chips" | "onProgress" | "signal" | "style" | "foldsBiases"
> {
  /** Share of the clean quality to keep. */
  readonly keep: number;
  /** Of the policy `random`, and of what a joint plan draws; 0 unless given. */
  readonly seed?: number;
}

/**
 * The plan with the least overhead whose simulated chips keep a share of the clean quality on average; everything is
 * protected where nothing less does. Starts from the prediction for the policies that have one.
 *
 * @param request the policy, the share to keep, and how many chips it is judged by
 */
export async function planToKeep(
  assessment: Assessment,
  simulation: Simulation,
  { keep, ...request }: KeepRequest,
): Promise<Plan> {
  checkKeep(keep);
  const { policy, seed = 0 } = request;
  const goal = simulation.goal(keep);
  const guess =
    (policy === "tac" || policy === "uniform-msp") && isPredicted(assessment, simulation.measure.name)
      ? predict(assessment, keep).overhead[policy]
      : policy === "joint"
        ? jointGuess
        : undefined;
  const found = await searchOverhead(assessment, simulation, {
    ...request,
    goal,
    tolerance: 0.002,
    ...(guess === undefined ? {} : { guess }),
  });
  const kept = found.points.find((p) => isKept(goal, p.accuracy));
  const { style, foldsBiases = false } = request;
  return makePlan(assessment, {
    policy,
    foldsBiases,
    ...(style === undefined ? {} : { style }),
    overhead: kept?.overhead ?? 1,
    goal: { keep, criterion: simulation.measure.name },
    seed,
  });
}
