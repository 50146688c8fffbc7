/**
 * @file Measures of outputs as numbers: how far they are from the clean outputs, or from targets.
 */
import { QtamlError } from "../errors.ts";
import { ExactSum } from "./exact.ts";
import { shapeText } from "./layout.ts";
import type { Judge, Measure, Outputs, Reference } from "./measure.ts";
import { shareOfClean } from "./answers.ts";

/**
 * Largest ratio of signal power to error power, and of error power to signal power, that is told apart: `2^48`, or
 * 144.5 dB, the square of float32's resolution. A sample with an output that is not finite has the largest error.
 */
export const powerLimit = 2 ** 48;

/** The largest signal-to-noise ratio, in dB. */
export const maximumSnr = 10 * Math.log10(powerLimit);

/** Sum over a sample's outputs of the squared difference to a reference, at most `limit`. */
function squaredError(values: Float32Array, truth: Float32Array, isFinite: boolean, limit: number): number {
  if (!isFinite) return limit;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - truth[i]!) ** 2;
  // A reference that is not finite itself cannot be met.
  return sum <= limit ? sum : limit;
}

/** Sum of squares, over samples that are finite, and how many there are. */
function power({ count, values }: Outputs): number {
  const sum = new ExactSum();
  const size = values.length / count;
  for (let n = 0; n < count; n++) {
    let own = 0;
    for (let i = n * size; i < (n + 1) * size; i++) own += values[i]! ** 2;
    if (Number.isFinite(own)) sum.add(own);
  }
  return sum.expansion()[0] ?? 0;
}

/** Power of the clean outputs, and the samples that errors are measured on. */
function signalOf({ clean }: Reference, measure: string) {
  const signal = power(clean);
  if (signal === 0) {
    throw new QtamlError(
      "data-mismatch",
      `The clean outputs are all zero or not finite, so ${measure} has no signal to compare with; check the inputs.`,
    );
  }
  return { signal, size: clean.values.length / clean.count, count: clean.count };
}

/** A judge whose one sum is the squared error; its unit is that of `scoreOf(error)`. */
function errorJudge(
  truth: Float32Array,
  size: number,
  limit: number,
  rest: Pick<Judge, "range" | "target"> & { readonly scoreOf: (error: number, samples: number) => number },
): Judge {
  return {
    width: 2,
    range: rest.range,
    contribute(values, sample, isFinite, into) {
      into[0] = squaredError(values, truth.subarray(sample * size, (sample + 1) * size), isFinite, limit);
      into[1] = 1;
    },
    score: ([error, samples]) => rest.scoreOf(error!, samples!),
    target: rest.target,
  };
}

/** Mean over samples and outputs of the squared difference to the clean outputs. */
export const mseMeasure: Measure = {
  description: {
    name: "mse",
    title: "mean squared error of the outputs",
    unit: "",
    higherIsBetter: false,
    kept: "the outputs' signal power",
  },
  bind(reference) {
    const { signal, size, count } = signalOf(reference, "mse");
    const meanPower = signal / (count * size);
    return errorJudge(reference.clean.values, size, (signal / count) * powerLimit, {
      range: [0, meanPower * powerLimit],
      scoreOf: (error, samples) => error / (samples * size),
      target: (keep) => (1 - keep) * meanPower,
    });
  },
};

/** `10 log10` of the clean outputs' power over the power of their error, in dB, between the limits. */
export const snrMeasure: Measure = {
  description: {
    name: "snr",
    title: "SNR of the outputs",
    unit: "dB",
    higherIsBetter: true,
    kept: "the outputs' signal power",
  },
  bind(reference) {
    const { signal, size, count } = signalOf(reference, "snr");
    const decibel = (ratio: number) => Math.min(maximumSnr, Math.max(-maximumSnr, 10 * Math.log10(ratio)));
    return errorJudge(reference.clean.values, size, (signal / count) * powerLimit, {
      range: [-maximumSnr, maximumSnr],
      scoreOf: (error, samples) => decibel((signal * (samples / count)) / error),
      target: (keep) => decibel(1 / (1 - keep)),
    });
  },
};

/** Targets and what they vary by. */
interface Targets {
  readonly values: Float32Array;
  readonly size: number;
  /** Sum over samples and outputs of the squared difference to each output's own mean. */
  readonly variation: number;
}

/** @throws QtamlError `data-mismatch` without targets of the outputs' size, or when they do not vary */
function targetsOf({ clean, labels }: Reference, measure: string): Targets {
  if (labels === undefined) {
    throw new QtamlError(
      "data-mismatch",
      `Measure ${measure} needs targets, and the data have no labels; give "y", or judge by --measure snr, which needs none.`,
    );
  }
  const { count } = clean;
  const size = clean.values.length / count;
  if (labels.data.length !== clean.values.length) {
    throw new QtamlError(
      "data-mismatch",
      `The model's output has shape ${shapeText(clean.dims)} for each sample, but the targets have ${shapeText(labels.dims)}; give one target an output.`,
    );
  }
  const values = Float32Array.from(labels.data);
  const means = new Float64Array(size);
  values.forEach((v, i) => (means[i % size]! += v / count));
  const variation = values.reduce((sum, v, i) => sum + (v - means[i % size]!) ** 2, 0);
  if (!(variation > 0 && variation < Infinity)) {
    throw new QtamlError(
      "data-mismatch",
      `The targets do not vary or are not finite, so ${measure} has nothing to explain; give other samples, or judge by --measure snr.`,
    );
  }
  return { values, size, variation };
}

/** Mean over samples and outputs of the squared difference to the targets. */
export const targetMseMeasure: Measure = {
  description: {
    name: "mse-targets",
    title: "mean squared error",
    unit: "",
    higherIsBetter: false,
    kept: "the variance that the clean network explains",
  },
  bind(reference) {
    const { values, size, variation } = targetsOf(reference, "mse-targets");
    const { count } = reference.clean;
    const variance = variation / (count * size);
    return errorJudge(values, size, (variation / count) * powerLimit, {
      range: [0, variance * powerLimit],
      scoreOf: (error, samples) => error / (samples * size),
      target: (keep, clean) => {
        if (clean < variance) return variance - keep * (variance - clean);
        throw new QtamlError(
          "invalid-argument",
          "The clean network is no better than the mean of the targets, so there is no explained variance to keep; check the data, or choose --measure snr.",
        );
      },
    });
  },
};

/** Coefficient of determination: 1 less the squared error over the targets' variation, of all outputs together. */
export const r2Measure: Measure = {
  description: { name: "r2", title: "R²", unit: "", higherIsBetter: true, kept: "the clean R²" },
  bind(reference) {
    const { values, size, variation } = targetsOf(reference, "r2");
    const { count } = reference.clean;
    return errorJudge(values, size, (variation / count) * powerLimit, {
      range: [1 - powerLimit, 1],
      scoreOf: (error, samples) => 1 - error / (variation * (samples / count)),
      target: shareOfClean("R²"),
    });
  },
};
