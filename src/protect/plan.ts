/** @file The plan as it is read from a file: its schema, and what a schema cannot say. */
import { z } from "zod";
import { decoderClasses, decoderKinds, mostBits } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { bitCount } from "./ladder.ts";
import type { Plan, PlanCodebook, PlanSegment, PlanTensor } from "./plan-types.ts";
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
    codes: z.array(codedSchema).min(1).readonly().optional(),
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
    p01: z.array(probability).min(2).max(mostBits),
    p10: z.array(probability).min(2).max(mostBits),
    scaling: z.enum(["tensor", "channel"]).optional(),
    segments: z.array(segmentSchema).min(1),
  })
  .superRefine(({ p01, p10, segments }, context) => {
    if (p10.length !== p01.length) {
      const message = `${p10.length} numbers for codes of ${p01.length} bits`;
      context.addIssue({ code: "custom", message, path: ["p10"] });
    }
    for (const [i, { protectedMask }] of segments.entries()) {
      if (protectedMask < 2 ** p01.length) continue;
      const message = `mask ${protectedMask} does not fit codes of ${p01.length} bits`;
      context.addIssue({ code: "custom", message, path: ["segments", i, "protectedMask"] });
    }
  });

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

const codebookSchema = z.strictObject({
  table: z.array(z.number()).min(4).max(256),
  gain: z.number().positive(),
  offset: z.number().default(0),
});

const shiftSchema = z.strictObject({
  layer: z.string(),
  values: z.array(z.number()).min(1),
});

/** Schema of `plan.json`; `parsePlan` also checks what no schema says. */
export const planSchema: z.ZodType<Plan> = z
  .strictObject({
    format: z.literal("qtaml-plan"),
    version: z.union([z.literal(1), z.literal(2), z.literal(3)]).transform((): 3 => 3),
    model: z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    storage: storageSchema,
    policy: z.enum(policyNames),
    goal: z.union([
      z.strictObject({ budget: probability }),
      z.strictObject({ keep: probability, criterion: z.string().min(1).max(60) }),
    ]),
    protection: z.enum(["ideal", "coded"]),
    seed: whole,
    storedBits: whole.positive(),
    protectedBits: whole,
    parityBits: whole.optional(),
    overhead: z.number().nonnegative(),
    predicted: z.strictObject({
      noise: z.number().nonnegative().nullable(),
      drift: z.number().nonnegative().nullable(),
      marginalValue: z.number().nonnegative().nullable(),
      check: z
        .strictObject({
          measure: z.string(),
          clean: z.number(),
          score: z.number(),
          low: z.number(),
          high: z.number(),
          folding: z.strictObject({ gain: z.number(), low: z.number(), high: z.number() }).optional(),
        })
        .optional(),
    }),
    codebooks: z.array(codebookSchema).default([]),
    shifts: z.array(shiftSchema).default([]),
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

/** Protected bits of a list of segments. */
export function protectedBitsOf(segments: readonly Pick<PlanSegment, "count" | "protectedMask">[]): number {
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
