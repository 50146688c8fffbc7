/**
 * @file Predicts how much of its accuracy a network keeps under a protection, from what was measured of it.
 */
import { QtamlError } from "../errors.ts";
import {
  keptAccuracy,
  knownAnswers,
  leastOverhead,
  residualCurve,
  saturationRatio,
  type KnownAnswers,
  type MeasuredClassifier,
} from "../protect/index.ts";
import { outputSize, type JudgedOutput, type Protection } from "../engine/index.ts";
import type { Survey } from "./assess.ts";

const remembered = new WeakMap<JudgedOutput, KnownAnswers>();

/**
 * A survey as predictions of answers need it: the samples of the Jacobian and what the clean network says of them.
 *
 * @throws QtamlError `invalid-argument` without calibration data
 */
function measuredClassifier({ memory, jacobian, calibration }: Survey): MeasuredClassifier {
  if (jacobian === undefined || calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "A prediction needs inputs to measure the Jacobian: give --data (labels are not needed).",
    );
  }
  const { logits } = calibration;
  const classes = outputSize(logits);
  const samples = Math.min(...jacobian.map((j) => j.sampleContrastNorms.length));
  let known = remembered.get(logits);
  if (known === undefined || known.clean.values.length !== samples * classes) {
    known = knownAnswers({ values: logits.values.subarray(0, samples * classes), classes });
    remembered.set(logits, known);
  }
  return { memory, sensitivities: jacobian, ...known };
}

/** Measures of which expected accuracy is an estimate. Answers that merely stay are another matter: wrong ones count. */
const answerMeasures: ReadonlySet<string> = new Set(["accuracy", "top-1", "expected-accuracy"]);

/**
 * Whether a prediction of answers speaks of a network: it was measured, and its output is one row of two logits or more,
 * the largest of which is the answer.
 *
 * @param survey with calibration data, where there are any
 */
export function hasAnswers({ jacobian, calibration }: Survey): boolean {
  if (jacobian === undefined || calibration === undefined) return false;
  return calibration.logits.dims.filter((d) => d > 1).length === 1;
}

/** Whether the prediction speaks of a network's score under a measure. */
export function isPredicted(assessment: Survey, measure: string): boolean {
  return answerMeasures.has(measure) && hasAnswers(assessment);
}

/**
 * Predicted share of the clean network's expected accuracy that is kept (`keptAccuracy`).
 *
 * @param shift [samples * classes] coherent change of the logits; none unless given
 * @throws QtamlError `invalid-argument` without calibration data
 */
export function predictKept(assessment: Survey, protection: Protection, shift?: ArrayLike<number>): number {
  return keptAccuracy(measuredClassifier(assessment), protection, shift);
}

/** What is expected of the policies before any simulation. */
export interface Prediction {
  /** Least overhead at which the predicted expected accuracy reaches the target, by policy. */
  readonly overhead: Readonly<Record<"uniform-msp" | "tac", number>>;
  /** Predicted mean squared output error of TAC at its overhead: the residual the network bears. */
  readonly noise: number;
  /** Closed-form gain at that residual: overhead of Uniform-MSP over that of TAC. */
  readonly saturationRatio: number;
}

/**
 * Predicts the least overheads that keep a share of the expected accuracy, and the saturation ratio: at the residual noise that
 * TAC is predicted to leave there, the closed-form overhead of Uniform-MSP over that of TAC. Our definition of the
 * ratio; the published formula is not public.
 *
 * @throws QtamlError `invalid-argument` without calibration data
 */
export function predict(assessment: Survey, keep: number): Prediction {
  const known = measuredClassifier(assessment);
  const overhead = {
    "uniform-msp": leastOverhead(known, "uniform-msp", keep),
    tac: leastOverhead(known, "tac", keep),
  };
  const curve = residualCurve("tac", known.memory);
  const noise = noiseAt(curve.overhead, curve.noise, overhead.tac);
  return { overhead, noise, saturationRatio: saturationRatio(known.memory, noise) };
}

/** A polyline's height. */
function noiseAt(overheads: readonly number[], noise: readonly number[], overhead: number): number {
  const right = overheads.findIndex((o) => o >= overhead);
  if (right <= 0) return noise[Math.max(right, 0)]!;
  const share = (overhead - overheads[right - 1]!) / (overheads[right]! - overheads[right - 1]!);
  return noise[right - 1]! + share * (noise[right]! - noise[right - 1]!);
}
