/** @file Rules of normalisation layers. Instance and group normalisation are layer normalisations of reshaped values. */
import { elementCount, type Dims } from "../../onnx/index.ts";
import type { AdjointBuilder } from "../builder.ts";
import { NoRule, type Rule, type RuleGroup } from "../rule.ts";

/** A value brought to mean 0 and variance 1 over its last axis, and one over the standard deviation. */
function standardise(
  b: AdjointBuilder,
  x: string,
  dims: Dims,
  epsilon: number,
): { unit: string; rate: string } {
  const [unit, , rate] = b.outputs("LayerNormalization", [x, b.filled([dims[1]!], 1)], 3, {
    axis: 1,
    epsilon: { float: epsilon },
  });
  return { unit: unit!, rate: rate! };
}

/** `rate (g - mean(g) - unit mean(g unit))`, the means over the last axis of `[rows, length]`. */
function throughStandardisation(b: AdjointBuilder, g: string, unit: string, rate: string): string {
  const mean = (x: string): string => b.op("ReduceMean", [x, b.ints([1])], { keepdims: 1 });
  const inner = b.sub(b.sub(g, mean(g)), b.mul(unit, mean(b.mul(g, unit))));
  return b.mul(rate, inner);
}

const LayerNormalization: Rule = (c) => {
  const dims = c.dims();
  const axis = c.axis(-1);
  const rows = [elementCount(dims.slice(0, axis)), elementCount(dims.slice(axis))];
  const { unit, rate } = standardise(c.b, c.b.reshape(c.input(), rows), rows, c.float("epsilon", 1e-5));
  const inner = dims.slice(axis);
  const dx = (): string => {
    const g = c.b.reshape(c.b.mul(c.dy, c.input(1)), rows);
    return c.b.reshape(throughStandardisation(c.b, g, unit, rate), dims);
  };
  return [
    c.wants(0) ? dx() : undefined,
    c.wants(1)
      ? c.b.unbroadcast(c.b.reshape(c.b.mul(c.b.reshape(c.dy, rows), unit), dims), dims, c.dims(1))
      : undefined,
    c.wants(2) ? c.b.unbroadcast(c.dy, [...dims.slice(0, axis), ...inner], c.dims(2)) : undefined,
  ];
};

/** Normalisation of each channel, or of each group of channels. */
function grouped(byChannel: boolean): Rule {
  return (c) => {
    const dims = c.dims();
    const [batch, channels, ...spatial] = dims as [number, number, ...number[]];
    const count = byChannel ? channels : c.int("num_groups", 1);
    const rows = [batch * count, elementCount(dims) / (batch * count)];
    const { unit, rate } = standardise(c.b, c.b.reshape(c.input(), rows), rows, c.float("epsilon", 1e-5));
    // Scale and shift have one element for each of these: before opset 21 for each group.
    const parts = c.opset < 21 ? count : channels;
    const split = [batch, parts, (channels / parts) * elementCount(spatial)];
    const dy = c.b.reshape(c.dy, split);
    const dx = (): string => {
      const g = c.b.mul(dy, c.b.reshape(c.input(1), [1, parts, 1]));
      return c.b.reshape(throughStandardisation(c.b, c.b.reshape(g, rows), unit, rate), dims);
    };
    return [
      c.wants(0) ? dx() : undefined,
      c.wants(1) ? c.b.reduceSum(c.b.mul(dy, c.b.reshape(unit, split)), [0, 2]) : undefined,
      c.wants(2) ? c.b.reduceSum(dy, [0, 2]) : undefined,
    ];
  };
}

