/**
 * @file Tensors of whole numbers that the network does not depend on smoothly: shapes, axes, indices and zero points.
 * They have no Jacobian, and no average that the network could run with.
 */
import { outputSize, type JudgedOutput, type TensorJacobian } from "../engine/index.ts";
import type { StoredTensor } from "../stored/index.ts";

/**
 * Whether a tensor has to be read as whole numbers: no correction, no mean, no Jacobian.
 *
 * @param tensor whose role tells
 */
export function isWhole({ role }: Pick<StoredTensor, "role">): boolean {
  return role === "integer" || role === "zero-point";
}

/**
 * The sensitivity that is assumed of a tensor of whole numbers: an element that is off by one changes the outputs by
 * as much as the outputs are large. A hit index or shape is then protected before any weight.
 *
 * @param logits clean outputs
 * @param samples how many of them the Jacobian is averaged over
 */
export function assumedJacobian(
  { count }: StoredTensor,
  logits: JudgedOutput,
  samples: number,
): TensorJacobian {
  const size = outputSize(logits);
  const norms = new Float64Array(samples);
  const contrasts = new Float64Array(samples);
  for (let n = 0; n < samples; n++) {
    const values = logits.values.subarray(n * size, (n + 1) * size);
    const squares = values.reduce((sum, v) => sum + v * v, 0);
    const total = values.reduce((sum, v) => sum + v, 0);
    norms[n] = count * squares;
    contrasts[n] = count * Math.max(0, squares - (total * total) / size);
  }
  return {
    squaredNorm: norms.reduce((a, b) => a + b, 0) / samples,
    standardError: 0,
    sampleSquaredNorms: norms,
    sampleContrastNorms: contrasts,
    channelSquaredNorms: null,
    method: "assumed",
    probes: 0,
  };
}
