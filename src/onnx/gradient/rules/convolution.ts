/**
 * @file Rules of convolutions. The weight gradient is a sum over positions of outer products: for each kernel offset a
 * strided cut of the input, in channels-last order, times the cotangent as a matrix; this was measured faster than one
 * product with all offsets side by side, and than a convolution by the cotangent. A depthwise weight gradient has no
 * products between channels; it is read off products of whole rows (or images), which cost more operations but run as
 * matrix products.
 */
import { elementCount, type Dims } from "../../tensor.ts";
import type { AdjointBuilder, Range } from "../builder.ts";
import { NoRule, type Rule, type RuleGroup } from "../rule.ts";
import { offsets, resolveWindow, span, tap, trailing, type Window } from "./window.ts";

/** A convolution as its weight gradient sees it. */
interface Layer {
  /** Input `[N, C, ...wide]` and the cotangent of the output `[N, M, ...narrow]`. */
  readonly x: string;
  readonly dy: string;
  readonly batch: number;
  readonly group: number;
  /** Channels of one group on both sides. */
  readonly channels: number;
  readonly filters: number;
  readonly wide: Dims;
  readonly narrow: Dims;
  readonly window: Window;
}

/** With a single channel and at most this many offsets, all offsets form one matrix. */
const FEW_OFFSETS = 9;
/** Width of the runtime's matrix kernels and channel blocks. */
const BLOCK = 16;
/** Largest number of (input, output) position pairs of an image that are formed at once. */
const MANY_PAIRS = 4096;
/** Largest number of products over such pairs and over pairs of channels. */
const MANY_PRODUCTS = 32768;
/** Elements of a layer's input that fit into a second-level cache beside their cuts. */
const CACHED = 120_000;

const spatialCut = (layer: Layer, offset: readonly number[], first: number): Map<number, Range> =>
  new Map(offset.map((o, i) => [first + i, tap(layer.window, i, o, layer.narrow[i]!)]));

/** `[batch, group * part, ...narrow]` as `[group, part, positions]`, the positions of all images in a row. */
function positionsLast(b: AdjointBuilder, x: string, layer: Layer, part: number): string {
  const { batch, group, narrow } = layer;
  const swapped = b.transpose(x, [1, 0, ...narrow.map((_, i) => 2 + i)]);
  const positions = batch * elementCount(narrow);
  return b.reshape(swapped, group === 1 ? [part, positions] : [group, part, positions]);
}

/**
 * Any number of channels: one product for each offset. Result `[offsets, group, filters, channels]`, or with the last
 * two exchanged when `exchanged`: the narrow factor then comes first, where the runtime pads it less.
 */
function byOffset(b: AdjointBuilder, layer: Layer, exchanged: boolean): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const rank = group === 1 ? 2 : 3;
  const positions = batch * elementCount(narrow);
  // The runtime moves one axis fast and several slowly: the group axis only where there are groups.
  const x =
    group === 1
      ? b.transpose(layer.x, [0, ...wide.map((_, i) => 2 + i), 1])
      : b.transpose(b.reshape(layer.x, [batch, group, channels, ...wide]), [
          1,
          0,
          ...wide.map((_, i) => 3 + i),
          2,
        ]);
  const lead = group === 1 ? [0] : [0, 0];
  const padded = b.pad(x, [...lead, ...window.begin, 0], [...lead, ...trailing(window, wide, narrow), 0]);
  const dy = exchanged
    ? b.reshape(b.transpose(layer.dy, [0, ...wide.map((_, i) => 2 + i), 1]), [positions, filters])
    : positionsLast(b, layer.dy, layer, filters);
  const products = offsets(window.kernel).map((offset) => {
    const cut = b.slice(padded, spatialCut(layer, offset, lead.length));
    const rows = b.reshape(cut, group === 1 ? [positions, channels] : [group, positions, channels]);
    return exchanged ? b.matmul(rows, dy, 2, true) : b.matmul(dy, rows, rank);
  });
  return b.concat(products, 0);
}

/** A kernel of one element: a single product. Result `[group, filters, channels]`. */
function pointwise(b: AdjointBuilder, layer: Layer): string {
  const { channels, filters, wide, narrow, window, group } = layer;
  const padded = b.pad(layer.x, [0, 0, ...window.begin], [0, 0, ...trailing(window, wide, narrow)]);
  const whole = window.strides.every((s) => s === 1);
  const offset = wide.map(() => 0);
  const cut = whole ? padded : b.slice(padded, spatialCut(layer, offset, 2));
  const x = positionsLast(b, cut, layer, channels);
  return b.matmul(positionsLast(b, layer.dy, layer, filters), x, group === 1 ? 2 : 3, false, true);
}

