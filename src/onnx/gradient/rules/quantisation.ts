/**
 * @file Rules of quantisation. An integer value stands for a real number; rounding counts as the identity and
 * saturation ends the gradient (the straight-through estimate). Scales and zero points count as constants.
 */
import { DataType, type Dims } from "../../tensor.ts";
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
  if (own.reduce((a, b) => a * b, 1) === 1) return c.b.reshape(value, []);
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

/** `d(scale (q - zero)) / dq`. */
const DequantizeLinear: Rule = (c) => [c.b.mul(c.dy, parameter(c, 1)), null, null];

/** `d(x / scale + zero) / dx`, and nothing where the code saturates. */
const QuantizeLinear: Rule = (c) => {
  const range = ranges.get(c.outputType());
  const scale = parameter(c, 1);
  const dx = c.b.div(c.dy, scale);
  if (range === undefined) return [dx, null, null];
  const ratio = c.b.div(c.input(), scale);
  const level = c.has(2) ? c.b.add(ratio, parameter(c, 2)) : ratio;
  const inside = c.b.op("And", [
    c.b.op("Greater", [level, c.b.scalar(range[0] - 0.5)]),
    c.b.op("Less", [level, c.b.scalar(range[1] + 0.5)]),
  ]);
  return [c.b.mul(dx, c.b.indicator(inside)), null, null];
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
    DequantizeLinear: "per tensor, per axis, blocked",
    DynamicQuantizeLinear: "straight-through; the scale counts as constant",
  },
};
