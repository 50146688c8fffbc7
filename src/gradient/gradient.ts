/**
 * @file Builds the gradient graph: reverse-mode differentiation of an ONNX model into another ONNX model. Two models
 * come out. The *tape* is the forward model, in its own operator set, that also shows the intermediate values which
 * the adjoint needs. The *adjoint* takes these and a cotangent of the judged output, and computes the vector-Jacobian
 * product with each requested weight. Weights are constants of the adjoint, so that the runtime lays them out for
 * convolution once.
 */
import type { NodeProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import {
  indexGraph,
  isStandardNode,
  makeNode,
  type GraphIndex,
  opsetVersion,
  type OnnxModel,
  DataType,
  dataTypeName,
  type Dims,
} from "../onnx/index.ts";
import { activity, influences, reads, type Activity } from "./active.ts";
import { assembleAdjoint, assembleTape } from "./assemble.ts";
import { AdjointBuilder } from "./builder.ts";
import { Cotangents } from "./cotangents.ts";
import { ForwardReader } from "./forward.ts";
import { rules } from "./operators.ts";
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
  { isActive, isStop }: Activity,
  cotangents: Cotangents,
): void {
  const sources = reads(node).filter(isActive);
  if (sources.length === 0 || isStop(node)) return;
  const loseAll = (operator: string): void => {
    for (const name of sources) cotangents.lose(name, operator);
  };
  const lost = node.output.map((name) => cotangents.lostAt(name)).find((o) => o !== undefined);
  if (lost !== undefined) return loseAll(lost);
  const incoming = node.output.map((name) => cotangents.total(name));
  if (incoming.every((g) => g === undefined)) return;
  const operator = isStandardNode(node) ? node.opType : `${node.domain}.${node.opType}`;
  const rule = rules.get(operator);
  if (rule === undefined) return loseAll(operator);
  const context = new RuleContext(node, opset, b, incoming, forward, isActive);
  try {
    const parts = rule(context);
    node.input.forEach((name, i) => {
      if (!isActive(name)) return;
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
 * gradient would be wrong; and when every path ends at an operator without a derivative, which is no proof that the
 * output does not depend on it. A tensor without a path to the output has a gradient of zeros.
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
  const active = activity(model.graph, options.tensors, forward);
  cotangents.contribute(options.output, SEED);
  const opset = opsetVersion(model);
  for (const node of model.graph.node.toReversed()) backward(node, opset, b, forward, active, cotangents);
  const influence = influences(model.graph, options.output, active.isStop);

  const gradients = new Map<string, string>();
  const shapes = new Map<string, Dims>();
  const uncovered: { tensor: string; operator: string }[] = [];
  for (const tensor of new Set(options.tensors)) {
    const known = cotangents.total(tensor);
    const operator = cotangents.lostAt(tensor) ?? (known === undefined ? influence.get(tensor) : undefined);
    if (operator !== undefined) {
      uncovered.push({ tensor, operator });
      continue;
    }
    const dims = forward.dims(tensor);
    const total = known ?? b.zeros(dims);
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
