/**
 * @file Builds the gradient graph: reverse-mode differentiation of an ONNX model into another ONNX model. Two models
 * come out. The *tape* is the forward model, in its own operator set, that also shows the intermediate values which
 * the adjoint needs. The *adjoint* takes these and a cotangent of the judged output, and computes the vector-Jacobian
 * product with each requested weight. Weights are constants of the adjoint, so that the runtime lays them out for
 * convolution once.
 */
import type { GraphProto, NodeProto } from "onnx-buf";
import { QtamlError } from "../../errors.ts";
import { indexGraph, intAttribute, makeNode, type GraphIndex } from "../graph.ts";
import { opsetVersion, type OnnxModel } from "../model.ts";
import { DataType, dataTypeName, type Dims } from "../tensor.ts";
import { assembleAdjoint, assembleTape } from "./assemble.ts";
import { AdjointBuilder } from "./builder.ts";
import { Cotangents } from "./cotangents.ts";
import { ForwardReader } from "./forward.ts";
import { gradientStops, rules } from "./operators.ts";
import type { ProbedValue } from "./probe.ts";
import { NoRule, RuleContext } from "./rule.ts";
import { channelSquares } from "./squares.ts";

/** A model and its adjoint, ready for two sessions. */
export interface GradientGraph {
  /** The forward model, which also outputs the values in `taped`. */
  readonly tape: OnnxModel;
  /** Computes the gradients; without nodes when there are none to compute. */
  readonly adjoint: OnnxModel;
  /** Computes from taped values what all cotangents share: `shared`, fed to the adjoint; undefined when there is nothing. */
  readonly prelude: OnnxModel | undefined;
  readonly shared: readonly string[];
  /** Values fed from the tape's outputs to the adjoint's inputs of the same name. */
  readonly taped: readonly string[];
  /** Values fed from the tape's outputs to the prelude's inputs of the same name. */
  readonly preludeTaped: readonly string[];
  /** The adjoint's input for the cotangent, of the judged output's shape. */
  readonly seed: string;
  /**
   * The adjoint's output with the gradient of each tensor, in the tensor's stored shape, summed over the batch; or its
   * squared norms, `[channels]`.
   */
  readonly gradients: ReadonlyMap<string, string>;
  /** Tensors whose gradient could not be built, and the operator that stopped it. */
  readonly uncovered: readonly { readonly tensor: string; readonly operator: string }[];
}

/** What to differentiate. */
export interface GradientOptions {
  /** Name of the value whose cotangent is given, as a rule the logits. */
  readonly output: string;
  /** Names of float32 initialisers of the main graph. */
  readonly tensors: readonly string[];
  /** Shapes of all values at the batch size of the runs to come: `probedValues` of a run of `probeModel`. */
  readonly probed: ReadonlyMap<string, ProbedValue>;
  /**
   * When given, the adjoint outputs squared norms instead of gradients: by index along this axis of each tensor, or one
   * number where the axis is undefined.
   */
  readonly squares?: ReadonlyMap<string, number | undefined>;
}

