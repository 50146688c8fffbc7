/** @file Joint plans on one network: the overhead at the target, and the flip probability borne without any protection. */
import {
  makePlan,
  overheadAtTarget,
  searchOverhead,
  simulatePlan,
  usualStyle,
  type CurvePoint,
} from "../../src/planning/index.ts";
import {
  openSimulation,
  planProtection,
  storeByPlan,
  summarise,
  type Goal,
  type Simulation,
} from "../../src/simulation/index.ts";
import type { Assessment } from "../../src/assessment/index.ts";
import { symmetricFlips, type DecoderClass } from "../../src/channel/index.ts";
import { measureShifts } from "../../src/planning/folding.ts";
import { jointStorage } from "../../src/planning/joint.ts";
import type { Plan } from "../../src/protect/index.ts";
import { jointConfidence, ratioInterval } from "../../src/stats/index.ts";
import type { Subject } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";
import { processorSeconds } from "./large.ts";

/** An estimate with its 95 % interval. */
export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** A way to plan that is compared. */
export type WayName = "uniform-msp" | "tac" | "joint free" | "joint table";

/** What was found of one network. */
export interface BeyondResult {
  readonly name: string;
  readonly p: number;
  readonly clean: number;
  /** Least overhead that keeps the target. */
  readonly overhead: Readonly<Record<WayName, Estimate>>;
  /** Overhead of Uniform-MSP over that of joint plans. */
  readonly ratio: Readonly<Record<DecoderClass, Estimate>>;
  /** The plan of the table class at its overhead: its own check, and what chips keep, as shares of clean. */
  readonly atTarget: {
    readonly tables: number;
    /** How far its predicted noise may be above the optimum of the linear programme, as a share of it. */
    readonly gap: number;
    readonly predicted: Estimate;
    readonly measured: Estimate;
  };
  /** Shares of clean kept with nothing protected. */
  readonly unprotected: Readonly<Record<"plain" | DecoderClass, Estimate>>;
  /** Largest flip probability at which the target is kept with nothing protected. */
  readonly borne: Readonly<Record<"plain" | DecoderClass, number>>;
  /** Shares of clean kept at the table class's overhead by variants of its plan. */
  readonly variants: Readonly<Record<"unshrunk" | "half" | "bayes" | "channel", Estimate>>;
  /** Processor seconds that the last plan took. */
  readonly planSeconds: number;
}

const share = ({ accuracy, low, high }: CurvePoint, clean: number): Estimate => ({
  estimate: accuracy / clean,
  low: low / clean,
  high: high / clean,
});

/** The same memory behind cells of another flip probability; the Jacobian does not depend on it. */
function behind(assessment: Assessment, p: number): Assessment {
  const memory = assessment.memory.map((t) => ({ ...t, flips: symmetricFlips(p, t.format.bits) }));
  return { ...assessment, memory };
}

/** A joint plan without its check, so that variants can be told apart; no bias is shifted. */
export async function variant(
  assessment: Assessment,
  overhead: number,
  decoderClass: DecoderClass,
  shrinking: number,
): Promise<Plan> {
  const none = await makePlan(assessment, { policy: "none", overhead: 0 });
  const { codebooks, protectedBits, tensors } = jointStorage(
    assessment,
    overhead,
    { ...usualStyle, decoderClass },
    shrinking,
  );
  return {
    ...none,
    policy: "joint",
    protectedBits,
    overhead: protectedBits / none.storedBits,
    codebooks,
    tensors: none.tensors.map((tensor, t) => ({ ...tensor, ...tensors[t]! })),
  };
}

/** A joint plan of nothing protected, without its check, with biases shifted. */
async function unprotected(assessment: Assessment, decoderClass: DecoderClass): Promise<Plan> {
  const bare = await variant(assessment, 0, decoderClass, 0);
  return { ...bare, shifts: await measureShifts(storeByPlan(assessment, bare), bare, {}) };
}

/** Largest flip probability at which nothing protected keeps the goal, by bisection of its logarithm. */
async function borneWithout(
  assessment: Assessment,
  simulation: Simulation,
  test: Parameters<typeof openSimulation>[1],
  goal: Goal,
  chips: number,
  planOf: (at: Assessment) => Promise<Plan>,
): Promise<number> {
  let [low, high] = [1e-4, 0.5];
  while (high / low > 1.08) {
    const p = Math.sqrt(low * high);
    const at = behind(assessment, p);
    const plan = await planOf(at);
    const own = await openSimulation(storeByPlan(at, plan), test, { seed: simulation.seed });
    const [results] = await own.run([planProtection(plan)], chips);
    await own.close();
    if (summarise(results!, goal).accuracy >= goal.target) low = p;
    else high = p;
  }
  return Math.sqrt(low * high);
}

