/**
 * @file Decides what a network answered. Ours, not the runtime's, so that ties and non-finite outputs have one rule.
 */
import type { Logits } from "./network.ts";

/** The answer of a sample with a NaN or an infinity among its outputs; it counts as wrong. */
export const nonFiniteAnswer = -1;

/** The class of each sample: its largest output, the first one of equals, `nonFiniteAnswer` where one is not finite. */
export function topClasses(logits: Logits): Int32Array {
  const { count, classes, values } = logits;
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

/** Counts over the samples of one trial. */
export interface Tally {
  /** Samples judged. */
  readonly samples: number;
  /** Answers equal to the label; 0 when there are no labels. */
  readonly correct: number;
  /** Answers equal to those of the clean network. */
  readonly agreeing: number;
  /** Samples with a NaN or an infinity among the outputs. */
  readonly nonFinite: number;
}

/** Compares answers with labels and with the clean network's answers. */
export function tally(answers: Int32Array, clean: Int32Array, labels: Int32Array | undefined): Tally {
  let correct = 0;
  let agreeing = 0;
  let nonFinite = 0;
  for (let n = 0; n < answers.length; n++) {
    const answer = answers[n]!;
    if (answer === nonFiniteAnswer) nonFinite++;
    else {
      if (labels !== undefined && answer === labels[n]) correct++;
      if (answer === clean[n]) agreeing++;
    }
  }
  return { samples: answers.length, correct, agreeing, nonFinite };
}
