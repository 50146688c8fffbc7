/**
 * @file Rewrites compound operators of a forward model into elementary ones before it is differentiated: recurrences
 * step by step, fused operators, and branches whose condition is the same for all data.
 */
import {
  isStandardNode,
  type GraphIndex,
  indexGraph,
  cloneModel,
  opsetVersion,
  type OnnxModel,
  integerData,
  isFloatTensor,
  tensorDims,
} from "../../onnx/index.ts";
import type { NodeProto, TensorProto } from "onnx-buf";
import type { ProbedValue } from "../probe.ts";
import { branch } from "./branch.ts";
import { Lowering, NotLowered, type LoweringRule, type ModelFacts } from "./context.ts";
import { fused } from "./fused.ts";
import { recurrent } from "./recurrent.ts";

const rules: ReadonlyMap<string, LoweringRule> = new Map(
  Object.entries({ ...recurrent, ...fused, If: branch }),
);

/** Operators that are rewritten into others before a model is differentiated, sorted. */
export const loweredOperators: readonly string[] = [...rules.keys()].sort();

/** Limits and remarks by operator, for the support table. */
export const loweringRemarks: Readonly<Record<string, string>> = {
  LSTM: "all directions, layouts and peepholes; sequences of one length; no clip, no input_forget",
  GRU: "all directions, layouts and both reset forms; sequences of one length; no clip",
  RNN: "all directions and layouts; sequences of one length; no clip",
  If: "where only shapes, constants and inputs that are the same for every sample decide",
  Einsum: "an ellipsis is written out in letters",
  Attention: "masks, causal, shared keys, softcap; no cache",
  RotaryEmbedding: "four axes",
  "com.microsoft.MultiHeadAttention": "separate query, key and value; no padding mask, no cache",
  "com.microsoft.FusedConv": "activations without parameters, and LeakyRelu",
  "com.microsoft.FusedGemm": "activations without parameters, and LeakyRelu",
};

/** Operators whose result depends on the shape of their input alone. */
const shapes = new Set(["Shape", "Size"]);

/** Whether a value is the same for all data of one shape. */
function isFixed(index: GraphIndex, name: string, known: Map<string, boolean>): boolean {
  const found = known.get(name);
  if (found !== undefined) return found;
  // Against cycles, which only a damaged model has.
  known.set(name, false);
  const node = index.producer.get(name);
  const fixed =
    index.constants.has(name) ||
    (node !== undefined &&
      isStandardNode(node) &&
      (shapes.has(node.opType) ||
        (node.attribute.every((a) => a.g === undefined && a.graphs.length === 0) &&
          !node.opType.startsWith("Random") &&
          node.input.every((i) => i === "" || isFixed(index, i, known)))));
  known.set(name, fixed);
  return fixed;
}

function factsOf(
  model: OnnxModel,
  probed: ReadonlyMap<string, ProbedValue>,
  fixedInputs: Iterable<string>,
  constants: TensorProto[],
): ModelFacts {
  const index = indexGraph(model.graph);
  const fixed = new Map(Array.from(fixedInputs, (name) => [name, true]));
  const taken = new Set([...index.producer.keys(), ...index.constants.keys()]);
  let count = 0;
  return {
    opset: opsetVersion(model),
    constants,
    dims(name) {
      const dims = probed.get(name)?.dims;
      const constant = index.constants.get(name);
      if (dims !== undefined) return dims;
      if (constant === undefined) throw new NotLowered(`the shape of "${name}" is not known`);
      return tensorDims(constant);
    },
    type: (name) => probed.get(name)?.type ?? "float32",
    integers(name) {
      const constant = index.constants.get(name);
      if (constant !== undefined) return isFloatTensor(constant) ? undefined : integerData(constant);
      return isFixed(index, name, fixed) ? probed.get(name)?.integers : undefined;
    },
    fresh() {
      do count += 1;
      while (taken.has(`qtaml.lowered.${count}`));
      return `qtaml.lowered.${count}`;
    },
  };
}

/**
 * The model with its compound operators rewritten, or the model itself when there are none that can be. The result
 * computes the same values for data of the probing run's shapes. Its new values need another probing run, and what came
 * out of a branch may be lowered again.
 *
 * @param fixedInputs inputs of the model that are the same in every run
 */
export function lowerModel(
  model: OnnxModel,
  probed: ReadonlyMap<string, ProbedValue>,
  fixedInputs: Iterable<string> = [],
): OnnxModel {
  const constants: TensorProto[] = [];
  const facts = factsOf(model, probed, fixedInputs, constants);
  const replaced = new Map<NodeProto, readonly NodeProto[]>();
  for (const node of model.graph.node) {
    const name = isStandardNode(node) ? node.opType : `${node.domain}.${node.opType}`;
    const rule = rules.get(name);
    if (rule === undefined) continue;
    const lowering = new Lowering(node, facts);
    try {
      rule(lowering);
      replaced.set(node, lowering.nodes);
    } catch (error) {
      if (!(error instanceof NotLowered)) throw error;
    }
  }
  if (replaced.size === 0) return model;
  const lowered = cloneModel(model);
  lowered.graph.node = model.graph.node.flatMap((node, i) => replaced.get(node) ?? [lowered.graph.node[i]!]);
  lowered.graph.initializer.push(...constants);
  return lowered;
}
