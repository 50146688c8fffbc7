/**
 * @file Finds the least overhead at which a policy keeps a target, by bisection on simulated chips.
 */
import type { Protection } from "../engine/index.ts";
import type { Plan, PolicyName } from "../protect/index.ts";
import { meanInterval } from "../stats/index.ts";
import type { Assessment } from "./assess.ts";
import { checkKeep, isKept, type Goal } from "./goal.ts";
import { makePlan, planProtection } from "./plan.ts";
import { isPredicted, predict } from "./predict.ts";
import { summarise, type ChipSummary, type RunControl, type Simulation } from "./simulate.ts";

/** One budget of one policy, simulated. */
export interface CurvePoint extends ChipSummary {
  readonly overhead: number;
}

/** The least overhead that keeps the target. */
export interface OverheadAtTarget {
  /** Where the measured curve crosses the target; 1 when even full protection does not keep it. */
  readonly overhead: number;
  /** Where the better and the worse end of the score's interval cross the target. */
  readonly low: number;
  readonly high: number;
  /** The points that were simulated, by overhead. */
  readonly points: readonly CurvePoint[];
}

/** Settings of a search. */
export interface SearchOptions extends RunControl {
  readonly policy: PolicyName;
  /** What the mean score over chips is to reach. */
  readonly goal: Goal;
  readonly chips: number;
  /** Overhead at which the policy is expected to keep the target: the first guess. */
  readonly guess?: number;
  /** Points already simulated with the same chips. */
  readonly known?: readonly CurvePoint[];
  /** Stop when the bracket is this narrow, in overhead. */
  readonly tolerance?: number;
  readonly seed?: number;
}

/** The overhead at which a curve first reaches a goal, linear between points; 1 when it never does. */
function crossing(points: readonly CurvePoint[], height: (p: CurvePoint) => number, goal: Goal): number {
  for (const [i, point] of points.entries()) {
    if (!isKept(goal, height(point))) continue;
    const before = points[i - 1];
    if (before === undefined) return point.overhead;
    const rise = height(point) - height(before);
    const share = Number.isFinite(rise) ? (goal.target - height(before)) / rise : 1;
    return before.overhead + share * (point.overhead - before.overhead);
  }
  return 1;
}

/** Where to look next: away from a guess by a factor until it is bracketed, then half-way. */
function nextBudget(low: number, high: number): number {
  if (low === 0) return high / 1.6;
  if (high === 1) return Math.min((1 + low) / 2, low * 1.6);
  return (low + high) / 2;
}

/** Simulates one plan. */
export async function simulatePlan(
  simulation: Simulation,
  plan: Plan,
  goal: Goal,
  chips: number,
  control: RunControl = {},
): Promise<CurvePoint> {
  const protection: Protection = planProtection(plan);
  const [results] = await simulation.run([protection], chips, control);
  return { overhead: plan.overhead, ...summarise(results!, goal) };
}

/**
 * Where a curve of simulated points reaches a goal, with the crossings of the ends of its intervals of the given
 * confidence.
 */
export function overheadAtTarget(
  points: readonly CurvePoint[],
  goal: Goal,
  confidence = 0.95,
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
    overhead: crossing(sorted, (p) => p.accuracy, goal),
    low: crossing(sorted, (p) => intervals.get(p)![better], goal),
    high: crossing(sorted, (p) => intervals.get(p)![worse], goal),
    points: sorted,
  };
}

/**
 * Bisects the overhead of a policy. Every budget meets the same chips, so that neighbouring budgets are compared
 * under common faults.
 */
export async function searchOverhead(
  assessment: Assessment,
  simulation: Simulation,
  options: SearchOptions,
): Promise<OverheadAtTarget> {
  const { policy, goal, chips, tolerance = 0.002, seed = 0 } = options;
  const points = [...(options.known ?? [])];
  const control: RunControl = options.signal === undefined ? {} : { signal: options.signal };
  let low = Math.max(0, ...points.filter((p) => !isKept(goal, p.accuracy)).map((p) => p.overhead));
  let high = Math.min(
    1,
    ...points.filter((p) => isKept(goal, p.accuracy) && p.overhead >= low).map((p) => p.overhead),
  );
  const total = Math.max(1, Math.ceil(Math.log2(1 / tolerance)));
  let next =
    options.guess !== undefined && options.guess > low && options.guess < high
      ? options.guess
      : (low + high) / 2;
  for (let step = 0; high - low > tolerance && step < 2 * total; step++) {
    const plan = await makePlan(assessment, { policy, overhead: next, seed });
    const point = await simulatePlan(simulation, plan, goal, chips, control);
    points.push(point);
    if (isKept(goal, point.accuracy)) high = next;
    else low = next;
    next = nextBudget(low, high);
    options.onProgress?.(Math.min(step + 1, total), total);
  }
  return overheadAtTarget(points, goal);
}

/** What `planToKeep` is asked for. */
export interface KeepRequest extends Pick<SearchOptions, "policy" | "chips" | "onProgress" | "signal"> {
  /** Share of the clean quality to keep. */
  readonly keep: number;
  readonly seed?: number;
}

/**
 * The plan with the least overhead whose simulated chips keep a share of the clean quality on average; everything is
 * protected where nothing less does. Starts from the prediction for the policies that have one.
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
      : undefined;
  const found = await searchOverhead(assessment, simulation, {
    ...request,
    goal,
    ...(guess === undefined ? {} : { guess }),
  });
  const kept = found.points.find((p) => isKept(goal, p.accuracy));
  return makePlan(assessment, {
    policy,
    overhead: kept?.overhead ?? 1,
    goal: { keep, criterion: simulation.measure.name },
    seed,
  });
}
