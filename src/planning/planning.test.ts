import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModel, fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { asymmetricFlips, codeArray, flipSampler, symmetricFlips, type Codes } from "../channel/index.ts";
import { bindWeights, inferLogits } from "../engine/index.ts";
import { readDataset, singleInput, sliceDataset } from "../data/index.ts";
import { builtInMeasure } from "../measure/index.ts";
import { floatTensor, makeNode, serialiseModel } from "../onnx/index.ts";
import { allocator, parsePlan, protectedBitsOf, storedBits } from "../protect/index.ts";
import { meanInterval } from "../stats/index.ts";
import { assess, type Assessment } from "../assessment/assess.ts";
import { compare } from "./compare.ts";
import { chooseCorrection, fixedReading } from "./correction.ts";
import { checkKeep, type Goal } from "../simulation/goal.ts";
import { inspect } from "../assessment/inspect.ts";
import { makePlan } from "./plan.ts";
import { planProtection } from "../simulation/protection.ts";
import { checkPlan } from "../simulation/recode.ts";
import { hasAnswers, isPredicted } from "../assessment/predict.ts";
import { searchOverhead } from "./search.ts";
import { openSimulation, summarise, type Simulation } from "../simulation/simulate.ts";
import { cleanSegments, decodeInto } from "../stored/index.ts";

const lenet = { name: "lenet.onnx", bytes: fixtureBytes("lenet") };
const images = noiseImages(6, 21);
const memory = (p: number, calibration = true, format = "int8") =>
  assess(lenet, {
    storage: { format },
    flips: (bits) => symmetricFlips(p, bits),
    ...(calibration ? { calibration: images } : {}),
  });

let assessment: Assessment;
let blind: Assessment;
beforeAll(async () => {
  assessment = await memory(0.05);
  blind = await memory(0.05, false, "int4");
});

const decoded = ({ prepared }: Assessment, codes: (t: number) => Codes): Float32Array[] =>
  prepared.tensors.map((tensor, t) => {
    const out = new Float32Array(tensor.count);
    decodeInto(tensor, cleanSegments(tensor), codes(t), out);
    return out;
  });

