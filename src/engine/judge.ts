/**
 * @file Decides what a network answered. Ours, not the runtime's, so that ties and non-finite outputs have one rule.
 */
import { QtamlError } from "../errors.ts";
import { outputSize, type JudgedOutput } from "./network.ts";

/** The answer of a sample with a NaN or an infinity among its outputs; it counts as wrong. */
export const nonFiniteAnswer = -1;

/** The class of each sample: its largest output, the first one of equals, `nonFiniteAnswer` where one is not finite. */
export function topClasses(output: Pick<JudgedOutput, "count" | "dims" | "values">): Int32Array {
  const { count, values } = output;
  const classes = outputSize(output);
  const answers = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const base = n * classes;
    let best = 0;
    let isFinite = true;
    for (let c = 0; c < classes; c++) {
      const value = values[base + c]!;
      if (value - value !== 0) isFinite = false;
      if (value > values[base + best]!) best = c;
    }
    answers[n] = isFinite ? best : nonFiniteAnswer;
  }
  return answers;
}

/**
 * How sure a classifier is of each class: the softmax of its outputs, or the outputs themselves where they are
 * probabilities already. [count * classes]; zeros for a sample with outputs that are not finite.
 */
export function confidences(output: Pick<JudgedOutput, "count" | "dims" | "values">): Float32Array {
  const { count, values } = output;
  const classes = outputSize(output);
  const probabilities = new Float32Array(values.length);
  for (let n = 0; n < count; n++) {
    const row = values.subarray(n * classes, (n + 1) * classes);
    const sum = row.reduce((a, b) => a + b, 0);
    const areProbabilities = Math.abs(sum - 1) < 1e-3 && row.every((v) => v >= 0 && v <= 1);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = Float64Array.from(row, (z) => (areProbabilities ? z : Math.exp(z - top)));
    const total = powers.reduce((a, b) => a + b, 0);
    if (Number.isFinite(total))
      probabilities.set(
        Float32Array.from(powers, (v) => v / total),
        n * classes,
      );
  }
  return probabilities;
}

/** What the network with clean weights says, to compare with. */
export interface CleanReference {
  /** [count] its answers. */
  readonly answers: Int32Array;
  /** [count * classes] how sure it is of each class. */
  readonly confidences: Float32Array;
}

/** The reference that a clean network's outputs make. */
export function cleanReference(output: Pick<JudgedOutput, "count" | "dims" | "values">): CleanReference {
  return { answers: topClasses(output), confidences: confidences(output) };
}

/** Counts over the samples of one trial. */
export interface Tally {
  /** Samples judged. */
  readonly samples: number;
  /** Answers equal to the label; 0 when there are no labels. */
  readonly correct: number;
  /** Answers equal to those of the clean network. */
  readonly agreeing: number;
  /**
   * Expected number of correct answers if the clean network's confidences are right: the sum of its confidence in
   * each answer. Needs no labels.
   */
  readonly expected: number;
  /** Samples with a NaN or an infinity among the outputs. */
  readonly nonFinite: number;
}

/** Compares answers with labels and with the clean network. */
export function tally(answers: Int32Array, clean: CleanReference, labels: Int32Array | undefined): Tally {
  const classes = clean.confidences.length / clean.answers.length;
  let correct = 0;
  let agreeing = 0;
  let expected = 0;
  let nonFinite = 0;
  for (let n = 0; n < answers.length; n++) {
    const answer = answers[n]!;
    if (answer === nonFiniteAnswer) {
      nonFinite++;
      continue;
    }
    if (labels !== undefined && answer === labels[n]) correct++;
    if (answer === clean.answers[n]) agreeing++;
    expected += clean.confidences[n * classes + answer]!;
  }
  return { samples: answers.length, correct, agreeing, expected, nonFinite };
}

/**
 * Checks labels against the number of classes.
 *
 * @throws QtamlError `data-mismatch` when one is out of range
 */
export function checkLabels(labels: Int32Array, classes: number): void {
  const bad = labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `Label ${labels[bad]} of sample ${bad} is out of range: the model has ${classes} classes, numbered from 0.`,
    );
  }
}
