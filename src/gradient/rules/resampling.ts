/**
 * @file Rules of resampling along axes: each axis of the result is a fixed linear map of the input's, so the adjoint
 * is a product with the transposed matrix of that map.
 */
import { elementCount, type Dims } from "../../onnx/index.ts";
import type { AdjointBuilder } from "../builder.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

/** Which input elements an output element takes, with their weights. */
export type Taps = readonly (readonly [index: number, weight: number])[];

/** Applies the adjoint of a map along one axis: `taps` by output position, `size` the input's. */
export function alongAxis(
  b: AdjointBuilder,
  x: string,
  dims: Dims,
  axis: number,
  size: number,
  taps: readonly Taps[],
): string {
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const data = new Float32Array(size * taps.length);
  const asRight = inner === 1;
  taps.forEach((list, o) =>
    list.forEach(([i, weight]) => {
      data[asRight ? o * size + i : i * taps.length + o]! += weight;
    }),
  );
  const result = [...dims.slice(0, axis), size, ...dims.slice(axis + 1)];
  const product = asRight
    ? b.op("MatMul", [b.reshape(x, [outer, taps.length]), b.floats([taps.length, size], data)])
    : b.op("MatMul", [b.floats([size, taps.length], data), b.reshape(x, [outer, taps.length, inner])]);
  return b.reshape(product, result);
}

/** Maps every axis back whose size or taps differ from the identity. */
export function alongAxes(
  c: RuleContext,
  tapsOf: (axis: number, from: number, to: number) => readonly Taps[] | undefined,
): string {
  const dims = c.dims();
  const current = [...c.outputDims()];
  let g = c.dy;
  dims.forEach((size, axis) => {
    const taps = tapsOf(axis, size, current[axis]!);
    if (taps === undefined) return;
    g = alongAxis(c.b, g, current, axis, size, taps);
    current[axis] = size;
  });
  return g;
}

const f32 = Math.fround;

/** Where an output position lies in the input, in the runtime's single precision. */
function coordinate(mode: string, o: number, from: number, to: number, scale: number): number {
  switch (mode) {
    case "half_pixel":
      return f32(f32((o + 0.5) / f32(scale)) - 0.5);
    case "pytorch_half_pixel":
      return to > 1 ? f32(f32((o + 0.5) / f32(scale)) - 0.5) : 0;
    case "align_corners":
      return to > 1 ? f32((o * (from - 1)) / (to - 1)) : 0;
    case "asymmetric":
      return f32(o / f32(scale));
    case "half_pixel_symmetric": {
      const adjustment = to / (scale * from);
      return f32((from / 2) * (1 - adjustment) + (o + 0.5) / scale - 0.5);
    }
    default:
      throw new NoRule(`coordinates by ${mode}`);
  }
}

/** The nearest input element by the operator's rounding; before opset 11 it depends on the direction. */
function nearest(mode: string, x: number, scale: number): number {
  switch (mode) {
    case "simple":
      return scale < 1 ? Math.ceil(x) : Math.floor(x);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Weights of the four neighbours at fraction `t` (Keys's cubic convolution with parameter `a`). */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

function tapsAt(c: RuleContext, x: number, from: number, scale: number): Taps {
  const clamp = (i: number): number => Math.min(from - 1, Math.max(0, i));
  const mode = c.string("mode", "nearest");
  if (mode === "nearest") {
    const rounding = c.opset < 11 ? "simple" : c.string("nearest_mode", "round_prefer_floor");
    return [[clamp(nearest(rounding, x, scale)), 1]];
  }
  if (mode === "linear") {
    const inside = Math.min(from - 1, Math.max(0, x));
    const low = Math.floor(inside);
    return [
      [low, 1 - (inside - low)],
      [clamp(low + 1), inside - low],
    ];
  }
  const low = Math.floor(x);
  const weights = cubicWeights(x - low, c.float("cubic_coeff_a", -0.75));
  if (c.int("exclude_outside", 0) === 0) return weights.map((w, k) => [clamp(low - 1 + k), w] as const);
  const kept = weights.map((w, k) => (low - 1 + k < 0 || low - 1 + k >= from ? 0 : w));
  const sum = kept.reduce((s, w) => s + w, 0);
  return kept.map((w, k) => [clamp(low - 1 + k), w / sum] as const);
}

const Resize: Rule = (c) => {
  if (c.int("antialias", 0) !== 0) throw new NoRule("antialiasing");
  if (c.string("keep_aspect_ratio_policy", "stretch") !== "stretch") throw new NoRule("kept aspect ratio");
  const rank = c.dims().length;
  const stated = c.opset < 11 ? (c.numbers(1) ?? c.floats("scales")) : c.numbers(2);
  const axes = c.ints("axes") ?? Array.from({ length: rank }, (_, i) => i);
  const mode = c.opset < 11 ? "asymmetric" : c.string("coordinate_transformation_mode", "half_pixel");
  const dx = alongAxes(c, (axis, from, to) => {
    const place = axes.indexOf(axis < 0 ? axis + rank : axis);
    const scale = (place < 0 ? undefined : stated?.[place]) ?? to / from;
    if (from === to && scale === 1) return undefined;
    return Array.from({ length: to }, (_, o) => tapsAt(c, coordinate(mode, o, from, to, scale), from, scale));
  });
  return [dx];
};

/** The input element that an element of a padded axis repeats. */
function mirrored(mode: string, at: number, size: number): number {
  if (mode === "edge") return Math.min(size - 1, Math.max(0, at));
  if (mode === "wrap") return ((at % size) + size) % size;
  const period = Math.max(1, 2 * (size - 1));
  const folded = ((at % period) + period) % period;
  return folded < size ? folded : period - folded;
}

const Pad: Rule = (c) => {
  const dims = c.dims();
  const stated = c.ints("pads") ?? c.integers(1) ?? [];
  const axes = (c.integers(3) ?? dims.map((_, i) => i)).map((a) => (a < 0 ? a + dims.length : a));
  const begin = dims.map((_, i) => (axes.includes(i) ? stated[axes.indexOf(i)]! : 0));
  const end = dims.map((_, i) => (axes.includes(i) ? stated[axes.length + axes.indexOf(i)]! : 0));
  const mode = c.string("mode", "constant");
  if (mode === "constant") {
    return [
      c.b.pad(
        c.dy,
        begin.map((p) => -p),
        end.map((p) => -p),
      ),
    ];
  }
  const dx = alongAxes(c, (axis, from, to) =>
    begin[axis] === 0 && end[axis] === 0
      ? undefined
      : Array.from({ length: to }, (_, o) => [[mirrored(mode, o - begin[axis]!, from), 1] as const]),
  );
  return [dx];
};

export const resampling: RuleGroup = {
  kind: "resampling",
  rules: { Pad, Resize, Upsample: Resize },
  remarks: {
    Pad: "constant, reflect, edge, wrap",
    Resize: "nearest, linear and cubic; no antialiasing, no tf_crop_and_resize",
  },
};
