/** @file Rules of pooling. */
import { elementCount, type Dims } from "../../onnx/index.ts";
import type { AdjointBuilder } from "../builder.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";
import { enlarge } from "./convolution.ts";
import { offsets, resolveWindow, span, trailing, type Window } from "../window.ts";

interface Pool {
  readonly images: readonly [batch: number, channels: number];
  readonly wide: Dims;
  readonly narrow: Dims;
  readonly window: Window;
}

function pool(c: RuleContext): Pool {
  const [batch, channels, ...wide] = c.dims() as [number, number, ...number[]];
  const narrow = c.outputDims().slice(2);
  const kernel = c.ints("kernel_shape") ?? [];
  return { images: [batch, channels], wide, narrow, window: resolveWindow(c, kernel, wide, narrow) };
}

/** Whether windows lie side by side, whole and without padding. */
function tiles({ wide, narrow, window }: Pool): boolean {
  return window.kernel.every(
    (k, i) =>
      window.strides[i] === k &&
      (window.dilations[i] === 1 || k === 1) &&
      window.begin[i] === 0 &&
      narrow[i]! * k <= wide[i]!,
  );
}

/** Zeros for the elements that no window reaches. */
function restore(b: AdjointBuilder, x: string, covered: Dims, wide: Dims): string {
  const none = [0, 0, ...wide.map(() => 0)];
  return b.pad(x, none, [0, 0, ...wide.map((w, i) => w - covered[i]!)]);
}

/**
 * Side by side: the elements that equal their window's maximum. Ties share the gradient equally. After a `Relu` only
 * the zeros of a dead window tie, and these pass nothing on: the mask of the `Relu` is applied here, to the pooled
 * cotangent, where it is smaller.
 */
function tiledMaximum(c: RuleContext, p: Pool): string {
  const { window, narrow, wide, images } = p;
  const covered = narrow.map((n, i) => n * window.kernel[i]!);
  const dims = [...images, ...narrow];
  const cut = new Map(
    covered.flatMap((size, i) => (size === wide[i] ? [] : [[2 + i, [0, size] as const] as const])),
  );
  const x = c.b.slice(c.input(), cut);
  const y = c.output();
  const hits = c.b.once(c.b.indicator(c.b.op("Equal", [x, enlarge(c.b, y, dims, window.kernel)])));
  const afterRelu = c.madeBy(0, "Relu");
  const averages = (): string =>
    c.b.op("AveragePool", [hits], { kernel_shape: window.kernel, strides: window.kernel });
  const share = afterRelu
    ? c.b.mul(c.dy, c.b.positive(y))
    : c.b.div(c.b.scale(c.dy, 1 / elementCount(window.kernel)), averages());
  const dx = restore(c.b, c.b.mul(hits, enlarge(c.b, share, dims, window.kernel)), covered, wide);
  if (afterRelu) c.b.masked.add(dx);
  return dx;
}

/** Stands for minus infinity: padding that no maximum takes, yet zero when multiplied by zero. */
const VERY_LOW = -3e38;

/**
 * Any windows: a convolution by unit kernels lays the elements of each window side by side, and its transpose adds what
 * they receive up again. Ties are as for windows side by side; after a `Relu`, padding by zeros wins nothing either.
 */
function overlappingMaximum(c: RuleContext, p: Pool): string {
  const { window, narrow, wide } = p;
  const [batch, channels] = p.images;
  const count = elementCount(window.kernel);
  const units = new Float32Array(channels * count * count);
  for (let k = 0; k < channels * count; k += 1) units[k * count + (k % count)] = 1;
  const kernels = c.b.floats([channels * count, 1, ...window.kernel], units);
  const form = {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    group: channels,
  };
  const tail = trailing(window, wide, narrow);
  const afterRelu = c.madeBy(0, "Relu");
  const inner = [...window.begin, ...tail.map((t) => Math.max(0, t))];
  const fits = tail.every((t) => t >= 0);
  const columns =
    afterRelu && fits
      ? c.b.op("Conv", [c.input(), kernels], { ...form, pads: inner })
      : c.b.op(
          "Conv",
          [c.b.pad(c.input(), [0, 0, ...window.begin], [0, 0, ...tail], VERY_LOW), kernels],
          form,
        );
  const apart = [batch, channels, count, ...narrow];
  const together = [batch, channels, 1, ...narrow];
  const hits = c.b.once(
    c.b.indicator(c.b.op("Equal", [c.b.reshape(columns, apart), c.b.reshape(c.output(), together)])),
  );
  const dy = c.b.reshape(afterRelu ? c.b.mul(c.dy, c.b.positive(c.output())) : c.dy, together);
  const share = afterRelu ? dy : c.b.div(dy, c.b.reduceSum(hits, [2], true));
  const received = c.b.reshape(c.b.mul(hits, share), [batch, channels * count, ...narrow]);
  const dx = c.b.op("ConvTranspose", [received, kernels], { ...form, pads: inner });
  const whole = c.b.pad(dx, [0, 0, ...wide.map(() => 0)], [0, 0, ...tail.map((t) => Math.max(0, -t))]);
  if (afterRelu) c.b.masked.add(whole);
  return whole;
}

