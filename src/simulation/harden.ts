/** @file The hardened model of a plan: the model as the memory holds it, with the plan in its metadata. */
import { planFlips, type Assessment } from "../assessment/index.ts";
import { decodeSegments } from "../engine/index.ts";
import {
  hardenModel,
  planKey,
  type CodesInitialiser,
  type DecodeForm,
  type OnnxModel,
} from "../onnx/index.ts";
import type { Plan } from "../protect/index.ts";
import type { DecodeSegment } from "../stored/index.ts";
import { version } from "../version.ts";
import { planProtection } from "./protection.ts";
import { checkPlan, storeByPlan } from "./recode.ts";

/**
 * How codes are read under a plan: decode segments of each tensor, in the order of the plan.
 *
 * @param assessment the memory as the plan fills it (`storeByPlan`)
 */
export function planDecode(assessment: Assessment, plan: Plan): DecodeSegment[][] {
  const protection = planProtection(plan);
  const flips = planFlips(plan);
  return assessment.prepared.tensors.map((tensor, t) => decodeSegments(tensor, flips[t]!, protection[t]!));
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

/**
 * The model as the memory holds it under a plan: stored codes and their decode, for any ONNX runtime. Its metadata hold
 * the plan (`qtaml.plan`) and which bits of which initialisers are protected (`qtaml.stored`). `serialiseModel` and,
 * above 2 GB, `modelFiles` of `qtaml/onnx` make files of it.
 *
 * @param assessment of the plan's model in the plan's storage, whether the plan has filled it (`storeByPlan`) or not
 * @param form how codes are decoded in the graph
 * @throws QtamlError `plan-mismatch` when the plan is for another model or memory, `unsupported-model` for a tensor
 *   that the form cannot decode
 */
export function hardenByPlan(assessment: Assessment, plan: Plan, form: DecodeForm = "gather"): OnnxModel {
  const filled = assessment.clean === undefined ? storeByPlan(assessment, plan) : assessment;
  checkPlan(plan, filled);
  const { prepared } = filled;
  const decode = planDecode(filled, plan);
  const segments = new Map(prepared.tensors.map((tensor, t) => [tensor.name, decode[t]!]));
  return hardenModel(prepared, segments, form, (stored) => ({
    "qtaml.version": version,
    [planKey]: JSON.stringify(plan),
    [storedKey]: storedEntry(plan, stored),
  }));
}
