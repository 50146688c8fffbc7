/** @file Rules of convolutions. An input gradient is a convolution again, with the kernel reversed, or a ConvTranspose. */
import { elementCount, type Dims } from "../../onnx/index.ts";
import type { AdjointBuilder } from "../builder.ts";
import { weightGradient, type Layer } from "../convolution-weight.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";
import { offsets, resolveWindow, span, trailing, type Window } from "../window.ts";

/** Width of the runtime's channel blocks. */
const BLOCK = 16;
/** How much longer a ConvTranspose takes for one multiplication than a convolution in whole blocks. */
const TRANSPOSE_COST = 4;

/** Sum over batch and positions: the gradient of a bias. */
function biasGradient(b: AdjointBuilder, dy: string, rank: number): string {
  return b.reduceSum(
    dy,
    Array.from({ length: rank - 1 }, (_, i) => (i === 0 ? 0 : i + 1)),
  );
}

/** The weight with both channel axes swapped within each group, and its kernel reversed. */
function reversed(b: AdjointBuilder, weight: string, dims: Dims, group: number): string {
  const [filters, channels, ...kernel] = dims as [number, number, ...number[]];
  const axes = kernel.map((_, i) => 3 + i);
  const split = b.reshape(weight, [group, filters / group, channels, ...kernel]);
  const swapped = b.transpose(split, [0, 2, 1, ...axes]);
  const joined = b.reshape(swapped, [group * channels, filters / group, ...kernel]);
  return elementCount(kernel) === 1
    ? joined
    : b.flip(
        joined,
        kernel.map((_, i) => 2 + i),
      );
}

/**
 * The cotangent with `stride - 1` zeros after each element, so that a strided convolution's input gradient is a
 * convolution of stride 1. Nearest-neighbour enlargement times a mask is the fastest way the runtime has.
 */
function stuffed(b: AdjointBuilder, dy: string, dims: Dims, strides: Dims): string {
  const narrow = dims.slice(2);
  const large = narrow.map((n, i) => n * strides[i]!);
  const mask = new Float32Array(elementCount(large));
  for (const at of offsets(narrow)) mask[at.reduce((p, a, i) => p * large[i]! + a * strides[i]!, 0)] = 1;
  return b.mul(enlarge(b, dy, dims, strides), b.floats([1, 1, ...large], mask));
}

