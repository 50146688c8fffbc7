/**
 * @file Writes the adjoint's nodes. Every helper adds nodes of the adjoint's own operator set and returns the name of
 * the value they compute; shapes are numbers, because one probing run of the forward model has made them known.
 */
import { TensorProtoSchema, type TensorProto } from "onnx-buf";
import { create } from "@bufbuild/protobuf";
import { DataType, elementCount, type Dims } from "../onnx/index.ts";
import { NodeWriter } from "./node-writer.ts";

/** Version of the default operator set the adjoint is written in. */
export const ADJOINT_OPSET = 20;

/** What an axis is cut to by `slice`: `[start, end, step]`, the step 1 unless given. */
export type Range = readonly [start: number, end: number, step?: number];

const FAR = 2 ** 31;

/** A weight gradient as a product of matrices: `factor L^T R`, where the columns of a factor may lie side by side in several. */
export interface Product {
  /** `[rows, ...]` each. */
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly rows: number;
  /** Columns of `L` and of `R`. */
  readonly dims: readonly [number, number];
  readonly factor: number;
  /** The factor that varies with the cotangent; the other one follows from the forward values alone. */
  readonly dependent: "left" | "right";
  /** Computes the squared norms by channel in a way of its own, where the fixed factor is not given as matrices. */
  readonly squares?: (axis: number | undefined) => string | undefined;
}

/** Collects the nodes and constants of an adjoint graph. */
export class AdjointBuilder extends NodeWriter {
  readonly initialisers = new Map<string, TensorProto>();
  /** Cotangents of `Relu` outputs that are known to vanish where the output does. */
  readonly masked = new Set<string>();
  /** Values that are products of matrices. */
  readonly products = new Map<string, Product>();
  /** Values that do not vary with the cotangent and are worth computing once for several of them. */
  readonly shared = new Set<string>();
  /** Gram matrices by the names of what they are made from. */
  readonly grams = new Map<string, string>();
  readonly #constants = new Map<string, string>();
  readonly #manyCotangents: boolean;
  #count = 0;

  /** @param manyCotangents whether one pass of the values is to serve several cotangents */
  constructor(manyCotangents = false) {
    super();
    this.#manyCotangents = manyCotangents;
  }

  /** Marks a value that does not vary with the cotangent and took several passes over its elements. */
  once(value: string): string {
    if (this.#manyCotangents) this.shared.add(value);
    return value;
  }

  /** A value name that no forward model uses. */
  fresh(): string {
    this.#count += 1;
    return `qtaml.adjoint.${this.#count}`;
  }

  protected constant(make: (name: string) => TensorProto): string {
    const name = this.fresh();
    this.initialisers.set(name, make(name));
    return name;
  }

  protected override common(key: string, make: (name: string) => TensorProto): string {
    const known = this.#constants.get(key) ?? this.constant(make);
    this.#constants.set(key, known);
    return known;
  }

  neg(a: string): string {
    return this.op("Neg", [a]);
  }

  /** The sum of at least one value of one shape. */
  total(values: readonly string[]): string {
    return values.length === 1
      ? values[0]!
      : values.length === 2
        ? this.add(values[0]!, values[1]!)
        : this.op("Sum", values);
  }

  /** 1 where the boolean holds, else 0. */
  indicator(condition: string): string {
    return this.op("Cast", [condition], { to: DataType.FLOAT });
  }

  /**
   * 1 where `x` > 0, else 0, for `x` >= 0, in one vectorised pass: HardSigmoid saturates at 1 for every normal
   * float32 (the smallest is 1.2e-38, times 3e38 is over 3).
   */
  positive(x: string): string {
    return this.op("HardSigmoid", [x], { alpha: { float: 3e38 }, beta: { float: 0 } });
  }

  reshape(x: string, dims: Dims): string {
    return this.op("Reshape", [x, this.ints(dims)], dims.includes(0) ? { allowzero: 1 } : {});
  }

  /** Swaps the last two of `rank` axes. */
  swapLast(x: string, rank: number): string {
    return this.transpose(
      x,
      Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i)),
    );
  }

  /** Sum over `axes`; the axes are dropped unless `keep`. */
  reduceSum(x: string, axes: readonly number[], keep = false): string {
    return axes.length === 0 ? x : this.op("ReduceSum", [x, this.ints(axes)], { keepdims: keep ? 1 : 0 });
  }

  /** Cuts axes to ranges; an axis that is not named stays whole. */
  slice(x: string, ranges: ReadonlyMap<number, Range>): string {
    if (ranges.size === 0) return x;
    const axes = [...ranges.keys()];
    const cuts = [...ranges.values()];
    const inputs = [
      x,
      this.ints(cuts.map((c) => c[0])),
      this.ints(cuts.map((c) => c[1])),
      this.ints(axes),
      ...(cuts.some((c) => (c[2] ?? 1) !== 1) ? [this.ints(cuts.map((c) => c[2] ?? 1))] : []),
    ];
    return this.op("Slice", inputs);
  }

  /** Reverses axes. */
  flip(x: string, axes: readonly number[]): string {
    return this.slice(x, new Map(axes.map((axis) => [axis, [-1, -FAR, -1] as const])));
  }

  /** Zeros, or another value, before and after each axis; negative amounts crop. */
  pad(x: string, begin: readonly number[], end: readonly number[], value = 0): string {
    const pads = [...begin, ...end];
    if (pads.every((p) => p === 0)) return x;
    return this.op("Pad", [x, this.ints(pads), ...(value === 0 ? [] : [this.scalar(value)])]);
  }

  /** Product of matrices over the last two axes; `transposeA` and `transposeB` swap these first (both `rank`). */
  matmul(a: string, b: string, rank: number, transposeA = false, transposeB = false): string {
    if (rank === 2) {
      return transposeA || transposeB
        ? this.op("Gemm", [a, b], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 })
        : this.op("MatMul", [a, b]);
    }
    const left = transposeA ? this.swapLast(a, rank) : a;
    return this.op("MatMul", [left, transposeB ? this.swapLast(b, rank) : b]);
  }

  /** A tensor of zeros. */
  zeros(dims: Dims): string {
    const value = create(TensorProtoSchema, { dims: [1n], dataType: DataType.FLOAT, floatData: [0] });
    return this.op("ConstantOfShape", [this.ints(dims)], { value });
  }

  /**
   * Repeats an array along its axes of size 1: the adjoint of a sum over them, with a factor.
   *
   * @param from dims of `x`, of the rank of `to`
   */
  spread(x: string, from: Dims, to: Dims, factor = 1): string {
    const ones = to.map((d, i) => (from[i] === d ? 1 : d));
    if (elementCount(ones) === 1) return this.scale(x, factor);
    return this.mul(x, this.filled(ones, factor));
  }

  /** Sums a cotangent of shape `from` over the axes along which a value of shape `to` was broadcast to it. */
  unbroadcast(x: string, from: Dims, to: Dims): string {
    const lead = from.length - to.length;
    const axes = from.flatMap((d, i) => (i < lead || (to[i - lead] === 1 && d !== 1) ? [i] : []));
    if (axes.length === 0) return lead === 0 ? x : this.reshape(x, to);
    return this.reshape(this.reduceSum(x, axes), to);
  }
}
