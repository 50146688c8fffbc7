/**
 * @file The plan: which bits of which weights are protected and how each tensor is read. A plain JSON value with a
 * schema; every command that needs it reads it from a file.
 */
import { z } from "zod";
import { decoderClasses, decoderKinds, mostBits } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { bitCount } from "./ladder.ts";
import { policyNames } from "./policies.ts";

const probability = z.number().min(0).max(1);
const whole = z.number().int().nonnegative();

const codedSchema = z.strictObject({
  mask: whole.positive().max(2 ** mostBits - 1),
  code: z.string().min(1).max(60),
  p01: probability,
  p10: probability,
});

const segmentSchema = z
  .strictObject({
    start: whole,
    count: whole,
    protectedMask: whole.max(2 ** mostBits - 1),
    decoder: z.enum(decoderKinds),
    /** Which of the protected bits are held by codes, and what these leave; the others are protected ideally. */
    codes: z.array(codedSchema).min(1).readonly().optional(),
    /** Which of the plan's codebooks stores these weights; absent where they are stored in the tensor's format. */
    codebook: whole.optional(),
  })
  .superRefine(({ protectedMask, codes = [] }, context) => {
    let taken = ~protectedMask;
    for (const [i, { mask }] of codes.entries()) {
      if ((taken & mask) !== 0) {
        const message = `mask ${mask} has bits that are not protected or that another code holds`;
        context.addIssue({ code: "custom", message, path: ["codes", i, "mask"] });
      }
      taken |= mask;
    }
  });

const tensorSchema = z
  .strictObject({
    name: z.string(),
    count: whole.positive(),
    format: z.string(),
    /** Flip probabilities of the unprotected cells, least significant bit first. */
    p01: z.array(probability).min(2).max(mostBits),
    p10: z.array(probability).min(2).max(mostBits),
    /** With codebooks: whether values are in units of the root mean square of the tensor or of each output channel. */
    scaling: z.enum(["tensor", "channel"]).optional(),
    /** Neighbouring runs of weights, in C order, that together cover the tensor. */
    segments: z.array(segmentSchema).min(1),
  })
  .superRefine(({ p01, segments }, context) => {
    for (const [i, { protectedMask }] of segments.entries()) {
      if (protectedMask < 2 ** p01.length) continue;
      const message = `mask ${protectedMask} does not fit codes of ${p01.length} bits`;
      context.addIssue({ code: "custom", message, path: ["segments", i, "protectedMask"] });
    }
  });

/** What the memory holds; plans of before this could be chosen hold weights alone. */
const storageSchema = z.strictObject({
  format: z.string(),
  granularity: z.enum(["tensor", "channel"]),
  parameterFormat: z.string().default("auto"),
  biases: z.boolean().default(false),
  normalisation: z.boolean().default(false),
  quantisationParameters: z.boolean().default(false),
  integers: z.boolean().default(false),
  include: z.array(z.string()).default([]),
  exclude: z.array(z.string()).default([]),
});

/** A code, a range and a decoder in one: the ranges by which weights are stored follow from the table and the flips. */
const codebookSchema = z.strictObject({
  /** [2^B] the mean weight behind each received code, in units of the scale. */
  table: z.array(z.number()).min(4).max(256),
  /** Received codes are read as `gain * table`: 1 is the least squared error, more undoes the shrinking. */
  gain: z.number().positive(),
});

/** Numbers to add to the bias of a layer, one a channel, against the mean shift that errors cause. */
const shiftSchema = z.strictObject({
  /** Name of the value that the layer puts out, bias included. */
  layer: z.string(),
  values: z.array(z.number()).min(1),
});

/** A codebook of a plan. */
export type PlanCodebook = z.infer<typeof codebookSchema>;

