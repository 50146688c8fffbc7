/** @file `qtaml harden`: write the model as the memory holds it. */
import { basename } from "node:path";
import { assess, checkPlan, type Assessment } from "../../campaign/index.ts";
import { decodeSegments } from "../../engine/index.ts";
import { totalLength } from "../../bytes/index.ts";
import {
  hardenModel,
  modelFiles,
  planKey,
  serialiseModel,
  type DecodeForm,
  type OnnxModel,
} from "../../onnx/index.ts";
import type { Plan } from "../../protect/index.ts";
import { formatSi } from "../../report/index.ts";
import { checkOutput, readModel, readPlan, writeWhole } from "../files.ts";
import { planFlipLaw } from "../memory.ts";
import { say, sayJson, type Manner } from "../output.ts";
import { version } from "../../version.ts";
import { requireGraph } from "./shared.ts";

/** Flags of `qtaml harden`. */
export interface HardenFlags extends Manner {
  readonly plan: string;
  readonly output: string;
  readonly form: DecodeForm;
}

/** The model as the memory holds it under a plan, with the plan in its metadata. */
function hardened(assessment: Assessment, plan: Plan, form: DecodeForm): OnnxModel {
  const segments = new Map(
    assessment.prepared.tensors.map((tensor, t) => [
      tensor.name,
      decodeSegments(tensor, assessment.memory[t]!.flips, plan.tensors[t]!.segments),
    ]),
  );
  const metadata = { "qtaml.version": version, [planKey]: JSON.stringify(plan) };
  return hardenModel(assessment.prepared, segments, form, metadata);
}

/** The hardened model's file. @throws QtamlError `unsupported-model` above 2 GB */
export function hardenedBytes(assessment: Assessment, plan: Plan, form: DecodeForm): Uint8Array {
  return serialiseModel(hardened(assessment, plan, form));
}

/** Runs the command. */
export async function runHarden(model: string, flags: HardenFlags): Promise<void> {
  requireGraph(model, "harden");
  checkOutput(flags.output);
  const plan = readPlan(flags.plan);
  const assessment = await assess(readModel(model), { flips: planFlipLaw(plan), storage: plan.storage });
  checkPlan(plan, assessment);
  const dataPath = `${flags.output}.data`;
  const files = modelFiles(hardened(assessment, plan, flags.form), basename(dataPath));
  if (files.data !== undefined) writeWhole(dataPath, files.data);
  writeWhole(flags.output, files.model);
  const bytes = totalLength([...files.model, ...(files.data ?? [])]);
  const data = files.data === undefined ? null : dataPath;
  if (flags.json === true) {
    sayJson({ output: flags.output, data, bytes, form: flags.form, overhead: plan.overhead });
    return;
  }
  say(
    `Written to ${flags.output}: ${formatSi(bytes, "B")}, ${plan.tensors.length} tensors as stored codes, plan in the metadata.`,
  );
  if (data !== null) say(`One ONNX file holds at most 2 GB: the weights are in ${data}; keep both together.`);
}