/** One channel: one product with all offsets side by side. Result `[group, filters, offsets]`. */
function byImage(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const positions = elementCount(narrow);
  const x = b.pad(layer.x, [0, 0, ...window.begin], [0, 0, ...trailing(window, wide, narrow)]);
  const all = offsets(window.kernel);
  const cuts = all.map((offset) =>
    b.reshape(b.slice(x, spatialCut(layer, offset, 2)), [batch, group, channels, positions]),
  );
  const columns = b.reshape(b.concat(cuts, 2), [batch, group, all.length * channels, positions]);
  const dy = b.reshape(layer.dy, [batch, group, filters, positions]);
  return b.reduceSum(b.matmul(dy, columns, 4, false, true), [0]);
}

/**
 * Selects from the products of every output with every input position those one kernel offset apart.
 *
 * @returns a constant `[narrow positions * wide positions, offsets]`
 */
function selection(
  b: AdjointBuilder,
  window: Window,
  axes: readonly number[],
  wide: Dims,
  narrow: Dims,
): string {
  const pick = (dims: Dims): number[] => axes.map((a) => dims[a]!);
  const taps = offsets(pick(window.kernel));
  const inputs = elementCount(pick(wide));
  const outputs = offsets(pick(narrow));
  const data = new Float32Array(outputs.length * inputs * taps.length);
  outputs.forEach((out, o) =>
    taps.forEach((offset, t) => {
      let position = 0;
      for (const [i, a] of axes.entries()) {
        const at = out[i]! * window.strides[a]! + offset[i]! * window.dilations[a]! - window.begin[a]!;
        if (at < 0 || at >= wide[a]!) return;
        position = position * wide[a]! + at;
      }
      data[(o * inputs + position) * taps.length + t] = 1;
    }),
  );
  return b.float([outputs.length * inputs, taps.length], data);
}

/** Small images: products of all pairs of positions. Result `[group, filters, channels, offsets]`. */
function byPair(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const [inputs, outputs] = [elementCount(wide), elementCount(narrow)];
  const rows = (x: string, length: number): string =>
    group === 1
      ? b.reshape(x, [batch, length])
      : b.transpose(b.reshape(x, [batch, group, length]), [1, 0, 2]);
  const dy = rows(layer.dy, filters * outputs);
  const products = b.matmul(dy, rows(layer.x, channels * inputs), group === 1 ? 2 : 3, true);
  const apart = b.reshape(products, [group * filters, outputs, channels, inputs]);
  const pairs = channels === 1 ? apart : b.transpose(apart, [0, 2, 1, 3]);
  const axes = wide.map((_, i) => i);
  const flat = b.reshape(pairs, [group * filters * channels, outputs * inputs]);
  return b.matmul(flat, selection(b, window, axes, wide, narrow), 2);
}

/** Depthwise: products of rows of the last axis for each offset along the others. Result `[group, filters, offsets]`. */
function depthwiseByRow(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, filters, wide, narrow, window } = layer;
  const last = wide.length - 1;
  const lead = wide.slice(0, last).map((_, i) => i);
  const [width, outputWidth] = [wide[last]!, narrow[last]!];
  const rows = batch * elementCount(narrow.slice(0, last));
  const tail = trailing(window, wide, narrow);
  const swapped = b.transpose(layer.x, [1, 0, ...wide.map((_, i) => 2 + i)]);
  const x = b.pad(
    swapped,
    [0, 0, ...lead.map((i) => window.begin[i]!), 0],
    [0, 0, ...lead.map((i) => tail[i]!), 0],
  );
  const split = b.transpose(b.reshape(layer.dy, [batch, group, filters, ...narrow]), [
    1,
    0,
    ...lead.map((i) => 3 + i),
    2,
    3 + last,
  ]);
  const dy = b.reshape(split, [group, rows, filters * outputWidth]);
  const select = selection(b, window, [last], wide, narrow);
  const products = offsets(window.kernel.slice(0, last)).map((offset) => {
    const cut = b.reshape(b.slice(x, spatialCut(layer, offset, 2)), [group, rows, width]);
    const pairs = b.reshape(b.matmul(dy, cut, 3, true), [group * filters, outputWidth * width]);
    return b.reshape(b.matmul(pairs, select, 2), [group * filters, 1, window.kernel[last]!]);
  });
  return b.concat(products, 1);
}

