/** @file What the page gets of an assessed network. */
import { hasAnswers } from "../assessment/index.ts";
import { outputSize } from "../engine/index.ts";
import { encodeCounts, type NetworkSnapshot } from "../explorer/index.ts";
import type { Opened } from "./opened.ts";

/** Clean logits of the samples that the Jacobian was measured on. */
function answersOf({ assessment }: Opened): NetworkSnapshot["logits"] {
  const { jacobian, calibration } = assessment;
  if (jacobian === undefined || calibration === undefined || !hasAnswers(assessment)) return null;
  const classes = outputSize(calibration.logits);
  const samples = Math.min(...jacobian.map((j) => j.sampleContrastNorms.length));
  return { classes, values: Array.from(calibration.logits.values.subarray(0, samples * classes)) };
}

/** The snapshot of an opened model. */
export function snapshotOf(opened: Opened): NetworkSnapshot {
  const { assessment, data } = opened;
  const { memory, tensors, jacobian, model } = assessment;
  return {
    model: { name: model.name, sha256: model.sha256 },
    tensors: memory.map((tensor, t) => {
      const { role, operators, dims } = tensors[t]!;
      const own = jacobian?.[t];
      return {
        name: tensor.name,
        role,
        operator: operators.join(", "),
        shape: dims,
        count: tensor.count,
        format: tensor.format.name,
        histogram: encodeCounts(tensor.histogram),
        p01: Array.from(tensor.flips.p01),
        p10: Array.from(tensor.flips.p10),
        meanSquareStep: tensor.meanSquareStep,
        stepSensitivity: tensor.stepSensitivity ?? null,
        squaredNorm: own?.squaredNorm ?? null,
        relativeError:
          own === undefined || own.squaredNorm === 0 ? null : own.standardError / own.squaredNorm,
        sampleContrastNorms: own === undefined ? null : Array.from(own.sampleContrastNorms),
      };
    }),
    logits: answersOf(opened),
    data: data === undefined ? null : { samples: data.count, isLabelled: data.labels !== undefined },
  };
}
