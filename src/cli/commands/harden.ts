/** @file `qtaml harden`: write the model as the memory holds it. */
import { basename } from "node:path";
import { assess, type Assessment } from "../../assessment/index.ts";
import { planProtection, storeByPlan } from "../../simulation/index.ts";
import { decodeSegments } from "../../engine/index.ts";
import { totalLength } from "../../bytes/index.ts";
import {
  hardenModel,
  modelFiles,
  planKey,
  serialiseModel,
  type CodesInitialiser,
  type DecodeForm,
  type OnnxModel,
} from "../../onnx/index.ts";
import type { Plan } from "../../protect/index.ts";
import { formatSi } from "../../report/index.ts";
import { checkOutside, writeFolder } from "../folder.ts";
import { checkOutput, readModel, readPlan, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { planFlipLaw } from "../memory.ts";
import { say, sayJson, type Manner } from "../output.ts";
import { version } from "../../version.ts";
import {
  checkMemoryFlags,
  imageFilesIn,
  makeImage,
  memoryAccount,
  planWithCode,
  type MemoryFlags,
} from "./memory-image.ts";
import { requireGraph } from "./shared.ts";
import type { DecodeSegment } from "../../stored/index.ts";

/** Flags of `qtaml harden`. */
export interface HardenFlags extends Manner, MemoryFlags {
  readonly plan: string;
  readonly output: string;
  readonly form: DecodeForm;
}

/** Decode segments of each tensor, in the order of the plan. @param assessment the memory as the plan fills it */
export function planDecode(assessment: Assessment, plan: Plan): DecodeSegment[][] {
  const protection = planProtection(plan);
  return assessment.prepared.tensors.map((tensor, t) =>
    decodeSegments(tensor, assessment.memory[t]!.flips, protection[t]!),
  );
}

/** Key of the metadata entry that tells which initialisers hold codes, and which of their bits are protected. */
const storedKey = "qtaml.stored";

/**
 * What a fault simulator that knows nothing of qtaml needs: for each initialiser that holds codes the width of a code,
 * flip probabilities by bit, and runs of elements with the mask of their protected bits and the codes of these.
 */
function storedEntry(plan: Plan, stored: readonly CodesInitialiser[]): string {
  const tensors = new Map(plan.tensors.map((t) => [t.name, t]));
  return JSON.stringify(
    stored.map(({ initialiser, tensor: name, start, count, bits }) => {
      const { p01, p10, segments } = tensors.get(name)!;
      const runs = segments.flatMap((s) => {
        const from = Math.max(s.start, start);
        const to = Math.min(s.start + s.count, start + count);
        const { protectedMask, codes } = s;
        const held = codes === undefined ? {} : { codes };
        return from < to ? [{ start: from - start, count: to - from, protectedMask, ...held }] : [];
      });
      return { initialiser, tensor: name, bits, p01, p10, runs };
    }),
  );
}

/** The model as the memory holds it under a plan, with the plan in its metadata. */
function hardened(assessment: Assessment, plan: Plan, form: DecodeForm): OnnxModel {
  const decode = planDecode(assessment, plan);
  const segments = new Map(assessment.prepared.tensors.map((tensor, t) => [tensor.name, decode[t]!]));
  return hardenModel(assessment.prepared, segments, form, (stored) => ({
    "qtaml.version": version,
    [planKey]: JSON.stringify(plan),
    [storedKey]: storedEntry(plan, stored),
  }));
}

/** The hardened model's file. @throws QtamlError `unsupported-model` above 2 GB */
export function hardenedBytes(assessment: Assessment, plan: Plan, form: DecodeForm): Uint8Array {
  return serialiseModel(hardened(assessment, plan, form));
}

/** Runs the command. */
export async function runHarden(model: string, flags: HardenFlags): Promise<void> {
  requireGraph(model, "harden");
  checkOutput(flags.output, inputPaths(model, flags));
  if (flags.memory !== undefined) {
    checkOutside(flags.memory, { Model: model, Plan: flags.plan, Output: flags.output });
  }
  const plan = planWithCode(readPlan(flags.plan), flags);
  checkMemoryFlags(flags, plan);
  const assessment = storeByPlan(
    await assess(readModel(model), { flips: planFlipLaw(plan), storage: plan.storage }),
    plan,
  );
  const dataPath = `${flags.output}.data`;
  const files = modelFiles(hardened(assessment, plan, flags.form), basename(dataPath));
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
