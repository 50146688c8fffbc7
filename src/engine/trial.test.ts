import { describe, expect, it } from "vitest";
import { floats, runModel } from "../../test/build-model.ts";
import { noiseImages, trialContext } from "../../test/trials.ts";
import { applyFaults, flipSampler, type ProtectionSegment } from "../channel/index.ts";
import { usualFaults } from "../faults/index.ts";
import { answerCounter, builtInMeasure, scoreOf, tally, type Outputs } from "../measure/index.ts";
import { hardenModel, type PreparedModel } from "../onnx/index.ts";
import { bindWeights } from "./network.ts";
import { decodeSegments, type Protection } from "./memory-reader.ts";
import { openTrialRunner, type TrialContext, type TrialOutcome } from "./trial.ts";
import { cleanSegments, decodeInto } from "../stored/index.ts";

async function runTrial(
  context: TrialContext,
  trial: number,
  protections: Protection[],
): Promise<TrialOutcome> {
  const runner = await openTrialRunner(context);
  try {
    return await runner.run({ trial, protections });
  } finally {
    await runner.close();
  }
}

/** The hardened model with a chip's faults written into the bytes of its codes. */
async function hardenedOutputs(
  prepared: PreparedModel,
  context: TrialContext,
  trial: number,
  plan: Protection,
): Promise<Outputs> {
  const model = hardenModel(
    prepared,
    new Map(prepared.tensors.map((t, i) => [t.name, decodeSegments(t, context.flips[i]!, plan[i]!)])),
    "gather",
  );
  prepared.tensors.forEach((tensor, t) => {
    const codes = Uint8Array.from(tensor.codes);
    const masks = new Uint8Array(tensor.count);
    for (const s of plan[t]!) masks.fill(s.protectedMask, s.start, s.start + s.count);
    const address = { seed: context.seed, trial, tensor: t };
    applyFaults(codes, flipSampler(context.flips[t]!).drawFaults(address, tensor.codes), masks);
    const stored = model.graph.initializer
      .filter((i) => i.name === `${tensor.name}.codes` || i.name.startsWith(`${tensor.name}.codes.`))
      .sort((a, b) => a.name.localeCompare(b.name));
    let at = 0;
    for (const part of stored) {
      part.rawData = codes.slice(at, at + part.rawData.length);
      at += part.rawData.length;
    }
    if (at !== tensor.count) throw new Error(`${at} codes of ${tensor.count} were replaced`);
  });
  const { data } = context;
  const { dims, data: images } = data.inputs.get("x")!;
  const feed = { dims: [data.count, ...dims], data: images as Float32Array };
  const outputs = await runModel(model, { [model.graph.input[0]!.name]: feed });
  const values = floats(outputs[model.graph.output[0]!.name]);
  return { count: data.count, dims: [values.length / data.count], values };
}

const judgeOf = ({ measure, clean, data: { labels } }: TrialContext) =>
  builtInMeasure(measure.name).bind({ clean, labels });

const tallyOf = (context: TrialContext, outputs: Outputs) =>
  tally(
    judgeOf(context),
    outputs,
    undefined,
    answerCounter({ clean: context.clean, labels: context.data.labels }),
  );

const everywhere = (
  context: TrialContext,
  protectedMask: number,
  decoder: ProtectionSegment["decoder"] = "none",
) => context.tensors.map((t) => [{ start: 0, count: t.count, protectedMask, decoder }]);

/** The first third with two bits more than the rest, read in two ways. */
const split = (context: TrialContext): Protection =>
  context.tensors.map(({ count }) => {
    const third = Math.ceil(count / 3);
    const rest = { start: third, count: count - third, protectedMask: 0x40, decoder: "none" } as const;
    const first = { start: 0, count: third, protectedMask: 0xe0, decoder: "unbiased-affine" } as const;
    return count === third ? [first] : [first, rest];
  });

