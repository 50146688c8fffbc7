/**
 * @file Predicts how much of its accuracy a network keeps under a protection, without simulating a fault: the error
 * law and the Jacobian give the noise on each sample's logits, and the clean network's confidences say what a changed
 * answer costs. First order in the errors.
 */
import { QtamlError } from "../errors.ts";
import {
  allocator,
  expectedAccuracyUnderNoise,
  expectedRunaways,
  ordinaryErrors,
  residualCurve,
  saturationRatio,
  segmentsOf,
  softmaxRows,
  tensorNoise,
  type ConfidentOutputs,
  type PolicyName,
} from "../protect/index.ts";
import { outputSize, type JudgedOutput, type Protection } from "../engine/index.ts";
import type { Survey } from "./assess.ts";

/** What a prediction is made from. */
interface Measured extends Survey {
  readonly jacobian: NonNullable<Survey["jacobian"]>;
  readonly calibration: NonNullable<Survey["calibration"]>;
}

/** @throws QtamlError `invalid-argument` without calibration data */
function measured(assessment: Survey): Measured {
  const { jacobian, calibration } = assessment;
  if (jacobian === undefined || calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "A prediction needs inputs to measure the Jacobian: give --data (labels are not needed).",
    );
  }
  return { ...assessment, jacobian, calibration };
}

/**
 * [samples] predicted squared error of each calibration sample's logits on a chip without runaway weights, without the
 * direction in which all logits move alike: `sum_l sigma_l^2 ||(I - 11^T/C) J_l(x)||_F^2`.
 */
function sampleNoise({ memory, jacobian }: Measured, protection: Protection): Float64Array {
  const byTensor = tensorNoise(memory, protection, (...of) => ordinaryErrors(...of).variance)!;
  const noise = new Float64Array(Math.min(...jacobian.map((j) => j.sampleContrastNorms.length)));
  jacobian.forEach(({ squaredNorm, sampleContrastNorms }, t) => {
    if (squaredNorm === 0) return;
    const scale = byTensor[t]! / squaredNorm;
    for (let n = 0; n < noise.length; n++) noise[n]! += scale * sampleContrastNorms[n]!;
  });
  return noise;
}

/** Measures of which expected accuracy is an estimate. Answers that merely stay are another matter: wrong ones count. */
const answerMeasures: ReadonlySet<string> = new Set(["accuracy", "top-1", "expected-accuracy"]);

/**
 * Whether a prediction of answers speaks of a network: it was measured, and its output is one row of two logits or more,
 * the largest of which is the answer.
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
 * Predicted share of the clean network's expected accuracy that is kept. Expected accuracy is the mean confidence of
 * the clean network in the answers given: no labels are needed. A chip with a runaway weight (16-bit floats only) is
 * taken to guess.
 *
 * @param shift [samples * classes] coherent change of the logits; none unless given
 * @throws QtamlError `invalid-argument` without calibration data
 */
export function predictKept(assessment: Survey, protection: Protection, shift?: ArrayLike<number>): number {
  const known = measured(assessment);
  const noise = sampleNoise(known, protection);
  const { clean, expected } = confidentOutputs(known, noise.length);
  // What is left of a squared norm without the common direction spreads over classes - 1 others.
  const variance = noise.map((v) => v / (clean.classes - 1));
  const whole = Math.exp(-expectedRunaways(known.memory, protection));
  const kept = whole * expectedAccuracyUnderNoise(clean, variance, shift) + (1 - whole) / clean.classes;
  return kept / expected;
}

interface KnownOutputs {
  readonly clean: ConfidentOutputs;
  /** Expected accuracy of the clean network. */
  readonly expected: number;
}

const knownOutputs = new WeakMap<JudgedOutput, KnownOutputs>();

/** The clean outputs of the first samples, worked out once: plans ask again and again. */
function confidentOutputs({ calibration: { logits } }: Measured, samples: number): KnownOutputs {
  let known = knownOutputs.get(logits);
  if (known === undefined || known.clean.values.length !== samples * known.clean.classes) {
    const classes = outputSize(logits);
    const outputs = { values: logits.values.subarray(0, samples * classes), classes };
    const clean = { ...outputs, confidences: softmaxRows(outputs) };
    known = { clean, expected: expectedAccuracyUnderNoise(clean, new Float64Array(samples)) };
    knownOutputs.set(logits, known);
  }
  return known;
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

/** Least overhead at which the memory, read without correction, is predicted to keep a share of the expected accuracy. */
function leastOverhead(known: Measured, policy: PolicyName, keep: number): number {
  const { allocate } = allocator(policy, known.memory);
  const kept = (overhead: number) => {
    const { tensors } = allocate(overhead);
    return predictKept(
      known,
      known.memory.map((t, i) => segmentsOf(t, tensors[i]!, "none")),
    );
  };
  if (kept(0) >= keep) return 0;
  let low = 0;
  let high = 1;
  while (high - low > 1e-4) {
    const middle = (low + high) / 2;
    if (kept(middle) >= keep) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Predicts the least overheads that keep a share of the expected accuracy, and the saturation ratio: at the residual noise that
 * TAC is predicted to leave there, the closed-form overhead of Uniform-MSP over that of TAC. Our definition of the
 * ratio; the published formula is not public.
 *
 * @throws QtamlError `invalid-argument` without calibration data
 */
export function predict(assessment: Survey, keep: number): Prediction {
  const known = measured(assessment);
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