const MaxPool: Rule = (c) => {
  if (c.cotangents.length > 1 && c.cotangents[1] !== undefined) throw new NoRule("indices");
  const p = pool(c);
  return [tiles(p) ? tiledMaximum(c, p) : overlappingMaximum(c, p)];
};

/** How many elements each window averages, by output position. */
function averaged(c: RuleContext, { window, wide, narrow }: Pool): Float32Array {
  const padded = c.int("count_include_pad", 0) !== 0;
  const along = window.kernel.map((k, i) =>
    Array.from({ length: narrow[i]! }, (_, o) => {
      const start = o * window.strides[i]! - window.begin[i]!;
      const limit = wide[i]! + (padded ? window.end[i]! : 0);
      let count = 0;
      for (let tap = 0; tap < k; tap += 1) {
        const at = start + tap * window.dilations[i]!;
        if ((padded || at >= 0) && at < limit) count += 1;
      }
      return count;
    }),
  );
  return Float32Array.from(offsets(narrow), (at) => at.reduce((n, a, i) => n * along[i]![a]!, 1));
}

const AveragePool: Rule = (c) => {
  const p = pool(c);
  const { window, narrow, wide, images } = p;
  const counts = averaged(c, p);
  const first = counts[0]!;
  const share = counts.every((n) => n === first)
    ? c.b.scale(c.dy, 1 / first)
    : c.b.mul(
        c.dy,
        c.b.floats(
          [1, 1, ...narrow],
          counts.map((n) => 1 / n),
        ),
      );
  if (tiles(p)) {
    const covered = narrow.map((n, i) => n * window.kernel[i]!);
    return [restore(c.b, enlarge(c.b, share, [...images, ...narrow], window.kernel), covered, wide)];
  }
  const flat = c.b.reshape(share, [images[0] * images[1], 1, ...narrow]);
  const spreadOut = c.b.op("ConvTranspose", [flat, c.b.filled([1, 1, ...window.kernel], 1)], {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
  });
  const end = narrow.map(
    (n, i) => wide[i]! + window.begin[i]! - (n - 1) * window.strides[i]! - span(window, i),
  );
  const fitted = c.b.pad(spreadOut, [0, 0, ...window.begin.map((x) => -x)], [0, 0, ...end]);
  return [c.b.reshape(fitted, [...images, ...wide])];
};

const GlobalAveragePool: Rule = (c) => {
  const dims = c.dims();
  return [c.b.spread(c.dy, c.outputDims(), dims, 1 / elementCount(dims.slice(2)))];
};

const GlobalMaxPool: Rule = (c) => {
  const axes = c
    .dims()
    .slice(2)
    .map((_, i) => 2 + i);
  const hits = c.b.indicator(c.b.op("Equal", [c.input(), c.output()]));
  return [c.b.mul(hits, c.b.div(c.dy, c.b.reduceSum(hits, axes, true)))];
};

export const pooling: RuleGroup = {
  kind: "pooling",
  rules: { MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool },
  remarks: {
    MaxPool: "overlapping windows, padding, dilations, ceil_mode; ties share the gradient equally",
    GlobalMaxPool: "ties share the gradient equally",
    AveragePool: "count_include_pad, padding, dilations, ceil_mode",
  },
};