describe("openTrialRunner", () => {
  it.each(["lenet", "transformer"] as const)(
    "%s answers as the hardened model does with the same faults in its codes",
    async (name) => {
      const { prepared, context } = await trialContext(name, { measure: "expected-accuracy" });
      const plans = [everywhere(context, 0), split(context), everywhere(context, 0x80, "bayes")];
      for (const trial of [5]) {
        const { tallies } = await runTrial(context, trial, plans);
        for (const [i, plan] of plans.entries()) {
          const outputs = await hardenedOutputs(prepared, context, trial, plan);
          expect(tallies[i]).toEqual(tallyOf(context, outputs));
        }
      }
    },
  );

  it("answers as the clean network where every bit is protected", async () => {
    const { context } = await trialContext("lenet", { p: 0.4, measure: "expected-accuracy" });
    const [open, sealed] = (await runTrial(context, 3, [everywhere(context, 0), everywhere(context, 255)]))
      .tallies;
    expect(sealed).toEqual(tallyOf(context, context.clean));
    expect(scoreOf(judgeOf(context), open!)).toBeLessThan(scoreOf(judgeOf(context), sealed!));
  });

  it("tries every protection on the same chip, whatever else is tried on it", async () => {
    const { context } = await trialContext("lenet", { p: 0.1 });
    const [a, b] = [everywhere(context, 0), split(context)];
    const together = await runTrial(context, 9, [a, b, a]);
    expect(together.tallies[2]).toEqual(together.tallies[0]);
    expect((await runTrial(context, 9, [b])).tallies[0]).toEqual(together.tallies[1]);
  });
});

describe("faults of a trial", () => {
  it("gives chips without a hit the tally of a memory without faults", async () => {
    const { prepared } = await trialContext("lenet");
    const cells = prepared.tensors.reduce((sum, t) => sum + t.count * t.format.bits, 0);
    const { context } = await trialContext("lenet", { p: 0.7 / cells });
    const open = everywhere(context, 0);
    const runner = await openTrialRunner(context);
    const chips = [];
    for (let trial = 0; trial < 20; trial++) chips.push(await runner.run({ trial, protections: [open] }));
    await runner.close();
    // Half the chips have no flip: both kinds are among twenty but for one seed in 500,000.
    const spared = chips.filter((chip) => !chip.isHit[0]!);
    expect(spared.length).toBeGreaterThan(0);
    expect(spared.length).toBeLessThan(20);
    const clean = tallyOf(context, context.clean);
    expect(spared.map((chip) => chip.tallies[0])).toEqual(spared.map(() => clean));
  });

  it("draws faults anew for each read, and counts every sample once", async () => {
    const { context } = await trialContext("lenet", { p: 0.02 });
    const open = everywhere(context, 0);
    const faults = { ...usualFaults, regime: "redrawn" as const, reads: 5 };
    const redrawn = { ...context, faults };
    const whole = await runTrial(redrawn, 2, [open]);
    expect(whole.tallies[0]!.samples).toBe(context.data.count);
    expect(whole.tallies[0]!.answers!.answers).toBe(context.data.count);
    expect((await runTrial(redrawn, 2, [open, open])).tallies[1]).toEqual(whole.tallies[0]);
    // One read of the whole is the quenched trial.
    const once = await runTrial({ ...context, faults: { ...faults, reads: 1 } }, 2, [open]);
    expect(once.tallies).toEqual((await runTrial(context, 2, [open])).tallies);
  });
});

describe("bindWeights", () => {
  it.each(["lenet", "transformer"] as const)("patch and feed of %s agree", async (name) => {
    const { prepared } = await trialContext(name, { images: 2 });
    const data = noiseImages(5, 8);
    const weights = prepared.tensors.map((tensor, t) => {
      const out = new Float32Array(tensor.count);
      decodeInto(tensor, cleanSegments(tensor), tensor.codes, out);
      return out.map((w, i) => w * (1 + 0.1 * Math.sin(i + t)));
    });
    const logits = [];
    for (const kind of ["patch", "feed"] as const) {
      const binder = await bindWeights(prepared, kind);
      await binder.load(weights);
      logits.push(await binder.infer(data));
      await binder.close();
    }
    const [patch, feed] = logits;
    const size = patch!.values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    // Float32 sums of at most a thousand terms in another order: 1000 roundings of 2^-24.
    patch!.values.forEach((v, i) =>
      expect(Math.abs(v - feed!.values[i]!)).toBeLessThan(size * 1000 * 2 ** -24),
    );
  });
});
