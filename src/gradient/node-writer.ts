/**
 * @file Writes nodes: each operator adds a node and returns the name of the value that it computes. What the adjoint and
 * the forms that replace compound operators have in common; these forms mean the same in every operator set from 7 on.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import {
  elementCount,
  floatTensor,
  int64Tensor,
  makeNode,
  type AttributeValue,
  type Dims,
} from "../onnx/index.ts";

/** Collects nodes; where constants go, and which names are free, is the business of each kind. */
export abstract class NodeWriter {
  readonly nodes: NodeProto[] = [];

  /** A value name that the model does not use. */
  abstract fresh(): string;

  /** Adds a constant under a new name. */
  protected abstract constant(make: (name: string) => TensorProto): string;

  /** The same for one that may serve wherever its key is asked for again. */
  protected common(_key: string, make: (name: string) => TensorProto): string {
    return this.constant(make);
  }

  /** Adds a node with several outputs. */
  outputs(
    opType: string,
    input: readonly string[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string[] {
    const output = Array.from({ length: count }, () => this.fresh());
    this.nodes.push(makeNode(opType, input, output, attributes));
    return output;
  }

  /** Adds a node with one output. */
  op(
    opType: string,
    input: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    return this.outputs(opType, input, 1, attributes)[0]!;
  }

  /** A float32 constant. */
  floats(dims: Dims, data: Float32Array): string {
    return this.constant((name) => floatTensor(name, dims, data));
  }

  /** A float32 constant of rank 0. */
  scalar(value: number): string {
    return this.common(`f${value}`, (name) => floatTensor(name, [], Float32Array.of(value)));
  }

  /** A float32 constant with one value everywhere. */
  filled(dims: Dims, value: number): string {
    return this.common(`f${value}[${dims.join()}]`, (name) =>
      floatTensor(name, dims, new Float32Array(elementCount(dims)).fill(value)),
    );
  }

  /** A one-dimensional int64 constant. */
  ints(values: readonly number[]): string {
    return this.common(`i${values.join()}`, (name) => int64Tensor(name, [values.length], values));
  }

  add(a: string, b: string): string {
    return this.op("Add", [a, b]);
  }
  sub(a: string, b: string): string {
    return this.op("Sub", [a, b]);
  }
  mul(a: string, b: string): string {
    return this.op("Mul", [a, b]);
  }
  div(a: string, b: string): string {
    return this.op("Div", [a, b]);
  }
  /** `a` times a number. */
  scale(a: string, factor: number): string {
    return factor === 1 ? a : this.mul(a, this.scalar(factor));
  }
  /** `a` plus a number. */
  shift(a: string, amount: number): string {
    return amount === 0 ? a : this.add(a, this.scalar(amount));
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((p, i) => p === i) ? x : this.op("Transpose", [x], { perm });
  }
  concat(values: readonly string[], axis: number): string {
    return values.length === 1 ? values[0]! : this.op("Concat", values, { axis });
  }
}
