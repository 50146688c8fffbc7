/** @file `qtaml harden`: write the model as the memory holds it. */
import { basename } from "node:path";
import { assess, planFlipLaw } from "../../assessment/index.ts";
import { hardenByPlan, planDecode, storeByPlan } from "../../simulation/index.ts";
import { totalLength } from "../../bytes/index.ts";
import { modelFiles, type DecodeForm } from "../../onnx/index.ts";
import { formatSi } from "../../report/index.ts";
import { checkOutside, writeFolder } from "../folder.ts";
import { checkOutput, readModel, readPlan, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { say, sayJson, type Manner } from "../output.ts";
import {
  checkMemoryFlags,
  imageFilesIn,
  makeImage,
  memoryAccount,
  planWithCode,
  type MemoryFlags,
} from "./memory-image.ts";
import { requireGraph } from "./shared.ts";

/** Flags of `qtaml harden`. */
export interface HardenFlags extends Manner, MemoryFlags {
  readonly plan: string;
  readonly output: string;
  readonly form: DecodeForm;
}

/** Runs the command. */
export async function runHarden(model: string, flags: HardenFlags): Promise<void> {
  requireGraph(model, "harden");
  const { memory } = flags;
  checkOutput(flags.output, [...inputPaths(model, flags), ...(memory === undefined ? [] : [memory])]);
  if (memory !== undefined) {
    checkOutside(memory, { Model: model, Plan: flags.plan, Output: flags.output });
  }
  const plan = planWithCode(readPlan(flags.plan), flags);
  checkMemoryFlags(flags, plan);
  const assessment = storeByPlan(
    await assess(readModel(model), { flips: planFlipLaw(plan), storage: plan.storage }),
    plan,
  );
  const dataPath = `${flags.output}.data`;
  const files = modelFiles(hardenByPlan(assessment, plan, flags.form), basename(dataPath));
  const image =
    flags.memory === undefined ? null : makeImage(assessment, plan, planDecode(assessment, plan), flags);
  if (files.data !== undefined) writeWhole(dataPath, files.data);
  writeWhole(flags.output, files.model);
  if (image !== null) writeFolder(flags.memory!, image.files, imageFilesIn);
  const bytes = totalLength([...files.model, ...(files.data ?? [])]);
  const data = files.data === undefined ? null : dataPath;
  if (flags.json === true) {
    sayJson({
      output: flags.output,
      data,
      bytes,
      form: flags.form,
      overhead: plan.overhead,
      memory: image === null ? null : { folder: flags.memory, ...image.layout.totals },
    });
    return;
  }
  say(
    `Written to ${flags.output}: ${formatSi(bytes, "B")}, ${plan.tensors.length} tensors as stored codes, plan in the metadata.`,
  );
  if (data !== null) say(`One ONNX file holds at most 2 GB: the weights are in ${data}; keep both together.`);
  if (image !== null) say(memoryAccount(image.layout, flags.memory!));
}
