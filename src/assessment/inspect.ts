/**
 * @file A model's tensors as a table: what is stored, what the flips do to it, how much it matters.
 */
import {
  boundedTable,
  driftLine,
  errorMoments,
  extendedValues,
  runawayLimit,
  topBitShare,
} from "../channel/index.ts";
import type { JacobianMethod } from "../engine/index.ts";
import type { TensorRole } from "../stored/index.ts";
import { ordinaryErrors, protectionLadders } from "../protect/index.ts";
import type { Survey } from "./assess.ts";

/** One stored tensor. Quantities of weights are in the weights' own units. */
export interface InspectionRow {
  readonly name: string;
  /** What the tensor is to the network. */
  readonly role: TensorRole;
  /** Operators that use the tensor. */
  readonly operator: string;
  readonly shape: readonly number[];
  /** Number of weights. */
  readonly count: number;
  readonly format: string;
  /** Quantisation step; the root mean square over channels where each has its own. */
  readonly scale: number;
  readonly infinityNorm: number;
  /** The expected weight as read, where it does not run away, is `driftSlope * weight + driftOffset`. */
  readonly driftSlope: number;
  readonly driftOffset: number;
  /** Whether that line is exact for every code; otherwise it is the least-squares line over the tensor. */
  readonly driftExact: boolean;
  /** Error variance of one unprotected weight that is not runaway. */
  readonly variance: number;
  /** Probability that an unprotected weight is read as NaN, infinite or far beyond the tensor (16-bit floats only). */
  readonly runaway: number;
  /** Probability that it is read as NaN or infinite. */
  readonly nonFinite: number;
  /** Share of the variance of all weights that the most significant bit carries. */
  readonly topBitShare: number;
  /** `g_l`: mean squared sensitivity of the logits to one weight, `||J_l||_F^2 / n_l`; null without inputs. */
  readonly jacobianMeanSquare: number | null;
  /** Its relative standard error over the samples and probes. */
  readonly jacobianRelativeError: number | null;
  readonly method: JacobianMethod | null;
  /** Random probes that each sample (each call, where the batch is fixed) got; 0 where every logit was taken. */
  readonly probes: number | null;
  /** The operator without a gradient rule that made a forward probe necessary. */
  readonly stoppedBy: string | null;
  /** TAC's score of the bit most worth protecting: fall of the squared output error per protected bit. */
  readonly score: number | null;
}

/** The table of a survey or an assessment, in the order of first use. */
export function inspect(survey: Survey): InspectionRow[] {
  const hasScores = survey.memory.every((tensor) => tensor.stepSensitivity !== undefined);
  const ladders = hasScores ? protectionLadders(survey.memory) : undefined;
  return survey.memory.map((tensor, t) => {
    const stored = survey.tensors[t]!;
    const jacobian = survey.jacobian?.[t];
    const { values } = tensor.format;
    const { flips, histogram } = tensor;
    const decode = boundedTable(values, runawayLimit(tensor.format, histogram));
    const line = driftLine({ values, decode, flips, histogram });
    const errors = ordinaryErrors(tensor, 0, "none");
    const scale = Math.sqrt(tensor.meanSquareStep);
    const zeros: ArrayLike<number> = stored.zeroPoints ?? [0];
    const zero = Array.from(zeros).reduce((a, b) => a + b, 0) / zeros.length;
    const { stepSensitivity } = tensor;
    return {
      name: tensor.name,
      role: stored.role,
      operator: stored.operators.join(", "),
      shape: stored.dims,
      count: tensor.count,
      format: tensor.format.name,
      scale,
      infinityNorm: stored.infinityNorm,
      driftSlope: line.slope,
      // With zero point z: (s v + o - z) step = s weight + (o + (s - 1) z) step.
      driftOffset: (line.offset + (line.slope - 1) * zero) * scale,
      driftExact: line.exact,
      variance: errors.variance * tensor.meanSquareStep,
      runaway: errors.runaway,
      nonFinite: errorMoments({ values, decode: values, flips, histogram }).nonFinite,
      topBitShare: topBitShare(extendedValues(tensor.format), flips, histogram),
      jacobianMeanSquare: jacobian === undefined ? null : jacobian.squaredNorm / tensor.count,
      jacobianRelativeError:
        jacobian === undefined || jacobian.squaredNorm === 0
          ? null
          : jacobian.standardError / jacobian.squaredNorm,
      method: jacobian?.method ?? null,
      probes: jacobian?.probes ?? null,
      stoppedBy: jacobian?.stoppedBy ?? null,
      score:
        ladders === undefined || stepSensitivity === undefined
          ? null
          : stepSensitivity * (ladders[t]!.rungs[0]?.gain ?? 0),
    };
  });
}
