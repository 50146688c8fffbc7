/** @file The types of a plan: which bits of which weights are protected, and how each tensor is read. */
import type { CodedBits, DecoderClass, DecoderKind } from "../channel/index.ts";
import type { PolicyName } from "./policies.ts";

/** What the memory holds, and in which formats. */
export interface PlanStorage {
  /**
   * Format of float weights and embeddings, such as "int8"; "auto" stores float16 and bfloat16 tensors as they are and
   * the others as int8. Codes of quantised models stay what they are.
   */
  readonly format: string;
  /** Whether a tensor, or each of its output channels, has a quantisation step of its own. */
  readonly granularity: "tensor" | "channel";
  /** Format of biases, normalisation parameters and scales; "auto": bf16 for those of 32 and 64 bits. */
  readonly parameterFormat: string;
  /** Whether the memory holds biases too. */
  readonly biases: boolean;
  /** Whether the memory holds parameters of normalisations too. */
  readonly normalisation: boolean;
  /** Whether the memory holds scales and zero points of a quantised model too. */
  readonly quantisationParameters: boolean;
  /** Whether the memory holds shapes, indices and other whole numbers too. */
  readonly integers: boolean;
  /** Patterns of names: where there are any, the memory holds only tensors that match one. */
  readonly include: readonly string[];
  /** Patterns of names that the memory does not hold. */
  readonly exclude: readonly string[];
}

/**
 * What a plan was asked for: a share of the stored bits to spend, `budget`, or the least that keeps a share of the clean
 * result, `keep`, by the measure that `criterion` names.
 */
export type PlanGoal = { readonly budget: number } | { readonly keep: number; readonly criterion: string };

/**
 * A joint plan's memory under Gaussian errors of the predicted strength, on the calibration inputs: no fault is drawn.
 */
export interface PlanCheck {
  /** What is scored, such as "expected-accuracy", or "mse" where less is better. */
  readonly measure: string;
  /** Score of the clean network. */
  readonly clean: number;
  /** Score of the memory: the mean over the draws. */
  readonly score: number;
  /** Lower end of the 95 % interval of `score` over the draws. */
  readonly low: number;
  /** Upper end of the 95 % interval of `score` over the draws. */
  readonly high: number;
  /** What shifted biases add to the score, under the same draws, with its 95 % interval. */
  readonly folding?: { readonly gain: number; readonly low: number; readonly high: number } | undefined;
}

/** What is predicted of a plan before a fault is drawn. */
export interface PlanPrediction {
  /** `sum_l sigma_l^2 ||J_l||_F^2`: random part of the mean squared output error; null without a Jacobian. */
  readonly noise: number | null;
  /** `||sum_l J_l b_l||^2`: coherent part, from one forward pass with every weight at its mean; null without a Jacobian. */
  readonly drift: number | null;
  /** Fall of `noise` per protected bit at the end of the budget: the value of the next protected bit. */
  readonly marginalValue: number | null;
  /** Of joint plans. */
  readonly check?: PlanCheck | undefined;
}

/** A code, a range and a decoder in one: the ranges by which weights are stored follow from the table and the flips. */
export interface PlanCodebook {
  /** [2^B] the mean weight behind each received code, in units of the tensor's scale. */
  readonly table: readonly number[];
  /** Received codes are read as `gain * table + offset`: a gain of 1 is the least squared error, more undoes shrinking. */
  readonly gain: number;
  /** In units of the scale: with it what is read has the mean of the weights. */
  readonly offset: number;
}

/** Numbers that are added to the bias of a layer against the mean shift that errors cause. */
export interface PlanShift {
  /** Name of the value that the layer puts out, bias included. */
  readonly layer: string;
  /** [channels] in units of the layer's output. */
  readonly values: readonly number[];
}

/** Neighbouring weights of one tensor, in C order, that share their protected bits and how they are read. */
export interface PlanSegment {
  /** Index of the first weight. */
  readonly start: number;
  /** Number of weights. */
  readonly count: number;
  /** Bit k set: bit k of each weight is protected; bit 0 is the least significant. */
  readonly protectedMask: number;
  /** How received codes become weights; `none` where a codebook says so. */
  readonly decoder: DecoderKind;
  /** Which of the protected bits are held by codes, and what these leave; the others are protected ideally. */
  readonly codes?: readonly CodedBits[] | undefined;
  /** Index in the plan's `codebooks`; absent where weights are stored in the tensor's own format. */
  readonly codebook?: number | undefined;
}

/** A tensor's part of a plan. */
export interface PlanTensor {
  /** The tensor's name in the model. */
  readonly name: string;
  /** Number of weights. */
  readonly count: number;
  /** Number format of the stored weights, such as "int8" or "bf16". */
  readonly format: string;
  /** [B] probability that an unprotected cell that holds 0 is read as 1, least significant bit first. */
  readonly p01: readonly number[];
  /** [B] probability that an unprotected cell that holds 1 is read as 0, least significant bit first. */
  readonly p10: readonly number[];
  /** With codebooks: whether weights are in units of the root mean square of the tensor or of each output channel. */
  readonly scaling?: "tensor" | "channel" | undefined;
  /** Runs of weights in C order, each beginning where the one before ends; together they cover the tensor. */
  readonly segments: readonly PlanSegment[];
}

/** A plan, as `plan.json` holds it; a plain JSON value. `parsePlan` reads one from outside. */
export interface Plan {
  /** Says what the file is. */
  readonly format: "qtaml-plan";
  /** Files of version 1 have no codebooks, those of version 2 no shifts; they are read as plans without any. */
  readonly version: 3;
  /** The model the plan was made for. */
  readonly model: {
    /** Name of its file. */
    readonly name: string;
    /** `ModelFile.sha256`, which covers external data too. */
    readonly sha256: string;
  };
  /** What the memory holds, and in which formats. */
  readonly storage: PlanStorage;
  /** How the protected bits were chosen. */
  readonly policy: PolicyName;
  /** What was asked for. */
  readonly goal: PlanGoal;
  /**
   * `ideal`: a protected bit never flips and costs one bit of overhead; no parity is counted. `coded`: protected bits
   * are held by codes, and parity is counted.
   */
  readonly protection: "ideal" | "coded";
  /** Seed of what was drawn to make the plan: of the policy `random`, of Gaussian errors and of simulated chips. */
  readonly seed: number;
  /** Bits that the memory holds of all tensors, parity not counted. */
  readonly storedBits: number;
  /** Protected ones among `storedBits`. */
  readonly protectedBits: number;
  /** Check bits of all codewords; of coded plans only. */
  readonly parityBits?: number | undefined;
  /** What protection costs: `protectedBits / storedBits`; of coded plans `parityBits / storedBits`. */
  readonly overhead: number;
  /** What is expected of it before a fault is drawn. */
  readonly predicted: PlanPrediction;
  /** Codebooks of joint plans, which segments name by index; empty in others. */
  readonly codebooks: readonly PlanCodebook[];
  /** Shifted biases; empty where none are. */
  readonly shifts: readonly PlanShift[];
  /** What decoding may cost at inference, where codebooks were chosen under that condition. */
  readonly decoderClass?: DecoderClass | undefined;
  /** In the order in which the memory holds them. */
  readonly tensors: readonly PlanTensor[];
}
