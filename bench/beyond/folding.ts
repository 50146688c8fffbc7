/**
 * @file What a plan would gain from a bias at the outputs: the mean shift of the logits that errors cause, measured by
 * Gaussian errors on the calibration inputs, taken off again. Plans do not do this yet.
 */
import { makePlan } from "../../src/planning/index.ts";
import { planProtection, storeByPlan } from "../../src/simulation/index.ts";
import type { Assessment } from "../../src/assessment/index.ts";
import { jointStorage } from "../../src/planning/joint.ts";
import type { Dataset } from "../../src/data/index.ts";
import { bindWeights, openMemoryReader, outputSize, type WeightBinder } from "../../src/engine/index.ts";
import { cleanWeights } from "../../src/onnx/index.ts";
import { meanInterval, momentsOf } from "../../src/stats/index.ts";
import type { Subject } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";
import type { Estimate } from "./network.ts";

/** Shares of clean with nothing protected, and the gain of folding on the same chips. */
export interface FoldingResult {
  readonly name: string;
  readonly kept: Estimate;
  readonly gain: Estimate;
}

const draws = 12;

/** Share of right answers when a bias is taken off every output. */
function accuracy(values: Float32Array, bias: Float64Array, labels: ArrayLike<number>): number {
  const classes = bias.length;
  let right = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = Array.from(bias, (b, c) => values[n * classes + c]! - b);
    if (row.indexOf(Math.max(...row)) === labels[n]) right++;
  }
  return right / labels.length;
}

/** Mean over the inputs of the outputs less those of the clean network. */
function meanShift(values: Float32Array, clean: Float32Array, classes: number): Float64Array {
  const shift = new Float64Array(classes);
  values.forEach((v, i) => (shift[i % classes]! += ((v - clean[i]!) * classes) / values.length));
  return shift;
}

/** The memory with nothing protected, filled by codebooks. */
async function unprotected(assessment: Assessment) {
  const none = await makePlan(assessment, { policy: "none", overhead: 0 });
  const { codebooks, tensors } = jointStorage(assessment, 0);
  const plan = { ...none, codebooks, tensors: none.tensors.map((t, i) => ({ ...t, ...tensors[i]! })) };
  return { filled: storeByPlan(assessment, plan), protection: planProtection(plan) };
}

/** Measures the gain on the chips of all other measurements. */
export async function measureFolding(subject: Subject): Promise<FoldingResult> {
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, subject.p, calibration);
  const { filled, protection } = await unprotected(assessment);
  const flips = assessment.memory.map((t) => t.flips);
  const content = { tensors: filled.tensors, flips, designFlips: flips, seed: 0 };
  const binder: WeightBinder = await bindWeights(filled.judged, "patch");
  try {
    const run = async (weights: readonly Float32Array[], data: Dataset) => {
      await binder.load(weights);
      return binder.infer(data);
    };
    const clean = await run(assessment.tensors.map(cleanWeights), calibration);
    const classes = outputSize(clean);
    const labels = Array.from(test.labels!.data, Number);
    const none = new Float64Array(classes);
    const whole = accuracy((await binder.infer(test)).values, none, labels);
    const errors = openMemoryReader(content, "gaussian");
    const bias = new Float64Array(classes);
    for (let draw = 0; draw < draws; draw++) {
      errors.draw(draw);
      const { values } = await run(errors.read(protection).weights, calibration);
      meanShift(values, clean.values, classes).forEach((s, c) => (bias[c]! += s / draws));
    }
    const faults = openMemoryReader(content, "faults");
    const kept: number[] = [];
    const gains: number[] = [];
    for (let chip = 0; chip < subject.chips; chip++) {
      faults.draw(chip);
      const { values } = await run(faults.read(protection).weights, test);
      kept.push(accuracy(values, none, labels) / whole);
      gains.push(accuracy(values, bias, labels) / whole - kept.at(-1)!);
    }
    return {
      name: subject.name,
      kept: meanInterval(momentsOf(kept)),
      gain: meanInterval(momentsOf(gains)),
    };
  } finally {
    await binder.close();
  }
}
