/**
 * @file What faults a memory has, as plain JSON with a schema: part of a campaign's specification and of the command
 * line.
 */
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import { wordLineReads, type StuckCells, type WordLineFaults } from "./hard.ts";
import { cellOrders, type MemoryLayout } from "./layout.ts";
import type { ThicknessMap } from "./thickness.ts";

const share = z.number().min(0).max(1);

/** How the memory's flip probabilities come about: at most one of these. */
const flipModels = [
  z.strictObject({ model: z.literal("independent") }),
  z.strictObject({ model: z.literal("burst"), length: z.number().min(1).max(1e6) }),
  z.strictObject({
    model: z.literal("thickness"),
    sigmaNm: z.number().nonnegative().max(10),
    slopePerNm: z.number().min(-200).max(0),
    correlation: z.number().min(0.01).max(10).default(0.25),
  }),
] as const;

/** What is broken for good, on top of flips: any of these. */
const hardModels = [
  z.strictObject({
    model: z.literal("word-line"),
    rate: share,
    reads: z.enum(wordLineReads).default("random"),
  }),
  z.strictObject({
    model: z.literal("stuck-at"),
    share,
    value: z.union([z.literal(0), z.literal(1), z.literal("either")]).default("either"),
  }),
] as const;

const modelSchema = z.discriminatedUnion("model", [...flipModels, ...hardModels]);

/** Every cell flips on its own. */
export interface IndependentModel {
  readonly model: "independent";
}

/** Flips come in runs along a word line. */
export interface BurstModel {
  readonly model: "burst";
  /** Mean number of neighbouring cells that a burst hits. */
  readonly length: number;
}

/** Flips follow a map of the oxide's thickness over the die. */
export interface ThicknessModel extends ThicknessMap {
  readonly model: "thickness";
}

/** Word lines fail as a whole. */
export interface WordLineModel extends WordLineFaults {
  readonly model: "word-line";
}

/** Cells are stuck since manufacturing. */
export interface StuckAtModel extends StuckCells {
  readonly model: "stuck-at";
}

/**
 * One fault model with its parameters. At most one of the first three says how bits flip; the other two come on top of
 * flips.
 */
export type FaultModel = IndependentModel | BurstModel | ThicknessModel | WordLineModel | StuckAtModel;

/** Names of the fault models. */
export const faultModelNames = [...flipModels, ...hardModels].map((s) => s.shape.model.value);

/** Flips come first, then word lines, then stuck cells, which nothing moves. */
const order: readonly FaultModel["model"][] = ["independent", "burst", "thickness", "word-line", "stuck-at"];

/** Models in the order in which they damage a chip, however they were named. */
export const inOrder = (models: readonly FaultModel[]): FaultModel[] =>
  [...models].sort((a, b) => order.indexOf(a.model) - order.indexOf(b.model));

const isHard = ({ model }: FaultModel) => model === "word-line" || model === "stuck-at";

/** `quenched`: one draw a chip, for all its samples. `redrawn`: flips are drawn anew for every read. */
export const regimes = ["quenched", "redrawn"] as const;

/** What faults a memory has. */
export interface FaultDescription {
  /** Flips are independent unless another flip model is named; p is the memory's own and always applies. */
  readonly models: readonly FaultModel[];
  /** How cells lie, for models that know neighbours. */
  readonly layout: MemoryLayout;
  /** `quenched`: one draw a chip, for all its samples. `redrawn`: flips are drawn anew for every read. */
  readonly regime: (typeof regimes)[number];
  /** Reads of the memory in a trial of the regime `redrawn`, each for an equal part of the samples. */
  readonly reads: number;
  /** Refresh intervals over which flips add up. */
  readonly intervals: number;
}

/** Schema of a description of faults. */
export const faultSchema: z.ZodType<FaultDescription> = z
  .strictObject({
    models: z.array(modelSchema).default([]),
    layout: z
      .strictObject({
        columns: z
          .int()
          .min(1)
          .max(2 ** 24)
          .default(1024),
        order: z.enum(cellOrders).default("weights"),
      })
      .prefault({}),
    regime: z.enum(regimes).default("quenched"),
    reads: z.int().min(1).max(65535).default(8),
    intervals: z.int().min(1).max(65535).default(1),
  })
  .superRefine(({ models }, context) => {
    const twice = models.filter((m) => !isHard(m));
    if (twice.length > 1) {
      const message = `${twice.map((m) => m.model).join(" and ")} both say how bits flip; name one of them`;
      context.addIssue({ code: "custom", message, path: ["models"] });
    }
  });

/** Faults unless told otherwise: independent flips, one draw a chip, one interval. */
export const usualFaults: FaultDescription = faultSchema.parse({});

/**
 * Checks a description that came from outside.
 *
 * @param source what to call it in an error
 * @throws QtamlError `invalid-file`
 */
export function parseFaults(value: unknown, source: string): FaultDescription {
  const parsed = faultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new QtamlError(
    "invalid-file",
    `${source} does not describe faults${path.length === 0 ? "" : ` (at ${path.join(".")})`}: ${message}. Models are ${faultModelNames.join(", ")}; docs/faults.md lists their parameters.`,
  );
}

/** A parameter's text as a number where it is one. */
const valueOf = (text: string): string | number =>
  text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;

/**
 * A part of a description from a word of the command line: `burst:length=4`, `stuck-at:share=1e-4,value=1`, or
 * `layout:columns=512`.
 *
 * @throws QtamlError `invalid-argument` where it is no such word
 */
export function faultWord(word: string): {
  readonly name: string;
  readonly parameters: Record<string, string | number>;
} {
  const [name = "", rest, ...more] = word.split(":");
  const parts = rest === undefined || rest === "" ? [] : rest.split(",").map((p) => p.split("="));
  const isKnown = name === "layout" || faultModelNames.some((known) => known === name);
  if (!isKnown || more.length > 0 || parts.some((p) => p.length !== 2 || p[0] === "")) {
    throw new QtamlError(
      "invalid-argument",
      `"${word}" is not a fault model with parameters; write for instance burst:length=4 (models: ${faultModelNames.join(", ")}; layout:columns=512 for the cells), or give a YAML or JSON file.`,
    );
  }
  const twice = parts.find(([key], i) => parts.findIndex(([other]) => other === key) < i);
  if (twice !== undefined) {
    throw new QtamlError("invalid-argument", `"${word}" gives "${twice[0]}" twice; leave one out.`);
  }
  return { name, parameters: Object.fromEntries(parts.map(([key, value]) => [key!, valueOf(value!)])) };
}