/** A layer's images in parts that stay in the processor's cache while every kernel offset reads them. */
function parts(b: AdjointBuilder, layer: Layer): Layer[] {
  const image = layer.group * layer.channels * elementCount(layer.wide);
  const size = Math.max(1, Math.floor(CACHED / image));
  if (size >= layer.batch) return [layer];
  return Array.from({ length: Math.ceil(layer.batch / size) }, (_, i) => {
    const [start, end] = [i * size, Math.min(layer.batch, (i + 1) * size)];
    const range = new Map([[0, [start, end] as const]]);
    return { ...layer, batch: end - start, x: b.slice(layer.x, range), dy: b.slice(layer.dy, range) };
  });
}

/** Gradient of a convolution's weight `[M, C / group, ...kernel]`. */
function weightGradient(b: AdjointBuilder, layer: Layer): string {
  const { group, channels, filters, window, wide, narrow } = layer;
  const result = [group * filters, channels, ...window.kernel];
  const count = elementCount(window.kernel);
  if (count === 1) return b.reshape(pointwise(b, layer), result);
  const pairs = elementCount(wide) * elementCount(narrow);
  if (pairs <= MANY_PAIRS && (channels === 1 || pairs * filters * channels <= MANY_PRODUCTS)) {
    return b.reshape(byPair(b, layer), result);
  }
  if (channels === 1 && group > 1) return b.reshape(depthwiseByRow(b, layer), result);
  if (channels === 1 && count <= FEW_OFFSETS) return b.reshape(byImage(b, layer), result);
  const exchanged = group === 1 && channels > 1 && channels < BLOCK && filters >= BLOCK;
  const byTap = b.total(parts(b, layer).map((part) => byOffset(b, part, exchanged)));
  if (exchanged) {
    return b.reshape(b.transpose(b.reshape(byTap, [count, channels, filters]), [2, 1, 0]), result);
  }
  // A product with the identity: as a Transpose the runtime would merge it with the Reshape into a slow form.
  const identity = Float32Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
  const flat = b.reshape(byTap, [count, channels * group * filters]);
  return b.reshape(b.matmul(flat, b.float([count, count], identity), 2, true), result);
}

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
 * The cotangent with zeros between its elements, so that a strided convolution's input gradient is a convolution of
 * stride 1. Nearest-neighbour enlargement times a mask is the fastest way the runtime has.
 */
function stuffed(b: AdjointBuilder, dy: string, dims: Dims, strides: Dims): string {
  const [batch, channels, ...narrow] = dims as [number, number, ...number[]];
  const large = narrow.map((n, i) => n * strides[i]!);
  const enlarged = enlarge(b, dy, dims, strides);
  const mask = new Float32Array(elementCount(large));
  for (const at of offsets(narrow)) mask[at.reduce((p, a, i) => p * large[i]! + a * strides[i]!, 0)] = 1;
  const full = b.mul(enlarged, b.float([1, 1, ...large], mask));
  const cut = new Map(large.map((n, i) => [2 + i, [0, n - strides[i]! + 1] as const]));
  return b.reshape(b.slice(full, cut), [batch, channels, ...large.map((n, i) => n - strides[i]! + 1)]);
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
  const before = wide.map((_, i) => span(window, i) - 1 - window.begin[i]!);
  const after = wide.map((w, i) => w - (narrow[i]! - 1) * window.strides[i]! - 1 + window.begin[i]!);
  const unstrided = window.strides.every((s) => s === 1);
  const depthwise = group > 1 && weight.dims[1] === 1;
  // The runtime fills odd numbers of output channels up to a whole block, which costs more than ConvTranspose does.
  const blocked = depthwise || (unstrided && (weight.dims[1]! * group) % 4 === 0);
  if (blocked && [...before, ...after].every((p) => p >= 0) && (unstrided || wide.length === 2)) {
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
function transposedWindow(c: Parameters<Rule>[0], kernel: Dims, wide: Dims, narrow: Dims): Window {
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
    c.wants(1) ? weightGradient(c.b, layer()) : undefined,
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
