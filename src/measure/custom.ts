/**
 * @file Measures of one's own: a function of one sample, averaged over samples.
 */
import { QtamlError } from "../errors.ts";
import { shareOfClean } from "./answers.ts";
import type { Measure, MeasureDescription } from "./measure.ts";

/** One sample, as a measure of one's own sees it. The arrays are not to be changed. */
export interface JudgedSample {
  /** The outputs with faults, in C order. */
  readonly outputs: Float32Array;
  /** The outputs with clean weights. */
  readonly clean: Float32Array;
  /** Label of the sample, or labels of its places, in C order; undefined where the data have none. */
  readonly labels: number | Int32Array | Float32Array | undefined;
  /** Dimensions of the sample's outputs. */
  readonly dims: readonly number[];
}

/** A measure of one's own. */
export interface CustomMeasure {
  /** The number of one sample; must be finite, and always the same for the same sample. */
  readonly judge: (sample: JudgedSample) => number;
  readonly name: string;
  readonly unit: MeasureDescription["unit"];
  readonly higherIsBetter: boolean;
  /** Whether `judge` is to be given a label; data without labels are refused then. */
  readonly needsLabels: boolean;
  /** The number of a sample with a NaN or an infinity among its outputs; the function does not see such samples. */
  readonly nonFinite: number;
  /** What to call its file in an error. */
  readonly file: string;
}

/** The mean over samples of a function of one sample. */
export function customMeasure(custom: CustomMeasure): Measure {
  const { judge, name, unit, higherIsBetter, needsLabels, nonFinite, file } = custom;
  return {
    description: {
      name,
      title: name,
      unit,
      higherIsBetter,
      kept: higherIsBetter ? `the clean ${name}` : `the inverse of the clean ${name}`,
    },
    bind({ clean, labels }) {
      if (needsLabels && labels === undefined) {
        throw new QtamlError(
          "data-mismatch",
          `Measure ${name} of ${file} needs labels, and the data have none: give --labels.`,
        );
      }
      const size = clean.values.length / clean.count;
      const labelsOf = (n: number) => {
        if (labels === undefined) return undefined;
        const own = labels.data.length / clean.count;
        return labels.dims.length === 0 ? labels.data[n]! : labels.data.subarray(n * own, (n + 1) * own);
      };
      return {
        width: 2,
        range: [-Infinity, Infinity],
        contribute(outputs, sample, isFinite, into) {
          into[1] = 1;
          into[0] = isFinite
            ? checked(
                () =>
                  judge({
                    outputs,
                    clean: clean.values.subarray(sample * size, (sample + 1) * size),
                    labels: labelsOf(sample),
                    dims: clean.dims,
                  }),
                sample,
                file,
              )
            : nonFinite;
        },
        score: ([sum, samples]) => sum! / samples!,
        target: (keep, score) => {
          if (higherIsBetter) return shareOfClean(name)(keep, score);
          if (score > 0) return score / keep;
          throw new QtamlError(
            "invalid-argument",
            `${name} of ${file} is ${score} for the clean network, so there is no share of it to keep; return a quality for which higher is better.`,
          );
        },
      };
    },
  };
}

/** Runs a user's function and checks what it gives. @throws QtamlError `invalid-file` that names sample and file */
function checked(run: () => unknown, sample: number, file: string): number {
  let value: unknown;
  try {
    value = run();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new QtamlError("invalid-file", `${file} failed on sample ${sample}: ${what}; mend the measure.`, {
      cause,
    });
  }
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const shown = typeof value === "number" ? String(value) : `a value of type ${typeof value}`;
  throw new QtamlError(
    "invalid-file",
    `${file} gave ${shown} for sample ${sample}; a measure must return a finite number.`,
  );
}
