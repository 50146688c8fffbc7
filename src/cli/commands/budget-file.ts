/** @file The file of `qtaml budget`: a limit, and the models that share it. */
import { z } from "zod";
import { usualStorage } from "../../assessment/index.ts";
import { QtamlError } from "../../errors.ts";
import { readStructured } from "../files.ts";

const positive = z.number().positive();
const probability = z.union([z.number().min(0).max(1), z.array(z.number().min(0).max(1)).min(2)]);
const flips = {
  device: z.string().optional(),
  p: probability.optional(),
  p01: probability.optional(),
  p10: probability.optional(),
};

const modelSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.-]+$/, "letters, digits, dots, dashes and underscores only"),
  model: z.string(),
  data: z.union([z.string().transform((path) => [path]), z.array(z.string()).min(1)]),
  weight: positive.default(1),
  format: z.string().default(usualStorage.format),
  granularity: z.enum(["tensor", "channel"]).default("tensor"),
  ...flips,
});

const limitSchema = z.union([
  z.strictObject({ overhead: z.number().min(0).max(1) }),
  z.strictObject({ protectedBits: z.number().int().nonnegative() }),
  z.strictObject({ parityBits: z.number().int().nonnegative() }),
  z.strictObject({ areaUm2: positive, cellUm2: positive, protectedCellUm2: positive.optional() }),
]);

const limitKeys: readonly string[] = limitSchema.options.flatMap(({ shape }) => Object.keys(shape));

/** Schema of the file that names the models. */
const budgetSchema = z
  .strictObject({
    limit: limitSchema,
    code: z.string().optional(),
    models: z.array(modelSchema).min(1),
    ...flips,
  })
  .refine(({ models }) => new Set(models.map((m) => m.name)).size === models.length, {
    message: "two models have the same name",
    path: ["models"],
  });

/** A budget file. */
export type BudgetFile = z.infer<typeof budgetSchema>;

/** Keys that a place of the file may have. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path[0] === "models") return Object.keys(modelSchema.shape);
  return path[0] === "limit" ? [...limitKeys] : Object.keys(budgetSchema.shape);
}

/** The first thing that is wrong, where it is and what may stand there. */
function problem(issue: z.core.$ZodIssue, input: unknown): string {
  const where = issue.path.length === 0 ? "the whole file" : issue.path.join(".");
  const unknown = (key: string) =>
    `${where} has an unknown key "${key}"; known are ${knownKeys(issue.path).join(", ")}`;
  if (issue.code === "unrecognized_keys") return unknown(issue.keys[0]!);
  if (issue.code !== "invalid_union") return `${where}: ${issue.message}`;
  if (issue.path[0] === "limit") {
    const { limit } = input as { readonly limit: unknown };
    const keys = typeof limit === "object" && limit !== null ? Object.keys(limit) : [];
    const strange = keys.find((key) => !limitKeys.includes(key));
    return strange === undefined
      ? "limit: give a number for overhead, protectedBits or parityBits alone, or numbers for areaUm2 and cellUm2 (and protectedCellUm2 without a code)"
      : unknown(strange);
  }
  return issue.path.at(-1) === "data"
    ? `${where}: give a file, or a list of files`
    : `${where}: give a number from 0 to 1, or a list of such numbers with one a bit`;
}

/**
 * Reads a budget file.
 *
 * @throws QtamlError `invalid-schema` that names the first field that is wrong
 */
export function readBudget(path: string): BudgetFile {
  const value = readStructured(path, "Budget file");
  const result = budgetSchema.safeParse(value);
  if (result.success) return result.data;
  throw new QtamlError(
    "invalid-schema",
    `${path} is not a budget: ${problem(result.error.issues[0]!, value)}; docs/silicon.md shows one.`,
    { cause: result.error },
  );
}
