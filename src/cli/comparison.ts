/** @file Reads `results.json`, the output of `qtaml compare`, back from a file. */
import { z } from "zod";
import type { Comparison } from "../planning/index.ts";
import { decoderClasses } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { measureUnits } from "../measure/index.ts";
import { policyNames } from "../protect/index.ts";

// JSON has no Infinity: a ratio without a finite value is written as null.
const ratio = z
  .number()
  .nullable()
  .transform((value) => value ?? Infinity);
const interval = z.tuple([ratio, ratio]);
// One chip leaves an unbounded measure without an interval.
const low = z
  .number()
  .nullable()
  .transform((value) => value ?? -Infinity);

const byPolicy = z.strictObject({ "uniform-msp": z.number(), tac: z.number() });

const pointSchema = z.strictObject({
  overhead: z.number(),
  chips: z.number(),
  accuracy: z.number(),
  low,
  high: ratio,
  deviation: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
  yield: z.number(),
  yieldLow: z.number(),
  yieldHigh: z.number(),
  percentile5: z.number(),
  nonFinite: z.number(),
});

const comparisonSchema: z.ZodType<Comparison> = z.strictObject({
  clean: z.number(),
  measure: z.strictObject({
    name: z.string(),
    title: z.string(),
    unit: z.enum(measureUnits),
    higherIsBetter: z.boolean(),
    kept: z.string(),
  }),
  p: z.number(),
  keep: z.number(),
  target: z.number(),
  chips: z.number(),
  samples: z.number(),
  seed: z.number(),
  model: z.strictObject({ name: z.string(), sha256: z.string() }),
  policies: z.array(z.strictObject({ name: z.enum(policyNames), points: z.array(pointSchema) })),
  overheadAtTarget: z.record(z.string(), z.number()),
  overheadInterval: z.record(z.string(), interval),
  uniformWholeLevel: z.number(),
  ratio,
  ratioInterval: interval,
  joint: z
    .strictObject({
      decoderClass: z.enum(decoderClasses),
      tables: z.number(),
      ratio,
      ratioInterval: interval,
    })
    .exactOptional(),
  saturationRatio: z.number().nullable(),
  predicted: z
    .strictObject({
      noise: z.number(),
      firstOrder: byPolicy,
      gaussian: z.strictObject({ overhead: byPolicy, ratio }).nullable(),
    })
    .nullable(),
});

/** @throws QtamlError `invalid-schema` when the value is not the output of `qtaml compare` */
export function parseComparison(value: unknown, name: string): Comparison {
  const result = comparisonSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new QtamlError(
    "invalid-schema",
    `${name} is not the output of qtaml compare (${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unreadable"}); make it with qtaml compare -o.`,
    { cause: result.error },
  );
}
