/**
 * @file What a measure is: words for it, and a judge that turns outputs into sums that can be merged.
 */

/** Outputs of a network for some samples, one after the other. */
export interface Outputs {
  /** Samples. */
  readonly count: number;
  /** Dimensions of one sample's output. */
  readonly dims: readonly number[];
  /** [count, ...dims]. */
  readonly values: Float32Array;
}

/**
 * What is right for each sample: class numbers (a negative one where a place is not to be judged) or float targets.
 */
export interface Labels {
  /** Dimensions of one sample's labels: [] for one a sample, [H, W] for one a pixel. */
  readonly dims: readonly number[];
  /** [count, ...dims]; whole numbers can be classes or targets. */
  readonly data: Int32Array | Float32Array;
}

/**
 * What the outputs of a classifier are. `probabilities`: softmax or sigmoid is in the model. `logits`: it is not, or
 * they are logarithms of probabilities. `classes`: class numbers, the answers themselves.
 */
export type OutputScale = "logits" | "probabilities" | "classes";

/** What outputs are compared with. */
export interface Reference {
  /** Outputs with clean weights, of all samples. */
  readonly clean: Outputs;
  readonly labels: Labels | undefined;
  /** What the model says of its outputs; found from the clean outputs where it says nothing. */
  readonly scale?: OutputScale | undefined;
}

/** Unit of a score: a share (shown in per cent), decibel, nats, or the outputs' own. */
export const measureUnits = ["share", "dB", "nat", ""] as const;

/** What a measure is, in words; plain data that results carry. */
export interface MeasureDescription {
  /** As `--measure` takes it. */
  readonly name: string;
  /** For use within a sentence, such as `accuracy`. */
  readonly title: string;
  readonly unit: (typeof measureUnits)[number];
  readonly higherIsBetter: boolean;
  /** What `--keep` keeps a share of, such as `the clean accuracy`. */
  readonly kept: string;
}

/** Judges the outputs of one network on one data set. */
export interface Judge {
  /** Number of sums that the score is made from. */
  readonly width: number;
  /** Least and largest score that can occur. */
  readonly range: readonly [low: number, high: number];
  /**
   * What a sample contributes to the sums.
   *
   * @param values [...dims] its outputs
   * @param sample its place in the data set
   * @param isFinite whether all its outputs are finite
   * @param into [width] zeros, to write to; finite numbers
   */
  contribute(values: Float32Array, sample: number, isFinite: boolean, into: Float64Array): void;
  /** Score of sums over samples. */
  score(sums: readonly number[]): number;
  /**
   * The score that keeps a share of the clean quality.
   *
   * @param clean score of the clean network
   * @throws QtamlError `invalid-argument` where a share of it means nothing
   */
  target(keep: number, clean: number): number;
}

/** A way to judge outputs. */
export interface Measure {
  readonly description: MeasureDescription;
  /** @throws QtamlError `data-mismatch` when the outputs or the labels are not of the kind that is judged */
  bind(reference: Reference): Judge;
}
