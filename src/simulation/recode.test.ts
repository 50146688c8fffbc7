import { beforeAll, describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import {
  channelRanges,
  codeArray,
  designCodebook,
  unshrunkReading,
  flipSampler,
  protectBits,
  rangeEncoder,
  symmetricFlips,
  weightDistribution,
} from "../channel/index.ts";
import { bindWeights, decodeSegments, inferLogits } from "../engine/index.ts";
import { hardenModel, type Granularity } from "../onnx/index.ts";
import { parsePlan, type Plan, type PlanCodebook } from "../protect/index.ts";
import { assess, type Assessment } from "../assessment/assess.ts";
import { makePlan } from "../planning/plan.ts";
import { planProtection } from "./protection.ts";
import { rootMeanSquares, storeByPlan } from "./recode.ts";
import { openSimulation } from "./simulate.ts";
import { cleanWeights, decodeInto } from "../stored/index.ts";

const images = noiseImages(6, 21);
const flips = symmetricFlips(0.05, 8);
const topBit = 0x80;

/** A plan with a codebook a tensor, and another for its first weights, which have a bit protected. */
async function codedPlan(assessment: Assessment, scaling: Granularity): Promise<Plan> {
  const plain = await makePlan(assessment, { policy: "none", overhead: 0 });
  const codebooks: PlanCodebook[] = [];
  let protectedBits = 0;
  const tensors = assessment.tensors.map((tensor, t) => {
    const weights = cleanWeights(tensor);
    const [scale] = rootMeanSquares(weights, tensor.dims, undefined);
    const source = weightDistribution(weights, () => scale!);
    const extra = Math.floor(tensor.count / 3);
    protectedBits += extra;
    const segments = ([topBit, 0] as const).map((protectedMask, i) => {
      const left = protectBits(flips, protectedMask);
      const book = designCodebook(source, left, "table");
      const { gain, offset } = unshrunkReading(book, source, left);
      const codebook = codebooks.push({ table: Array.from(book.table), gain, offset }) - 1;
      const [start, count] = i === 0 ? [0, extra] : [extra, tensor.count - extra];
      return { start, count, protectedMask, decoder: "none" as const, codebook };
    });
    return { ...plain.tensors[t]!, scaling, segments };
  });
  return parsePlan({ ...plain, protectedBits, codebooks, tensors }, "plan");
}

describe.each(["tensor", "channel"] as const)("a memory stored by codebooks, one scale a %s", (scaling) => {
  let plain: Assessment;
  let stored: Assessment;
  let plan: Plan;
  beforeAll(async () => {
    plain = await assess(
      { name: "lenet.onnx", bytes: fixtureBytes("lenet") },
      { flips: () => flips, calibration: images },
    );
    plan = await codedPlan(plain, scaling);
    stored = storeByPlan(plain, plan);
  });

  it("holds for each weight the code that is expected to be read nearest to it", () => {
    stored.tensors.forEach((tensor, t) => {
      const weights = cleanWeights(plain.tensors[t]!);
      const axis = scaling === "channel" ? tensor.outputAxis : undefined;
      const scales = rootMeanSquares(weights, tensor.dims, axis);
      const inner =
        axis === undefined ? weights.length : tensor.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
      const { segments } = plan.tensors[t]!;
      const encoders = segments.map(({ codebook, protectedMask }) =>
        rangeEncoder(
          channelRanges(
            Float64Array.from(plan.codebooks[codebook!]!.table),
            protectBits(flips, protectedMask),
          ),
        ),
      );
      const expected = Array.from(weights, (w, i) =>
        encoders[i < segments[0]!.count ? 0 : 1]!(w / scales[Math.floor(i / inner) % scales.length]!),
      );
      expect(Array.from(tensor.codes)).toEqual(expected);
    });
  });

  it("is read, chip by chip, as its tables say", async () => {
    const { judged, tensors } = stored;
    const protection = planProtection(plan);
    const simulation = await openSimulation(stored, images, { seed: 31, measure: { name: "mse" } });
    const [results] = await simulation.run([protection], 2);
    await simulation.close();
    const clean = await inferLogits(plain.judged.model, images);
    const binder = await bindWeights(judged, "patch");
    for (const trial of [0, 1]) {
      await binder.load(
        tensors.map((tensor, t) => {
          const patterns = codeArray(8, tensor.count);
          flipSampler(flips).drawPatterns({ seed: 31, trial, tensor: t }, tensor.codes, patterns);
          const { segments } = plan.tensors[t]!;
          const out = new Float32Array(tensor.count);
          const read = tensor.codes.map((code, i) => {
            const mask = i < segments[0]!.count ? topBit : 0;
            return code ^ (patterns[i]! & ~mask);
          });
          const parts = segments.map(({ start, count, codebook }) => {
            const { table, gain, offset } = plan.codebooks[codebook!]!;
            return { start, count, table: table.map((v) => v * gain + offset) };
          });
          decodeInto(tensor, parts, read, out);
          return out;
        }),
      );
      const { values } = await binder.infer(images);
      const error = values.reduce((sum, z, i) => sum + (z - clean.values[i]!) ** 2, 0) / values.length;
      expect(results!.scores[trial]! / error).toBeCloseTo(1, 5);
    }
    await binder.close();
  });

  it("keeps the clean network as the reference", async () => {
    const [own, base] = await Promise.all([stored, plain].map((a) => openSimulation(a, images, { seed: 1 })));
    expect(own!.clean).toBe(base!.clean);
    await Promise.all([own!.close(), base!.close()]);
  });

  it("hardens to a model that computes what is read without faults", async () => {
    const { prepared, tensors } = stored;
    const protection = planProtection(plan);
    const segments = tensors.map((tensor, t) => decodeSegments(tensor, flips, protection[t]!));
    const hard = hardenModel(prepared, new Map(tensors.map((t, i) => [t.name, segments[i]!])), "gather");
    const binder = await bindWeights(stored.judged, "patch");
    await binder.load(
      tensors.map((tensor, t) => {
        const out = new Float32Array(tensor.count);
        decodeInto(tensor, segments[t]!, tensor.codes, out);
        return out;
      }),
    );
    const { values } = await binder.infer(images);
    await binder.close();
    expect(Array.from((await inferLogits(hard, images)).values)).toEqual(Array.from(values));
  });
});

describe("rootMeanSquares", () => {
  it("is that of each channel, and next to nothing where all weights are zero", () => {
    const weights = Float32Array.of(3, 4, 0, 0, -3, 4);
    expect(Array.from(rootMeanSquares(weights, [3, 2], 0), (r) => r ** 2)).toEqual([
      expect.closeTo(12.5, 5),
      expect.closeTo(0, 30),
      expect.closeTo(12.5, 5),
    ]);
    expect(rootMeanSquares(weights, [3, 2], undefined)[0]! ** 2).toBeCloseTo(50 / 6, 5);
    expect(rootMeanSquares(weights, [3, 2], 1)[1]! ** 2).toBeCloseTo(32 / 3, 5);
  });
});
