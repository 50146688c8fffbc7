/**
 * @file What became of a network's answers, counted beside whatever measure was chosen: right, changed, degraded. Whole
 * numbers, which merge by addition. Definitions as the literature has them: SDC and top-1 SDC after Li et al. (SC 2017),
 * degradation of accuracy after Reagen et al. (DAC 2018); docs/measures.md.
 */
import { classLabels, cleanAnswers, unjudged, type LabelOptions } from "./answers.ts";
import { defaultMeasure } from "./built-in.ts";
import { nonFiniteAnswer, topClasses, unlabelledOutputs } from "./layout.ts";
import { QtamlError } from "../errors.ts";
import type { Reference } from "./measure.ts";

/** Counts of answers of a classifier. A sample has one answer, or one for each of its places. */
export interface AnswerCounts {
  /** Answers given. */
  readonly answers: number;
  /** Answers that are not those of the clean network. */
  readonly changed: number;
  /** Answers that have a label to be judged by; 0 without labels, and so are the three below. */
  readonly labelled: number;
  /** Of these, the right ones. */
  readonly right: number;
  /** Of these, those that the clean network gets right. */
  readonly cleanRight: number;
  /** Right answers of the clean network that changed. */
  readonly rightLost: number;
}

/** No answers at all. */
export const noAnswers: AnswerCounts = {
  answers: 0,
  changed: 0,
  labelled: 0,
  right: 0,
  cleanRight: 0,
  rightLost: 0,
};

/** The counts of two disjoint sets of samples together. */
export function addAnswers(a: AnswerCounts, b: AnswerCounts): AnswerCounts {
  return {
    answers: a.answers + b.answers,
    changed: a.changed + b.changed,
    labelled: a.labelled + b.labelled,
    right: a.right + b.right,
    cleanRight: a.cleanRight + b.cleanRight,
    rightLost: a.rightLost + b.rightLost,
  };
}

/** Shares that follow from counts. NaN where there is nothing to count. */
export interface Outcomes {
  /** Share of labelled answers that are right. */
  readonly top1: number;
  /** Share of answers that changed. */
  readonly sdc: number;
  /** Share of the clean network's right answers that changed. */
  readonly top1Sdc: number;
  /** Clean accuracy less accuracy, on the same samples. */
  readonly degradation: number;
}

/** The shares of counts. */
export function outcomesOf(counts: AnswerCounts): Outcomes {
  const { answers, changed, labelled, right, cleanRight, rightLost } = counts;
  return {
    top1: right / labelled,
    sdc: changed / answers,
    top1Sdc: rightLost / cleanRight,
    degradation: (cleanRight - right) / labelled,
  };
}

/** Counts the answers of one sample. @param sample its place in the data set */
export type AnswerCounter = (values: Float32Array, sample: number) => AnswerCounts;

/** Measures that are the usual ones of a classifier. */
const ofClassifiers = new Set(["top-1", "miou", "agreement", "expected-accuracy"]);

/**
 * A counter of answers; undefined where outputs are not answers (regression, signals; told apart as `defaultMeasure`
 * does), or labels are not classes that fit.
 */
export function answerCounter(reference: Reference, options: LabelOptions = {}): AnswerCounter | undefined {
  try {
    return ofClassifiers.has(defaultMeasure(reference)) ? countAnswers(reference, options) : undefined;
  } catch (error) {
    if (error instanceof QtamlError) return undefined;
    throw error;
  }
}

function countAnswers(reference: Reference, options: LabelOptions): AnswerCounter {
  const { outputs, values: labels } =
    reference.labels === undefined
      ? { outputs: unlabelledOutputs(reference), values: undefined }
      : classLabels(reference, "top-1", options);
  const clean = cleanAnswers(outputs, reference.clean);
  const { places } = outputs.layout;
  return (values, sample) => {
    let [changed, labelled, right, cleanRight, rightLost] = [0, 0, 0, 0, 0];
    topClasses(outputs, values).forEach((answer, place) => {
      const index = sample * places + place;
      const isChanged = answer === nonFiniteAnswer || answer !== clean[index];
      if (isChanged) changed++;
      const label = labels?.[index] ?? unjudged;
      if (label === unjudged) return;
      labelled++;
      if (answer === label) right++;
      if (clean[index] !== label) return;
      cleanRight++;
      if (isChanged) rightLost++;
    });
    return { answers: places, changed, labelled, right, cleanRight, rightLost };
  };
}
