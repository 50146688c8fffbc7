import { beforeAll, describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { assess, planFlipLaw, type Assessment } from "../assessment/index.ts";
import { symmetricFlips } from "../channel/index.ts";
import { serialiseModel, type DecodeForm } from "../onnx/index.ts";
import { makePlan } from "../planning/plan.ts";
import { parsePlan, type Plan } from "../protect/index.ts";
import { hardenByPlan } from "./harden.ts";
import { storeByPlan } from "./recode.ts";

const images = noiseImages(8, 5);
const lenet = { name: "lenet.onnx", bytes: fixtureBytes("lenet") };
const inMemory = (p: number) =>
  assess(lenet, { flips: (bits) => symmetricFlips(p, bits), calibration: images });
const ones = (mask: number) => mask.toString(2).replaceAll("0", "").length;
const written = (assessment: Assessment, plan: Plan, form?: DecodeForm) =>
  serialiseModel(hardenByPlan(assessment, plan, form));

describe("a model hardened by a plan", () => {
  let assessment: Assessment;
  let tac: Plan;
  let joint: Plan;
  beforeAll(async () => {
    assessment = await inMemory(0.05);
    tac = await makePlan(assessment, { policy: "tac", overhead: 0.1 });
    joint = await makePlan(assessment, { policy: "joint", overhead: 0.05, threads: 1 });
  }, 60_000);

  it("carries the plan, and which bits of its initialisers are protected", () => {
    const { metadataProps, graph } = hardenByPlan(assessment, tac);
    const entries = new Map(metadataProps.map(({ key, value }) => [key, value]));
    expect(parsePlan(JSON.parse(entries.get("qtaml.plan")!), "plan")).toEqual(tac);
    const stored = JSON.parse(entries.get("qtaml.stored")!) as {
      initialiser: string;
      runs: { count: number; protectedMask: number }[];
    }[];
    const names = new Set(graph.initializer.map(({ name }) => name));
    expect(stored.filter(({ initialiser }) => !names.has(initialiser))).toEqual([]);
    const bits = stored.flatMap(({ runs }) => runs.map((r) => r.count * ones(r.protectedMask)));
    expect(bits.reduce((a, b) => a + b, 0)).toBe(tac.protectedBits);
  });

  it("is known for one when it is read again, and holds the same codes", async () => {
    const again = (form: DecodeForm, plan: Plan) =>
      assess({ name: "h.onnx", bytes: written(assessment, plan, form) }, { flips: planFlipLaw(plan) });
    await expect(again("gather", tac)).rejects.toThrow("The model was hardened by qtaml");
    const plain = await makePlan(assessment, { policy: "magnitude", overhead: 0.1 });
    const { tensors } = await again("qdq", plain);
    expect(tensors.map(({ codes }) => codes)).toEqual(assessment.tensors.map(({ codes }) => codes));
  });

  it("is the same whether the plan has filled the memory or not", () => {
    expect(joint.codebooks.length).toBeGreaterThan(0);
    expect(written(storeByPlan(assessment, joint), joint)).toEqual(written(assessment, joint));
  });

  it("is read as in the memory that the plan was made for", async () => {
    const corrected: Plan = {
      ...tac,
      tensors: tac.tensors.map((t) => ({
        ...t,
        segments: t.segments.map((s) => ({ ...s, decoder: "linear-mmse" as const })),
      })),
    };
    const own = written(assessment, corrected);
    expect(own).not.toEqual(written(assessment, tac));
    expect(written(await inMemory(0.2), corrected)).toEqual(own);
  });

  it("is refused for the plan of another", async () => {
    const vgg = await assess(
      { name: "vgg.onnx", bytes: fixtureBytes("vgg") },
      { flips: (bits) => symmetricFlips(0.05, bits) },
    );
    for (const plan of [tac, joint]) expect(() => hardenByPlan(vgg, plan)).toThrow("made for lenet.onnx");
    expect(() => hardenByPlan(storeByPlan(assessment, joint), { ...tac, model: vgg.model })).toThrow(
      "made for vgg.onnx",
    );
  });
});
