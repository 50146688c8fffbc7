/**
 * @file Writes forward nodes in the model's own operator set: what a compound operator computes, in operators that have
 * rules. Only forms that mean the same in every operator set from 7 on are used, or the form is chosen by the set.
 */
import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import { floatAttribute, intAttribute, makeNode, stringAttribute, type Dims } from "../../onnx/index.ts";
import { NodeWriter } from "../node-writer.ts";

/** Thrown for a form of a compound operator that is left as it is. */
export class NotLowered extends Error {}

/** What is known of the model around a node. */
export interface ModelFacts {
  readonly opset: number;
  /** Shape of a value in the probing run. @throws NotLowered when it is not known */
  dims(name: string): Dims;
  /** The runtime's name of a value's element type. */
  type(name: string): string;
  /** Integers that do not depend on the model's inputs. */
  integers(name: string): readonly number[] | undefined;
  /** A name that the model does not use. */
  fresh(): string;
  /** Constants to add to the model. */
  readonly constants: TensorProto[];
}

/** One compound node, and the nodes that replace it. */
export class Lowering extends NodeWriter {
  readonly node: NodeProto;
  readonly #facts: ModelFacts;

  constructor(node: NodeProto, facts: ModelFacts) {
    super();
    this.node = node;
    this.#facts = facts;
  }

  get opset(): number {
    return this.#facts.opset;
  }
  has(i: number): boolean {
    return (this.node.input[i] ?? "") !== "";
  }
  input(i: number): string {
    if (!this.has(i)) throw new NotLowered(`input ${i} is missing`);
    return this.node.input[i]!;
  }
  dims(i: number): Dims {
    return this.#facts.dims(this.input(i));
  }
  /** The runtime's name of an input's element type. */
  type(i: number): string {
    return this.#facts.type(this.input(i));
  }
  fresh(): string {
    return this.#facts.fresh();
  }
  protected constant(make: (name: string) => TensorProto): string {
    const name = this.fresh();
    this.#facts.constants.push(make(name));
    return name;
  }
  /** Adds a constant like another one, under a new name. */
  copied(tensor: TensorProto): string {
    return this.constant((name) => create(TensorProtoSchema, { ...fieldsOf(tensor), name }));
  }
  /** Integers of an input that are the same for all data. */
  integers(i: number): readonly number[] | undefined {
    return this.has(i) ? this.#facts.integers(this.input(i)) : undefined;
  }
  int(name: string, fallback: number): number {
    return intAttribute(this.node, name, fallback);
  }
  float(name: string, fallback: number): number {
    return floatAttribute(this.node, name, fallback);
  }
  string(name: string, fallback: string): string {
    return stringAttribute(this.node, name, fallback);
  }
  strings(name: string): string[] {
    const found = this.node.attribute.find((a) => a.name === name);
    return (found?.strings ?? []).map((s) => new TextDecoder().decode(s));
  }
  /** Whether a further output is read by anyone. */
  isRead(i: number): boolean {
    return (this.node.output[i] ?? "") !== "";
  }

  /** Names a value as output `i` of the node. */
  bind(i: number, value: string): void {
    if (this.isRead(i)) this.nodes.push(makeNode("Identity", [value], [this.node.output[i]!]));
  }

  matmul(a: string, b: string): string {
    return this.op("MatMul", [a, b]);
  }
  reshape(x: string, dims: Dims): string {
    return this.op("Reshape", [x, this.ints(dims)]);
  }
  /** Equal parts along an axis. */
  split(x: string, parts: number, axis: number): string[] {
    if (parts === 1) return [x];
    return this.outputs("Split", [x], parts, { axis, ...(this.opset >= 18 ? { num_outputs: parts } : {}) });
  }
  /** Elements `start` to `end` along an axis. */
  slice(x: string, axis: number, start: number, end: number): string {
    return this.opset < 10
      ? this.op("Slice", [x], { axes: [axis], starts: [start], ends: [end] })
      : this.op("Slice", [x, this.ints([start]), this.ints([end]), this.ints([axis])]);
  }
  /** Mean along axes, which are kept. */
  mean(x: string, axes: readonly number[]): string {
    return this.opset < 18
      ? this.op("ReduceMean", [x], { axes, keepdims: 1 })
      : this.op("ReduceMean", [x, this.ints(axes)], { keepdims: 1 });
  }
  /** Softmax over the last of `rank` axes. */
  softmax(x: string, rank: number): string {
    return this.op("Softmax", [x], { axis: rank - 1 });
  }
  /** `(x - mean) / sqrt(variance + epsilon)` over axes; without the mean for the root mean square. */
  normalise(x: string, axes: readonly number[], epsilon: number, centred: boolean): string {
    const c = centred ? this.sub(x, this.mean(x, axes)) : x;
    const variance = this.mean(this.mul(c, c), axes);
    return this.div(c, this.op("Sqrt", [this.shift(variance, epsilon)]));
  }
}

function fieldsOf(tensor: TensorProto): Omit<TensorProto, "$typeName" | "$unknown"> {
  const { $typeName: _, $unknown: __, ...fields } = tensor;
  return fields;
}

/** Rewrites one node; throws `NotLowered` for forms that stay. */
export type LoweringRule = (l: Lowering) => void;
