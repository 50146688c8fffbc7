/** @file What the page gets of an assessed network. */
import { hasAnswers, measuredClassifier } from "../campaign/index.ts";
import { encodeCounts, type NetworkSnapshot } from "../explorer/index.ts";
import type { Opened } from "./opened.ts";

/** The snapshot of an opened model. */
export function snapshotOf({ assessment, data }: Opened): NetworkSnapshot {
  const { memory, tensors, jacobian, model } = assessment;
  const clean = hasAnswers(assessment) ? measuredClassifier(assessment).clean : undefined;
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
    logits: clean === undefined ? null : { classes: clean.classes, values: Array.from(clean.values) },
    data: data === undefined ? null : { samples: data.count, isLabelled: data.labels !== undefined },
  };
}