/** Everything of one network. */
export async function measureBeyond(subject: Subject, keep: number): Promise<BeyondResult> {
  const { chips, p } = subject;
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, p, calibration);
  const simulation = await openSimulation(assessment, test, { seed: 0 });
  try {
    const goal = simulation.goal(keep);
    /** Points above the crossing, so that the wide intervals of a ratio have an end. */
    const above = async (decoderClass: DecoderClass, overheads: readonly number[]): Promise<CurvePoint[]> => {
      const points: CurvePoint[] = [];
      for (const overhead of overheads) {
        const plan = await makePlan(assessment, {
          policy: "joint",
          overhead,
          style: { ...usualStyle, decoderClass },
        });
        points.push(await simulatePlan(simulation, plan, goal, chips));
      }
      return points;
    };
    const search = { goal, chips, completeInterval: true } as const;
    const found = {
      "uniform-msp": await searchOverhead(assessment, simulation, { ...search, policy: "uniform-msp" }),
      tac: await searchOverhead(assessment, simulation, { ...search, policy: "tac" }),
      "joint free": await searchOverhead(assessment, simulation, {
        ...search,
        policy: "joint",
        style: { ...usualStyle, decoderClass: "free" },
        known: await above("free", [0.12, 0.25]),
        guess: 0.04,
        tolerance: 0.001,
      }),
      "joint table": await searchOverhead(assessment, simulation, {
        ...search,
        policy: "joint",
        known: await above("table", [0.02, 0.06]),
        guess: 0.01,
        tolerance: 0.0005,
      }),
    };
    const estimateOf = (way: WayName): Estimate => {
      const { overhead, low, high } = found[way];
      return { estimate: overhead, low, high };
    };
    const wide = (way: WayName): Estimate => {
      const { overhead, low, high } = overheadAtTarget(found[way].points, goal, jointConfidence(2));
      return { estimate: overhead, low, high };
    };
    const pointOf = async (at: Assessment, plan: Plan): Promise<Estimate> => {
      if (at === assessment)
        return share(await simulatePlan(simulation, plan, goal, chips), simulation.clean);
      const base = await openSimulation(at, test, { seed: 0 });
      try {
        return share(await simulatePlan(base, plan, base.goal(keep), chips), base.clean);
      } finally {
        await base.close();
      }
    };
    const least = found["joint table"].overhead;
    const started = processorSeconds();
    const plan = await makePlan(assessment, { policy: "joint", overhead: least });
    const planSeconds = processorSeconds() - started;
    const check = plan.predicted.check!;
    const perChannel = await assessSubject(subject, p, calibration, "channel");
    const borne = (planOf: (at: Assessment) => Promise<Plan>) =>
      borneWithout(assessment, simulation, test, goal, chips, planOf);
    const none = (at: Assessment) => makePlan(at, { policy: "none", overhead: 0 });
    return {
      name: subject.name,
      p,
      clean: simulation.clean,
      overhead: {
        "uniform-msp": estimateOf("uniform-msp"),
        tac: estimateOf("tac"),
        "joint free": estimateOf("joint free"),
        "joint table": estimateOf("joint table"),
      },
      ratio: {
        free: ratioInterval(wide("uniform-msp"), wide("joint free")),
        table: ratioInterval(wide("uniform-msp"), wide("joint table")),
      },
      atTarget: {
        tables: plan.codebooks.length,
        gap: (8 * plan.predicted.marginalValue!) / plan.predicted.noise!,
        predicted: {
          estimate: check.score / check.clean,
          low: check.low / check.clean,
          high: check.high / check.clean,
        },
        measured: await pointOf(assessment, plan),
      },
      unprotected: {
        plain: await pointOf(assessment, await none(assessment)),
        free: await pointOf(assessment, await unprotected(assessment, "free")),
        table: await pointOf(assessment, await unprotected(assessment, "table")),
      },
      borne: {
        plain: await borne(none),
        free: await borne((at) => unprotected(at, "free")),
        table: await borne((at) => unprotected(at, "table")),
      },
      variants: {
        unshrunk: await pointOf(assessment, await variant(assessment, least, "table", 0)),
        half: await pointOf(assessment, await variant(assessment, least, "table", 0.5)),
        bayes: await pointOf(assessment, await variant(assessment, least, "table", 1)),
        channel: await pointOf(perChannel, await variant(perChannel, least, "table", 0)),
      },
      planSeconds,
    };
  } finally {
    await simulation.close();
  }
}
