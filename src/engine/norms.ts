/** @file Squared norms of Jacobians from the norms of single cotangents or probes, and how well they are known. */

/** How a tensor's Jacobian was measured. */
export type JacobianMethod =
  /** Every logit of every sample by the gradient graph: exact for these samples. */
  | "gradient"
  /** The gradient graph with random signs (as many plus as minus) for seeds: unbiased, with a standard error. */
  | "gradient-probes"
  /** Forward runs with that tensor perturbed: unbiased to first order, with a standard error. */
  | "forward-probe"
  /** Not measured: whole numbers that the outputs do not depend on smoothly (see `assumedJacobian`). */
  | "assumed";

/** The measured sensitivity of the logits to one tensor. */
export interface TensorJacobian {
  /** `||J_l||_F^2`, averaged over the samples. */
  readonly squaredNorm: number;
  /** Its standard error over the samples and probes. */
  readonly standardError: number;
  /** [samples] the same for each sample. */
  readonly sampleSquaredNorms: Float64Array;
  /**
   * [samples] the same without the direction in which all logits move alike, which changes no answer:
   * `||(I - 11^T/C) J_l||_F^2`.
   */
  readonly sampleContrastNorms: Float64Array;
  /** [channels] the squared norm by output channel (one entry where the output axis is not known); null from forward probes. */
  readonly channelSquaredNorms: Float64Array | null;
  readonly method: JacobianMethod;
  /** Probes of each sample (or of each call of a model with a fixed batch); 0 where every logit was taken. */
  readonly probes: number;
  /** The operator without a gradient rule that made a forward probe necessary. */
  readonly stoppedBy?: string;
}

/** What the number of probes is chosen for. */
export const probeTargets = {
  /** Relative standard error of a tensor's squared norm that probing may add to that of the samples. */
  mean: 0.05,
  /** The same of one sample's contrast norm, in root mean square over the samples. */
  sample: 0.25,
} as const;

export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** Unbiased variance; 0 for a single value. */
export function variance(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  let scatter = 0;
  for (let i = 0; i < values.length; i++) scatter += (values[i]! - centre) ** 2;
  return scatter / (values.length - 1);
}

/** Standard error of a mean; 0 for a single value. */
export const standardError = (values: ArrayLike<number>): number =>
  Math.sqrt(variance(values) / values.length);

/** Squared norms of one tensor by group of samples: along the common direction, and along the contrasts by probe. */
export class NormSums {
  readonly common: number[][];
  readonly contrast: number[][];
  readonly commonChannels: Float64Array;
  readonly contrastChannels: Float64Array;

  constructor(groups: number, channels: number) {
    this.common = Array.from({ length: groups }, () => []);
    this.contrast = Array.from({ length: groups }, () => []);
    this.commonChannels = new Float64Array(channels);
    this.contrastChannels = new Float64Array(channels);
  }

  /** Mean over the groups of the variance of a single probe. */
  get probeVariance(): number {
    return mean(this.contrast.map((values) => variance(values)));
  }

  get squaredNorm(): number {
    return mean(this.common.map((values, g) => mean(values) + mean(this.contrast[g]!)));
  }

  /** Probes a group that keep both relative errors within their targets. */
  neededProbes(): number {
    const norm = this.squaredNorm;
    const contrast = mean(this.contrast.map((values) => mean(values)));
    if (!(norm > 0)) return 0;
    const wanted = this.probeVariance / this.contrast.length / (probeTargets.mean * norm) ** 2;
    const single = contrast > 0 ? this.probeVariance / (probeTargets.sample * contrast) ** 2 : 0;
    return Math.ceil(Math.max(wanted, single));
  }

  /** @param size samples that one group stands for */
  result(method: JacobianMethod, size: number): TensorJacobian {
    const contrast = Float64Array.from(this.contrast, (values) => mean(values));
    const norms = contrast.map((value, g) => value + mean(this.common[g]!));
    const eachSample = (values: Float64Array) =>
      Float64Array.from({ length: values.length * size }, (_, n) => values[Math.floor(n / size)]!);
    const squaredNorm = mean(norms);
    const probes = this.contrast[0]!.length;
    const commons = this.common[0]!.length;
    // Both kinds of seeds may have been used unlike often.
    const channels = this.contrastChannels.map((v, c) => v / probes + this.commonChannels[c]! / commons);
    const total = channels.reduce((a, b) => a + b, 0);
    return {
      squaredNorm,
      standardError: standardError(norms),
      sampleSquaredNorms: eachSample(norms),
      sampleContrastNorms: eachSample(contrast),
      channelSquaredNorms: channels.map((v) => (total === 0 ? 0 : (v / total) * squaredNorm)),
      method,
      probes: method === "gradient" ? 0 : probes,
    };
  }
}
