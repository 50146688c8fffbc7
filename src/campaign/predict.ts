/**
 * @file Predicts how many answers a protection keeps, without simulating a fault: the error law and the Jacobian give
 * the noise on each sample's logits, and the logits' margins say how much noise an answer bears.
 */
import { QtamlError } from "../errors.ts";
import {
  agreementUnderNoise,
  allocator,
  expectedRunaways,
  ordinaryErrors,
  residualCurve,
  saturationRatio,
  segmentsOf,
  tensorNoise,
  type PolicyName,
} from "../protect/index.ts";
import { outputSize, type Protection } from "../engine/index.ts";
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

/** Measures that follow the share of answers that stay. */
const answerMeasures: ReadonlySet<string> = new Set([
  "accuracy",
  "top-1",
  "agreement",
  "expected-accuracy",
  "sdc",
  "top-1-sdc",
]);

/**
 * Whether predicted agreement speaks of a network: it was measured, and its output is one row of two logits or more,
 * the largest of which is the answer.
 */
export function hasAnswers({ jacobian, calibration }: Survey): boolean {
  if (jacobian === undefined || calibration === undefined) return false;
  return calibration.logits.dims.filter((d) => d > 1).length === 1;
}

/** Whether predicted agreement speaks of a network's score under a measure. */
export function isPredicted(assessment: Survey, measure: string): boolean {
  return answerMeasures.has(measure) && hasAnswers(assessment);
}

/**
 * Predicted share of answers that stay those of the clean network. A chip with a runaway weight (16-bit floats only)
 * is taken to guess.
 *
 * @param shift [samples * classes] coherent change of the logits; none unless given
 * @throws QtamlError `invalid-argument` without calibration data
 */
export function predictAgreement(
  assessment: Survey,
  protection: Protection,
  shift?: ArrayLike<number>,
): number {
  const known = measured(assessment);
  const { logits } = known.calibration;
  const clean = { values: logits.values, classes: outputSize(logits) };
  const whole = Math.exp(-expectedRunaways(known.memory, protection));
  return (
    whole * agreementUnderNoise(clean, sampleNoise(known, protection), shift) + (1 - whole) / clean.classes
  );
}

/** What is expected of the policies before any simulation. */
export interface Prediction {
  /** Least overhead at which the predicted agreement reaches the target, by policy. */
  readonly overhead: Readonly<Record<"uniform-msp" | "tac", number>>;
  /** Predicted mean squared output error of TAC at its overhead: the residual the network bears. */
  readonly noise: number;
  /** Closed-form gain at that residual: overhead of Uniform-MSP over that of TAC. */
  readonly saturationRatio: number;
}

/** Least overhead at which the memory, read without correction, is predicted to keep a share of the answers. */
function leastOverhead(known: Measured, policy: PolicyName, keep: number): number {
  const { allocate } = allocator(policy, known.memory);
  const agreement = (overhead: number) => {
    const { tensors } = allocate(overhead);
    return predictAgreement(
      known,
      known.memory.map((t, i) => segmentsOf(t, tensors[i]!, "none")),
    );
  };
  if (agreement(0) >= keep) return 0;
  let low = 0;
  let high = 1;
  while (high - low > 1e-4) {
    const middle = (low + high) / 2;
    if (agreement(middle) >= keep) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Predicts the least overheads that keep a share of the answers, and the saturation ratio: at the residual noise that
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