const SEED = "qtaml.seed";
const floatTypes = new Set<number>([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);
const stops = new Set(gradientStops);

/** Operators whose further outputs are positions, or count as constant. */
const withOneValue = new Set(["DynamicQuantizeLinear", "MaxPool", "TopK"]);

const isStandard = (node: NodeProto): boolean => node.domain === "" || node.domain === "ai.onnx";

/** Whether nothing behind the node varies with what it reads. A stored integer, fed as a float, is read through a cast. */
function isStop(node: NodeProto, tensors: readonly string[]): boolean {
  if (!isStandard(node)) return false;
  if (node.opType === "Cast")
    return (
      !floatTypes.has(intAttribute(node, "to", DataType.FLOAT)) && !tensors.includes(node.input[0] ?? "")
    );
  return stops.has(node.opType);
}

/** Values a node reads, those that its inner graphs capture included. */
function reads(node: NodeProto): string[] {
  const inner = node.attribute.flatMap((a) => [...(a.g === undefined ? [] : [a.g]), ...a.graphs]);
  const captured = (graph: GraphProto): string[] => [
    ...graph.node.flatMap(reads),
    ...graph.output.map((o) => o.name),
  ];
  return [...node.input.filter((name) => name !== ""), ...inner.flatMap(captured)];
}

/** Values that vary with a requested tensor. */
function activeValues(graph: GraphProto, tensors: readonly string[]): Set<string> {
  const active = new Set(tensors);
  for (const node of graph.node) {
    if (isStop(node, tensors) || !reads(node).some((name) => active.has(name))) continue;
    const values = withOneValue.has(node.opType) ? node.output.slice(0, 1) : node.output;
    for (const name of values) if (name !== "") active.add(name);
  }
  return active;
}

function checkRequest(index: GraphIndex, { output, tensors, probed }: GradientOptions): void {
  if (!index.producer.has(output) || !probed.has(output)) {
    throw new QtamlError(
      "invalid-argument",
      `The model computes no value "${output}"; name one of its outputs (${index.graph.output.map((o) => `"${o.name}"`).join(", ")}).`,
    );
  }
  const stored = new Map(index.graph.initializer.map((t) => [t.name, t]));
  for (const name of tensors) {
    const tensor = stored.get(name);
    if (tensor === undefined) {
      throw new QtamlError(
        "invalid-argument",
        `The model stores no tensor "${name}"; name one of its initialisers.`,
      );
    }
    if (tensor.dataType !== DataType.FLOAT) {
      throw new QtamlError(
        "unsupported-model",
        `Tensor "${name}" holds ${dataTypeName(tensor.dataType)}; gradients are of float32 tensors, so convert it.`,
      );
    }
  }
}

/** Sends the cotangents of a node's outputs to its inputs. */
function backward(
  node: NodeProto,
  opset: number,
  b: AdjointBuilder,
  forward: ForwardReader,
  active: ReadonlySet<string>,
  tensors: readonly string[],
  cotangents: Cotangents,
): void {
  const sources = reads(node).filter((name) => active.has(name));
  if (sources.length === 0 || isStop(node, tensors)) return;
  const loseAll = (operator: string): void => {
    for (const name of sources) cotangents.lose(name, operator);
  };
  const lost = node.output.map((name) => cotangents.lostAt(name)).find((o) => o !== undefined);
  if (lost !== undefined) return loseAll(lost);
  const incoming = node.output.map((name) => cotangents.total(name));
  if (incoming.every((g) => g === undefined)) return;
  const operator = isStandard(node) ? node.opType : `${node.domain}.${node.opType}`;
  const rule = rules.get(operator);
  if (rule === undefined) return loseAll(operator);
  const context = new RuleContext(node, opset, b, incoming, forward, (name) => active.has(name));
  try {
    const parts = rule(context);
    node.input.forEach((name, i) => {
      if (!active.has(name)) return;
      const part = parts[i];
      if (part === undefined) cotangents.lose(name, operator);
      else if (part !== null) cotangents.contribute(name, part);
    });
  } catch (error) {
    if (!(error instanceof NoRule)) throw error;
    loseAll(operator);
  }
}

/**
 * Builds the gradient graph of a forward model. Run the tape on a batch, feed the values named in `taped` and a
 * cotangent to the adjoint, and read the gradients. Shapes are fixed: other batch sizes need another graph.
 *
 * A tensor counts as uncovered when any path from it to the output passes an operator without a rule; its partial
 * gradient would be wrong. A tensor without a path to the output has a gradient of zeros.
 *
 * @param model float32 forward model in any operator set from 7 on
 * @throws QtamlError `invalid-argument` when the output or a tensor does not exist, `unsupported-model` when a tensor
 *   is not float32
 */
export function buildGradientGraph(model: OnnxModel, options: GradientOptions): GradientGraph {
  const index = indexGraph(model.graph);
  checkRequest(index, options);
  const b = new AdjointBuilder(options.squares !== undefined);
  const forward = new ForwardReader(index, options.probed, b);
  const cotangents = new Cotangents(b);
  const active = activeValues(model.graph, options.tensors);
  cotangents.contribute(options.output, SEED);
  const opset = opsetVersion(model);
  for (const node of model.graph.node.toReversed())
    backward(node, opset, b, forward, active, options.tensors, cotangents);

  const gradients = new Map<string, string>();
  const shapes = new Map<string, Dims>();
  const uncovered: { tensor: string; operator: string }[] = [];
  for (const tensor of new Set(options.tensors)) {
    const operator = cotangents.lostAt(tensor);
    if (operator !== undefined) {
      uncovered.push({ tensor, operator });
      continue;
    }
    const dims = forward.dims(tensor);
    const total = cotangents.total(tensor) ?? b.zeros(dims);
    const output = `qtaml.gradient.${tensor}`;
    const axis = options.squares?.get(tensor);
    const value = options.squares === undefined ? total : channelSquares(b, total, dims, axis);
    b.nodes.push(makeNode("Identity", [value], [output]));
    gradients.set(tensor, output);
    shapes.set(tensor, options.squares === undefined ? dims : [axis === undefined ? 1 : dims[axis]!]);
  }

  const parts = assembleAdjoint(b, forward, {
    seed: SEED,
    seedDims: forward.dims(options.output),
    outputs: new Map([...gradients].map(([tensor, name]) => [name, shapes.get(tensor)])),
  });
  const taped = [...new Set([...parts.taped, ...parts.preludeTaped])];
  return {
    ...parts,
    tape: assembleTape(model, options.output, forward, taped),
    seed: SEED,
    gradients,
    uncovered,
  };
}
