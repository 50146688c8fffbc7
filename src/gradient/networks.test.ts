import { readFileSync } from "node:fs";
import { join } from "node:path";
import { grad, init, numpy } from "@jax-js/jax";
import { ONNXModel } from "@jax-js/onnx";
import { describe, expect, it } from "vitest";
import {
  adjointFeeds,
  gradientGraph,
  gradientsOf,
  openSession,
  stored,
  Tensor,
  uniforms,
} from "../../test/support/gradients.ts";
import { makeValueInfo } from "../onnx/graph.ts";
import { cloneModel, parseModel, serialiseModel, type OnnxModel } from "../onnx/model.ts";
import { DataType, floatData, tensorDims } from "../onnx/tensor.ts";

const folder = join(import.meta.dirname, "..", "..", "test", "fixtures");
const families = ["lenet", "vgg", "vgg-bn", "resnet", "mobilenet", "transformer", "transformer-cls"];

interface Reference {
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly jacobians: readonly {
    readonly initialiser: string | null;
    readonly meanSquaredFrobenius: number;
  }[];
}

function load(family: string): { model: OnnxModel; reference: Reference; weights: string[]; input: string } {
  const model = parseModel(readFileSync(join(folder, `${family}.onnx`)), family);
  const reference = JSON.parse(readFileSync(join(folder, `${family}.json`), "utf8")) as Reference;
  const weights = model.graph.initializer.filter((t) => t.dataType === DataType.FLOAT).map((t) => t.name);
  return { model, reference, weights, input: model.graph.input[0]!.name };
}

const images = ({ shape, x }: Reference, start = 0, end = shape[0]!): Tensor => {
  const size = x.length / shape[0]!;
  return new Tensor("float32", Float32Array.from(x.slice(start * size, end * size)), [
    end - start,
    ...shape.slice(1),
  ]);
};

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** The model with its float tensors as inputs, so that runs with other weights need no new session. */
function weightsAsInputs(source: OnnxModel): OnnxModel {
  const model = cloneModel(source);
  const isFloat = (t: { dataType: number }): boolean => t.dataType === DataType.FLOAT;
  for (const t of model.graph.initializer.filter(isFloat)) {
    model.graph.input.push(makeValueInfo(t.name, DataType.FLOAT, tensorDims(t)));
  }
  model.graph.initializer = model.graph.initializer.filter((t) => !isFloat(t));
  return model;
}

/**
 * Differences of losses are fitted to those the gradient predicts, at this many steps of up to this length, in units of
 * a weight's root mean square. The fit averages rounding (1e-7 of the loss each); the reach is short because ReLU and
 * MaxPool have kinks, whose share in the error is proportional to it.
 */
const POINTS = 8;
const REACH = 2 ** -13;

