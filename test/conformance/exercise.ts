/** @file What a user does with a model, end to end, and the counts that come out. */
import { inspect, assess, type Assessment } from "../../src/assessment/index.ts";
import { makePlan } from "../../src/planning/index.ts";
import { symmetricFlips } from "../../src/channel/index.ts";
import { hardenByPlan } from "../../src/simulation/index.ts";
import { readModel } from "../../src/cli/files.ts";
import type { Dataset } from "../../src/data/index.ts";
import { bindInputs, modelIo } from "../../src/engine/index.ts";
import { openSession, runSession } from "../../src/engine/session.ts";
import { serialiseModel, type OnnxModel } from "../../src/onnx/index.ts";
import { drawInputs, modelPath, type RealModel } from "./models.ts";

/** Counts of a model, without a floating-point number. */
export interface Counts {
  readonly tensors: number;
  readonly weights: number;
  /** Tensors by the operators that use them. */
  readonly operators: Readonly<Record<string, number>>;
  /** Tensors by the way their Jacobian was measured. */
  readonly methods: Readonly<Record<string, number>>;
  /** Operators without a gradient rule that stopped a gradient. */
  readonly stoppedBy: readonly string[];
}

/** What `exercise` found. */
export interface Exercise {
  readonly counts: Counts;
  /** Largest difference between the clean hardened model's outputs and the quantised model's, as a share of the largest output. */
  readonly difference: number;
  /** The same against the model as published: what storing it costs. */
  readonly storage: number;
}

function tallyOf(items: readonly string[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const item of items.toSorted()) tally[item] = (tally[item] ?? 0) + 1;
  return tally;
}

/** All outputs of a model for the first sample, as numbers. */
export async function outputsOf(model: OnnxModel, bytes: Uint8Array, data: Dataset): Promise<Float64Array[]> {
  const session = await openSession(bytes);
  try {
    const result = await runSession(session, bindInputs(modelIo(model), data).feeds(0, 1));
    return session.outputNames.map((name) =>
      Float64Array.from(result[name]!.data as ArrayLike<number | bigint>, Number),
    );
  } finally {
    await session.release();
  }
}

/** Largest difference over all outputs, each as a share of its largest magnitude. */
export function largestDifference(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} outputs against ${b.length}`);
  let largest = 0;
  a.forEach((own, o) => {
    const other = b[o]!;
    if (own.length !== other.length) throw new Error(`${own.length} values against ${other.length}`);
    const size = other.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    own.forEach((v, i) => {
      const difference = Math.abs(v - other[i]!);
      if (Number.isNaN(difference)) largest = NaN;
      else if (difference > 0) largest = Math.max(largest, difference / size);
    });
  });
  return largest;
}

const flips = (bits: number) => symmetricFlips(0.01, bits);

/** The counts of an assessed model. */
function countsOf(assessment: Assessment): Counts {
  const rows = inspect(assessment);
  return {
    tensors: rows.length,
    weights: rows.reduce((sum, r) => sum + r.count, 0),
    operators: tallyOf(assessment.prepared.tensors.flatMap((t) => t.operators)),
    methods: tallyOf(rows.map((r) => r.method ?? "none")),
    stoppedBy: [...new Set(rows.flatMap((r) => r.stoppedBy ?? []))].toSorted(),
  };
}

/**
 * Inspects a model, plans, hardens it and runs it clean.
 *
 * @param measured whether to measure the Jacobian and to plan by TAC as well
 */
export async function exercise(model: RealModel, measured: boolean): Promise<Exercise> {
  const file = readModel(modelPath(model));
  const data = drawInputs(model, 2);
  const inputs = measured ? { calibration: data, jacobian: { samples: 2, seed: 1 } } : {};
  const storage = { granularity: "channel" as const };
  const assessment = await assess(file, { flips, storage, ...inputs });
  if (measured) {
    const plan = await makePlan(assessment, { policy: "tac", overhead: 0.1 });
    const values = await outputsOf(file.model, serialiseModel(hardenByPlan(assessment, plan)), data);
    if (values.length === 0) throw new Error("the hardened model has no outputs");
  }
  const plan = await makePlan(assessment, { policy: "magnitude", overhead: 0.1 });
  const hardened = serialiseModel(hardenByPlan(assessment, plan));
  const [clean, expected, published] = [
    await outputsOf(file.model, hardened, data),
    await outputsOf(file.model, serialiseModel(assessment.prepared.model), data),
    await outputsOf(file.model, serialiseModel(file.model), data),
  ];
  return {
    counts: countsOf(assessment),
    difference: largestDifference(clean, expected),
    storage: largestDifference(clean, published),
  };
}
