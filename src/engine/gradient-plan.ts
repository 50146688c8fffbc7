/** @file From a network and its data to the models that measure its Jacobian. */
import { sliceDataset, type Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import {
  buildGradientGraph,
  lowerModel,
  probedValues,
  probeModel,
  type ProbedValue,
} from "../gradient/index.ts";
import { elementCount, serialiseModel, type OnnxModel } from "../onnx/index.ts";
import { bindInputs } from "./feed.ts";
import type { GradientContext } from "./gradient-run.ts";
import { modelIo, type ModelIo } from "./io.ts";
import { openSession, runSession } from "./session.ts";
import type { StoredTensor } from "../stored/index.ts";

/** What is to be run, and for which tensors. */
export interface GradientPlan {
  readonly context: GradientContext;
  /** Tensors with a gradient, in the order of the context's outputs. */
  readonly covered: readonly StoredTensor[];
  /** Tensors without one, by their name in the network, and the operator that stopped it. */
  readonly uncovered: ReadonlyMap<string, string>;
  /** Logits of a sample. */
  readonly classes: number;
}

/** Runs the network once and records the dimensions, and small integer contents, of every value. */
async function probeValues(model: OnnxModel, io: ModelIo, data: Dataset): Promise<Map<string, ProbedValue>> {
  const session = await openSession(serialiseModel(probeModel(model)), { optimise: false });
  try {
    const feeds = bindInputs(io, data).feeds(0, data.count);
    return probedValues({ ...feeds, ...(await runSession(session, feeds)) });
  } finally {
    await session.release();
  }
}

/** Lowers a network as often as branches bring further compound operators to light. */
async function lowerWhole(
  model: OnnxModel,
  io: ModelIo,
  group: Dataset,
): Promise<{ lowered: OnnxModel; probed: Map<string, ProbedValue> }> {
  let lowered = model;
  for (;;) {
    const probed = await probeValues(lowered, io, group);
    const next = lowerModel(lowered, probed, group.constants?.keys());
    if (next === lowered) return { lowered, probed };
    lowered = next;
  }
}

/**
 * Builds the gradient graph of a network.
 *
 * @param model the network with its logits as the output
 * @param size samples of a call
 * @throws QtamlError `unsupported-model` when the output is not of a floating-point type, or the network does not run
 */
export async function planGradients(
  model: OnnxModel,
  tensors: readonly StoredTensor[],
  data: Dataset,
  size: number,
  seed: number,
): Promise<GradientPlan> {
  const io = modelIo(model);
  const group = sliceDataset(data, 0, size);
  const { lowered, probed } = await lowerWhole(model, io, group);
  const output = probed.get(io.output)!;
  if (!(output.type ?? "float32").includes("float")) {
    throw new QtamlError(
      "unsupported-model",
      `Output "${io.output}" holds ${output.type}, which has no derivative; name a floating-point output with --output-name.`,
    );
  }
  const graph = buildGradientGraph(lowered, {
    output: io.output,
    tensors: tensors.map((t) => t.runtimeName),
    probed,
    squares: new Map(tensors.map((t) => [t.runtimeName, t.outputAxis])),
  });
  const covered = tensors.filter((t) => graph.gradients.has(t.runtimeName));
  return {
    context: {
      tape: serialiseModel(graph.tape),
      prelude: graph.prelude === undefined ? undefined : serialiseModel(graph.prelude),
      adjoint: serialiseModel(graph.adjoint),
      taped: graph.taped,
      preludeTaped: graph.preludeTaped,
      seedInput: graph.seed,
      outputs: covered.map((t) => graph.gradients.get(t.runtimeName)!),
      io,
      data,
      size,
      seed,
    },
    covered,
    uncovered: new Map(graph.uncovered.map(({ tensor, operator }) => [tensor, operator])),
    classes: elementCount(output.dims) / size,
  };
}
