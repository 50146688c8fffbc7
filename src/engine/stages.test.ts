import { describe, expect, it } from "vitest";
import { buildModel, fixture } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import {
  biasPlaces,
  floatTensor,
  makeNode,
  prepareModel,
  shiftBiases,
  type PreparedModel,
} from "../onnx/index.ts";
import { bindWeights } from "./network.ts";
import { judgedModel } from "./io.ts";
import { runStages } from "./stages.ts";
import { cleanWeights } from "../stored/index.ts";

/** More than a batch. */
const images = noiseImages(60, 5);

async function valueOf(prepared: PreparedModel, name: string, weights: readonly Float32Array[]) {
  const binder = await bindWeights({ ...prepared, model: judgedModel(prepared.model, name) }, "patch");
  await binder.load(weights);
  const { values } = await binder.infer(images);
  await binder.close();
  return values;
}

describe.each(["lenet", "mobilenet", "transformer"] as const)("copies of %s", (name) => {
  const prepared = prepareModel(fixture(name).model);
  const stored = new Set(prepared.tensors.map((t) => t.runtimeName));
  const places = biasPlaces(prepared.model, stored);
  const clean = prepared.tensors.map(cleanWeights);
  /** The second copy has weaker weights. */
  const weights = [clean, clean.map((own) => own.map((w) => 0.8 * w))] as const;

  it("compute what the whole network computes, and go on with what is changed", async () => {
    const [first] = places;
    const shift = Float32Array.from({ length: first!.channels }, (_, c) => 0.1 + c / 50);
    const found: Float32Array[][] = [];
    await runStages(prepared, images, {
      cuts: places.map(({ layer }) => layer),
      copies: 2,
      weightsOf: (_, tensors, copy) => tensors.map((t) => weights[copy]![t]!),
      visit(cut, values) {
        expect(values.map((own) => own.reduce((sum, { dims }) => sum + dims[0]!, 0))).toEqual([60, 60]);
        found.push(values.map((own) => Float32Array.from(own.flatMap((batch) => Array.from(batch.values)))));
        if (cut > 0) return;
        for (const { values: own, dims } of values[1]!) {
          const inner = first!.axis === "last" ? 1 : dims.slice(2).reduce((a, b) => a * b, 1);
          own.forEach((_, i) => (own[i]! += shift[Math.floor(i / inner) % shift.length]!));
        }
      },
    });
    const moved = {
      ...prepared,
      model: shiftBiases(prepared.model, stored, new Map([[first!.layer, shift]]))!,
    };
    for (const place of [1, places.length - 1]) {
      const { layer } = places[place]!;
      const expected = [await valueOf(prepared, layer, weights[0]), await valueOf(moved, layer, weights[1])];
      for (const copy of [0, 1]) {
        const largest = (values: Float32Array) => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        const size = largest(expected[copy]!);
        const worst = largest(expected[copy]!.map((v, i) => v - found[place]![copy]![i]!));
        expect(worst / size).toBeLessThan(1e-4);
      }
    }
  });
});

describe("runStages", () => {
  const model = buildModel({
    nodes: [
      makeNode("Gemm", ["x", "w"], ["a"]),
      makeNode("Relu", ["a"], ["r"]),
      makeNode("Gemm", ["r", "w"], ["y"]),
    ],
    initialisers: [floatTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4))],
    inputs: { x: [4, 2] },
    outputs: ["y"],
  });
  const prepared = prepareModel(model);
  const run = (cuts: readonly string[], seen: number[] = []) =>
    runStages(prepared, noiseImages(10, 1, [2]), {
      cuts,
      copies: 1,
      weightsOf: (_, tensors) => tensors.map((t) => cleanWeights(prepared.tensors[t]!)),
      visit: (_, [batches]) => void seen.push(batches!.reduce((sum, b) => sum + b.dims[0]!, 0)),
    });

  it("leaves out a batch that would have to be filled up", async () => {
    const seen: number[] = [];
    await run(["a", "y"], seen);
    expect(seen).toEqual([8, 8]);
  });

  it("tells the most memory that values took: the relu and the output of eight samples", async () => {
    expect(await run(["a", "y"])).toBe(2 * 8 * 2 * 4);
  });

  it("refuses cuts that do not come in turn", async () => {
    await expect(run(["y", "a"])).rejects.toThrow('does not compute "a"');
    await expect(run(["a", "z"])).rejects.toThrow('does not compute "z"');
  });
});