/** Weights of a chip that is read without protection or correction. */
function chipWeights(of: Assessment, trial: number): Float32Array[] {
  return decoded(of, (t) => {
    const { codes } = of.prepared.tensors[t]!;
    const patterns = codeArray(8, codes.length);
    flipSampler(of.memory[t]!.flips).drawPatterns({ seed: 31, trial, tensor: t }, codes, patterns);
    return codes.map((c, i) => c ^ patterns[i]!);
  });
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe("inspect", () => {
  it("states the line that the mean of many chips' weights lies on, to four standard deviations", () => {
    const chips = 150;
    const clean = decoded(assessment, (t) => assessment.prepared.tensors[t]!.codes);
    const sums = clean.map(() => 0);
    for (let trial = 0; trial < chips; trial++)
      chipWeights(assessment, trial).forEach((w, t) => (sums[t]! += mean(w)));
    inspect(assessment).forEach((row, t) => {
      const sd = Math.sqrt(row.variance / (row.count * chips));
      const expected = row.driftSlope * mean(clean[t]!) + row.driftOffset;
      expect(Math.abs(sums[t]! / chips - expected)).toBeLessThan(4 * sd);
      expect(row.driftExact).toBe(true);
    });
  });
});

describe("predicted output error", () => {
  it("is the measured one at a small flip probability", async () => {
    const rare = await memory(3e-3);
    const plan = await makePlan(rare, { policy: "none", overhead: 0 });
    const predicted = plan.predicted.noise! + plan.predicted.drift!;
    const clean = await inferLogits(rare.prepared.model, images);
    const binder = await bindWeights(rare.prepared, "feed");
    const errors: number[] = [];
    for (let trial = 0; trial < 800; trial++) {
      await binder.load(chipWeights(rare, trial));
      const { values } = await binder.infer(images);
      errors.push(values.reduce((sum, z, i) => sum + (z - clean.values[i]!) ** 2, 0) / images.count);
    }
    await binder.close();
    const measured = mean(errors);
    const sd = Math.sqrt(mean(errors.map((e) => (e - measured) ** 2)) / errors.length);
    // Sampling error, and a tenth for the curvature that a flipped top bit meets in a rectified network.
    expect(4 * sd).toBeLessThan(0.25 * measured);
    expect(Math.abs(measured - predicted)).toBeLessThan(4 * sd + 0.1 * predicted);
  });
});

describe("chooseCorrection", () => {
  /** Paired difference of the expected accuracy under real faults: as chosen, less as stored. */
  async function gained(of: Assessment, overhead: number, on = images) {
    const allocation = allocator("tac", of.memory).allocate(overhead);
    const { segments } = await chooseCorrection(of, allocation);
    const plain = (await fixedReading(of, allocation, "none")).segments;
    const simulation = await openSimulation(of, on, {
      measure: { name: "expected-accuracy" },
      threads: 1,
    });
    const [own, stored] = await simulation.run([segments, plain], 60);
    await simulation.close();
    const isCorrected = segments.flat().some((segment) => segment.decoder !== "none");
    return { isCorrected, ...meanInterval(own!.scores.map((score, i) => score - stored!.scores[i]!)) };
  }

  it.each([0, 0.05, 0.2])("at budget %d keeps no less than the memory as it is stored", async (overhead) => {
    const { high } = await gained(assessment, overhead);
    expect(high).toBeGreaterThanOrEqual(0);
  });

  it("corrects a memory that loses charge, and keeps more by it", async () => {
    const file = (name: string) => join(import.meta.dirname, "../../zoo", name);
    const read = async (name: string) => (await readDataset({ data: [file(name)] })).dataset;
    const lossy = await assess(
      { name: "lenet.onnx", bytes: readFileSync(file("lenet.onnx")) },
      {
        flips: (bits) => asymmetricFlips(0, 0.1, bits),
        calibration: { ...(await read("fashion-mnist-calibration-256.npz")), labels: undefined },
      },
    );
    const test = sliceDataset(await read("fashion-mnist-test-2000.npz"), 0, 100);
    const { isCorrected, low } = await gained(lossy, 0.2, test);
    expect(isCorrected).toBe(true);
    expect(low).toBeGreaterThan(0);
  });

  it("reads a memory as it is where every cell is lost and no drift can be undone", async () => {
    const lost = await memory(0.5);
    const { tensors } = await makePlan(lost, { policy: "tac", overhead: 0.02 });
    const segments = tensors.flatMap((t) => t.segments);
    const open = segments.filter((s) => s.protectedMask === 0);
    expect(open.length).toBeGreaterThan(0);
    expect(open.every((s) => s.decoder === "none")).toBe(true);
  });
});

describe("a network with one output", () => {
  const noise = (length: number, salt: number) =>
    Float32Array.from({ length }, (_, i) => (((i + 1) * 7919 * salt) % 1009) / 504.5 - 1);
  const regressor = () =>
    assess(
      {
        name: "regressor.onnx",
        bytes: serialiseModel(
          buildModel({
            nodes: [
              makeNode("MatMul", ["x", "v"], ["h"]),
              makeNode("Relu", ["h"], ["r"]),
              makeNode("MatMul", ["r", "w"], ["z"]),
            ],
            initialisers: [floatTensor("v", [4, 16], noise(64, 3)), floatTensor("w", [16, 1], noise(16, 5))],
            inputs: { x: ["N", 4] },
            outputs: ["z"],
          }),
        ),
      },
      { flips: (bits) => symmetricFlips(0.05, bits), calibration: singleInput(12, [4], noise(48, 7)) },
    );

  it("has no answers to predict, and is read with the least predicted squared error", async () => {
    const known = await regressor();
    expect(hasAnswers(known)).toBe(false);
    expect(hasAnswers(assessment)).toBe(true);
    expect(isPredicted(assessment, "top-1")).toBe(true);
    for (const name of ["agreement", "snr", "top-5"]) expect(isPredicted(assessment, name)).toBe(false);
    const chosen = await chooseCorrection(known, allocator("tac", known.memory).allocate(0.1));
    for (const kind of ["none", "unbiased-affine"] as const) {
      const fixed = await fixedReading(known, allocator("tac", known.memory).allocate(0.1), kind);
      expect(chosen.noise + chosen.drift).toBeLessThanOrEqual(fixed.noise! + fixed.drift!);
    }
  });
});

describe("makePlan and checkPlan", () => {
  it("makes plans that can be read again and keep to the budget", async () => {
    for (const policy of ["tac", "magnitude", "random", "uniform-msp", "mean-correction"] as const) {
      const plan = await makePlan(assessment, { policy, overhead: 0.1, seed: 2 });
      expect(parsePlan(JSON.parse(JSON.stringify(plan)), "plan")).toEqual(plan);
      expect(plan.storedBits).toBe(storedBits(assessment.memory));
      expect(plan.overhead).toBeLessThanOrEqual(0.1);
      expect(() => checkPlan(plan, assessment)).not.toThrow();
    }
  });

  it("refuses TAC without inputs, and predicts nothing then", async () => {
    await expect(makePlan(blind, { policy: "tac", overhead: 0.1 })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    const plan = await makePlan(blind, { policy: "magnitude", overhead: 0.1 });
    expect(plan.predicted).toEqual({ noise: null, drift: null, marginalValue: null });
  });

  it("refuses the plan of another model or of other tensors", async () => {
    const plan = await makePlan(blind, { policy: "none", overhead: 0 });
    const other = { ...plan, model: { name: "other.onnx", sha256: "0".repeat(64) } };
    expect(() => checkPlan(other, blind)).toThrow(/made for other.onnx/);
    for (const part of [{ name: "x" }, { count: 1 }, { format: "int8" }, { p01: [0, 0] }]) {
      const tensors = plan.tensors.with(0, { ...plan.tensors[0]!, ...part });
      expect(() => checkPlan({ ...plan, tensors }, blind)).toThrow(
        expect.objectContaining({ code: "plan-mismatch" }),
      );
    }
    expect(() => checkPlan({ ...plan, tensors: plan.tensors.slice(1) }, blind)).toThrow(/not those of/);
  });
});

describe("searchOverhead", () => {
  /** Chips that all score `curve(overhead)`. */
  const stub = (curve: (overhead: number) => number): Simulation => ({
    measure: builtInMeasure("top-1").description,
    clean: 1,
    samples: 100,
    seed: 0,
    goal: (keep) => ({ target: keep, higherIsBetter: true, range: [0, 1] }),
    run: (protections, chips) =>
      Promise.resolve(
        protections.map((p) => ({
          scores: Array<number>(chips).fill(curve(protectedBitsOf(p.flat()) / storedBits(blind.memory))),
          nonFinite: Array<number>(chips).fill(0),
        })),
      ),
    under() {
      return Promise.resolve(this);
    },
    close: () => Promise.resolve(),
  });

  it.each([0.004, 0.07, 0.3, 0.75, 0.99])("finds the crossing of a known curve at %d", async (crossing) => {
    const curve = (overhead: number) => 0.8 / (1 + Math.exp(-20 * (overhead - crossing))) + 0.2;
    for (const guess of [undefined, 0.02, 0.5, 0.9]) {
      const found = await searchOverhead(blind, stub(curve), {
        policy: "magnitude",
        goal: { target: 0.6, higherIsBetter: true, range: [0, 1] },
        chips: 3,
        ...(guess === undefined ? {} : { guess }),
      });
      // The bracket's width.
      expect(Math.abs(found.overhead - crossing)).toBeLessThan(Math.max(0.002, crossing / 25));
      expect(found.low).toBeCloseTo(found.overhead, 9);
    }
  });

  it.each([
    { guess: undefined, leastTried: 1 },
    { guess: 0, leastTried: 1 },
    { guess: 0.004, leastTried: 1 },
    { guess: 0.3, leastTried: 2 },
  ])("finds that nothing is needed, from a guess of $guess", async ({ guess, leastTried }) => {
    const tried: number[] = [];
    const found = await searchOverhead(
      blind,
      stub((overhead) => {
        tried.push(overhead);
        return 0.97;
      }),
      {
        policy: "magnitude",
        goal: { target: 0.95, higherIsBetter: true, range: [0, 1] },
        chips: 2,
        ...(guess === undefined ? {} : { guess }),
      },
    );
    expect(found).toMatchObject({ overhead: 0, low: 0, high: 0 });
    expect(tried.at(-1)).toBe(0);
    expect(tried.length).toBeGreaterThanOrEqual(leastTried);
  });

  it("goes on until both ends of the interval have crossed, if asked", async () => {
    const curve = (overhead: number) => 0.2 + 0.8 * overhead;
    const even = stub(curve);
    const scattered: Simulation = {
      ...even,
      run: async (protections, chips, control) =>
        (await even.run(protections, chips, control)).map((results) => ({
          ...results,
          scores: results.scores.map((score, i) => score + (i % 2 === 0 ? 0.02 : -0.02)),
        })),
    };
    const options = {
      policy: "magnitude",
      goal: { target: 0.6, higherIsBetter: true, range: [0, 1] },
      chips: 4,
      guess: 0.5,
    } as const;
    const found = await searchOverhead(blind, scattered, { ...options, completeInterval: true });
    // Student t of 3 degrees of freedom, 3.182, times 0.02 sqrt(4/3) / sqrt(4), over the slope 0.8.
    const half = (3.182 * 0.02 * Math.sqrt(4 / 3)) / 2 / 0.8;
    expect(found.overhead).toBeCloseTo(0.5, 3);
    expect(found.low).toBeCloseTo(0.5 - half, 3);
    expect(found.high).toBeCloseTo(0.5 + half, 3);
    expect((await searchOverhead(blind, scattered, options)).points.length).toBeLessThan(found.points.length);
  });

  it.each([0.07, 0.75])("finds where a loss has fallen enough, at %d", async (crossing) => {
    const curve = (overhead: number) => 3 / (1 + Math.exp(20 * (overhead - crossing))) + 0.5;
    const found = await searchOverhead(blind, stub(curve), {
      policy: "magnitude",
      goal: { target: 2, higherIsBetter: false, range: [0, Infinity] },
      chips: 3,
      tolerance: 0.002,
    });
    expect(Math.abs(found.overhead - crossing)).toBeLessThan(0.002);
    expect(found.low).toBeCloseTo(found.overhead, 9);
  });

  it("says 1 where no protection keeps the target", async () => {
    const options = {
      policy: "magnitude",
      goal: { target: 0.9, higherIsBetter: true, range: [0, 1] },
      chips: 2,
    } as const;
    expect(
      (
        await searchOverhead(
          blind,
          stub(() => 0.5),
          options,
        )
      ).overhead,
    ).toBe(1);
  });
});

describe("checkKeep", () => {
  it.each([0, 1, -0.1, 1.5, Number.NaN])("refuses %d", (keep) => {
    expect(() => checkKeep(keep)).toThrow(/--keep .* is outside \(0, 1\)/);
  });

  it("lets all be asked of a plan that exists", () => {
    expect(() => checkKeep(1, true)).not.toThrow();
    expect(() => checkKeep(1.01, true)).toThrow(/outside \(0, 1\]/);
  });
});

describe("summarise", () => {
  const goal: Goal = { target: 0.7, higherIsBetter: true, range: [0, 1] };

  it("gives mean, spread, yield and what was not finite", () => {
    const found = summarise({ scores: [0.5, 0.7, 0.9, 0.9], nonFinite: [0, 0.1, 0.3, 0] }, goal);
    expect(found).toMatchObject({ chips: 4, yield: 0.75 });
    expect(found.accuracy).toBeCloseTo(0.75, 12);
    expect(found.deviation).toBeCloseTo(Math.sqrt(0.11 / 3), 12);
    expect(found.nonFinite).toBeCloseTo(0.1, 12);
    expect(found.low).toBeLessThan(found.accuracy);
    expect(found.high).toBeGreaterThan(found.accuracy);
    expect(found.percentile5).toBeGreaterThanOrEqual(0.5);
    expect(found.percentile5).toBeLessThan(0.7);
  });

  it("turns round where lower is better", () => {
    const scores = [0.5, 0.7, 0.9, 0.9];
    const error: Goal = { target: 0.7, higherIsBetter: false, range: [0, Infinity] };
    const found = summarise({ scores, nonFinite: [0, 0, 0, 0] }, error);
    expect(found).toMatchObject({ yield: 0.5, percentile5: 0.9 });
    expect(summarise({ scores: [3], nonFinite: [0] }, error)).toMatchObject({ low: 0, high: Infinity });
  });
});

describe("compare", () => {
  it("gives the same numbers whatever the number of threads", { timeout: 120_000 }, async () => {
    const small = await memory(0.05, true, "int4");
    const runs = [];
    for (const threads of [1, 2]) {
      const simulation = await openSimulation(small, images, {
        threads,
        measure: { name: "agreement" },
        seed: 3,
      });
      runs.push(await compare(small, simulation, { chips: 3, keep: 0.9, budgets: [0, 0.1, 0.3], threads }));
      const everything = await makePlan(small, { policy: "everything", overhead: 1 });
      const [sealed] = await simulation.run([planProtection(everything)], 2);
      expect(sealed!.scores).toEqual([1, 1]);
      await simulation.close();
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[0]!.clean).toBe(1);
    await expect(compare(blind, {} as Simulation)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