describe("whole networks as PyTorch exports them", () => {
  it.each(families.filter((f) => f !== "vgg-bn"))(
    "%s: the Jacobian's norm in every parameter is PyTorch's",
    async (family) => {
      const { model, reference, weights, input } = load(family);
      const count = reference.shape[0]!;
      const first = images(reference, 0, 1);
      const graph = await gradientGraph(model, { [input]: first }, weights);
      expect(graph.uncovered).toEqual([]);
      const tape = await openSession(graph.tape);
      const adjoint = await openSession(graph.adjoint);
      const squares = new Map(weights.map((name) => [name, 0]));
      for (let n = 0; n < count; n += 1) {
        const values = (await tape.run({ [input]: images(reference, n, n + 1) })) as Record<string, Tensor>;
        const logits = values[model.graph.output[0]!.name]!;
        for (let k = 0; k < logits.size; k += 1) {
          const seed = new Tensor("float32", new Float32Array(logits.size).fill(1, k, k + 1), logits.dims);
          const found = await adjoint.run(await adjointFeeds(graph, values, seed));
          for (const [name, output] of graph.gradients) {
            const g = found[output]!.data as Float32Array;
            squares.set(name, squares.get(name)! + dot(g, g) / count);
          }
        }
      }
      await tape.release();
      await adjoint.release();
      expect(reference.jacobians.length).toBe(weights.length);
      for (const { initialiser, meanSquaredFrobenius } of reference.jacobians) {
        // Float32 against double: single gradients are off by some 1e-6 of their size; 1e-3 is what is promised.
        const relative = Math.abs(squares.get(initialiser!)! / meanSquaredFrobenius - 1);
        expect({ initialiser, close: relative < 1e-5 }).toEqual({ initialiser, close: true });
      }
    },
  );

  it.each(families)("%s: gradients agree with directional differences", async (family) => {
    const { model, reference, weights, input } = load(family);
    const feeds = { [input]: images(reference) };
    const next = uniforms(7);
    const seed = Float32Array.from({ length: 10 * reference.shape[0]! }, next);
    const { graph, gradients } = await gradientsOf(model, feeds, weights, (i) => seed[i]!);
    expect(graph.uncovered).toEqual([]);
    const session = await openSession(weightsAsInputs(model));
    const tensors = model.graph.initializer.filter((t) => weights.includes(t.name));
    const fixed = Object.fromEntries(
      tensors.map((t) => [t.name, new Tensor("float32", floatData(t).slice(), tensorDims(t))]),
    );
    const loss = async (name: string, values: Float32Array): Promise<number> => {
      const moved = new Tensor("float32", values, fixed[name]!.dims);
      const outputs = await session.run({ ...feeds, ...fixed, [name]: moved });
      return dot(outputs[model.graph.output[0]!.name]!.data as Float32Array, seed);
    };
    let [error, norm] = [0, 0];
    for (const name of weights) {
      const values = stored(model, name);
      const size = Math.sqrt(dot(values, values) / values.length);
      // Signs of the gradient and random lengths: a long way up, so that rounding matters little.
      const gradient = gradients.get(name)!;
      const direction = gradient.map((g) => Math.sign(g) * size * (0.6 + 0.4 * next()));
      let [product, square] = [0, 0];
      for (let j = 1; j <= POINTS; j += 1) {
        const t = (REACH * j) / POINTS;
        const right = values.map((v, i) => v + t * direction[i]!);
        const left = values.map((v, i) => v - t * direction[i]!);
        // The weights themselves are rounded: what is predicted is the effect of the step really taken.
        const predicted = gradient.reduce((sum, g, i) => sum + g * (right[i]! - left[i]!), 0);
        product += predicted * ((await loss(name, right)) - (await loss(name, left)));
        square += predicted ** 2;
      }
      const slope = dot(gradient, direction);
      error += ((product / square - 1) * slope) ** 2;
      norm += slope ** 2;
    }
    await session.release();
    expect(Math.sqrt(error / norm)).toBeLessThan(1e-3);
  });
});

describe("jax-js, an independent oracle", () => {
  it.each(["lenet", "vgg", "transformer"])(
    "%s: the same gradients of the sum of all logits",
    async (family) => {
      const { model, reference, weights, input } = load(family);
      await init();
      const network = new ONNXModel(serialiseModel(weightsAsInputs(model)));
      const tensors = model.graph.initializer.filter((t) => t.dataType === DataType.FLOAT);
      const parameters = Object.fromEntries(
        tensors.map((t) => [t.name, numpy.array(floatData(t).slice(), { shape: tensorDims(t) })]),
      );
      const x = numpy.array(Float32Array.from(reference.x), { shape: [...reference.shape] });
      const total = (w: Record<string, numpy.Array>): numpy.Array =>
        numpy.sum(network.run({ [input]: x, ...w })[model.graph.output[0]!.name]!);
      const expected = grad(total)(parameters);
      const { gradients } = await gradientsOf(model, { [input]: images(reference) }, weights, () => 1);
      for (const name of weights) {
        const theirs = (await expected[name]!.data()) as Float32Array;
        const ours = gradients.get(name)!;
        const gap = ours.map((g, i) => g - theirs[i]!);
        const norm = dot(theirs, theirs);
        // Both in float32.
        const close = Math.sqrt(dot(gap, gap)) <= 1e-4 * Math.sqrt(norm) + 1e-6;
        expect({ name, close }).toEqual({ name, close: true });
      }
    },
  );
});
