/** @file What a differentiation rule is given and what it returns. */
import type { NodeProto } from "onnx-buf";
import {
  attribute,
  floatAttribute,
  intAttribute,
  intsAttribute,
  stringAttribute,
  type DataType,
  type Dims,
} from "../onnx/index.ts";
import type { AdjointBuilder } from "./builder.ts";

/** Thrown by a rule for a form of its operator that it does not cover; the tensors behind it become uncovered. */
export class NoRule extends Error {}

/**
 * A rule adds the vector-Jacobian product of one node to the adjoint and returns the cotangent of each input, by
 * position, in the input's shape; `undefined` for inputs that are not wanted. A wanted input that is left out counts as
 * uncovered; `null` says that its gradient is taken to be zero.
 */
export type Rule = (node: RuleContext) => readonly (string | null | undefined)[];

/** What the driver knows about the forward values. */
export interface ForwardValues {
  /** Shape of a forward value. */
  dims(name: string): Dims;
  /** The value in the adjoint: a constant where it is one, otherwise taped. */
  value(name: string): string;
  /** A boolean value in the adjoint. */
  condition(name: string): string;
  /** An int64 copy of an integer value in the adjoint. */
  indices(name: string): string;
  /** Known integers of a shape-like value. */
  integers(name: string): readonly number[] | undefined;
  /** Numbers of a constant value, whatever its type. */
  numbers(name: string): readonly number[] | undefined;
  /** The operator that computes the value, if one does. */
  producer(name: string): string | undefined;
  /** Element type of a value. */
  type(name: string): DataType;
}

/** One node of the forward model as its rule sees it. */
export class RuleContext {
  readonly node: NodeProto;
  readonly opset: number;
  readonly b: AdjointBuilder;
  readonly cotangents: readonly (string | undefined)[];
  readonly #forward: ForwardValues;
  readonly #wanted: (name: string) => boolean;

  constructor(
    node: NodeProto,
    opset: number,
    b: AdjointBuilder,
    cotangents: readonly (string | undefined)[],
    forward: ForwardValues,
    wanted: (name: string) => boolean,
  ) {
    this.node = node;
    this.opset = opset;
    this.b = b;
    this.cotangents = cotangents;
    this.#forward = forward;
    this.#wanted = wanted;
  }

  /** The cotangent of the first output, the only one that may have one. */
  get dy(): string {
    const [first, ...others] = this.cotangents;
    if (first === undefined || others.some((o) => o !== undefined))
      throw new NoRule("a further output is used");
    return first;
  }

  /** Whether the node has input `i`. */
  has(i: number): boolean {
    return (this.node.input[i] ?? "") !== "";
  }
  /** Whether the gradient of input `i` is needed. */
  wants(i: number): boolean {
    return this.has(i) && this.#wanted(this.node.input[i]!);
  }
  #input(i: number): string {
    if (!this.has(i)) throw new NoRule(`input ${i} is missing`);
    return this.node.input[i]!;
  }
  /** Shape of input `i`. */
  dims(i = 0): Dims {
    return this.#forward.dims(this.#input(i));
  }
  /** Shape of output `i`. */
  outputDims(i = 0): Dims {
    return this.#forward.dims(this.node.output[i]!);
  }
  /** Input `i` as a value of the adjoint. */
  input(i = 0): string {
    return this.#forward.value(this.#input(i));
  }
  /** Output `i` as a value of the adjoint. */
  output(i = 0): string {
    return this.#forward.value(this.node.output[i]!);
  }
  /** Boolean input `i` as a value of the adjoint. */
  condition(i: number): string {
    return this.#forward.condition(this.#input(i));
  }
  /** Integer input `i` as an int64 value of the adjoint. */
  indices(i: number): string {
    return this.#forward.indices(this.#input(i));
  }
  /** Integer output `i` as an int64 value of the adjoint. */
  outputIndices(i: number): string {
    return this.#forward.indices(this.node.output[i]!);
  }
  /** Element type of input `i`. */
  type(i = 0): DataType {
    return this.#forward.type(this.#input(i));
  }
  /** Element type of output `i`. */
  outputType(i = 0): DataType {
    return this.#forward.type(this.node.output[i]!);
  }
  /** Whether input `i` is the output of that operator. */
  madeBy(i: number, operator: string): boolean {
    return this.has(i) && this.#forward.producer(this.node.input[i]!) === operator;
  }
  /** The integers of a shape-like input; `undefined` when the node does not have it. */
  integers(i: number): readonly number[] | undefined {
    if (!this.has(i)) return undefined;
    const found = this.#forward.integers(this.node.input[i]!);
    if (found === undefined) throw new NoRule(`input ${i} is not known beforehand`);
    return found;
  }
  /** The numbers of an input that is constant; `undefined` when it is not, or is missing. */
  numbers(i: number): readonly number[] | undefined {
    return this.has(i) ? this.#forward.numbers(this.node.input[i]!) : undefined;
  }

  int(name: string, fallback: number): number {
    return intAttribute(this.node, name, fallback);
  }
  float(name: string, fallback: number): number {
    return floatAttribute(this.node, name, fallback);
  }
  ints(name: string): number[] | undefined {
    return intsAttribute(this.node, name);
  }
  floats(name: string): number[] | undefined {
    return attribute(this.node, name)?.floats;
  }
  string(name: string, fallback: string): string {
    return stringAttribute(this.node, name, fallback);
  }
  /** An axis attribute counted from the front. */
  axis(fallback: number, rank = this.dims().length): number {
    return positiveAxis(this.int("axis", fallback), rank);
  }
}

/** An axis counted from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** Rules of one kind of operators, under the operators' own names, with remarks for the support table. */
export interface RuleGroup {
  readonly kind: string;
  readonly rules: Readonly<Record<string, Rule>>;
  /** Limits and remarks by operator. */
  readonly remarks?: Readonly<Record<string, string>>;
}
