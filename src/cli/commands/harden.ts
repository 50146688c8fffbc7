/** @file `qtaml harden`: write the model as the memory holds it. */
import { assess, checkPlan, type Assessment } from "../../campaign/index.ts";
import { decodeSegments } from "../../engine/index.ts";
import { hardenModel, serialiseModel, type DecodeForm } from "../../onnx/index.ts";
import type { Plan } from "../../protect/index.ts";
import { formatSi } from "../../report/index.ts";
import { readModel, readPlan, writeWhole } from "../files.ts";
import { planFlipLaw } from "../memory.ts";
import { say, sayJson, type Manner } from "../output.ts";
import { version } from "../version.ts";
import { requireGraph } from "./shared.ts";

/** Flags of `qtaml harden`. */
export interface HardenFlags extends Manner {
  readonly plan: string;
  readonly output: string;
  readonly form: DecodeForm;
}

/** The hardened model's file. */
export function hardenedBytes(assessment: Assessment, plan: Plan, form: DecodeForm): Uint8Array {
  const segments = new Map(
    assessment.prepared.tensors.map((tensor, t) => [
      tensor.name,
      decodeSegments(tensor, assessment.memory[t]!.flips, plan.tensors[t]!.segments),
    ]),
  );
  const metadata = { "qtaml.version": version, "qtaml.plan": JSON.stringify(plan) };
  return serialiseModel(hardenModel(assessment.prepared, segments, form, metadata));
}

/** Runs the command. */
export async function runHarden(model: string, flags: HardenFlags): Promise<void> {
  requireGraph(model, "qtaml harden");
  const plan = readPlan(flags.plan);
  const assessment = await assess(readModel(model), { flips: planFlipLaw(plan), storage: plan.storage });
  checkPlan(plan, assessment);
  const bytes = hardenedBytes(assessment, plan, flags.form);
  writeWhole(flags.output, bytes);
  if (flags.json === true)
    sayJson({ output: flags.output, bytes: bytes.byteLength, form: flags.form, overhead: plan.overhead });
  else
    say(
      `Written to ${flags.output}: ${formatSi(bytes.byteLength, "B")}, ${plan.tensors.length} tensors as stored codes, plan in the metadata.`,
    );
}
