/**
 * @file Measures of answers: which class a network names. Each counts answers, so its sums are whole numbers.
 */
import { QtamlError } from "../errors.ts";
import {
  classOutputs,
  confidence,
  nonFiniteAnswer,
  placeStart,
  requireScores,
  topClasses,
  unlabelledOutputs,
  usualIgnoreLabel,
  type ClassLayout,
  type ClassOutputs,
} from "./layout.ts";
import type { Judge, Measure, Outputs, Reference } from "./measure.ts";

/** Settings of measures that read labels. */
export interface LabelOptions {
  /** Label of places that are not judged; 255 unless told, where the model has no such class. */
  readonly ignoreLabel?: number | undefined;
}

/** Classes that answers are compared with. */
export interface ClassLabels {
  readonly outputs: ClassOutputs;
  /** [count * places] classes; `unjudged` where a place is not to be judged. */
  readonly values: Int32Array;
}

/** The label of a place that is not judged. */
export const unjudged = -2;

/**
 * The labels of a reference, checked against the model's classes.
 *
 * @param measure name of the measure, for errors
 * @throws QtamlError `data-mismatch` without class labels, or when they do not fit the outputs
 */
export function classLabels(reference: Reference, measure: string, options: LabelOptions = {}): ClassLabels {
  const { labels } = reference;
  if (!(labels?.data instanceof Int32Array)) {
    throw new QtamlError(
      "data-mismatch",
      labels === undefined
        ? `Measure ${measure} needs labels, and the data have none: give --labels, or judge by --measure agreement, which needs none.`
        : `Measure ${measure} needs class numbers as labels, and the data have fractions; judge by --measure r2 or mse-targets.`,
    );
  }
  const outputs = classOutputs(reference, labels.dims);
  const { classes, places } = outputs.layout;
  const ignored = options.ignoreLabel ?? (classes > usualIgnoreLabel ? undefined : usualIgnoreLabel);
  const isJudged = (label: number) => places === 1 || (label >= 0 && label !== ignored);
  const bad = labels.data.findIndex((label) => isJudged(label) && !(label >= 0 && label < classes));
  if (bad >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `Label ${labels.data[bad]} of sample ${Math.floor(bad / places)} is out of range: the model has ${classes} classes, numbered from 0${outputs.scale !== "classes" && outputs.layout.channels === 1 ? "; judge a regression by --measure r2 or mse-targets" : ""}.`,
    );
  }
  const values = labels.data.map((label) => (isJudged(label) ? label : unjudged));
  if (values.every((label) => label === unjudged)) {
    throw new QtamlError("data-mismatch", "No place has a label that is judged; give labels to judge by.");
  }
  return { outputs, values };
}

/** The target of a quality whose higher values are better and whose worst value is 0. */
export const shareOfClean =
  (name: string) =>
  (keep: number, clean: number): number => {
    if (clean > 0) return keep * clean;
    throw new QtamlError(
      "invalid-argument",
      `The clean network has ${name} ${clean}, of which no share can be kept; check the data, or choose another --measure.`,
    );
  };

/** The target of a rate of errors: the rate's complement keeps a share of the clean one. */
export const shareOfComplement = (keep: number, clean: number): number => 1 - keep * (1 - clean);

/** Judges by the share of answers for which something holds; the sums are how often it held, and how often it was asked. */
function shareJudge(
  target: Judge["target"],
  count: (values: Float32Array, sample: number) => readonly [held: number, asked: number],
): Judge {
  return {
    width: 2,
    range: [0, 1],
    contribute(values, sample, _isFinite, into) {
      [into[0], into[1]] = count(values, sample);
    },
    score: ([held, asked]) => held! / asked!,
    target,
  };
}

/** Whether fewer than `k` classes rank above the label at a place; of equal outputs the first ranks highest. */
function isAmongTop(layout: ClassLayout, values: Float32Array, place: number, label: number, k: number) {
  const { channels, inner } = layout;
  const start = placeStart(layout, place);
  const own = values[start + label * inner]!;
  let above = 0;
  for (let c = 0, i = start; c < channels; c++, i += inner) {
    const value = values[i]!;
    if (value - value !== 0) return false;
    if (value > own || (value === own && c < label)) above++;
  }
  return above < k;
}

/** The share of labels that are among the `k` largest outputs; with `k` = 1 the accuracy. */
export function topMeasure(k: number, options: LabelOptions = {}): Measure {
  const name = `top-${k}`;
  const title = k === 1 ? "accuracy" : `top-${k} accuracy`;
  return {
    description: { name, title, unit: "share", higherIsBetter: true, kept: `the clean ${title}` },
    bind(reference) {
      const { outputs, values: labels } = classLabels(reference, name, options);
      const { layout } = outputs;
      if (k > 1) requireScores(outputs, name);
      if (outputs.scale !== "classes" && k >= layout.classes) {
        throw new QtamlError(
          "data-mismatch",
          `Measure ${name} is always right for a model of ${layout.classes} classes; choose a smaller number.`,
        );
      }
      return shareJudge(shareOfClean(title), (values, sample) => {
        const own = labels.subarray(sample * layout.places, (sample + 1) * layout.places);
        const answers = k === 1 ? topClasses(outputs, values) : undefined;
        let [held, asked] = [0, 0];
        own.forEach((label, place) => {
          if (label === unjudged) return;
          asked++;
          const isRight =
            answers === undefined ? isAmongTop(layout, values, place, label, k) : answers[place] === label;
          if (isRight) held++;
        });
        return [held, asked];
      });
    },
  };
}

