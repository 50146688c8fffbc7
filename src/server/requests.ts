/** @file What the page may ask, checked once when it comes in. */
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import {
  campaignLimits,
  explorerPolicies,
  type CampaignRequest,
  type FlipChoice,
  type PlanChoice,
  type ReplayRequest,
} from "../explorer/index.ts";

const share = z.number().min(0).max(1);
const flips = z.strictObject({ p01: share, p10: share }).nullable();
const plan = { policy: z.enum(explorerPolicies), budget: share };
const whole = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const campaignSchema = z.strictObject({
  plans: z.array(z.strictObject(plan)).min(1).max(campaignLimits.plans),
  keep: z.number().gt(0).lt(1),
  chips: whole.min(2).max(campaignLimits.chips),
  untilSettled: z.boolean(),
  seed: whole,
  flips,
});

const planSchema = z.strictObject({ ...plan, flips });

const replaySchema = z.strictObject({
  id: whole.positive(),
  plan: whole,
  chip: whole.max(2 ** 31 - 1),
});

function parse<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new QtamlError("invalid-schema", "The request is not JSON; load the page again.", { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? "it" : issue.path.join(".");
  throw new QtamlError(
    "invalid-schema",
    `The request does not say what is needed: ${path}: ${issue?.message ?? "unreadable"}; load the page again.`,
    { cause: result.error },
  );
}

/** A campaign that is asked for. @throws QtamlError `invalid-schema` */
export const parseCampaign = (text: string): CampaignRequest => parse(campaignSchema, text);

/** A plan that is asked for. @throws QtamlError `invalid-schema` */
export const parsePlanChoice = (text: string): PlanChoice & { readonly flips: FlipChoice | null } =>
  parse(planSchema, text);

/** A chip that is asked for. @throws QtamlError `invalid-schema` */
export const parseReplay = (text: string): ReplayRequest => parse(replaySchema, text);
