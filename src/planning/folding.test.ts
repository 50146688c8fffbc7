import { beforeAll, describe, expect, it } from "vitest";
import { buildModel, fixtureBytes } from "../../test/build-model.ts";
import { wave } from "../../test/quantised-parts.ts";
import { noiseImages } from "../../test/trials.ts";
import { conditionalMoments, symmetricFlips } from "../channel/index.ts";
import { bindWeights, decodeSegments, inferLogits, openMemoryReader } from "../engine/index.ts";
import { elementCount, floatTensor, hardenModel, makeNode, serialiseModel } from "../onnx/index.ts";
import { parsePlan, type Plan, type PlanShift } from "../protect/index.ts";
import { momentsOf, standardDeviation } from "../stats/index.ts";
import { assess, type Assessment } from "../assessment/index.ts";
import { foldBiases, measureShifts } from "./folding.ts";
import { checkByGaussian } from "./gaussian-check.ts";
import { planIdentity } from "../campaign/index.ts";
import { makePlan } from "./plan.ts";
import { openSimulation, planProtection, storeByPlan } from "../simulation/index.ts";
import { decodeInto } from "../stored/index.ts";

/** Deviations that a test may be off: by chance once in 150000. */
const far = 4.5;
const draws = 24;
const samples = 32;
const flips = symmetricFlips(0.1, 8);

const float = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, wave(elementCount(dims), name.length));

/** Two layers without anything between them: outputs are linear in each layer's weights. */
const linear = {
  name: "linear.onnx",
  bytes: serialiseModel(
    buildModel({
      nodes: [makeNode("Gemm", ["x", "w1", "b"], ["h"]), makeNode("Gemm", ["h", "second"], ["y"])],
      initialisers: [float("w1", 12, 9), float("b", 9), float("second", 9, 5)],
      inputs: { x: ["N", 12] },
      outputs: ["y"],
    }),
  ),
};
const inputs = noiseImages(samples, 8, [12]);

/** Mean over samples, channel by channel. */
const meanRow = (values: ArrayLike<number>, width: number) =>
  Array.from({ length: width }, (_, c) => {
    let sum = 0;
    for (let i = c; i < values.length; i += width) sum += values[i]!;
    return (sum * width) / values.length;
  });

describe("shifts of a linear network", () => {
  let assessment: Assessment;
  let plan: Plan;
  let shifts: readonly PlanShift[];
  beforeAll(async () => {
    assessment = await assess(linear, { flips: () => flips, calibration: inputs });
    plan = await makePlan(assessment, { policy: "none", overhead: 0 });
    shifts = await measureShifts(assessment, plan, { seed: 5 }, 1);
  });

  it("are in closed form the mean errors of the weights times the mean inputs", () => {
    expect(shifts.map(({ layer }) => layer)).toEqual(["h", "y"]);
    const [tensor] = assessment.tensors;
    const { mean, variance } = conditionalMoments(tensor!.format.values, flips);
    const step = tensor!.steps[0]!;
    const means = meanRow(inputs.inputs.values().next().value!.data as Float32Array, 12);
    for (let c = 0; c < 9; c++) {
      let [expected, squares] = [0, 0];
      means.forEach((x, j) => {
        const code = tensor!.codes[j * 9 + c]! & 255;
        expected -= (mean[code]! - tensor!.format.values[code]!) * step * x;
        squares += variance[code]! * (step * x) ** 2;
      });
      expect(Math.abs(shifts[0]!.values[c]! - expected)).toBeLessThan(far * Math.sqrt(squares / draws));
    }
  });

  it("bring the mean error of chips to zero", async () => {
    const errorsOf = async (own: Plan, chips: number) => {
      const { judged, tensors, clean } = storeByPlan(assessment, own);
      const reader = openMemoryReader(
        { tensors, flips: [flips, flips], designFlips: [flips, flips], seed: 2 },
        "faults",
      );
      const reference = await inferLogits((clean ?? judged).model, inputs);
      const binder = await bindWeights(judged, "feed");
      const errors: number[][] = [];
      for (let chip = 0; chip < chips; chip++) {
        reader.draw(chip);
        await binder.load(reader.read(planProtection(own)).weights);
        const { values } = await binder.infer(inputs);
        errors.push(
          meanRow(
            values.map((v, i) => v - reference.values[i]!),
            5,
          ),
        );
      }
      await binder.close();
      return Array.from({ length: 5 }, (_, c) => momentsOf(errors.map((row) => row[c]!)));
    };
    const chips = 400;
    const plain = await errorsOf(plan, chips);
    const folded = await errorsOf({ ...plan, shifts }, chips);
    // Shifts are of 24 draws, which differ as chips do.
    folded.forEach((m) =>
      expect(Math.abs(m.mean)).toBeLessThan(far * standardDeviation(m) * Math.sqrt(1 / draws + 1 / chips)),
    );
    const deviations = plain.map((m) => (Math.abs(m.mean) * Math.sqrt(chips)) / standardDeviation(m));
    expect(Math.max(...deviations)).toBeGreaterThan(2 * far);
  });

  it("are the same again, and none where nothing goes wrong or the memory holds biases", async () => {
    expect(await measureShifts(assessment, plan, { seed: 5 }, 1)).toEqual(shifts);
    const half = await measureShifts(assessment, plan, { seed: 5 });
    half.forEach(({ values }, l) =>
      values.forEach((v, c) => expect(v / shifts[l]!.values[c]!).toBeCloseTo(0.5, 4)),
    );
    const biased = await assess(linear, {
      flips: (bits) => symmetricFlips(0.1, bits),
      calibration: inputs,
      storage: { biases: true },
    });
    const own = await makePlan(biased, { policy: "none", overhead: 0 });
    expect(await measureShifts(biased, own, {})).toEqual([]);
    expect(() => parsePlan({ ...own, shifts }, "plan.json")).toThrow("the memory holds these");
  });
});