/** Repeats every element `factors` times along the spatial axes. */
export function enlarge(b: AdjointBuilder, x: string, dims: Dims, factors: Dims): string {
  const [batch, channels, ...narrow] = dims as [number, number, ...number[]];
  const large = narrow.map((n, i) => n * factors[i]!);
  // The runtime's nearest-neighbour code is fastest with one image of many channels.
  const flat = b.reshape(x, [1, batch * channels, ...narrow]);
  const sizes = b.ints([1, batch * channels, ...large]);
  const resized = b.op("Resize", [flat, "", "", sizes], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
  return b.reshape(resized, [batch, channels, ...large]);
}

/** Gradient of a convolution's input `[N, C, ...wide]`. */
function inputGradient(
  b: AdjointBuilder,
  dy: string,
  dyDims: Dims,
  weight: { readonly value: string; readonly dims: Dims },
  group: number,
  wide: Dims,
  window: Window,
): string {
  const narrow = dyDims.slice(2);
  const unstrided = window.strides.every((s) => s === 1);
  const depthwise = group > 1 && weight.dims[1] === 1;
  const channels = weight.dims[1]! * group;
  // The runtime's convolution fills its output channels up to whole blocks; ConvTranspose does not, but is slower.
  const filled = Math.ceil(channels / BLOCK) * BLOCK * elementCount(wide);
  const blocked = unstrided && filled <= TRANSPOSE_COST * channels * elementCount(narrow);
  const before = wide.map((_, i) => span(window, i) - 1 - window.begin[i]!);
  const after = wide.map((w, i) => w - narrow[i]! * window.strides[i]! + window.begin[i]!);
  const fitting = [...before, ...after].every((p) => p >= 0);
  if (fitting && (blocked || (depthwise && (unstrided || wide.length === 2)))) {
    const source = unstrided ? dy : stuffed(b, dy, dyDims, window.strides);
    return b.op("Conv", [source, reversed(b, weight.value, weight.dims, group)], {
      kernel_shape: window.kernel,
      dilations: window.dilations,
      pads: [...before, ...after],
      group,
    });
  }
  // What the windows cover beyond the input is cut off; what they leave uncovered at its end has no gradient.
  const beyond = trailing(window, wide, narrow);
  const extra = beyond.map((e) => Math.max(0, -e));
  const fits = extra.every((e, i) => e < window.strides[i]!);
  const pads = fits ? [...window.begin, ...beyond.map((e) => Math.max(0, e))] : wide.flatMap(() => [0, 0]);
  const whole = b.op("ConvTranspose", [dy, weight.value], {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads,
    ...(fits ? { output_padding: extra } : {}),
    group,
  });
  return fits
    ? whole
    : b.pad(whole, [0, 0, ...window.begin.map((p) => -p)], [0, 0, ...beyond.map((e) => -e)]);
}

const Conv: Rule = (c) => {
  const [batch, channels, ...wide] = c.dims(0) as [number, number, ...number[]];
  const weightDims = c.dims(1);
  const narrow = c.outputDims().slice(2);
  const group = c.int("group", 1);
  const kernel = weightDims.slice(2);
  const window = resolveWindow(c, kernel, wide, narrow);
  const layer = (): Layer => ({
    x: c.input(0),
    dy: c.dy,
    batch,
    group,
    channels: channels / group,
    filters: weightDims[0]! / group,
    wide,
    narrow,
    window,
  });
  return [
    c.wants(0)
      ? inputGradient(c.b, c.dy, c.outputDims(), { value: c.input(1), dims: weightDims }, group, wide, window)
      : undefined,
    c.wants(1) ? weightGradient(c.b, layer()) : undefined,
    c.wants(2) ? biasGradient(c.b, c.dy, 2 + kernel.length) : undefined,
  ];
};

/** The window of a ConvTranspose, whose padding may follow from its output's shape. */
function transposedWindow(c: RuleContext, kernel: Dims, wide: Dims, narrow: Dims): Window {
  const plain = resolveWindow(c, kernel, wide, narrow);
  const autoPad = c.string("auto_pad", "NOTSET");
  if (c.ints("output_shape") === undefined && !autoPad.startsWith("SAME")) return plain;
  const extra = c.ints("output_padding") ?? kernel.map(() => 0);
  const total = kernel.map((_, i) =>
    Math.max(0, (narrow[i]! - 1) * plain.strides[i]! + extra[i]! + span(plain, i) - wide[i]!),
  );
  const begin = total.map((t) => (autoPad === "SAME_UPPER" ? Math.floor(t / 2) : Math.ceil(t / 2)));
  return { ...plain, begin, end: total.map((t, i) => t - begin[i]!) };
}

/** The roles of input and cotangent are those of `Conv`, exchanged. */
const ConvTranspose: Rule = (c) => {
  const [batch, channels, ...narrow] = c.dims(0) as [number, number, ...number[]];
  const weightDims = c.dims(1);
  const wide = c.outputDims().slice(2);
  const group = c.int("group", 1);
  const kernel = weightDims.slice(2);
  const window = transposedWindow(c, kernel, wide, narrow);
  const tail = trailing(window, wide, narrow);
  if ([...window.begin, ...window.end].some((p) => p < 0)) throw new NoRule("negative padding");
  const layer = (): Layer => ({
    x: c.dy,
    dy: c.input(0),
    batch,
    group,
    channels: weightDims[1]!,
    filters: channels / group,
    wide,
    narrow,
    window,
  });
  const dx = (): string => {
    const source = c.b.pad(c.dy, [0, 0, ...window.begin], [0, 0, ...tail]);
    return c.b.op("Conv", [source, c.input(1)], {
      kernel_shape: kernel,
      strides: window.strides,
      dilations: window.dilations,
      group,
    });
  };
  return [
    c.wants(0) ? dx() : undefined,
    c.wants(1) ? weightGradient(c.b, layer(), "right") : undefined,
    c.wants(2) ? biasGradient(c.b, c.dy, 2 + kernel.length) : undefined,
  ];
};

export const convolution: RuleGroup = {
  kind: "convolution",
  rules: { Conv, ConvTranspose },
  remarks: {
    Conv: "any number of axes, groups, strides, padding (also automatic), dilations",
    ConvTranspose: "also output_padding, output_shape",
  },
};
