/**
 * @file A memory as a plan fills it: the clean weights stored anew, each tensor by its own codebooks, and biases shifted.
 */
import {
  channelRanges,
  codeArray,
  protectBits,
  rangeEncoder,
  type FlipProbabilities,
} from "../channel/index.ts";
import { shiftBiases, type OnnxModel, type PreparedModel } from "../onnx/index.ts";
import type { Plan, PlanCodebook, PlanTensor } from "../protect/index.ts";
import { planeCode } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { Assessment, Survey } from "../assessment/index.ts";
import { channelLayout, cleanWeights, forEachStepRow, stepOf, type StoredTensor } from "../stored/index.ts";

/** The scale of weights that are all zero: so small that what they are read as does not matter. */
const zeroScale = 2 ** -126;

/** The axis along which scales change under a scaling. @param tensor as it is stored */
export function scaleAxis({ outputAxis }: StoredTensor, scaling: NonNullable<PlanTensor["scaling"]>) {
  return scaling === "channel" ? outputAxis : undefined;
}

/**
 * The root mean square of a tensor's weights, or of those of each channel along an axis.
 *
 * @param weights [count]
 * @returns [1] or [channels]
 */
export function rootMeanSquares(
  weights: Float32Array,
  dims: readonly number[],
  axis: number | undefined,
): Float32Array {
  const { channels } = channelLayout(dims, axis);
  const sums = new Float64Array(channels);
  forEachStepRow({ dims, channelAxis: axis, blockSize: undefined }, (start, count, step, stride) => {
    for (let k = 0; k < count; k++) sums[step + k * stride]! += weights[start + k]! ** 2;
  });
  const each = weights.length / channels;
  return Float32Array.from(sums, (sum) => (sum > 0 ? Math.max(Math.sqrt(sum / each), zeroScale) : zeroScale));
}

/** One tensor, stored by the codebooks of a plan. */
function recodeTensor(
  tensor: StoredTensor,
  flips: FlipProbabilities,
  { segments, scaling }: PlanTensor,
  codebooks: readonly PlanCodebook[],
): StoredTensor {
  if (scaling === undefined) return tensor;
  const weights = cleanWeights(tensor);
  const channelAxis = scaleAxis(tensor, scaling);
  const steps = rootMeanSquares(weights, tensor.dims, channelAxis);
  const codes = codeArray(tensor.format.bits, tensor.count);
  const step = stepOf({ dims: tensor.dims, channelAxis, blockSize: undefined });
  const known = new Map<string, (x: number) => number>();
  const encoderOf = ({ codebook, protectedMask }: PlanTensor["segments"][number]) => {
    const key = `${codebook}:${protectedMask}`;
    const table = Float64Array.from(codebooks[codebook!]!.table);
    const encoder = known.get(key) ?? rangeEncoder(channelRanges(table, protectBits(flips, protectedMask)));
    known.set(key, encoder);
    return encoder;
  };
  for (const segment of segments) {
    const encoder = encoderOf(segment);
    const end = segment.start + segment.count;
    for (let i = segment.start; i < end; i++) codes[i] = encoder(weights[i]! / steps[step(i)]!);
  }
  return { ...tensor, codes, channelAxis, blockSize: undefined, steps, zeroPoints: undefined };
}

/**
 * Checks that a plan was made for a model and its tensors.
 *
 * @throws QtamlError `plan-mismatch`, and `invalid-argument` for a code that does not exist
 */
export function checkPlan(plan: Plan, assessment: Survey): void {
  const { model, memory } = assessment;
  if (plan.model.sha256 !== model.sha256) {
    throw new QtamlError(
      "plan-mismatch",
      `The plan was made for ${plan.model.name} (sha256 ${plan.model.sha256.slice(0, 12)}), not for ${model.name} (sha256 ${model.sha256.slice(0, 12)}); plan this model, or give the one the plan names.`,
    );
  }
  for (const { segments } of plan.tensors)
    for (const { codes = [] } of segments) for (const { code } of codes) planeCode(code);
  const fits =
    plan.tensors.length === memory.length &&
    plan.tensors.every((t, i) => {
      const own = memory[i]!;
      return (
        t.name === own.name &&
        t.count === own.count &&
        t.format === own.format.name &&
        t.p01.length === own.format.bits
      );
    });
  if (!fits) {
    throw new QtamlError(
      "plan-mismatch",
      `The plan's tensors are not those of ${model.name} in this memory; make the plan again with this version of qtaml.`,
    );
  }
}

/**
 * The memory as a plan fills it, and the network around it: tensors that have codebooks are stored by them, the others
 * are as they were, and biases are shifted.
 *
 * @param assessment of the model in the plan's own storage
 * @throws QtamlError `plan-mismatch` when the plan is for another model or memory
 */
export function storeByPlan(assessment: Assessment, plan: Plan): Assessment {
  checkPlan(plan, assessment);
  if (plan.codebooks.length === 0 && plan.shifts.length === 0) return assessment;
  const tensors = assessment.tensors.map((tensor, t) => {
    const own = plan.tensors[t]!;
    const flips = { p01: Float64Array.from(own.p01), p10: Float64Array.from(own.p10) };
    return recodeTensor(tensor, flips, own, plan.codebooks);
  });
  const { prepared, judged } = assessment;
  return {
    ...assessment,
    prepared: { ...prepared, tensors, model: shifted(prepared, plan) },
    judged: { ...judged, tensors, model: shifted(judged, plan) },
    tensors,
    clean: assessment.clean ?? judged,
  };
}

/** A model with a plan's shifts in its biases. @throws QtamlError `plan-mismatch` */
function shifted({ model, tensors }: PreparedModel, { shifts }: Plan): OnnxModel {
  if (shifts.length === 0) return model;
  const stored = new Set(tensors.map((t) => t.runtimeName));
  const found = shiftBiases(model, stored, new Map(shifts.map(({ layer, values }) => [layer, values])));
  if (found !== undefined) return found;
  throw new QtamlError(
    "plan-mismatch",
    "The plan shifts biases of layers that the model does not have in this memory; make the plan again with this version of qtaml.",
  );
}
