/**
 * @file Rules of quantisation. An integer value stands for a real number; rounding counts as the identity and
 * saturation ends the gradient (the straight-through estimate).
 */
import { DataType, elementCount, type Dims } from "../../onnx/index.ts";
import { NoRule, positiveAxis, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

/** Smallest and largest code of an integer type. */
const ranges = new Map<number, readonly [number, number]>([
  [DataType.INT4, [-8, 7]],
  [DataType.UINT4, [0, 15]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT8, [0, 255]],
  [DataType.INT16, [-32768, 32767]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT32, [-(2 ** 31), 2 ** 31]],
]);

/** A scale or zero point, laid along its axis or repeated over its blocks so that it broadcasts with the input. */
function parameter(c: RuleContext, i: number): string {
  const value = c.input(i);
  const own = c.dims(i);
  const dims = c.dims();
  if (elementCount(own) === 1) return c.b.reshape(value, []);
  const axis = c.axis(1);
  if (own.length === 1) return c.b.reshape(value, along(dims, axis));
  return repeated(c, value, own, dims, axis);
}

const along = (dims: Dims, axis: number): number[] => dims.map((d, i) => (i === axis ? d : 1));

function repeated(c: RuleContext, value: string, own: Dims, dims: Dims, axis: number): string {
  const block = c.int("block_size", 0);
  if (block <= 0 || own[axis]! * block < dims[axis]!) throw new NoRule("scales of this shape");
  const split = [...own.slice(0, axis + 1), 1, ...own.slice(axis + 1)];
  const wide = c.b.op("Expand", [c.b.reshape(value, split), c.b.ints(split.with(axis + 1, block))]);
  const whole = c.b.reshape(wide, own.with(axis, own[axis]! * block));
  return c.b.slice(whole, new Map([[positiveAxis(axis, dims.length), [0, dims[axis]!] as const]]));
}

/** Sums a value of the input's shape down to what a scale or zero point `i` gets. */
function toParameter(c: RuleContext, value: string, i: number): string {
  const dims = c.dims();
  const own = c.dims(i);
  if (elementCount(own) === 1) return c.b.reshape(c.b.unbroadcast(value, dims, []), own);
  if (own.length !== 1) throw new NoRule("the gradient of blocked parameters");
  return c.b.reshape(c.b.unbroadcast(value, dims, along(dims, c.axis(1))), own);
}

/** `y = scale (q - zero)`. */
const DequantizeLinear: Rule = (c) => {
  const scale = parameter(c, 1);
  const level = (): string => (c.has(2) ? c.b.sub(c.input(), parameter(c, 2)) : c.input());
  return [
    c.wants(0) ? c.b.mul(c.dy, scale) : undefined,
    c.wants(1) ? toParameter(c, c.b.mul(c.dy, level()), 1) : undefined,
    c.wants(2) ? toParameter(c, c.b.neg(c.b.mul(c.dy, scale)), 2) : undefined,
  ];
};

/** `q = x / scale + zero`, and no change where the code saturates. */
const QuantizeLinear: Rule = (c) => {
  const range = ranges.get(c.outputType());
  const scale = parameter(c, 1);
  const parts = (dq: string): (string | undefined)[] => {
    const dx = c.b.div(dq, scale);
    return [
      c.wants(0) ? dx : undefined,
      c.wants(1) ? toParameter(c, c.b.neg(c.b.mul(dx, c.b.div(c.input(), scale))), 1) : undefined,
      c.wants(2) ? toParameter(c, dq, 2) : undefined,
    ];
  };
  if (range === undefined) return parts(c.dy);
  const ratio = c.b.div(c.input(), scale);
  const level = c.has(2) ? c.b.add(ratio, parameter(c, 2)) : ratio;
  const inside = c.b.op("And", [
    c.b.op("Greater", [level, c.b.scalar(range[0] - 0.5)]),
    c.b.op("Less", [level, c.b.scalar(range[1] + 0.5)]),
  ]);
  return parts(c.b.mul(c.dy, c.b.indicator(inside)));
};

/** The range follows the input, so that nothing saturates. */
const DynamicQuantizeLinear: Rule = (c) => [c.b.div(c.dy, c.output(1))];

export const quantisation: RuleGroup = {
  kind: "quantisation",
  rules: {
    QuantizeLinear,
    DequantizeLinear,
    DynamicQuantizeLinear,
    "com.microsoft.QuantizeLinear": QuantizeLinear,
    "com.microsoft.DequantizeLinear": DequantizeLinear,
  },
  remarks: {
    QuantizeLinear: "straight-through: 1 inside the clipping range, 0 outside",
    DequantizeLinear: "per tensor, per axis, blocked (scales of blocks have no gradient)",
    DynamicQuantizeLinear: "straight-through; the scale counts as constant",
  },
};