describe("a plan with folded biases", () => {
  const images = noiseImages(40, 21);
  let assessment: Assessment;
  let plan: Plan;
  beforeAll(async () => {
    assessment = await assess(
      { name: "lenet.onnx", bytes: fixtureBytes("lenet") },
      { flips: () => symmetricFlips(0.05, 8), calibration: images },
    );
    const joint = await makePlan(assessment, { policy: "joint", overhead: 0, threads: 1 });
    const bare = { ...joint, shifts: [] };
    plan = { ...bare, shifts: await measureShifts(storeByPlan(assessment, bare), bare, {}) };
  });

  it("goes through a file, and is another plan than the one without", () => {
    expect(plan.shifts.length).toBe(5);
    expect(parsePlan(JSON.parse(JSON.stringify(plan)), "plan.json")).toEqual(plan);
    expect(planIdentity(plan, "a").sha256).not.toBe(planIdentity({ ...plan, shifts: [] }, "a").sha256);
    const strange = { ...plan, shifts: [{ layer: "nowhere", values: [1] }] };
    expect(() => storeByPlan(assessment, strange)).toThrow("layers that the model does not have");
  });

  it("leaves the memory and the clean network as they were", async () => {
    const [folded, bare] = [plan, { ...plan, shifts: [] }].map((own) => storeByPlan(assessment, own));
    expect(folded!.tensors).toEqual(bare!.tensors);
    const opened = await Promise.all([folded!, assessment].map((own) => openSimulation(own, images)));
    expect(opened[0]!.clean).toBe(opened[1]!.clean);
    await Promise.all(opened.map((simulation) => simulation.close()));
  });

  it("hardens to the network that trials run, bit for bit", async () => {
    const { prepared, judged, tensors, memory } = storeByPlan(assessment, plan);
    const protection = planProtection(plan);
    const segments = tensors.map((tensor, t) => decodeSegments(tensor, memory[t]!.flips, protection[t]!));
    const hard = hardenModel(prepared, new Map(tensors.map((t, i) => [t.name, segments[i]!])), "gather");
    const binder = await bindWeights(judged, "patch");
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
    const bare = storeByPlan(assessment, { ...plan, shifts: [] });
    const unshifted = hardenModel(
      bare.prepared,
      new Map(tensors.map((t, i) => [t.name, segments[i]!])),
      "gather",
    );
    expect(Array.from((await inferLogits(unshifted, images)).values)).not.toEqual(Array.from(values));
  });

  it("is taken where its check gains more than the standard error, and left otherwise", async () => {
    const bare = { ...plan, shifts: [] };
    const checkOf = async (own: Plan) =>
      (await checkByGaussian(storeByPlan(assessment, own), [planProtection(own)], { threads: 1 }))[0]!;
    const [without, folded] = [await checkOf(bare), await checkOf(plan)];
    const moments = momentsOf(folded.scores.map((score, i) => score - without.scores[i]!));
    const isBetter = moments.mean > standardDeviation(moments) / Math.sqrt(moments.count);
    const found = await foldBiases(assessment, bare, without, { threads: 1 });
    expect(found.plan).toEqual(isBetter ? plan : bare);
    expect(found.check.score).toBe(isBetter ? folded.score : without.score);
    // A check that is as good as this one leaves nothing to gain.
    const perfect = { ...without, score: without.clean, scores: without.scores.map(() => without.clean) };
    expect(await foldBiases(assessment, bare, perfect, { threads: 1 })).toEqual({
      plan: bare,
      check: perfect,
    });
    const best = { ...without, scores: without.scores.map(() => 1), score: without.clean - 1e-9 };
    expect((await foldBiases(assessment, bare, best, { threads: 1 })).plan).toBe(bare);
    const worst = { ...without, scores: without.scores.map(() => 0) };
    const taken = await foldBiases(assessment, bare, worst, { threads: 1 });
    expect(taken.plan).toEqual(plan);
    expect(taken.gain!.gain).toBeCloseTo(folded.score, 12);
  });
});

describe("--fold-biases", () => {
  it("gives plans of any policy their check, and shifts where that gains", async () => {
    const assessment = await assess(linear, { flips: () => flips, calibration: inputs });
    const request = { policy: "magnitude", overhead: 0.1, threads: 1 } as const;
    const bare = await makePlan(assessment, request);
    const plan = await makePlan(assessment, { ...request, foldsBiases: true });
    const [before] = await checkByGaussian(assessment, [planProtection(bare)], { threads: 1 });
    const { check } = plan.predicted;
    expect(plan.tensors).toEqual(bare.tensors);
    expect(plan.shifts.length === 0).toBe(check!.folding === undefined);
    expect(check!.score - (check!.folding?.gain ?? 0)).toBeCloseTo(before!.score, 10);
    expect(parsePlan(JSON.parse(JSON.stringify(plan)), "plan.json")).toEqual(plan);
  });

  it("is refused where shifts cannot be measured", async () => {
    const request = { policy: "magnitude", overhead: 0.1, foldsBiases: true } as const;
    const asked = (own: Parameters<typeof assess>[1]) =>
      assess(linear, own).then((assessment) => makePlan(assessment, request));
    const law = (bits: number) => symmetricFlips(0.1, bits);
    await expect(asked({ flips: law })).rejects.toThrow("give --data");
    await expect(asked({ flips: law, calibration: inputs, storage: { biases: true } })).rejects.toThrow(
      "leave --biases or --fold-biases out",
    );
    await expect(asked({ flips: law, calibration: inputs, storage: { format: "fp16" } })).rejects.toThrow(
      "--format int8",
    );
  });
});