/** Schema of `plan.json`. */
export const planSchema = z
  .strictObject({
    format: z.literal("qtaml-plan"),
    /** Plans of version 1 have no codebooks, those of version 2 no shifts; they are read as plans without any. */
    version: z.union([z.literal(1), z.literal(2), z.literal(3)]).transform((): 3 => 3),
    /** The model the plan was made for: its file's name and `ModelFile.sha256`, which covers external data too. */
    model: z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    storage: storageSchema,
    policy: z.enum(policyNames),
    /** What was asked for: a share of stored bits, or the least that keeps a share of the clean result. */
    goal: z.union([
      z.strictObject({ budget: probability }),
      /** `criterion` is the name of the measure that chips were judged by. */
      z.strictObject({ keep: probability, criterion: z.string().min(1).max(60) }),
    ]),
    /**
     * `ideal`: a protected bit never flips and costs one bit of overhead; no parity is counted. `coded`: protected bits
     * are held by codes, and parity is counted.
     */
    protection: z.enum(["ideal", "coded"]),
    seed: whole,
    storedBits: whole.positive(),
    protectedBits: whole,
    /** Check bits of all codewords; of coded plans only. */
    parityBits: whole.optional(),
    /** What protection costs: `protectedBits / storedBits`; of coded plans `parityBits / storedBits`. */
    overhead: z.number().nonnegative(),
    predicted: z.strictObject({
      /** `sum_l sigma_l^2 ||J_l||_F^2`: random part of the mean squared output error; null without a Jacobian. */
      noise: z.number().nonnegative().nullable(),
      /** `||sum_l J_l b_l||^2`: coherent part, from one forward pass with every weight at its mean. */
      drift: z.number().nonnegative().nullable(),
      /** Fall of `noise` per protected bit at the end of the budget: the value of the next protected bit. */
      marginalValue: z.number().nonnegative().nullable(),
      /**
       * Joint plans: score of the memory under Gaussian errors of the predicted strength on the calibration inputs, with
       * its 95 % interval over the draws, and the clean network's.
       */
      check: z
        .strictObject({
          measure: z.string(),
          clean: z.number(),
          score: z.number(),
          low: z.number(),
          high: z.number(),
          /** What shifted biases add to the score, under the same draws, with its 95 % interval. */
          folding: z.strictObject({ gain: z.number(), low: z.number(), high: z.number() }).optional(),
        })
        .optional(),
    }),
    codebooks: z.array(codebookSchema).default([]),
    shifts: z.array(shiftSchema).default([]),
    /** What decoding may cost at inference, where codebooks were chosen under that condition. */
    decoderClass: z.enum(decoderClasses).optional(),
    tensors: z.array(tensorSchema).min(1),
  })
  .superRefine(({ protection, parityBits, overhead, storage, shifts, tensors }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: "custom", message, path: [path] });
    const isCoded = protection === "coded";
    if (isCoded !== (parityBits !== undefined))
      refuse("parityBits", "belongs to coded plans, and to all of them");
    if (shifts.length > 0 && storage.biases) refuse("shifts", "are of biases, and the memory holds these");
    if (!isCoded && overhead > 1) refuse("overhead", "is above 1");
    if (!isCoded && tensors.some((t) => t.segments.some((s) => s.codes !== undefined)))
      refuse("protection", "is ideal, and yet codes hold bits");
  });

/** A plan, as `plan.json` holds it. */
export type Plan = z.infer<typeof planSchema>;

/** A tensor's part of a plan. */
export type PlanTensor = Plan["tensors"][number];

/** Protected bits of a list of segments. */
export function protectedBitsOf(segments: readonly { count: number; protectedMask: number }[]): number {
  return segments.reduce((sum, s) => sum + s.count * bitCount(s.protectedMask), 0);
}

/**
 * Reads a plan from outside.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-schema` that names the first field that is wrong
 */
export function parsePlan(value: unknown, name: string): Plan {
  const result = planSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue === undefined || issue.path.length === 0 ? "the whole file" : issue.path.join(".");
    throw new QtamlError(
      "invalid-schema",
      `${name} is not a plan of this version: ${path}: ${issue?.message ?? "unreadable"}; make it again with qtaml plan.`,
      { cause: result.error },
    );
  }
  const plan = result.data;
  for (const tensor of plan.tensors) {
    checkCover(tensor, name);
    checkCodebooks(tensor, plan.codebooks, name);
  }
  const protectedBits = plan.tensors.reduce((sum, t) => sum + protectedBitsOf(t.segments), 0);
  if (protectedBits !== plan.protectedBits) {
    throw new QtamlError(
      "invalid-schema",
      `${name} states ${plan.protectedBits} protected bits but its segments protect ${protectedBits}; make it again with qtaml plan.`,
    );
  }
  return plan;
}

function checkCodebooks(tensor: PlanTensor, codebooks: readonly PlanCodebook[], name: string): void {
  const { segments, p01, scaling } = tensor;
  const isFitting = segments.every(({ codebook, decoder }) => {
    if (scaling === undefined) return codebook === undefined;
    return (
      decoder === "none" && codebook !== undefined && codebooks[codebook]?.table.length === 2 ** p01.length
    );
  });
  if (isFitting) return;
  throw new QtamlError(
    "invalid-schema",
    `${name} has no codebooks that fit tensor "${tensor.name}" of ${p01.length} bits; make it again with qtaml plan.`,
  );
}

function checkCover(tensor: PlanTensor, name: string): void {
  let end = 0;
  for (const segment of tensor.segments) {
    if (segment.start !== end) {
      throw new QtamlError(
        "invalid-schema",
        `${name} leaves a gap or an overlap at weight ${end} of tensor "${tensor.name}"; make it again with qtaml plan.`,
      );
    }
    end += segment.count;
  }
  if (end !== tensor.count) {
    throw new QtamlError(
      "invalid-schema",
      `${name} covers ${end} of the ${tensor.count} weights of tensor "${tensor.name}"; make it again with qtaml plan.`,
    );
  }
}
