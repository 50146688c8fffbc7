import { beforeAll, describe, expect, it } from "vitest";
import { buildModel } from "../../test/build-model.ts";
import { wave } from "../../test/quantised-parts.ts";
import { noiseImages } from "../../test/trials.ts";
import { symmetricFlips } from "../channel/index.ts";
import { elementCount, floatTensor, int64Tensor, makeNode, serialiseModel } from "../onnx/index.ts";
import { parsePlan } from "../protect/index.ts";
import { assess, survey, type Assessment } from "./assess.ts";
import { inspect } from "./inspect.ts";
import { makePlan } from "../planning/plan.ts";
import { planProtection } from "../simulation/protection.ts";
import { checkPlan } from "../simulation/recode.ts";
import { openSimulation } from "../simulation/simulate.ts";
import { storageOptions, usualStorage } from "./storage.ts";

const float = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, wave(elementCount(dims), name.length));

/** A dense network with a normalisation, a bias, and indices: a hit one is out of range. */
const file = {
  name: "net.onnx",
  bytes: serialiseModel(
    buildModel({
      nodes: [
        makeNode("MatMul", ["x", "w1"], ["h"]),
        makeNode("LayerNormalization", ["h", "gamma"], ["n"]),
        makeNode("Gather", ["n", "which"], ["g"], { axis: 1 }),
        makeNode("Gemm", ["g", "w2", "b"], ["y"]),
      ],
      initialisers: [
        float("w1", 12, 16),
        float("gamma", 16),
        int64Tensor("which", [8], [0, 2, 3, 7, 9, 11, 13, 15]),
        float("w2", 8, 10),
        float("b", 10),
      ],
      inputs: { x: ["N", 12] },
      outputs: ["y"],
    }),
  ),
};
const images = noiseImages(6, 3, [12]);
const flips = (bits: number) => symmetricFlips(0.1, bits);

/** Everything that the memory can hold of it. */
let full: Assessment;
beforeAll(async () => {
  full = await assess(file, {
    flips,
    storage: { biases: true, normalisation: true, integers: true },
    calibration: images,
    jacobian: { samples: 3 },
  });
});

describe("storage", () => {
  it("says in roles what flags say in words", () => {
    expect(storageOptions(usualStorage)).toMatchObject({ format: undefined, roles: [], include: [] });
    const all = { biases: true, normalisation: true, quantisationParameters: true, integers: true };
    expect(storageOptions({ ...usualStorage, ...all, format: "int4" })).toMatchObject({
      format: "int4",
      roles: ["bias", "normalisation", "scale", "zero-point", "integer"],
    });
  });

  it("decides what is in the memory and what is not", () => {
    const roles = new Map(inspect(full).map(({ role, format }) => [role, format]));
    expect(Object.fromEntries(roles)).toEqual({
      weight: "int8",
      bias: "bf16",
      normalisation: "bf16",
      integer: "int16",
    });
    const weights = survey(file, { flips, storage: { format: "fp16" } });
    expect(new Set(weights.tensors.map(({ role, format }) => `${role} ${format.name}`))).toEqual(
      new Set(["weight fp16"]),
    );
    const left = new Set(weights.absent.map(({ role }) => role));
    expect(left.has("bias") && left.has("normalisation") && left.has("integer")).toBe(true);
    // Nothing is lost between the two.
    expect(weights.tensors.length + weights.absent.length).toBe(full.tensors.length + full.absent.length);
  });
});

describe("plans of everything", () => {
  it("protect hit shapes and indices before any weight and read them as they are", async () => {
    const bits = full.memory.reduce((sum, t) => sum + t.count * t.format.bits, 0);
    const whole = full.tensors.map(({ role }) => role === "integer");
    const wholeBits = full.memory.reduce((sum, t, i) => sum + (whole[i]! ? t.count * t.format.bits : 0), 0);
    const plan = await makePlan(full, { policy: "tac", overhead: Math.min(1, (2 * wholeBits) / bits) });
    for (const [t, { segments }] of plan.tensors.entries()) {
      if (!whole[t]!) continue;
      expect(segments.every((s) => s.decoder === "none")).toBe(true);
      // The high bits at least: a hit in one of them is an index far out of range.
      expect(segments.every((s) => s.protectedMask >= 0xff00)).toBe(true);
    }
    const read = parsePlan(JSON.parse(JSON.stringify(plan)), "plan.json");
    expect(read.storage).toEqual({ ...usualStorage, biases: true, normalisation: true, integers: true });
    const again = await assess(file, { flips, storage: read.storage });
    expect(() => checkPlan(read, again)).not.toThrow();
    const others = await assess(file, { flips });
    expect(() => checkPlan(read, others)).toThrow(/not those of/);
  });

  it("count a chip whose network does not run as one without finite outputs", async () => {
    const simulation = await openSimulation(full, images, { threads: 1 });
    try {
      const nothing = full.memory.map((t) => [
        { start: 0, count: t.count, protectedMask: 0, decoder: "none" as const },
      ]);
      const everything = full.memory.map((t) => [
        { start: 0, count: t.count, protectedMask: 2 ** t.format.bits - 1, decoder: "none" as const },
      ]);
      const [bare, safe] = await simulation.run([nothing, everything], 3);
      expect(bare!.nonFinite).toEqual([1, 1, 1]);
      expect(safe!.nonFinite).toEqual([0, 0, 0]);
    } finally {
      await simulation.close();
    }
  });

  it("of before the choice hold weights alone", async () => {
    const few = await assess(file, { flips, storage: { format: "int8" } });
    const plan = await makePlan(few, { policy: "uniform-msp", overhead: 0.1 });
    const { format, granularity } = plan.storage;
    const old = parsePlan({ ...plan, storage: { format, granularity } }, "plan.json");
    expect(old.storage).toEqual({ ...usualStorage, format: "int8" });
    expect(planProtection(old)).toHaveLength(few.memory.length);
    expect(() => checkPlan(old, few)).not.toThrow();
  });
});
