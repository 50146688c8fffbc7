/** @file Rules of operators that move, cut, repeat or choose elements. */
import { elementCount, type Dims } from "../../onnx/index.ts";
import type { AdjointBuilder, Product } from "../builder.ts";
import { NoRule, positiveAxis, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

const reshaped: Rule = (c) => {
  const dx = c.b.reshape(c.dy, c.dims());
  const product = c.b.products.get(c.dy);
  if (product !== undefined) c.b.products.set(dx, product);
  return [dx];
};
const passed: Rule = (c) => [c.dy];

const Transpose: Rule = (c) => {
  const rank = c.dims().length;
  const perm = c.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const dx = c.b.transpose(
    c.dy,
    perm.map((_, i) => perm.indexOf(i)),
  );
  const product = c.b.products.get(c.dy);
  if (product !== undefined && perm[0] === 1) {
    const { left, right, dims, dependent } = product;
    c.b.products.set(dx, {
      ...product,
      left: right,
      right: left,
      dims: [dims[1], dims[0]],
      dependent: dependent === "left" ? "right" : "left",
    });
  }
  return [dx];
};

const Concat: Rule = (c) => {
  const axis = c.axis(1);
  let start = 0;
  return c.node.input.map((_, i) => {
    const from = start;
    start += c.dims(i)[axis]!;
    return c.wants(i) ? c.b.slice(c.dy, new Map([[axis, [from, start] as const]])) : undefined;
  });
};

const Split: Rule = (c) => {
  const parts = c.cotangents.map((g, i) => g ?? c.b.zeros(c.outputDims(i)));
  return [c.b.concat(parts, c.axis(0))];
};

/** Puts the cotangent back at `first`, `first + step`, ... of an axis of `size`, with zeros elsewhere. */
function placed(
  b: AdjointBuilder,
  g: string,
  dims: Dims,
  axis: number,
  place: { readonly first: number; readonly step: number; readonly size: number },
): string {
  const count = dims[axis]!;
  const zeros = dims.map(() => 0);
  const at = (value: number): number[] => zeros.with(axis, value);
  if (place.step === 1) return b.pad(g, at(place.first), at(place.size - place.first - count));
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const apart = b.pad(b.reshape(g, [outer, count, 1, inner]), [0, 0, 0, 0], [0, 0, place.step - 1, 0]);
  const wide = b.reshape(apart, dims.with(axis, count * place.step));
  return b.pad(wide, at(place.first), at(place.size - place.first - count * place.step));
}

const Slice: Rule = (c) => {
  const dims = c.dims();
  const starts = c.ints("starts") ?? c.integers(1) ?? [];
  const axes = (c.ints("axes") ?? (c.opset < 10 ? undefined : c.integers(3)) ?? starts.map((_, i) => i)).map(
    (a) => positiveAxis(a, dims.length),
  );
  const steps = (c.opset < 10 ? undefined : c.integers(4)) ?? starts.map(() => 1);
  const current = [...c.outputDims()];
  if (elementCount(current) === 0) return [c.b.zeros(dims)];
  let g = c.dy;
  axes.forEach((axis, i) => {
    const [size, count, step] = [dims[axis]!, current[axis]!, steps[i]!];
    const raw = starts[i]! < 0 ? starts[i]! + size : starts[i]!;
    const start = Math.min(step < 0 ? size - 1 : size, Math.max(0, raw));
    const backward = step < 0;
    if (backward) g = c.b.flip(g, [axis]);
    const first = backward ? start + (count - 1) * step : start;
    g = placed(c.b, g, current, axis, { first, step: Math.abs(step), size });
    current[axis] = size;
  });
  return [g];
};

/** Adds the cotangent's rows to the rows the indices name. */
const Gather: Rule = (c) => {
  const dims = c.dims();
  const axis = c.axis(0);
  const indexDims = c.dims(1);
  const size = dims[axis]!;
  const known = elementCount(indexDims) === 1 ? c.numbers(1)?.[0] : undefined;
  if (known !== undefined) {
    const first = known < 0 ? known + size : known;
    const g = c.b.reshape(c.dy, dims.with(axis, 1));
    return [placed(c.b, g, dims.with(axis, 1), axis, { first, step: 1, size })];
  }
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const picked = elementCount(indexDims);
  const rows = c.b.transpose(c.b.reshape(c.dy, [outer, picked, inner]), [1, 0, 2]);
  const indices = c.b.reshape(c.indices(1), [picked, 1]);
  const summed = c.b.op("ScatterND", [c.b.zeros([size, outer, inner]), indices, rows], { reduction: "add" });
  const dx = c.b.reshape(c.b.transpose(summed, [1, 0, 2]), dims);
  if (axis === 0 && dims.length === 2) c.b.products.set(dx, rowsProduct(c, size, picked, inner));
  return [dx];
};

/**
 * The gradient of a table as a product of unit vectors (which rows are picked) with the cotangent. Its squared norms
 * by row need the products of those cotangents only that go to one row.
 */
function rowsProduct(c: RuleContext, size: number, picked: number, inner: number): Product {
  const { b } = c;
  const dy = b.reshape(c.dy, [picked, inner]);
  return {
    left: [],
    right: [dy],
    rows: picked,
    dims: [size, inner],
    factor: 1,
    dependent: "right",
    squares(axis) {
      // A multiplication costs some eighth of writing a number and reading it again.
      if (axis === 1 || picked * picked > 8 * size) return undefined;
      // Negative indices count from the end.
      const indices = b.op("Mod", [b.reshape(c.indices(1), [picked, 1]), b.ints([size])]);
      const agree = b.indicator(b.op("Equal", [indices, b.reshape(indices, [1, picked])]));
      b.shared.add(agree);
      const sums = b.reduceSum(b.mul(agree, b.op("Gemm", [dy, dy], { transB: 1 })), [1]);
      if (axis === undefined) return b.op("Relu", [b.reduceSum(sums, [0], true)]);
      return b.op("Relu", [b.op("ScatterND", [b.zeros([size]), indices, sums], { reduction: "add" })]);
    },
  };
}

const GatherElements: Rule = (c) => [
  c.b.op("ScatterElements", [c.b.zeros(c.dims()), c.indices(1), c.dy], { axis: c.axis(0), reduction: "add" }),
];

const GatherND: Rule = (c) => {
  if (c.int("batch_dims", 0) !== 0) throw new NoRule("batch_dims");
  return [c.b.op("ScatterND", [c.b.zeros(c.dims()), c.indices(1), c.dy], { reduction: "add" })];
};

const Tile: Rule = (c) => {
  const dims = c.dims();
  const out = c.outputDims();
  const split = dims.flatMap((d, i) => [d === 0 ? 1 : out[i]! / d, d]);
  const repeated = dims.map((_, i) => 2 * i).filter((i) => split[i] !== 1);
  return [c.b.reshape(c.b.reduceSum(c.b.reshape(c.dy, split), repeated), dims)];
};

const Where: Rule = (c) => {
  const condition = c.condition(0);
  const zero = c.b.scalar(0);
  const part = (i: number, inputs: string[]): string | undefined =>
    c.wants(i) ? c.b.unbroadcast(c.b.op("Where", inputs), c.outputDims(), c.dims(i)) : undefined;
  return [undefined, part(1, [condition, c.dy, zero]), part(2, [condition, zero, c.dy])];
};

/** Blocks of `size x size` positions against channels, in either order of the channel's parts. */
function blocks(c: RuleContext, columnFirst: boolean): string {
  const size = c.int("blocksize", 1);
  if (!columnFirst) return c.b.op("SpaceToDepth", [c.dy], { blocksize: size });
  const [batch, channels, height, width] = c.dims() as [number, number, number, number];
  const split = c.b.reshape(c.dy, [batch, channels / size ** 2, height, size, width, size]);
  return c.b.reshape(c.b.transpose(split, [0, 1, 3, 5, 2, 4]), c.dims());
}

export const shape: RuleGroup = {
  kind: "shape",
  rules: {
    Identity: passed,
    Cast: passed,
    Reshape: reshaped,
    Flatten: reshaped,
    Squeeze: reshaped,
    Unsqueeze: reshaped,
    Transpose,
    Concat,
    Split,
    Slice,
    Gather,
    GatherElements,
    GatherND,
    Expand: (c) => [c.b.unbroadcast(c.dy, c.outputDims(), c.dims())],
    Tile,
    Where,
    Trilu: (c) => [c.b.op("Trilu", c.has(1) ? [c.dy, c.indices(1)] : [c.dy], { upper: c.int("upper", 1) })],
    DepthToSpace: (c) => [blocks(c, c.string("mode", "DCR") === "CRD")],
    SpaceToDepth: (c) => [c.b.op("DepthToSpace", [c.dy], { blocksize: c.int("blocksize", 1) })],
  },
  remarks: {
    Cast: "between float types; from an integer type, and from an integer product to one, it passes what the values stand for; from other floats to an integer type the gradient ends",
    Gather: "repeated indices add up",
    GatherElements: "repeated indices add up",
    GatherND: "repeated indices add up; no batch_dims",
    Slice: "any step",
    Split: "sizes as attribute, as input, or equal",
  },
};