/** Inference form: `y = scale (x - mean) / sqrt(variance + epsilon) + shift`. */
const BatchNormalization: Rule = (c) => {
  if (c.int("training_mode", 0) !== 0 || c.int("spatial", 1) === 0) throw new NoRule("training mode");
  const dims = c.dims();
  const channels = dims.length < 2 ? 1 : dims[1]!;
  const perChannel = [1, channels, ...dims.slice(2).map(() => 1)];
  const axes = dims.flatMap((_, i) => (i === 1 ? [] : [i]));
  const sum = (x: string): string => c.b.reduceSum(x, axes);
  const wide = (x: string): string => c.b.reshape(x, perChannel);
  const deviation = c.b.op("Sqrt", [c.b.shift(c.input(4), c.float("epsilon", 1e-5))]);
  const gain = (): string => c.b.div(c.input(1), deviation);
  const centred = (): string => sum(c.b.mul(c.dy, c.b.sub(c.input(0), wide(c.input(3)))));
  const toVariance = (): string => {
    const slope = c.b.div(gain(), c.b.mul(deviation, deviation));
    return c.b.scale(c.b.mul(centred(), slope), -0.5);
  };
  return [
    c.wants(0) ? c.b.mul(c.dy, wide(gain())) : undefined,
    c.wants(1) ? c.b.div(centred(), deviation) : undefined,
    c.wants(2) ? sum(c.dy) : undefined,
    c.wants(3) ? c.b.neg(c.b.mul(sum(c.dy), gain())) : undefined,
    c.wants(4) ? toVariance() : undefined,
  ];
};

/** `y = x / norm`; `norm` is the 2-norm or the 1-norm along the axis. */
const LpNormalization: Rule = (c) => {
  const axis = c.axis(-1);
  const order = c.int("p", 2);
  const [x, y] = [c.input(), c.output()];
  const norm = c.b.op(order === 1 ? "ReduceL1" : "ReduceL2", [x, c.b.ints([axis])], { keepdims: 1 });
  const along = order === 1 ? c.b.op("Sign", [x]) : y;
  const projection = c.b.mul(along, c.b.reduceSum(c.b.mul(c.dy, y), [axis], true));
  return [c.b.div(c.b.sub(c.dy, projection), norm)];
};

/**
 * `y = x / s^beta`, `s = bias + alpha / size * (sum of x^2 over neighbouring channels)`; the sums over neighbours are
 * products with a band matrix.
 */
const LRN: Rule = (c) => {
  const dims = c.dims();
  const [batch, channels] = dims as [number, number];
  const size = c.int("size", 1);
  const [alpha, beta] = [c.float("alpha", 1e-4), c.float("beta", 0.75)];
  const flat = [batch, channels, elementCount(dims.slice(2))];
  const half = Math.floor((size - 1) / 2);
  const band = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i += 1) {
    const first = Math.max(0, i - half);
    const last = Math.min(channels - 1, i + half);
    for (let j = first; j <= last; j += 1) band[i * channels + j] = 1;
  }
  const matrix = c.b.floats([channels, channels], band);
  const x = c.b.reshape(c.input(), flat);
  const dy = c.b.reshape(c.dy, flat);
  const sums = c.b.op("MatMul", [matrix, c.b.mul(x, x)]);
  const s = c.b.shift(c.b.scale(sums, alpha / size), c.float("bias", 1));
  const power = c.b.op("Pow", [s, c.b.scalar(-beta)]);
  const inner = c.b.mul(c.b.mul(dy, x), c.b.div(power, s));
  const back = c.b.op("MatMul", [c.b.transpose(matrix, [1, 0]), inner]);
  const dx = c.b.sub(c.b.mul(dy, power), c.b.mul(x, c.b.scale(back, (2 * alpha * beta) / size)));
  return [c.b.reshape(dx, dims)];
};

export const normalisation: RuleGroup = {
  kind: "normalisation",
  rules: {
    BatchNormalization,
    LayerNormalization,
    InstanceNormalization: grouped(true),
    GroupNormalization: grouped(false),
    LpNormalization,
    LRN,
  },
  remarks: {
    LRN: "odd sizes, as the runtime",
    BatchNormalization: "inference only",
    GroupNormalization: "scale and shift for each group (opset 18) or channel (opset 21)",
  },
};