/** The share of places whose class is right, by one label a place. */
export function pixelAccuracyMeasure(options: LabelOptions = {}): Measure {
  const title = "pixel accuracy";
  return {
    description: {
      name: "pixel-accuracy",
      title,
      unit: "share",
      higherIsBetter: true,
      kept: `the clean ${title}`,
    },
    bind(reference) {
      requirePlaces(classLabels(reference, "pixel-accuracy", options).outputs.layout, "pixel-accuracy");
      return topMeasure(1, options).bind(reference);
    },
  };
}

/** @throws QtamlError `data-mismatch` when a sample has one answer only */
export function requirePlaces({ places }: ClassLayout, measure: string): void {
  if (places > 1) return;
  throw new QtamlError(
    "data-mismatch",
    `Measure ${measure} judges a class for each pixel, and this model gives one a sample; judge by --measure top-1.`,
  );
}

/** [count * places] what the clean network answers. */
export function cleanAnswers(outputs: ClassOutputs, { count, values }: Outputs): Int32Array {
  const { places } = outputs.layout;
  const size = values.length / count;
  const answers = new Int32Array(count * places);
  for (let n = 0; n < count; n++) {
    answers.set(topClasses(outputs, values.subarray(n * size, (n + 1) * size)), n * places);
  }
  return answers;
}

/** Counts the answers that agree with those of the clean network, where `isAsked`. */
function countChanges(
  outputs: ClassOutputs,
  clean: Int32Array,
  isAsked: (index: number) => boolean,
): (values: Float32Array, sample: number) => { agreeing: number; asked: number } {
  const { places } = outputs.layout;
  return (values, sample) => {
    let [agreeing, asked] = [0, 0];
    topClasses(outputs, values).forEach((answer, place) => {
      const index = sample * places + place;
      if (!isAsked(index)) return;
      asked++;
      if (answer !== nonFiniteAnswer && answer === clean[index]) agreeing++;
    });
    return { agreeing, asked };
  };
}

/** The share of answers that are those of the clean network. */
export const agreementMeasure: Measure = {
  description: {
    name: "agreement",
    title: "agreement with the clean network",
    unit: "share",
    higherIsBetter: true,
    kept: "the clean network's answers",
  },
  bind(reference) {
    const outputs = unlabelledOutputs(reference);
    const count = countChanges(outputs, cleanAnswers(outputs, reference.clean), () => true);
    return shareJudge(shareOfClean("agreement"), (values, sample) => {
      const { agreeing, asked } = count(values, sample);
      return [agreeing, asked];
    });
  },
};

/** The share of answers that are not those of the clean network: 1 less the agreement. */
export const sdcMeasure: Measure = {
  description: {
    name: "sdc",
    title: "SDC rate",
    unit: "share",
    higherIsBetter: false,
    kept: "the clean network's answers",
  },
  bind(reference) {
    const outputs = unlabelledOutputs(reference);
    const count = countChanges(outputs, cleanAnswers(outputs, reference.clean), () => true);
    return shareJudge(shareOfComplement, (values, sample) => {
      const { agreeing, asked } = count(values, sample);
      return [asked - agreeing, asked];
    });
  },
};

/** The share of the clean network's right answers that changed. */
export function rightSdcMeasure(options: LabelOptions = {}): Measure {
  const name = "top-1-sdc";
  return {
    description: {
      name,
      title: "SDC rate of right answers",
      unit: "share",
      higherIsBetter: false,
      kept: "the clean network's right answers",
    },
    bind(reference) {
      const { outputs, values: labels } = classLabels(reference, name, options);
      const clean = cleanAnswers(outputs, reference.clean);
      const isRight = (index: number) => clean[index] === labels[index];
      if (!clean.some((_, index) => isRight(index))) {
        throw new QtamlError(
          "data-mismatch",
          `The clean network answers none of the samples rightly, so ${name} has nothing to count; check the labels, or judge by --measure sdc.`,
        );
      }
      const count = countChanges(outputs, clean, isRight);
      return shareJudge(shareOfComplement, (values, sample) => {
        const { agreeing, asked } = count(values, sample);
        return [asked - agreeing, asked];
      });
    },
  };
}

/** The share of answers that would be right if the clean network's confidences were: the mean of its confidence in each. */
export const expectedAccuracyMeasure: Measure = {
  description: {
    name: "expected-accuracy",
    title: "expected accuracy",
    unit: "share",
    higherIsBetter: true,
    kept: "the clean expected accuracy",
  },
  bind(reference) {
    const outputs = unlabelledOutputs(reference);
    requireScores(outputs, "expected-accuracy");
    const { count, values: clean } = reference.clean;
    const size = clean.length / count;
    return shareJudge(shareOfClean("expected accuracy"), (values, sample) => {
      const own = clean.subarray(sample * size, (sample + 1) * size);
      let held = 0;
      topClasses(outputs, values).forEach((answer, place) => {
        if (answer !== nonFiniteAnswer) held += confidence(outputs, own, place, answer);
      });
      return [held, outputs.layout.places];
    });
  },
};
