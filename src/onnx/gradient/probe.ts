/** @file The probing run: a model that shows every intermediate value once, so that all shapes are known. */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { cloneModel, type OnnxModel } from "../model.ts";

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
  for (const name of values) {
    if (name === "" || shown.has(name)) continue;
    shown.add(name);
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
    Object.entries(outputs).map(([name, { type, dims, data }]) => {
      const integral = /^(u?int|bool)/.test(type);
      return integral && isNumberList(data) && data.length <= KEPT_INTEGERS
        ? [name, { dims: [...dims], type, integers: Array.from(data, Number) }]
        : [name, type === "float32" ? { dims: [...dims] } : { dims: [...dims], type }];
    }),
  );
}
