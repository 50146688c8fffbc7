/** @file The probing run: a model that shows every intermediate value once, so that all shapes are known. */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema, type GraphProto } from "onnx-buf";
import { intAttribute, makeNode, cloneModel, type OnnxModel, DataType } from "../onnx/index.ts";

/** What one probing run says about a value. */
export interface ProbedValue {
  readonly dims: readonly number[];
  /** The runtime's name of the element type; float32 where it is left out. */
  readonly type?: string;
  /** Elements of an integer or boolean value that is small enough to keep (shape arithmetic). */
  readonly integers?: readonly number[];
}

/** A tensor as the runtime hands it over. */
export interface FetchedTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/** Operators whose output is a list or a map, which no run can hand over as a tensor. */
const notTensors = new Set([
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceErase",
  "SequenceInsert",
  "SequenceMap",
  "SplitToSequence",
  "Optional",
  "ZipMap",
]);

/** Longest list of integers that is kept: shapes, axes, pads and split sizes are shorter. */
const KEPT_INTEGERS = 256;

/** Operators whose outputs are not of their inputs' type. */
const retyping = new Set(
  "CastLike DequantizeLinear Shape Size Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf ArgMax ArgMin NonZero".split(
    " ",
  ),
);

/** How a value that the runtime's binding cannot hand over is shown: as float32, under another name. */
const widened = "qtaml.bfloat16.";

/** Values of type bfloat16, which the runtime computes with but its binding does not hand over. */
function bfloat16Values(graph: GraphProto): Set<string> {
  const found = new Set(
    graph.initializer.filter((t) => t.dataType === DataType.BFLOAT16).map((tensor) => tensor.name),
  );
  for (const { name, type } of graph.input) {
    if (type?.value.case === "tensorType" && type.value.value.elemType === (DataType.BFLOAT16 as number)) {
      found.add(name);
    }
  }
  for (const node of graph.node) {
    const isNarrow =
      node.opType === "Cast"
        ? intAttribute(node, "to", 0) === (DataType.BFLOAT16 as number)
        : !retyping.has(node.opType) && node.input.some((name) => found.has(name));
    if (isNarrow) for (const name of node.output) found.add(name);
  }
  return found;
}

/**
 * The forward model with every input and every intermediate value among its outputs, for one run at the batch size at
 * which gradients are wanted. The outputs carry no types; the runtime infers them.
 */
export function probeModel(model: OnnxModel): OnnxModel {
  const probe = cloneModel(model);
  const shown = new Set(probe.graph.output.map((o) => o.name));
  const constants = new Set(probe.graph.initializer.map((t) => t.name));
  const values = [
    ...probe.graph.input.map((i) => i.name).filter((name) => !constants.has(name)),
    ...probe.graph.node.flatMap((node) => (notTensors.has(node.opType) ? [] : node.output)),
  ];
  const narrow = bfloat16Values(probe.graph);
  for (const value of values) {
    if (value === "" || shown.has(value)) continue;
    shown.add(value);
    const name = narrow.has(value) ? `${widened}${value}` : value;
    if (name !== value) probe.graph.node.push(makeNode("Cast", [value], [name], { to: DataType.FLOAT }));
    probe.graph.output.push(create(ValueInfoProtoSchema, { name }));
  }
  return probe;
}

function isNumberList(data: unknown): data is ArrayLike<number | bigint | boolean> {
  return typeof data === "object" && data !== null && "length" in data;
}

/** Keeps what `buildGradientGraph` needs of the probing run's outputs: all shapes, and small integer values. */
export function probedValues(outputs: Readonly<Record<string, FetchedTensor>>): Map<string, ProbedValue> {
  return new Map(
    Object.entries(outputs).map(([shown, { type, dims, data }]) => {
      if (shown.startsWith(widened)) {
        return [shown.slice(widened.length), { dims: [...dims], type: "bfloat16" }];
      }
      const name = shown;
      const integral = /^(u?int|bool)/.test(type);
      return integral && isNumberList(data) && data.length <= KEPT_INTEGERS
        ? [name, { dims: [...dims], type, integers: Array.from(data, Number) }]
        : [name, type === "float32" ? { dims: [...dims] } : { dims: [...dims], type }];
    }),
  );
}
