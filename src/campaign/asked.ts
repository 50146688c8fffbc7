/** @file What a campaign is asked, and how that is kept in its store. */
import { z } from "zod";
import type { ImageParts } from "../simulation/index.ts";
import type { Question, StopRule } from "./question.ts";

/** What a campaign is asked. */
export interface Asked {
  /** What is asked of each plan. */
  readonly question: Question;
  /** When the campaign ends. */
  readonly stop: StopRule;
  /** Takes the interval by betting, which assumes nothing of the chips, where one is needed that holds at every look. */
  readonly isExact?: boolean | undefined;
  /** What is known of the parts of the images that chips are judged on; undefined where each is judged on all. */
  readonly parts?: Pick<ImageParts, "expected" | "range"> | undefined;
}

/** Numbers that JSON keeps as null. */
const orElse = (value: number) =>
  z
    .number()
    .nullable()
    .transform((kept) => kept ?? value);
const range = z.tuple([orElse(-Infinity), orElse(Infinity)]);
const count = z.number().int().positive();

const askedSchema = z.object({
  question: z.object({
    goal: z.object({ target: orElse(Number.NaN), higherIsBetter: z.boolean(), range }),
    yield: z.number().optional(),
  }),
  stop: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("chips"), chips: count }),
    z.object({ kind: z.literal("settled"), atMost: count }),
    z.object({ kind: z.literal("precision"), halfWidth: z.number(), atMost: count }),
    z.object({ kind: z.literal("planned"), halfWidth: z.number(), atMost: count }),
  ]),
  isExact: z.boolean().optional(),
  parts: z.object({ expected: z.number(), range }).optional(),
});

/**
 * What is kept of what a campaign is asked: of parts of the images no more than their numbers.
 *
 * @param asked what the campaign is asked
 */
export function keptForm({ question, stop, isExact, parts }: Asked): Asked {
  const numbers = parts === undefined ? undefined : { expected: parts.expected, range: parts.range };
  return { question, stop, isExact, parts: numbers };
}

/** What a campaign was asked, from the request in its store (its field `asked`); undefined where that does not say. */
export function askedOf(request: unknown): Asked | undefined {
  const parsed = z.object({ asked: askedSchema }).safeParse(request);
  return parsed.success ? parsed.data.asked : undefined;
}
