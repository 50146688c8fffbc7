/**
 * @file Finds the least overhead at which a policy keeps a target, by bisection on simulated chips.
 */
import type { Protection } from "../engine/index.ts";
import type { Plan, PolicyName } from "../protect/index.ts";
import { meanInterval } from "../stats/index.ts";
import type { Assessment } from "./assess.ts";
import { makePlan, planProtection } from "./plan.ts";
import { predict } from "./predict.ts";
import { summarise, type ChipSummary, type RunControl, type Simulation } from "./simulate.ts";

/** One budget of one policy, simulated. */
export interface CurvePoint extends ChipSummary {
  readonly overhead: number;
}

/** The least overhead that keeps the target. */
export interface OverheadAtTarget {
  /** Where the measured curve crosses the target; 1 when even full protection does not keep it. */
  readonly overhead: number;
  /** Where the upper and the lower end of the accuracy's interval cross the target. */
  readonly low: number;
  readonly high: number;
  /** The points that were simulated, by overhead. */
  readonly points: readonly CurvePoint[];
}

/** Settings of a search. */
export interface SearchOptions extends RunControl {
  readonly policy: PolicyName;
  /** Mean score over chips to keep, for instance 0.95 of the clean score. */
  readonly target: number;
  readonly chips: number;
  /** Overhead at which the policy is expected to keep the target: the first guess. */
  readonly guess?: number;
  /** Points already simulated with the same chips. */
  readonly known?: readonly CurvePoint[];
  /** Stop when the bracket is this narrow, in overhead. */
  readonly tolerance?: number;
  readonly seed?: number;
}

/** The overhead at which a curve first reaches a target, linear between points; 1 when it never does. */
function crossing(points: readonly CurvePoint[], height: (p: CurvePoint) => number, target: number): number {
  for (const [i, point] of points.entries()) {
    if (height(point) < target) continue;
    const before = points[i - 1];
    if (before === undefined) return point.overhead;
    const share = (target - height(before)) / (height(point) - height(before));
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
  target: number,
  chips: number,
  control: RunControl = {},
): Promise<CurvePoint> {
  const protection: Protection = planProtection(plan);
  const [results] = await simulation.run([protection], chips, control);
  return { overhead: plan.overhead, ...summarise(results!, target) };
}

/**
 * Where a curve of simulated points crosses a target, with the crossings of the ends of its intervals of the given
 * confidence.
 */
export function overheadAtTarget(
  points: readonly CurvePoint[],
  target: number,
  confidence = 0.95,
): OverheadAtTarget {
  const sorted = [...points].sort((a, b) => a.overhead - b.overhead);
  const intervals = new Map(
    sorted.map(({ chips, accuracy, deviation }, i) => {
      const moments = { count: chips, mean: accuracy, m2: deviation ** 2 * (chips - 1) };
      return [sorted[i]!, meanInterval(moments, { confidence, clip: [0, 1] })];
    }),
  );
  return {
    overhead: crossing(sorted, (p) => p.accuracy, target),
    low: crossing(sorted, (p) => intervals.get(p)!.high, target),
    high: crossing(sorted, (p) => intervals.get(p)!.low, target),
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
  const { policy, target, chips, tolerance = 0.002, seed = 0 } = options;
  const points = [...(options.known ?? [])];
  const control: RunControl = options.signal === undefined ? {} : { signal: options.signal };
  let low = Math.max(0, ...points.filter((p) => p.accuracy < target).map((p) => p.overhead));
  let high = Math.min(
    1,
    ...points.filter((p) => p.accuracy >= target && p.overhead >= low).map((p) => p.overhead),
  );
  const total = Math.max(1, Math.ceil(Math.log2(1 / tolerance)));
  let next =
    options.guess !== undefined && options.guess > low && options.guess < high
      ? options.guess
      : (low + high) / 2;
  for (let step = 0; high - low > tolerance && step < 2 * total; step++) {
    const plan = await makePlan(assessment, { policy, overhead: next, seed });
    const point = await simulatePlan(simulation, plan, target, chips, control);
    points.push(point);
    if (point.accuracy >= target) high = next;
    else low = next;
    next = nextBudget(low, high);
    options.onProgress?.(Math.min(step + 1, total), total);
  }
  return overheadAtTarget(points, target);
}

/** What `planToKeep` is asked for. */
export interface KeepRequest extends Pick<SearchOptions, "policy" | "chips" | "onProgress" | "signal"> {
  /** Share of the clean score to keep. */
  readonly keep: number;
  readonly seed?: number;
}

/**
 * The plan with the least overhead whose simulated chips keep a share of the clean score on average; everything is
 * protected where nothing less does. Starts from the prediction for the policies that have one.
 */
export async function planToKeep(
  assessment: Assessment,
  simulation: Simulation,
  { keep, ...request }: KeepRequest,
): Promise<Plan> {
  const { policy, seed = 0 } = request;
  const target = keep * simulation.clean;
  const guess =
    policy === "tac" || policy === "uniform-msp" ? predict(assessment, keep).overhead[policy] : undefined;
  const found = await searchOverhead(assessment, simulation, {
    ...request,
    target,
    ...(guess === undefined ? {} : { guess }),
  });
  const kept = found.points.find((p) => p.accuracy >= target);
  return makePlan(assessment, {
    policy,
    overhead: kept?.overhead ?? 1,
    goal: { keep, criterion: simulation.criterion },
    seed,
  });
}
