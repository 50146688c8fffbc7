/** @file Runs gradient graphs in onnxruntime for tests and benchmarks, and checks them by differences. */
import { create } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  ValueInfoProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import {
  buildGradientGraph,
  lowerModel,
  probedValues,
  probeModel,
  type GradientGraph,
  type ProbedValue,
} from "../../src/gradient/index.ts";
import { serialiseModel, type OnnxModel } from "../../src/onnx/model.ts";
import { elementCount, floatData } from "../../src/onnx/tensor.ts";

/** Inputs of a run. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** A session as the product makes them: one thread. */
export function openSession(
  model: OnnxModel,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return InferenceSession.create(serialiseModel(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...options,
  });
}

/** Runs a model once. */
export async function runOnce(model: OnnxModel, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await openSession(model);
  try {
    return { ...(await session.run(feeds)) };
  } finally {
    await session.release();
  }
}

/** Shapes and small integers of all values of a model on these inputs. */
export async function probe(model: OnnxModel, feeds: Feeds): Promise<Map<string, ProbedValue>> {
  return probedValues(await runOnce(probeModel(model), feeds));
}

/** Probes a model on these inputs and builds its gradient graph. */
export async function gradientGraph(
  model: OnnxModel,
  feeds: Feeds,
  tensors: readonly string[],
  output = model.graph.output[0]!.name,
): Promise<GradientGraph> {
  for (let lowered = model; ;) {
    const probed = await probe(lowered, feeds);
    const next = lowerModel(lowered, probed);
    if (next === lowered) return buildGradientGraph(lowered, { output, tensors, probed });
    lowered = next;
  }
}

/** The tape's values, what the prelude makes of them, and a cotangent as the adjoint's inputs. */
export async function adjointFeeds(
  graph: GradientGraph,
  values: Readonly<Record<string, Tensor>>,
  seed: Tensor,
): Promise<Feeds> {
  const pick = (names: readonly string[]): Feeds =>
    Object.fromEntries(names.map((name) => [name, values[name]!]));
  const shared = graph.prelude === undefined ? {} : await runOnce(graph.prelude, pick(graph.preludeTaped));
  return { ...pick(graph.taped), ...shared, [graph.seed]: seed };
}

/** Gradients of `sum(seed * output)` by the gradient graph. */
export async function gradientsOf(
  model: OnnxModel,
  feeds: Feeds,
  tensors: readonly string[],
  seedOf: (index: number) => number,
): Promise<{ graph: GradientGraph; gradients: Map<string, Float32Array> }> {
  const output = model.graph.output[0]!.name;
  const graph = await gradientGraph(model, feeds, tensors, output);
  const values = await runOnce(graph.tape, feeds);
  const shape = values[output]!;
  const seed = new Tensor(
    "float32",
    Float32Array.from({ length: shape.size }, (_, i) => seedOf(i)),
    shape.dims,
  );
  const results =
    graph.gradients.size === 0 ? {} : await runOnce(graph.adjoint, await adjointFeeds(graph, values, seed));
  const gradients = new Map(
    [...graph.gradients].map(([name, result]) => [name, results[result]!.data as Float32Array]),
  );
  return { graph, gradients };
}

/** Seeded numbers: uniform in [-1, 1) by a linear congruential generator (Numerical Recipes), good enough for tests. */
export function uniforms(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A model of the default operator set. */
export function modelOf(
  opset: number,
  nodes: readonly NodeProto[],
  inputs: readonly ValueInfoProto[],
  initialisers: readonly TensorProto[],
  output: string,
): OnnxModel {
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: "", version: BigInt(opset) },
      { domain: "com.microsoft", version: 1n },
    ],
    graph: {
      name: "test",
      node: [...nodes],
      input: [...inputs],
      initializer: [...initialisers],
      output: [create(ValueInfoProtoSchema, { name: output })],
    },
  }) as OnnxModel;
}

/** The float32 elements of a stored tensor. */
export function stored(model: OnnxModel, name: string): Float32Array {
  return floatData(model.graph.initializer.find((t) => t.name === name)!);
}

/** A float input with seeded values in [-1, 1). */
export function randomTensor(dims: readonly number[], next: () => number): Tensor {
  return new Tensor("float32", Float32Array.from({ length: elementCount(dims) }, next), dims);
}

/** A tensor read from a data set or written out by hand. */
export { InferenceSession, Tensor };
