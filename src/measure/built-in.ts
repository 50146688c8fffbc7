/**
 * @file The measures that qtaml brings, by name.
 */
import { QtamlError } from "../errors.ts";
import {
  agreementMeasure,
  expectedAccuracyMeasure,
  pixelAccuracyMeasure,
  rightSdcMeasure,
  sdcMeasure,
  topMeasure,
  type LabelOptions,
} from "./answers.ts";
import { crossEntropyMeasure } from "./likelihood.ts";
import type { Measure, Reference } from "./measure.ts";
import { meanIouMeasure } from "./segmentation.ts";
import { mseMeasure, r2Measure, snrMeasure, targetMseMeasure } from "./signal.ts";

const named: Readonly<Record<string, (options: LabelOptions) => Measure>> = {
  accuracy: (options) => topMeasure(1, options),
  agreement: () => agreementMeasure,
  "expected-accuracy": () => expectedAccuracyMeasure,
  sdc: () => sdcMeasure,
  "top-1-sdc": rightSdcMeasure,
  "cross-entropy": crossEntropyMeasure,
  mse: () => mseMeasure,
  snr: () => snrMeasure,
  "mse-targets": () => targetMseMeasure,
  r2: () => r2Measure,
  miou: meanIouMeasure,
  "pixel-accuracy": pixelAccuracyMeasure,
};

/** Names of the measures, `top-K` standing for any whole K; `accuracy` is another word for `top-1`. */
export const measureNames: readonly string[] = ["top-K", ...Object.keys(named)];

/** A measure by its name; undefined for another name. */
export function findMeasure(name: string, options: LabelOptions = {}): Measure | undefined {
  const top = /^top-([1-9]\d{0,5})$/.exec(name);
  if (top !== null) return topMeasure(Number(top[1]), options);
  return Object.hasOwn(named, name) ? named[name]!(options) : undefined;
}

/** A measure by its name. @throws QtamlError `invalid-argument` for an unknown one */
export function builtInMeasure(name: string, options: LabelOptions = {}): Measure {
  const measure = findMeasure(name, options);
  if (measure !== undefined) return measure;
  throw new QtamlError(
    "invalid-argument",
    `There is no measure "${name}"; choose one of ${measureNames.join(", ")}, or give a module such as ./my-measure.mjs.`,
  );
}

/**
 * The measure where none is named. With whole numbers as labels: `top-1` for a class a sample or a step and `miou` for a class
 * a pixel. With fractions, or with whole numbers above 1 where the outputs are no more than the labels: `r2`. Without
 * labels: `agreement` for class numbers as outputs, `expected-accuracy` for a row of two outputs or more, which is
 * what a classifier gives, and `snr` for anything else.
 *
 * @param reference clean outputs, and labels where there are any
 */
export function defaultMeasure({ clean, labels, scale }: Reference): string {
  if (labels === undefined) {
    if (scale === "classes") return "agreement";
    return clean.dims.filter((d) => d > 1).length === 1 ? "expected-accuracy" : "snr";
  }
  const isRegression =
    scale !== "classes" &&
    labels.data.length === clean.values.length &&
    labels.data.some((label) => label !== 0 && label !== 1);
  if (isRegression || labels.data instanceof Float32Array) return "r2";
  return labels.dims.filter((d) => d > 1).length < 2 ? "top-1" : "miou";
}
