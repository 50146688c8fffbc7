/**
 * @file Squared norms of a weight's gradient by output channel, without the gradient where that is cheaper. A weight
 * gradient is a product `L^T R` of `rows` cotangents and inputs; the squared norm of its column `c` is
 * `r_c^T (L L^T) r_c`, and `L L^T` has `rows^2` elements, however many weights there are.
 */
import { elementCount, type Dims } from "../onnx/index.ts";
import type { AdjointBuilder, Product } from "./builder.ts";

/** Cotangents that one pass of the values is expected to serve: what depends on the values alone is shared by them. */
const COTANGENTS = 8;
/** How much more a multiplication costs in a product of all rows than in the gradient's own. */
const GRAM_COST = 1.25;

/** `M^T M`-like sums over columns: the Gram matrix of rows whose columns lie in several matrices. */
function gram(b: AdjointBuilder, side: readonly string[]): string {
  const known = b.grams.get(side.join("\n"));
  if (known !== undefined) return known;
  const wide = b.concat(side, 1);
  const value = b.op("Gemm", [wide, wide], { transB: 1 });
  b.grams.set(side.join("\n"), value);
  b.shared.add(value);
  return value;
}

/** Whether the norms are cheaper by Gram matrices than by forming the gradient. */
function prefersGram({ rows, dims, dependent }: Product): boolean {
  const [left, right] = dims;
  const [varying, fixed] = dependent === "left" ? [left, right] : [right, left];
  return GRAM_COST * rows * (varying + fixed / COTANGENTS) < left * right;
}

/**
 * Squared norms of a gradient by its channels.
 *
 * @param gradient the gradient's value in the adjoint, of shape `dims`
 * @param axis the axis of channels; undefined for one sum
 * @returns a value of shape `[channels]`, or `[1]`
 */
export function channelSquares(
  b: AdjointBuilder,
  gradient: string,
  dims: Dims,
  axis: number | undefined,
): string {
  const product = b.products.get(gradient);
  if (product !== undefined) {
    const prefers =
      product.squares ??
      (prefersGram(product) ? (a: number | undefined) => gramSquares(b, product, dims, a) : undefined);
    const byChannel = prefers?.(axis);
    if (byChannel !== undefined) return byChannel;
  }
  if (dims.length === 0) return b.reshape(b.mul(gradient, gradient), [1]);
  const axes = dims.flatMap((_, i) => (i === axis ? [] : [i]));
  if (axes.length === 0) return b.mul(gradient, gradient);
  const sums = b.op("ReduceSumSquare", [gradient, b.ints(axes)], { keepdims: 0 });
  return axis === undefined ? b.reshape(sums, [1]) : sums;
}

function gramSquares(
  b: AdjointBuilder,
  product: Product,
  dims: Dims,
  axis: number | undefined,
): string | undefined {
  const { left, right, rows, factor, dependent } = product;
  const [varying, fixed] = dependent === "left" ? [left, right] : [right, left];
  // The channels must be the columns of the factor that varies with the cotangent, in one matrix.
  const width = product.dims[dependent === "left" ? 0 : 1];
  if (varying.length !== 1 || elementCount(dims) !== product.dims[0] * product.dims[1]) return undefined;
  if (axis !== undefined) {
    const beyond = dependent === "left" ? dims.slice(0, axis) : dims.slice(axis + 1);
    if (dims[axis] !== width || elementCount(beyond) !== 1) return undefined;
  }
  const columns = varying[0]!;
  const weighted =
    rows === 1 ? b.mul(b.reshape(gram(b, fixed), [1]), columns) : b.op("MatMul", [gram(b, fixed), columns]);
  const sums = b.reduceSum(b.mul(weighted, columns), axis === undefined ? [0, 1] : [0]);
  // Rounding may leave a norm of nearly zero below it.
  const positive = b.op("Relu", [b.scale(sums, factor * factor)]);
  return axis === undefined ? b.reshape(positive, [1]) : positive;
}
