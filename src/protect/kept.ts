/**
 * @file How much of its expected accuracy a classifier is predicted to keep under a protection, without simulating a
 * fault: the error law and the Jacobian give the noise on each sample's logits, and the clean network's confidences say
 * what a changed answer costs. First order in the errors.
 */
import type { ProtectionSegment } from "../channel/index.ts";
import { allocator, segmentsOf } from "./allocate.ts";
import { ordinaryErrors, type MemoryTensor } from "./ladder.ts";
import {
  expectedAccuracyUnderNoise,
  softmaxRows,
  type CleanOutputs,
  type ConfidentOutputs,
} from "./margins.ts";
import type { PolicyName } from "./policies.ts";
import { expectedRunaways, tensorNoise } from "./residual.ts";

/** How much the logits depend on one tensor. */
export interface TensorSensitivity {
  /** `||J_l||_F^2`, averaged over the samples. */
  readonly squaredNorm: number;
  /** [samples] `||(I - 11^T/C) J_l(x)||_F^2`: without the direction in which all logits move alike. */
  readonly sampleContrastNorms: ArrayLike<number>;
}

/** What the clean network says of the samples that its Jacobian was measured on. */
export interface KnownAnswers {
  readonly clean: ConfidentOutputs;
  /** Expected accuracy of the clean network. */
  readonly expected: number;
}

/** A classifier in a memory. */
export interface MeasuredClassifier extends KnownAnswers {
  readonly memory: readonly MemoryTensor[];
  /** In the order of `memory`. */
  readonly sensitivities: readonly TensorSensitivity[];
}

/** The answers of clean logits, with their confidences. */
export function knownAnswers(outputs: CleanOutputs): KnownAnswers {
  const clean = { ...outputs, confidences: softmaxRows(outputs) };
  const samples = outputs.values.length / outputs.classes;
  return { clean, expected: expectedAccuracyUnderNoise(clean, new Float64Array(samples)) };
}

/**
 * [samples] predicted squared error of each sample's logits on a chip without runaway weights, without the direction in
 * which all logits move alike: `sum_l sigma_l^2 ||(I - 11^T/C) J_l(x)||_F^2`.
 */
function sampleNoise(
  { memory, sensitivities, clean }: MeasuredClassifier,
  protection: readonly (readonly ProtectionSegment[])[],
): Float64Array {
  const byTensor = tensorNoise(memory, protection, (...of) => ordinaryErrors(...of).variance)!;
  const noise = new Float64Array(clean.confidences.length / clean.classes);
  sensitivities.forEach(({ squaredNorm, sampleContrastNorms }, t) => {
    if (squaredNorm === 0) return;
    const scale = byTensor[t]! / squaredNorm;
    for (let n = 0; n < noise.length; n++) noise[n]! += scale * sampleContrastNorms[n]!;
  });
  return noise;
}

/**
 * Predicted share of the clean network's expected accuracy that is kept. Expected accuracy is the mean confidence of
 * the clean network in the answers given: no labels are needed. A chip with a runaway weight (16-bit floats only) is
 * taken to guess.
 *
 * @param shift [samples * classes] coherent change of the logits; none unless given
 */
export function keptAccuracy(
  classifier: MeasuredClassifier,
  protection: readonly (readonly ProtectionSegment[])[],
  shift?: ArrayLike<number>,
): number {
  const { clean, expected } = classifier;
  // What is left of a squared norm without the common direction spreads over classes - 1 others.
  const variance = sampleNoise(classifier, protection).map((v) => v / (clean.classes - 1));
  const whole = Math.exp(-expectedRunaways(classifier.memory, protection));
  const kept = whole * expectedAccuracyUnderNoise(clean, variance, shift) + (1 - whole) / clean.classes;
  return kept / expected;
}

/** Least overhead at which the memory, read as stored, is predicted to keep a share of the expected accuracy. */
export function leastOverhead(classifier: MeasuredClassifier, policy: PolicyName, keep: number): number {
  const { memory } = classifier;
  const { allocate } = allocator(policy, memory);
  const kept = (overhead: number) => {
    const { tensors } = allocate(overhead);
    return keptAccuracy(
      classifier,
      memory.map((t, i) => segmentsOf(t, tensors[i]!, "none")),
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
