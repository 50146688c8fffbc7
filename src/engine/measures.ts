/**
 * @file From the name of a measure to the measure: those that qtaml brings, and modules of the user's own.
 */
import { existsSync } from "node:fs";
import { basename, extname } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import {
  builtInMeasure,
  customMeasure,
  measureUnits,
  type CustomMeasure,
  type LabelOptions,
  type Measure,
  type OutputScale,
} from "../measure/index.ts";
import { indexGraph, type OnnxModel } from "../onnx/index.ts";

/** Which measure to judge by. Plain data: every worker opens it for itself. */
export interface MeasureChoice extends LabelOptions {
  /** Name of a measure, or the absolute path of a module. */
  readonly name: string;
}

/** Whether a name is that of a module: it has a path or the extension of one. */
export function isModuleName(name: string): boolean {
  return /[/\\]/.test(name) || /\.[cm]?[jt]s$/.test(name);
}

type JudgeFunction = CustomMeasure["judge"];

const moduleSchema = z
  .object({
    default: z.custom<JudgeFunction>((value) => typeof value === "function", "must be a function"),
    name: z.string().min(1).max(60).optional(),
    unit: z.enum(measureUnits).default(""),
    higherIsBetter: z.boolean().default(true),
    needsLabels: z.boolean().default(false),
    nonFinite: z.number().optional(),
  })
  .refine((m) => m.higherIsBetter || m.nonFinite !== undefined, {
    path: ["nonFinite"],
    message: "must be given where lower is better: the number of a sample whose outputs are not finite",
  });

/** What a failed import says, in one line. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n", 1)[0]!;
}

/**
 * Loads a measure of one's own: a module whose default export is a function of one sample (`JudgedSample`) that returns
 * a number, with the optional exports `name`, `unit`, `higherIsBetter`, `needsLabels` and `nonFinite`.
 *
 * @param path absolute path of the module
 * @throws QtamlError `file-access` without such a file, `invalid-file` when it cannot be loaded, `invalid-schema` when an export is not as it should be
 */
export async function loadMeasure(path: string): Promise<Measure> {
  const file = basename(path);
  if (!existsSync(path)) {
    throw new QtamlError("file-access", `Measure ${path} does not exist; check the path.`);
  }
  let exports: unknown;
  try {
    exports = { ...((await import(pathToFileURL(path).href)) as object) };
  } catch (cause) {
    throw new QtamlError("invalid-file", `Measure ${file} cannot be loaded: ${reasonOf(cause)}; mend it.`, {
      cause,
    });
  }
  const result = moduleSchema.safeParse(exports);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new QtamlError(
      "invalid-schema",
      `Measure ${file}: its export "${issue.path.join(".")}" is wrong (${issue.message}); see docs/measures.md.`,
      { cause: result.error },
    );
  }
  const { default: judge, name, nonFinite, ...rest } = result.data;
  return customMeasure({
    ...rest,
    judge,
    name: name ?? basename(file, extname(file)),
    nonFinite: nonFinite ?? 0,
    file,
  });
}

/**
 * Opens a measure.
 *
 * @param choice a name or the path of a module, with its options
 * @throws QtamlError for an unknown name, and as `loadMeasure`
 */
export async function openMeasure({ name, ...options }: MeasureChoice): Promise<Measure> {
  return isModuleName(name) ? loadMeasure(name) : builtInMeasure(name, options);
}

/** Operators that pass values on as they are. */
const passing = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast"]);

/**
 * What a model's graph says of its first output: probabilities after a softmax or a sigmoid, logits after a matrix
 * product, a convolution or a logarithm of a softmax; undefined where another operator makes it.
 *
 * @param model with its graph
 */
export function declaredScale({ graph }: OnnxModel): OutputScale | undefined {
  const { producer } = indexGraph(graph);
  let node = producer.get(graph.output[0]?.name ?? "");
  while (node !== undefined && passing.has(node.opType)) node = producer.get(node.input[0] ?? "");
  const maker = node?.opType ?? "";
  if (maker === "Softmax" || maker === "Sigmoid") return "probabilities";
  return ["LogSoftmax", "Gemm", "MatMul", "Conv"].includes(maker) ? "logits" : undefined;
}
