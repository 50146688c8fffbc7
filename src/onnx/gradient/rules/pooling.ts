/** @file Rules of pooling. */
import { elementCount, type Dims } from "../../tensor.ts";
import type { AdjointBuilder } from "../builder.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";
import { enlarge } from "./convolution.ts";
import { offsets, resolveWindow, span, type Window } from "./window.ts";

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
 * Side by side: the elements that equal their window's maximum. After a `Relu` only the zeros of a dead window tie,
 * and these pass no gradient on; elsewhere ties share it equally.
 */
function tiledMaximum(c: RuleContext, p: Pool): string {
  const { window, narrow, wide, images } = p;
  const covered = narrow.map((n, i) => n * window.kernel[i]!);
  const dims = [...images, ...narrow];
  const cut = new Map(
    covered.flatMap((size, i) => (size === wide[i] ? [] : [[2 + i, [0, size] as const] as const])),
  );
  const x = c.b.slice(c.input(), cut);
  const hits = c.b.indicator(c.b.op("Equal", [x, enlarge(c.b, c.output(), dims, window.kernel)]));
  const averages = (): string =>
    c.b.op("AveragePool", [hits], { kernel_shape: window.kernel, strides: window.kernel });
  const share = c.madeBy(0, "Relu")
    ? c.dy
    : c.b.div(c.b.scale(c.dy, 1 / elementCount(window.kernel)), averages());
  return restore(c.b, c.b.mul(hits, enlarge(c.b, share, dims, window.kernel)), covered, wide);
}

/**
 * Overlapping windows: the runtime's own choice of maximum, from which `MaxUnpool` carries the cotangent back. It
 * overwrites where two windows chose one element, so windows are taken in groups that do not meet.
 */
function indexedMaximum(c: RuleContext, p: Pool): string {
  const { window, narrow, wide, images } = p;
  const [, indices] = c.b.outputs("MaxPool", [c.input()], 2, {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [...window.begin, ...window.end],
    ceil_mode: c.int("ceil_mode", 0),
  });
  const apart = window.kernel.map((_, i) =>
    Math.min(narrow[i]!, Math.ceil(span(window, i) / window.strides[i]!)),
  );
  const shape = c.b.ints([...images, ...wide]);
  const ones = wide.map(() => 1);
  const parts = offsets(apart).map((first) => {
    const group = new Map(first.map((f, i) => [2 + i, [f, narrow[i]!, apart[i]!] as const]));
    const inputs = [c.b.slice(c.dy, group), c.b.slice(indices!, group), shape];
    return c.b.op("MaxUnpool", inputs, { kernel_shape: ones, strides: ones });
  });
  return c.b.total(parts);
}

const MaxPool: Rule = (c) => {
  if (c.cotangents.length > 1 && c.cotangents[1] !== undefined) throw new NoRule("indices");
  const p = pool(c);
  return [tiles(p) ? tiledMaximum(c, p) : indexedMaximum(c, p)];
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
        c.b.float(
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
    MaxPool:
      "overlapping windows, padding, dilations, ceil_mode; where elements tie, side-by-side windows share the gradient equally and others give it to the runtime's choice",
    GlobalMaxPool: "ties share the gradient equally",
    AveragePool: "count_include_pad, padding, dilations, ceil_mode",
  },
};
